"""`respond`: a result instead of a call, which then never runs."""

from __future__ import annotations

from typing import Annotated

import typer

from hitl_fsm.cli.answers.answering import Looked, answer_each, refuse_kind
from hitl_fsm.cli.answers.identity import As
from hitl_fsm.model import answer as answers

_BEFORE_A_CALL = frozenset({"confirm", "approval", "user_input", "external"})


def respond(
    ctx: typer.Context,
    requirement: Annotated[str, typer.Argument(metavar="REQ", help="As `inbox` lists it.")],
    data: Annotated[str, typer.Option(metavar="JSON|@FILE", help="The result, any JSON value; @- reads stdin.")],
    note: Annotated[str | None, typer.Option(help="Kept on the record.")] = None,
    as_: As = None,
) -> None:
    """Give a result instead of a call.

    The call never runs, as after `reject`, and the agent reads this result as that of the call. Reviews of the result
    are still asked; where a route has a schema for results, it must fit. Not for what an agent asks by `ask_user`:
    fill that in, or reject it.

    JSON lines: {"id", "answer", "state", "votes", "digest", "run", "run_state", "open"}, or {"id", "error"}.
    """
    from hitl_fsm.cli.values import json_value  # noqa: PLC0415 - as it is used

    value = json_value(data, "--data")

    def make(looked: Looked) -> answers.Answer:
        shown = looked.shown
        if shown.kind not in _BEFORE_A_CALL:
            raise refuse_kind(shown, "respond")
        return answers.Respond(value, note)

    answer_each(ctx.obj, [requirement], make, speaker=as_)
