"""`run`: start an agent, a team or a workflow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from hitl_fsm.cli.answers.identity import typist
from hitl_fsm.cli.runs.outcome import finish, teller
from hitl_fsm.cli.values import json_value
from hitl_fsm.errors import SettingsError

if TYPE_CHECKING:
    from hitl_fsm.cli.session import Session


def run(
    ctx: typer.Context,
    target: Annotated[str, typer.Argument(metavar="TARGET", help="The agent, team or workflow: module:name.")],
    prompt: Annotated[str | None, typer.Argument(metavar="PROMPT", help="What it is to do.")] = None,
    data: Annotated[
        str | None,
        typer.Option(metavar="JSON|@FILE", help="Instead of PROMPT: a workflow's input; @- reads stdin."),
    ] = None,
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
        raise SettingsError(msg, help="name the Agent, the Team or the Workflow: module:agent")
    given = _given(prompt, data)
    actor = typist(session, user)
    if stream:
        tell = teller(session)
        last = None
        for event in runnable.run(given, user=actor, stream=True):
            tell(event)
            last = event.run
        if last is None:
            msg = "the run ended without an event"
            raise SettingsError(msg)
        handle = last
    else:
        handle = runnable.run(given, user=actor)
    session.app = session.app or target
    finish(session, handle.value, streamed=stream)


def _given(prompt: str | None, data: str | None) -> Any:
    """What the run is about: text, or (for a workflow) any JSON value."""
    if (prompt is None) == (data is None):
        msg = "a run needs PROMPT or --data, one of them"
        raise SettingsError(msg, help='hitl-fsm run app:agent "Refund order 42"; a workflow takes --data JSON, too')
    return prompt if data is None else json_value(data, "--data")
