"""`run`: start an agent, a team or a workflow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from hitl_fsm.cli.identity import typist
from hitl_fsm.cli.outcome import finish, teller
from hitl_fsm.errors import SettingsError

if TYPE_CHECKING:
    from hitl_fsm.cli.session import Session


def run(
    ctx: typer.Context,
    target: Annotated[str, typer.Argument(metavar="TARGET", help="The agent, team or workflow: module:name.")],
    prompt: Annotated[str, typer.Argument(metavar="PROMPT", help="What it is to do.")],
    stream: Annotated[bool, typer.Option("--stream", help="Print the text as it comes, and a line an event.")] = False,
    user: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="For whom it acts; for the owner of the store only, as --as. Else: you."),
    ] = None,
) -> None:
    """Start an agent, a team or a workflow; exits 8 when a person is asked.

    The output goes to stdout. When the run pauses, the open questions and how to answer them are on stderr, and the run
    waits in the store: no process is needed. `hitl-fsm runs continue RUN` goes on.

    JSON: {"run", "state", "output", "error", "requirements": [schemas/presentation.schema.json]}; with --stream lines
    {"event", "run", "is_paused", …} instead.
    """
    session: Session = ctx.obj
    runnable = session.load(target).runnable
    if runnable is None:
        msg = f"{target} is an engine; an agent, a team or a workflow can be run"
        raise SettingsError(msg, help="name the Agent: module:agent")
    actor = typist(session, user)
    if stream:
        tell = teller(session)
        last = None
        for event in runnable.run(prompt, user=actor, stream=True):
            tell(event)
            last = event.run
        if last is None:
            msg = "the run ended without an event"
            raise SettingsError(msg)
        handle = last
    else:
        handle = runnable.run(prompt, user=actor)
    session.app = session.app or target
    finish(session, handle.value, streamed=stream)
