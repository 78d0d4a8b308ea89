"""What `approve`, `reject`, `respond`, `input`, `result` and `retry` share: one answer, bound to what was shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import typer

from hitl_fsm.cli.identity import typist
from hitl_fsm.cli.output import error, json_line, line, say
from hitl_fsm.errors import AnswerRefused, HitlError, NotAuthorised
from hitl_fsm.model.visible import visible

if TYPE_CHECKING:
    from hitl_fsm.cli.session import Session
    from hitl_fsm.model.answer import Answer
    from hitl_fsm.model.requirement import Requirement
    from hitl_fsm.model.run import Run
    from hitl_fsm.runtime.presentation import Presentation

Answering = Callable[["Presentation"], "Answer"]

DONE = {
    "approve": "approved",
    "reject": "rejected",
    "provide": "filled in",
    "report": "result recorded",
    "respond": "this result goes on instead; the call does not run",
    "happened": "recorded: it happened, with this result",
    "not_happened": "recorded: it did not happen; it will run when the run is continued",
    "accept": "the result goes on",
    "edit_result": "another result goes on instead",
    "retry": "recorded: it will run again, through its gates, when the run is continued",
    "give_up": "recorded: nobody knows; given up on, it will not run",
}


def answer_each(session: Session, requirements: Sequence[str], make: Answering, *, speaker: str | None) -> None:
    """Answer every one of them, each on its own; exit with the worst code of those that failed."""
    worst = 0
    for requirement in dict.fromkeys(requirements):
        try:
            answer_one(session, requirement, make, speaker=speaker)
        except HitlError as failed:
            worst = max(worst, failed.exit_code)
            _tell(session, requirement, failed)
    if worst:
        raise typer.Exit(worst)


def answer_one(session: Session, requirement_id: str, make: Answering, *, speaker: str | None) -> None:
    """Look at the question, make the answer for exactly that, and record it."""
    from hitl_fsm.runtime.presentation import presentation  # noqa: PLC0415 - with msgspec's structs

    engine = session.engine()
    handle = engine.inbox.get(requirement_id)
    shown = presentation(handle.value, _run_of(session, handle.value))
    by = typist(session, speaker)
    if shown.how:
        answer = make(shown)
    else:  # closed: the engine says by whom, and when
        from hitl_fsm.runtime.outside import already  # noqa: PLC0415 - loaded with the engine

        raise already(handle.value)
    after = engine.resolve(requirement_id, answer, by=by, digest=shown.digest).value
    kind = str(answer.__struct_config__.tag)
    if session.json:
        json_line(_document(handle.value, kind, after))
        return
    line(visible(f"{shown.id} {shown.tool}: {DONE[kind]}"))
    say(session, *_next(session, after))


def refuse_kind(shown: Presentation, command: str) -> AnswerRefused:
    """The error for a command that does not answer this kind of question; names those that do."""
    msg = f"{shown.id} is a question of kind {shown.kind}; `{command}` does not answer it"
    return AnswerRefused(msg, tuple(f"{one.meaning}: {one.command}" for one in shown.how), help="nothing was recorded")


def _run_of(session: Session, requirement: Requirement) -> Run:
    return session.engine().runs.get(requirement.run_id).value


def _document(requirement: Requirement, kind: str, run: Run) -> dict[str, Any]:
    state = next((r.state for r in run.requirements if r.requirement_id == requirement.requirement_id), None)
    return {
        "id": requirement.requirement_id,
        "answer": kind,
        "state": state,
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


def _tell(session: Session, requirement: str, failed: HitlError) -> None:
    hint = failed.help
    if isinstance(failed, NotAuthorised) and not session.app_loaded:
        hint = f"{hint}; roles come from the application: give --app module:engine" if hint else None
    problems = failed.problems if isinstance(failed, AnswerRefused) else ()
    error(f"{failed.code} {failed.message}", hint, problems)
    if session.json:
        told = {"code": failed.code, "message": failed.message, "help": hint, "problems": problems}
        json_line({"id": requirement, "error": told})
