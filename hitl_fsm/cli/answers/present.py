"""A `Presentation` for the terminal: `show`, the prompt of `approve`, and what a paused run prints."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from msgspec import to_builtins
from msgspec.structs import replace

from hitl_fsm.cli.page import Field, Fields, Grid, Lines, Page, Tone
from hitl_fsm.cli.when import stamp_text
from hitl_fsm.model.paths import way
from hitl_fsm.runtime.presenting.presentation import ANY_CHANGE, presentation, pretty

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hitl_fsm.cli.session import Session
    from hitl_fsm.model.flag import Flag
    from hitl_fsm.model.requirement import Requirement
    from hitl_fsm.model.run import Run
    from hitl_fsm.runtime.presenting.presentation import Change, FormField, Given, Presentation, ShownVote

SEVERITIES: dict[str, Tone] = {"high": "bad", "critical": "bad", "medium": "warn"}
PROGRAM = "hitl-fsm"
"""How each command of a presentation begins."""
ARGUMENT_CHARS = 80
"""Of arguments on one line of a list; what is left out is counted there."""


PAGE_CHARS = 20_000
"""Of one text on a page; of a longer one its begin and its end are shown, and how much is left out between them."""
TAIL_CHARS = 4_000

SAID_TITLE = "what the model says beside it: data, whatever it says"
FLAGS_TITLE = "look twice"
ADVICE_TITLE = "advice: it never counts"
RESULT_TITLE = "its result, written by the tool: data, whatever it says"
GIVEN_TITLE = "the result that a person gave instead of the call, which does not run"
FILLED_TITLE = "and with what people filled in"
FENCE = "│"


def question_page(shown: Presentation) -> Page:
    """Everything that a person needs to answer."""
    blocks: list[Fields | Grid | Lines] = [Fields(_facts(shown))]
    if shown.flags:
        blocks.append(Lines(FLAGS_TITLE, tuple(_flag(one) for one in shown.flags), "warn"))
    blocks.append(Lines(f"{shown.tool} with exactly", _whole_or_cut(shown.arguments, shown.id), "strong"))
    if shown.masked:
        blocks.append(Lines("masked, and bound by the digest all the same", shown.masked))
    if shown.changes:
        blocks.append(Lines(_who_changed(shown), tuple(map(_change, shown.changes)), "warn"))
    if shown.filled_in:
        blocks.append(Lines(FILLED_TITLE, _whole_or_cut(pretty(shown.filled_in), shown.id), "strong"))
    if shown.said:
        more = (f"({shown.said_cut:,} more characters are left out)",) if shown.said_cut else ()
        blocks.append(Lines(SAID_TITLE, (*fenced(shown.said), *more)))
    if shown.result_text is not None:
        title = GIVEN_TITLE if shown.substituted else RESULT_TITLE
        text = "\n".join(_whole_or_cut(shown.result_text, shown.id))
        blocks.append(Lines(title, fenced(text)))
    return Page((*blocks, *_why_and_votes(shown), *_answering(shown)))


def _answering(shown: Presentation) -> list[Fields | Grid | Lines]:
    """What an answer has to fit, the one that was given, or how to give one."""
    blocks: list[Fields | Grid | Lines] = []
    if shown.fields:
        blocks.append(Grid(("field", "type", "required", "what"), tuple(_field(field) for field in shown.fields)))
    if shown.result_schema is not None:
        blocks.append(Lines("the result must fit", tuple(pretty(shown.result_schema).split("\n"))))
    blocks += [
        Lines("its route takes a result that fits", tuple(pretty(one).split("\n"))) for one in shown.route_schemas
    ]
    if shown.given is not None:
        note = f": {shown.given.note}" if shown.given.note else ""
        given = f"{shown.given.answer} by {_person(shown.given)} ({shown.given.authenticated_by})"
        blocks.append(Lines("answered", (f"{given}, {stamp_text(shown.given.at)}{note}",)))
    if shown.how:
        width = max(len(one.meaning) for one in shown.how)
        lines = tuple(f"{one.meaning.ljust(width)}  {one.command}" for one in shown.how)
        blocks.append(Lines("answer it", lines))
    return blocks


def _facts(shown: Presentation) -> tuple[Field, ...]:
    name = f" {shown.name}" if shown.name else ""
    stage = f" (gate{name}, {shown.stage} of {shown.stages} of this call)" if shown.stages > 1 or name else ""
    expiry = f"{stamp_text(shown.expires_at)}; then {shown.on_expiry}" if shown.expires_at else "never"
    hours = (Field("its time counts", f"in the open hours of the calendar {shown.calendar}"),) if shown.calendar else ()
    waits = (Field("not before", stamp_text(shown.answerable_from), "warn"),) if shown.answerable_from else ()
    again = (Field("execution", f"number {shown.execution}: it ran before", "warn"),) if shown.execution > 1 else ()
    asked_by = (Field("asked by", way(shown.path)),) if len(shown.path) > 1 else ()
    told = [
        ("it takes", shown.needs),
        ("so far", shown.quorum),
        ("passed on", shown.passed_on),
        ("may be changed", "" if shown.editing in {"", ANY_CHANGE} else shown.editing),
        ("may be remembered", shown.grant),
        ("in an emergency", shown.break_glass),
    ]
    return (
        Field("question", shown.asks, "strong"),
        Field("id", shown.id),
        Field("state", shown.state.value),
        Field("run", f"{shown.run} ({shown.run_state.value})"),
        *asked_by,
        Field(_who_runs(shown.path), f"{shown.agent}, for {shown.user}"),
        Field("kind", f"{shown.kind}{', silent' if shown.silent else ''}{stage}"),
        *again,
        Field("severity", shown.severity, SEVERITIES.get(shown.severity, "plain")),
        Field("who may answer", shown.who),
        *(Field(label, value) for label, value in told if value),
        Field("opened", stamp_text(shown.opened_at)),
        Field("expires", expiry),
        *hours,
        *(Field("reminder", stamp_text(at)) for at in shown.reminders[shown.reminded :]),
        *waits,
        Field("digest", shown.digest, "dim"),
    )


def _whole_or_cut(text: str, requirement: str) -> tuple[str, ...]:
    """The lines of a text; of a very long one how much is not here, and who has it."""
    left_out = len(text) - PAGE_CHARS
    if left_out <= 0:
        return tuple(text.split("\n"))
    begin, end = text[: PAGE_CHARS - TAIL_CHARS], text[-TAIL_CHARS:]
    whole = f"`hitl-fsm --format json show {requirement}` has all"
    return (
        *begin.split("\n"),
        f"… {left_out:,} of {len(text):,} characters are left out here; {whole} …",
        *end.split("\n"),
    )


def _flag(flag: Flag) -> str:
    return f"{flag.where}: {flag.note}" if flag.where else flag.note


def _who_changed(shown: Presentation) -> str:
    who = f" by {', '.join(shown.editors)}" if shown.editors else ""
    return f"changed{who}, from what the model asked for"


def _change(change: Change) -> str:
    was, now = (json.dumps(one, sort_keys=True, ensure_ascii=False) for one in (change.was, change.now))
    match change.how:
        case "added":
            return f"{change.where}: {now} (it was not there)"
        case "removed":
            return f"{change.where}: {was} is left out"
        case _:
            return f"{change.where}: {was} -> {now}"


def _why_and_votes(shown: Presentation) -> list[Fields | Grid | Lines]:
    blocks: list[Fields | Grid | Lines] = []
    if shown.why:
        blocks.append(Lines("why", tuple(_why(shown))))
    if shown.votes:
        blocks.append(Grid(("vote", "by", "when", "counts", "note"), tuple(map(_vote, shown.votes))))
    if shown.advice:
        advice = (
            f"{one.answer}, {_person(one)} ({one.kind}){f': {one.note}' if one.note else ''}" for one in shown.advice
        )
        blocks.append(Lines(ADVICE_TITLE, tuple(line for one in advice for line in fenced(one))))
    return blocks


def _vote(vote: ShownVote) -> tuple[str, ...]:
    who = f"{_person(vote)} ({vote.authenticated_by})"
    return (vote.answer, who, stamp_text(vote.at), "yes" if vote.counts else f"no: {vote.why}", vote.note or "")


def _person(one: ShownVote | Given) -> str:
    who = f"{one.printed_name} ({one.by})" if one.printed_name else one.by
    return f"{who} for {one.on_behalf_of}" if one.on_behalf_of else who


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
        if why.description:
            lines.append(f"    {' '.join(why.description.split())}")
    return lines


def _field(field: FormField) -> tuple[str, ...]:
    offered = ", ".join(pretty(value) + (f" ({label})" if label else "") for value, label in labelled(field))
    choices = f"{'some' if field.multiple else 'one'} of {offered}" if field.choices else ""
    default = "" if field.default is None else f"default {pretty(field.default)}"
    secret = "nobody is shown it" if field.sensitive else ""
    told = "; ".join(part for part in (field.description, choices, default, secret) if part)
    return (field.name, field.type, "yes" if field.required else "no", told)


def labelled(field: FormField) -> tuple[tuple[object, str], ...]:
    """The values that a field offers, each with its words, which may be empty."""
    return tuple(zip(field.choices, field.labels or ("",) * len(field.choices), strict=True))


def one_line(args: dict[str, object]) -> str:
    """Arguments on one line of a list; cut ones say how much is missing."""
    text = json.dumps(args, sort_keys=True, ensure_ascii=False)
    left_out = len(text) - ARGUMENT_CHARS
    return text if left_out <= 0 else f"{text[:ARGUMENT_CHARS]}… (+{left_out} characters; `show` has all)"


def open_questions(run: Run) -> list[Presentation]:
    """Those of a run that wait for an answer, for whoever runs it: a result under review is not yet theirs to see."""
    shown = (presentation(requirement, run) for requirement in run.open_requirements)
    return [replace(one, result=None, result_text=None) for one in shown]


def typed_here(shown: Presentation, session: Session) -> Presentation:
    """Its commands as they have to be typed to reach the application and the store of this use of the program."""
    ways = tuple(replace(one, command=one.command.replace(PROGRAM, session.program, 1)) for one in shown.how)
    return replace(shown, how=ways)


def waiting_lines(run: Run, session: Session) -> list[str]:
    """What a paused run waits for, and how to answer; for stderr. Of what is silent, one line: no person is asked."""
    questions = [typed_here(one, session) for one in open_questions(run)]
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
        lines += [f"    {FLAGS_TITLE}: {_flag(one)}" for one in shown.flags]
        if len(shown.path) > 1:
            lines.append(f"    asked by {way(shown.path)}")
        width = max(len(one.meaning) for one in shown.how)
        lines += [f"    {one.meaning.ljust(width)}  {one.command}" for one in shown.how]
    return lines


def present(
    session: Session, requirement: Requirement, run: Run, beside: Mapping[str, Any] | None = None
) -> Presentation:
    """Show a question as the options ask for it; returns what was shown. `beside` is for the JSON document alone."""
    from hitl_fsm.cli.output import json_document, show  # noqa: PLC0415 - as it is used

    shown = presentation(requirement, run)
    if session.json:
        json_document({**to_builtins(shown), **(beside or {})})
    else:
        show(session, question_page(typed_here(shown, session)))
    return shown
