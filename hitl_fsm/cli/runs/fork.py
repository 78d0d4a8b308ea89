"""`hitl-fsm runs fork RUN --at STEP`: go on from an earlier point of a run, as a new one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from hitl_fsm.cli.answers.identity import As

if TYPE_CHECKING:
    from hitl_fsm.cli.session import Session


def fork_run(
    ctx: typer.Context,
    run: Annotated[str, typer.Argument(metavar="RUN", help="As `runs list` lists it.")],
    at: Annotated[int, typer.Option("--at", metavar="STEP", help="After so many turns of its model; 0 is its start.")],
    as_: As = None,
) -> None:
    """Go on from an earlier point of a run, as a new run; the run itself stays as it is.

    What was done up to that step is not done again, and what people rejected in the run stays rejected. Needs the
    application (--app). Output, JSON and exit codes are those of `run`.
    """
    from hitl_fsm.cli.answers.identity import typist  # noqa: PLC0415 - as it is used
    from hitl_fsm.cli.runs.outcome import finish  # noqa: PLC0415 - as above

    session: Session = ctx.obj
    engine = session.need_app()
    finish(session, engine.fork(run, at, by=typist(session, as_)).value, streamed=False)
