"""`inbox --tui`: the inbox on a full screen. The same values as `inbox` and `show` print, through `visible`.

Nothing is answered by one key: each answer is a word that is typed, under all that there is to see of the question.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import typer
from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import DataTable, Footer, Input, Static, TextArea

from hitl_fsm.cli.answers.answering import Looked, in_run, look_at_open, resolved
from hitl_fsm.cli.answers.approve import Asked, beside, changed_args, refuse_options, yes_to
from hitl_fsm.cli.answers.identity import typist
from hitl_fsm.cli.answers.listed import HEAD, Listed, cells
from hitl_fsm.cli.answers.present import question_page
from hitl_fsm.cli.answers.viewing import TUI, tell_viewed
from hitl_fsm.cli.answers.what_came import what_came
from hitl_fsm.cli.page import Lines, Page
from hitl_fsm.cli.plain import render
from hitl_fsm.cli.terminal import is_interactive
from hitl_fsm.cli.when import now_ms
from hitl_fsm.errors import AnswerRefused, HitlError
from hitl_fsm.model import answer as answers
from hitl_fsm.model.visible import visible, visible_block
from hitl_fsm.runtime.presenting.presentation import presentation_digest, pretty

if TYPE_CHECKING:
    from hitl_fsm.cli.session import Session

LOOK_AGAIN_S = 2.0
EMPTY = "Nothing waits for a person."
NOTHING = "nothing was recorded"


def run_tui(session: Session, look: Callable[[], list[Listed]], speaker: str | None) -> None:
    """Until `q`. Typer's BadParameter where there is no terminal, and for JSON."""
    if session.json or not (is_interactive() and sys.stdout.isatty()):
        msg = "a full screen needs a terminal, and is no JSON"
        raise typer.BadParameter(msg, param_hint="--tui")
    InboxApp(session, look, speaker).run()


class Said(NamedTuple):
    """What was typed into the two lines of a confirmation."""

    note: str | None


class Confirm(ModalScreen[Said | None]):
    """All of the question, a line for a note, and one for the word that says that it is meant."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Back")]

    def __init__(self, text: str, word: str, does: str) -> None:
        super().__init__()
        self._text, self._word, self._does = text, word, does

    def compose(self) -> ComposeResult:
        with Vertical(classes="box"):
            with VerticalScroll():
                yield Static(Text(self._text), id="asked")
            yield Static(Text(f"Type {self._word} and press Enter: {self._does}. Escape: {NOTHING}."))
            yield Input(placeholder="a note for the record (may stay empty)", id="note")
            yield Input(placeholder=self._word, id="word")

    def on_mount(self) -> None:
        self.query_one("#note", Input).focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if event.input.id == "note":
            self.query_one("#word", Input).focus()
            return
        note = self.query_one("#note", Input).value.strip() or None
        self.dismiss(Said(note) if event.value.strip() == self._word else None)

    def action_leave(self) -> None:
        self.dismiss(None)


class Editor(ModalScreen[str | None]):
    """The arguments as JSON, to be changed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "done", "Go on", priority=True),
        Binding("escape", "leave", "Back", priority=True),
    ]

    def __init__(self, text: str) -> None:
        super().__init__()
        self._text = text

    def compose(self) -> ComposeResult:
        with Vertical(classes="box"):
            yield Static(Text("The arguments, one JSON object. Ctrl+S shows what you changed, and asks. Escape: back."))
            yield TextArea(self._text, id="json")

    def action_done(self) -> None:
        self.dismiss(self.query_one(TextArea).text)

    def action_leave(self) -> None:
        self.dismiss(None)


class InboxApp(App[None]):
    """A list, and under it all of the question that is marked in it."""

    TITLE = "hitl-fsm inbox"
    ENABLE_COMMAND_PALETTE = False
    CSS = """
    #list { height: 40%; }
    #detail { height: 1fr; border-top: solid $accent; padding: 0 1; }
    #told { height: auto; max-height: 4; padding: 0 1; text-style: bold; }
    Confirm, Editor { align: center middle; }
    .box { width: 95%; height: 95%; border: thick $warning; background: $surface; padding: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "approve", "Approve …"),
        Binding("r", "reject", "Reject …"),
        Binding("e", "edit", "Change and approve …"),
        Binding("q", "quit", "Quit"),
    ]

    def __init__(self, session: Session, look: Callable[[], list[Listed]], speaker: str | None) -> None:
        super().__init__()
        self._session, self._look, self._speaker = session, look, speaker
        self._listed: list[Listed] = []
        self._seen: set[str] = set()

    def compose(self) -> ComposeResult:
        yield DataTable(id="list", cursor_type="row")
        with VerticalScroll(id="detail"):
            yield Static(Text(""), id="question")
        yield Static(Text(""), id="told")
        yield Footer()

    def on_mount(self) -> None:
        self.query_one(DataTable).add_columns(*marks_in_sight(HEAD))
        self.refresh_list()
        self.set_interval(LOOK_AGAIN_S, self.refresh_list)

    # -- what is on the screen

    def refresh_list(self) -> None:
        """Look again; the mark stays on the same question, wherever it stands then."""
        try:
            found = self._look()
        except HitlError as failed:
            self.tell(f"{failed.code} {failed.message}")
            return
        table = self.query_one(DataTable)
        if found == self._listed and table.row_count:
            return
        marked, self._listed = self.marked, found
        table.clear()
        now = now_ms()
        for one in found:
            row = (Text(visible(cell)) for cell in marks_in_sight(cells(one, now)))
            table.add_row(*row, key=one.requirement.requirement_id)
        ids = [one.requirement.requirement_id for one in found]
        if marked in ids:
            table.move_cursor(row=ids.index(marked))
        self.show_marked()

    @property
    def marked(self) -> str:
        """The id of the question that the mark is on; empty in an empty list."""
        row = self.query_one(DataTable).cursor_row
        return self._listed[row].requirement.requirement_id if 0 <= row < len(self._listed) else ""

    def on_data_table_row_highlighted(self) -> None:
        self.show_marked()

    def show_marked(self) -> None:
        """All of the marked question, as `show` prints it."""
        text = EMPTY
        if self.marked:
            try:
                text = page_text(self._viewed(look_at_open(self._session, self.marked)))
            except HitlError as failed:
                text = visible_block(f"{failed.code} {failed.message}")
        self.query_one("#question", Static).update(Text(text))

    def _viewed(self, looked: Looked) -> Looked:
        """On the record before it is shown, once for what is to be seen of it."""
        seen = presentation_digest(looked.shown)
        if seen not in self._seen:
            tell_viewed(self._session, looked.requirement, looked.run, self._speaker, TUI)
            self._seen.add(seen)
        return looked

    def tell(self, text: str) -> None:
        """One line of words; what is in it was made visible, or is made so here."""
        self.query_one("#told", Static).update(Text(visible(text)))

    # -- answering

    def action_approve(self) -> None:
        def yes(looked: Looked) -> None:
            refuse_options(looked, _asked(None))
            self._ask(looked, "yes", "approve", lambda note: yes_to(self._session, looked, _asked(note), None))

        self._begin(yes)

    def action_reject(self) -> None:
        def no(looked: Looked) -> None:
            gives_up = looked.shown.kind == "outcome"
            self._ask(looked, "no", "reject, for good", answers.GiveUp if gives_up else answers.Reject)

        self._begin(no)

    def action_edit(self) -> None:
        def edit(looked: Looked) -> None:
            refuse_options(looked, _asked(None, {}))
            self.push_screen(Editor(pretty(looked.shown.args)), lambda text: self._edited(looked, text))

        self._begin(edit)

    def _begin(self, then: Callable[[Looked], None]) -> None:
        if self.marked and len(self.screen_stack) == 1:
            self._trying(lambda: then(look_at_open(self._session, self.marked)))

    def _edited(self, looked: Looked, text: str | None) -> None:
        if text is None:
            self.tell(NOTHING)
            return

        def confirm() -> None:
            from hitl_fsm.cli.values import json_object  # noqa: PLC0415 - as above

            asked = _asked(None, json_object(text if not text.startswith("@") else "", "what you wrote"))
            changed = changed_args(looked, asked)
            if changed is None or changed == looked.shown.args:
                msg = "nothing was changed"
                raise AnswerRefused(msg, help=NOTHING)
            yes_to(self._session, looked, asked, changed)  # refused before anybody is asked

            def make(note: str | None) -> answers.Answer:
                return yes_to(self._session, looked, asked._replace(note=note), changed)

            self._ask(looked, "yes", "approve with these arguments", make, beside(looked, asked, changed))

        self._trying(confirm)

    def _ask(
        self,
        looked: Looked,
        word: str,
        does: str,
        make: Callable[[str | None], answers.Answer],
        more: tuple[Lines, ...] = (),
    ) -> None:
        def said(typed: Said | None) -> None:
            if typed is None:
                self.tell(NOTHING)
                return
            self._trying(lambda: self._give(looked, make(typed.note)))

        self.push_screen(Confirm(page_text(looked, more), word, does), said)

    def _give(self, looked: Looked, answer: answers.Answer) -> None:
        by = typist(self._session, self._speaker)
        after = resolved(self._session, looked, answer, by, seen=True)
        kind = str(answer.__struct_config__.tag)
        self.tell(f"{looked.shown.id} {looked.shown.tool}: {what_came(kind, in_run(looked, after), after)}")
        self.refresh_list()

    def _trying(self, do: Callable[[], None]) -> None:
        try:
            do()
        except HitlError as failed:
            problems = failed.problems if isinstance(failed, AnswerRefused) else ()
            self.tell("; ".join(part for part in (f"{failed.code} {failed.message}", *problems, failed.help) if part))


def marks_in_sight(line: tuple[str, ...]) -> tuple[str, ...]:
    """The marks stand behind the id here, not at the end: a table that is wider than the screen is cut on the right."""
    return (line[0], line[-1], *line[1:-1])


def _asked(note: str | None, whole: dict[str, Any] | None = None) -> Asked:
    return Asked(note, None, whole, {}, edit=False)


def page_text(looked: Looked, more: tuple[Lines, ...] = ()) -> str:
    """The question as `show` prints it without colour; everything in it is visible."""
    return render(Page((*question_page(looked.shown).blocks, *more)))
