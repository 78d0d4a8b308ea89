"""`wait`: until a run has ended."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from hitl_fsm.cli.session import Session
    from hitl_fsm.ports import RunRow

LOOK_S = 0.5
"""Between two looks at the store."""
EXIT_TIMED_OUT = 124
BEHIND = "~"
"""Sorts behind every character of a run's id."""


def wait(
    ctx: typer.Context,
    run: Annotated[str, typer.Argument(metavar="RUN", help="As `runs list` lists it.")],
    timeout: Annotated[
        float | None, typer.Option("--timeout", min=0, metavar="SECONDS", help="Exit 124 after so long.")
    ] = None,
) -> None:
    """Wait until a run has ended, whoever continues it.

    It only looks at the store, and exits 124 when that takes longer than --timeout. Output, JSON and exit codes are
    then those of `run`: 0 done, 3 failed, 5 cancelled.
    """
    from hitl_fsm.cli.output import say  # noqa: PLC0415 - as above
    from hitl_fsm.cli.reading import read_run  # noqa: PLC0415 - as above
    from hitl_fsm.cli.runs.outcome import finish  # noqa: PLC0415 - as it is used
    from hitl_fsm.model.states import RUN_ENDED  # noqa: PLC0415 - as above

    session: Session = ctx.obj
    deadline = None if timeout is None else time.monotonic() + timeout
    while True:
        row = _look(session, run)
        if row.state in RUN_ENDED:
            break
        left = LOOK_S if deadline is None else deadline - time.monotonic()
        if left <= 0:
            waits = f" (open questions: {row.open_requirements})" if row.open_requirements else ""
            say(session, f"{run} is still {row.state}{waits}")
            raise typer.Exit(EXIT_TIMED_OUT)
        time.sleep(min(LOOK_S, left))
    finish(session, read_run(session, run).run, streamed=False)


def _look(session: Session, run_id: str) -> RunRow:
    """The run's row alone, however long its log. RunNotFound when there is none, which tells if it was forgotten."""
    from hitl_fsm.cli.runs.forgotten import no_run  # noqa: PLC0415 - as it is used
    from hitl_fsm.runtime.loop import run_sync  # noqa: PLC0415 - as above

    rows = run_sync(session.open_store().runs(after=run_id + BEHIND, limit=1))
    if not rows or rows[0].run_id != run_id:
        raise no_run(session, run_id)
    return rows[0]
