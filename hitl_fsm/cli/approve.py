"""`approve`, `reject` and `retry`: yes, no, and once more."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hitl_fsm.cli.answering import answer_each, refuse_kind
from hitl_fsm.cli.identity import As
from hitl_fsm.errors import AnswerRefused
from hitl_fsm.model import answer as answers

if TYPE_CHECKING:
    from hitl_fsm.cli.session import Session
    from hitl_fsm.runtime.presentation import Presentation

_YES: dict[str, Callable[[dict[str, Any] | None, str | None], answers.Answer]] = {
    "confirm": answers.Approve,
    "approval": answers.Approve,
    "outcome": lambda _, note: answers.NotHappened(note),
    "review": lambda _, note: answers.Accept(note),
}
_NO_ARGUMENTS = {
    "outcome": "a call that was lost runs as it was approved; its arguments cannot be changed",
    "review": "the call has run, its arguments cannot be changed; `hitl-fsm result` gives another result",
}
_ASKED = {"outcome": "It did not happen: run it?", "review": "Let the agent have this result?"}

Requirements = Annotated[list[str], typer.Argument(metavar="REQ…", help="As `inbox` lists them.")]


def approve(
    ctx: typer.Context,
    requirements: Requirements,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Change one argument: JSON, or text where it was text."),
    ] = None,
    args: Annotated[
        str | None, typer.Option("--args", metavar="JSON|@FILE", help="Replace the arguments by this object.")
    ] = None,
    note: Annotated[str | None, typer.Option(help="Kept on the record.")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="On a terminal: do not show and ask first.")] = False,
    as_: As = None,
) -> None:
    """Say yes to one or several questions.

    On a terminal each question is shown, and asked y/N; elsewhere, or with --yes, this is the answer. It is bound to
    the action as it was read: if that changes meanwhile, nothing is recorded.

    Changed arguments (--set, --args) are checked and judged by the policies again, which may ask somebody else; that
    needs --app. To a call that was lost (kind `outcome`), approve says: it did not happen, run it. To a review it says:
    the agent may have this result.

    JSON lines: {"id", "answer", "state", "digest", "run", "run_state", "open"}, or {"id", "error"}.
    """
    from hitl_fsm.cli.values import assignments, json_object  # noqa: PLC0415 - as it is used

    session: Session = ctx.obj
    whole = None if args is None else json_object(args, "--args")
    changes = assignments(set_ or [])

    def make(shown: Presentation) -> answers.Answer:
        if shown.kind not in _YES:
            raise refuse_kind(shown, "approve")
        if shown.kind in _NO_ARGUMENTS and (whole is not None or changes):
            msg = f"{shown.id}: {_NO_ARGUMENTS[shown.kind]}"
            raise AnswerRefused(msg, help="leave out --set and --args")
        answer = _YES[shown.kind](_edited(shown, whole, changes), note)
        if not yes:
            _confirm(session, shown, answer)
        return answer

    answer_each(session, requirements, make, speaker=as_)


def reject(
    ctx: typer.Context,
    requirements: Requirements,
    note: Annotated[str | None, typer.Option(help="Why; the agent reads it.")] = None,
    as_: As = None,
) -> None:
    """Say no to one or several questions, for good.

    The agent is told, with the note, and the action never runs. To a call that was lost (kind `outcome`), reject says:
    nobody knows, give up on it. To a review, it says: the agent never gets this result; the call itself has run.

    JSON lines: {"id", "answer", "state", "digest", "run", "run_state", "open"}, or {"id", "error"}.
    """

    def make(shown: Presentation) -> answers.Answer:
        return answers.GiveUp(note) if shown.kind == "outcome" else answers.Reject(note)

    answer_each(ctx.obj, requirements, make, speaker=as_)


def retry(
    ctx: typer.Context,
    requirements: Requirements,
    note: Annotated[str | None, typer.Option(help="Why; kept on the record.")] = None,
    as_: As = None,
) -> None:
    """In a review: the result goes nowhere, run the call again.

    It takes effect a second time, unless the tool is idempotent, so every gate before it is asked again. The policy
    says how often (`retries`).

    JSON lines: {"id", "answer", "state", "digest", "run", "run_state", "open"}, or {"id", "error"}.
    """

    def make(shown: Presentation) -> answers.Answer:
        if shown.kind != "review":
            raise refuse_kind(shown, "retry")
        return answers.Retry(note)

    answer_each(ctx.obj, requirements, make, speaker=as_)


def _edited(shown: Presentation, whole: dict[str, Any] | None, changes: dict[str, str]) -> dict[str, Any] | None:
    """The new arguments; what was text stays text (`--set order_id=42`)."""
    from hitl_fsm.cli.values import typed  # noqa: PLC0415 - as it is used

    if whole is None and not changes:
        return None
    base = shown.args if whole is None else whole

    def kind(name: str) -> str | None:
        return "string" if isinstance(shown.args.get(name), str) else None

    return {**base, **typed(changes, kind)}


def _confirm(session: Session, shown: Presentation, answer: answers.Answer) -> None:
    """On a terminal: show, and ask. Typer's Exit when the person does not say yes."""
    import sys  # noqa: PLC0415 - as it is used

    from hitl_fsm.cli.output import say, show  # noqa: PLC0415 - as above
    from hitl_fsm.cli.page import Lines, Page  # noqa: PLC0415 - as above
    from hitl_fsm.cli.present import question_page  # noqa: PLC0415 - as above
    from hitl_fsm.cli.terminal import agreed, is_interactive  # noqa: PLC0415 - as above
    from hitl_fsm.runtime.presentation import pretty  # noqa: PLC0415 - as above

    if not is_interactive():
        return
    page = question_page(shown)
    if isinstance(answer, answers.Approve) and answer.args is not None:
        page = Page(
            (*page.blocks, Lines("you change the arguments to", tuple(pretty(answer.args).split("\n")), "warn"))
        )
    show(session, page, sys.stderr)
    asked = _ASKED.get(shown.kind, f"Approve {shown.tool}?")
    if not agreed(f"\n{asked}".strip()):
        say(session, f"{shown.id}: nothing was recorded")
        raise typer.Exit(1)
