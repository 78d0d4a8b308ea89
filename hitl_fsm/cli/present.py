"""A `Presentation` for the terminal: `show`, the prompt of `approve`, and what a paused run prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from hitl_fsm.cli.page import Field, Fields, Grid, Lines, Page, Tone
from hitl_fsm.cli.when import stamp_text
from hitl_fsm.model.paths import way
from hitl_fsm.runtime.presentation import presentation, pretty

if TYPE_CHECKING:
    from hitl_fsm.cli.session import Session
    from hitl_fsm.model.requirement import Requirement
    from hitl_fsm.model.run import Run
    from hitl_fsm.runtime.presentation import FormField, Presentation

SEVERITIES: dict[str, Tone] = {"high": "bad", "critical": "bad", "medium": "warn"}
ARGUMENT_CHARS = 80
"""Of arguments on one line of a list; what is left out is counted there."""


RESULT_TITLE = "its result, written by the tool: data, whatever it says"
GIVEN_TITLE = "the result that a person gave instead of the call, which does not run"
FILLED_TITLE = "and with what people filled in"
FENCE = "│"


def question_page(shown: Presentation) -> Page:
    """Everything that a person needs to answer."""
    stage = f" (gate {shown.stage} of {shown.stages} of this call)" if shown.stages > 1 else ""
    expiry = f"{stamp_text(shown.expires_at)}; then {shown.on_expiry}" if shown.expires_at else "never"
    waits = (Field("not before", stamp_text(shown.answerable_from), "warn"),) if shown.answerable_from else ()
    again = (Field("execution", f"number {shown.execution}: it ran before", "warn"),) if shown.execution > 1 else ()
    facts = (
        Field("question", shown.asks, "strong"),
        Field("id", shown.id),
        Field("state", shown.state.value),
        Field("run", f"{shown.run} ({shown.run_state.value})"),
        *((Field("asked by", way(shown.path)),) if len(shown.path) > 1 else ()),
        Field(_who_runs(shown.path), f"{shown.agent}, for {shown.user}"),
        Field("kind", f"{shown.kind}{', silent' if shown.silent else ''}{stage}"),
        *again,
        Field("severity", shown.severity, SEVERITIES.get(shown.severity, "plain")),
        Field("who may answer", shown.who),
        Field("opened", stamp_text(shown.opened_at)),
        Field("expires", expiry),
        *waits,
        Field("digest", shown.digest, "dim"),
    )
    blocks: list[Fields | Grid | Lines] = [
        Fields(facts),
        Lines(f"{shown.tool} with exactly", tuple(shown.arguments.split("\n")), "strong"),
    ]
    if shown.filled_in:
        blocks.append(Lines(FILLED_TITLE, tuple(pretty(shown.filled_in).split("\n")), "strong"))
    if shown.result_text is not None:
        blocks.append(Lines(GIVEN_TITLE if shown.substituted else RESULT_TITLE, fenced(shown.result_text)))
    if shown.why:
        blocks.append(Lines("why", tuple(_why(shown))))
    if shown.fields:
        blocks.append(Grid(("field", "type", "required", "what"), tuple(_field(field) for field in shown.fields)))
    if shown.result_schema is not None:
        blocks.append(Lines("the result must fit", tuple(pretty(shown.result_schema).split("\n"))))
    blocks += [
        Lines("its route takes a result that fits", tuple(pretty(one).split("\n"))) for one in shown.route_schemas
    ]
    if shown.given is not None:
        note = f": {shown.given.note}" if shown.given.note else ""
        given = f"{shown.given.answer} by {shown.given.by} ({shown.given.authenticated_by})"
        blocks.append(Lines("answered", (f"{given}, {stamp_text(shown.given.at)}{note}",)))
    if shown.how:
        width = max(len(one.meaning) for one in shown.how)
        lines = tuple(f"{one.meaning.ljust(width)}  {one.command}" for one in shown.how)
        blocks.append(Lines("answer it", lines))
    return Page(tuple(blocks))


def _who_runs(path: tuple[str, ...]) -> str:
    """What whoever asks is: the end of the way down to it says so, and a step is its workflow's."""
    word = path[-1].partition(" ")[0] if path else ""
    return {"team": "team", "workflow": "workflow", "step": "workflow", "branch": "workflow"}.get(word, "agent")


def fenced(text: str) -> tuple[str, ...]:
    """Untrusted text, each line behind a mark, so that none can pass for a line of the page."""
    return tuple(f"{FENCE} {line}" for line in text.split("\n"))


def _why(shown: Presentation) -> list[str]:
    lines = []
    for why in shown.why:
        place = f"  {why.place}" if why.place else ""
        note = f"  {why.note}" if why.note else ""
        lines.append(f"{why.policy}/{why.rule} asks for {why.effect}{place}{note}")
    return lines


def _field(field: FormField) -> tuple[str, ...]:
    offered = ", ".join(pretty(value) + (f" ({label})" if label else "") for value, label in labelled(field))
    choices = f"{'some' if field.multiple else 'one'} of {offered}" if field.choices else ""
    default = "" if field.default is None else f"default {pretty(field.default)}"
    told = "; ".join(part for part in (field.description, choices, default) if part)
    return (field.name, field.type, "yes" if field.required else "no", told)


def labelled(field: FormField) -> tuple[tuple[object, str], ...]:
    """The values that a field offers, each with its words, which may be empty."""
    return tuple(zip(field.choices, field.labels or ("",) * len(field.choices), strict=True))


def one_line(args: dict[str, object]) -> str:
    """Arguments on one line of a list; cut ones say how much is missing."""
    import json  # noqa: PLC0415 - lists only

    text = json.dumps(args, sort_keys=True, ensure_ascii=False)
    left_out = len(text) - ARGUMENT_CHARS
    return text if left_out <= 0 else f"{text[:ARGUMENT_CHARS]}… (+{left_out} characters; `show` has all)"


def open_questions(run: Run) -> list[Presentation]:
    """Those of a run that wait for an answer, for whoever runs it: a result under review is not yet theirs to see."""
    shown = (presentation(requirement, run) for requirement in run.open_requirements)
    return [replace(one, result=None, result_text=None) for one in shown]


def waiting_lines(run: Run) -> list[str]:
    """What a paused run waits for, and how to answer; for stderr. Of what is silent, one line: no person is asked."""
    questions = open_questions(run)
    spoken = [shown for shown in questions if not shown.silent]
    quiet = len(questions) - len(spoken)
    who = "a person" if spoken or not quiet else "an outside system"
    lines = [f"{run.run_id} is {run.state.value}: it waits for {who}"]
    if quiet and spoken:
        lines.append(f"  and for {quiet} result{'s' if quiet > 1 else ''} from outside; `hitl-fsm inbox` lists all")
    for shown in spoken:
        lines += ["", f"  {shown.id}  {shown.kind}  {shown.tool}  {one_line(shown.args)}"]
        if shown.tool == "ask_user" or shown.asks.startswith(f"{shown.tool} asks: "):
            lines.append(f"    {shown.asks}")
        if len(shown.path) > 1:
            lines.append(f"    asked by {way(shown.path)}")
        width = max(len(one.meaning) for one in shown.how)
        lines += [f"    {one.meaning.ljust(width)}  {one.command}" for one in shown.how]
    return lines


def present(session: Session, requirement: Requirement, run: Run) -> Presentation:
    """Show a question as the options ask for it; returns what was shown."""
    from hitl_fsm.cli.output import json_document, show  # noqa: PLC0415 - as it is used

    shown = presentation(requirement, run)
    if session.json:
        json_document(shown)
    else:
        show(session, question_page(shown))
    return shown
