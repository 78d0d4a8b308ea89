"""`worker`: a process that fires what is due and goes on with what is ready, until it is told to leave."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING, Annotated

import typer

from hitl_fsm.runtime.work import POLL_S, Worker

if TYPE_CHECKING:
    from hitl_fsm.cli.session import Session
    from hitl_fsm.runtime.engine import Engine

LEAVE_S = 30.0
"""How long runs under way may take to their next pause or end once the worker is to leave; then they are cut off."""
EXIT_CUT_OFF = 130
FASTEST_POLL_S = 0.05


def worker(
    ctx: typer.Context,
    once: Annotated[bool, typer.Option("--once", help="Fire and continue what there is now, then end.")] = False,
    poll: Annotated[
        float, typer.Option("--poll", min=FASTEST_POLL_S, metavar="SECONDS", help="How often to look for work.")
    ] = POLL_S,
) -> None:
    """Fire what is due and go on with what is ready, until told to leave.

    Any number may run on one store. Needs the application (--app).

    SIGTERM or SIGINT: it takes up nothing more, lets what is under way come to its next pause or end (30 s at most, or
    until a second signal), and exits 0; 130 when it had to cut a run off, which another worker then takes up. -v tells
    each event on stderr.

    JSON lines: {"run", "name", "state", "open_requirements", "error"} for each run that went on or could not.
    """
    from hitl_fsm.cli.output import say  # noqa: PLC0415 - as it is used
    from hitl_fsm.cli.runs.ready import continue_all_ready  # noqa: PLC0415 - as above

    session: Session = ctx.obj
    engine = session.need_app()
    if once:
        continue_all_ready(session)
        return
    say(session, "working; SIGTERM or Ctrl-C ends it")
    if not asyncio.run(_work(session, engine, poll)):
        raise typer.Exit(EXIT_CUT_OFF)


async def _work(session: Session, engine: Engine, poll_s: float) -> bool:
    """Whether everything came to its pause or end."""
    from hitl_fsm.cli.output import say  # noqa: PLC0415 - as it is used
    from hitl_fsm.cli.runs.worker_words import Words  # noqa: PLC0415 - as above

    leave, hurry = asyncio.Event(), asyncio.Event()

    def told_to_leave() -> None:
        if leave.is_set():
            hurry.set()
        leave.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told_to_leave)
    work = Worker(engine.door, engine.routes, Words(session), leave, poll_s)
    await work.run()
    if work.under_way:
        say(session, f"leaving: waiting for {work.under_way} under way, {LEAVE_S:g} s at most")
    if await work.ended(hurry, LEAVE_S):
        return True
    say(session, f"cutting {work.under_way} off")
    await work.cut_off()
    return False
