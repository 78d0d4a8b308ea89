"""`runs continue --all-ready`: going on with everything that could, once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import typer

from hitl_fsm.cli.output import json_line, say, show
from hitl_fsm.cli.page import Grid, Page
from hitl_fsm.model.states import RunState

if TYPE_CHECKING:
    from hitl_fsm.cli.session import Session
    from hitl_fsm.model.timer import Timer
    from hitl_fsm.runtime.engine import Engine
    from hitl_fsm.runtime.work import Continued

EXIT_FAILED = 3
NOT_CONTINUED = "did not go on"


def continue_all_ready(session: Session) -> None:
    """Exit 3 when a run failed or could not go on; waiting for a person is what a run may do."""
    fired, found = asyncio.run(_go_on(session.need_app()))
    if session.json:
        for one in found:
            json_line(values(one))
    elif found:
        rows = tuple((one.run_id, _name(one), _became(one), _next(session, one)) for one in found)
        show(session, Page((Grid(("run", "agent", "became", "what now"), rows),)))
    say(session, *_summary(fired, found))
    if any(has_failed(one) for one in found):
        raise typer.Exit(EXIT_FAILED)


async def _go_on(engine: Engine) -> tuple[tuple[Timer, ...], tuple[Continued, ...]]:
    fired = await engine.asweep()
    found = await engine.acontinue_ready()
    await engine.anotify()
    return fired, found


def has_failed(one: Continued) -> bool:
    """Whether somebody must look at it."""
    return one.run is None or one.run.state is RunState.FAILED


def values(one: Continued) -> dict[str, Any]:
    """As `--format json` prints it."""
    if one.run is None:
        error = None if one.error is None else {"code": one.error.code, "message": one.error.message}
        return {"run": one.run_id, "name": None, "state": None, "open_requirements": None, "error": error}
    failure = None if one.run.error is None else {"code": None, "message": one.run.error}
    return {
        "run": one.run_id,
        "name": one.run.name,
        "state": one.run.state,
        "open_requirements": len(one.run.open_requirements),
        "error": failure,
    }


def _name(one: Continued) -> str:
    return "" if one.run is None else one.run.name


def _became(one: Continued) -> str:
    return NOT_CONTINUED if one.run is None else one.run.state.value


def _next(session: Session, one: Continued) -> str:
    if one.run is None:
        error = one.error
        return "" if error is None else f"{error.code} {error.message}{f' ({error.help})' if error.help else ''}"
    if one.run.state is RunState.FAILED:
        return f"{one.run.error}; `{session.going_on(one.run_id)}` tries again"
    waits = len(one.run.open_requirements)
    return f"waits for {waits} answer{'' if waits == 1 else 's'}: hitl-fsm inbox --run {one.run_id}" if waits else ""


def _summary(fired: tuple[Timer, ...], found: tuple[Continued, ...]) -> list[str]:
    lines = [f"{timer.about} had expired, and is closed" for timer in fired]
    if not found:
        return [*lines, "no run was ready"]
    failed = sum(has_failed(one) for one in found)
    told = f"{len(found)} ready; {len(found) - failed} went on"
    return [*lines, f"{told}, {failed} failed or could not" if failed else told]
