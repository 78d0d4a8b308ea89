"""What all commands that answer share: a look at the question, one answer bound to what was seen, what came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import typer

from hitl_fsm.cli.answers.identity import typist
from hitl_fsm.cli.answers.standing import as_document, standing
from hitl_fsm.cli.answers.what_came import what_came
from hitl_fsm.cli.output import error, json_line, line, say
from hitl_fsm.errors import AnswerRefused, HitlError, NotAuthorised, RequirementNotFound
from hitl_fsm.model.visible import visible

if TYPE_CHECKING:
    from hitl_fsm.cli.session import Session
    from hitl_fsm.model.actor import Actor
    from hitl_fsm.model.answer import Answer
    from hitl_fsm.model.requirement import Requirement
    from hitl_fsm.model.run import Run
    from hitl_fsm.runtime.presenting.presentation import Presentation


class Looked(NamedTuple):
    """A question as it was looked at. `shown` is what a person may see of it; `requirement` has all of it."""

    shown: Presentation
    requirement: Requirement
    run: Run


Answering = Callable[[Looked], "Answer"]


def each(session: Session, requirements: Iterable[str], do: Callable[[str], None]) -> int:
    """Do it for each one once; the error of one is told, and keeps no other from being done. The worst exit code."""
    worst = 0
    for name in dict.fromkeys(requirements):
        try:
            do(name)
        except HitlError as failed:
            worst = max(worst, failed.exit_code)
            _tell_error(session, name, failed)
    return worst


def leave(code: int) -> None:
    """Typer's Exit, unless all went well."""
    if code:
        raise typer.Exit(code)


def answer_each(session: Session, requirements: Sequence[str], make: Answering, *, speaker: str | None) -> None:
    """Answer every one of them, each on its own; exit with the worst code of those that failed."""

    def do(name: str) -> None:
        looked = look_at_open(session, name)
        by = typist(session, speaker)
        give(session, looked, make(looked), by)

    leave(each(session, requirements, do))


def look_at(session: Session, requirement_id: str) -> Looked:
    """A question, open or closed, and what a person may see of it. RequirementNotFound for what is no id of one."""
    from hitl_fsm.runtime.presenting.presentation import presentation  # noqa: PLC0415 - with msgspec's structs

    if requirement_id.isdecimal():
        msg = f"{requirement_id!r} is a place in a list, not an id: what stands there may be another one by now"
        raise RequirementNotFound(msg, help="`hitl-fsm inbox` lists the ids: req_…")
    engine = session.engine()
    found = engine.inbox.get(requirement_id).value
    run = engine.runs.get(found.run_id).value
    return Looked(presentation(found, run), found, run)


def look_at_open(session: Session, requirement_id: str) -> Looked:
    """A question that can be answered; of a closed one the engine says by whom it was, and when."""
    looked = look_at(session, requirement_id)
    if not looked.shown.how:
        from hitl_fsm.runtime.outside import already  # noqa: PLC0415 - loaded with the engine

        raise already(looked.requirement)
    return looked


def give(session: Session, looked: Looked, answer: Answer, by: Actor, *, seen: bool = False) -> None:
    """Record one answer, and tell what came of it. `seen`: the question was on the screen, as a whole, before."""
    tell(session, looked, str(answer.__struct_config__.tag), resolved(session, looked, answer, by, seen=seen))


def resolved(session: Session, looked: Looked, answer: Answer, by: Actor, *, seen: bool) -> Run:
    """Record one answer, bound to the action that was looked at, and with `seen` to all that was shown of it."""
    from hitl_fsm.runtime.presenting.presentation import presentation_digest  # noqa: PLC0415 - as above

    shown = looked.shown
    presented = presentation_digest(shown) if seen else None
    return session.engine().resolve(shown.id, answer, by=by, digest=shown.digest, presented=presented).value


def tell(session: Session, looked: Looked, kind: str, after: Run) -> None:
    """What an answer (or its withdrawal) of this kind came to, honestly: a vote of two is a vote, no approval."""
    then = in_run(looked, after)
    if session.json:
        json_line(_document(looked.requirement, kind, then, after))
        return
    line(visible(f"{looked.shown.id} {looked.shown.tool}: {what_came(kind, then, after)}"))
    say(session, *_next(session, after))


def in_run(looked: Looked, run: Run) -> Requirement | None:
    """The same question as the run has it; None where its turn is over."""
    return next((one for one in run.requirements if one.requirement_id == looked.shown.id), None)


def refuse_kind(shown: Presentation, command: str) -> AnswerRefused:
    """The error for a command that does not answer this kind of question; names those that do."""
    msg = f"{shown.id} is a question of kind {shown.kind}; `{command}` does not answer it"
    return AnswerRefused(msg, tuple(f"{one.meaning}: {one.command}" for one in shown.how), help="nothing was recorded")


def _document(requirement: Requirement, kind: str, then: Requirement | None, run: Run) -> dict[str, Any]:
    return {
        "id": requirement.requirement_id,
        "answer": kind,
        "state": None if then is None else then.state,
        "votes": None if then is None else as_document(standing(then)),
        "digest": requirement.digest,
        "run": run.run_id,
        "run_state": run.state,
        "open": [one.requirement_id for one in run.open_requirements],
    }


def _next(session: Session, run: Run) -> list[str]:
    waiting = [one.requirement_id for one in run.open_requirements]
    if waiting:
        return [f"{run.run_id} still waits for {', '.join(waiting)}"]
    return [f"{run.run_id} can go on: {session.going_on(run.run_id)}"]


def _tell_error(session: Session, requirement: str, failed: HitlError) -> None:
    hint = failed.help
    if isinstance(failed, NotAuthorised) and not session.app_loaded:
        hint = f"{hint}; roles come from the application: give --app module:engine" if hint else None
    problems = failed.problems if isinstance(failed, AnswerRefused) else ()
    error(f"{failed.code} {failed.message}", hint, problems)
    if session.json:
        told = {"code": failed.code, "message": failed.message, "help": hint, "problems": problems}
        json_line({"id": requirement, "error": told})
