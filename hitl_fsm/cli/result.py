"""`result`: what an outside system returned, what came of a lost call, or another result in a review."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from hitl_fsm.cli.answering import answer_each, refuse_kind
from hitl_fsm.cli.identity import As
from hitl_fsm.model import answer as answers

if TYPE_CHECKING:
    from hitl_fsm.runtime.presentation import Presentation


def result(
    ctx: typer.Context,
    requirement: Annotated[str, typer.Argument(metavar="REQ", help="As `inbox` lists it.")],
    data: Annotated[str, typer.Option(metavar="JSON|@FILE", help="The result, any JSON value; @- reads stdin.")],
    note: Annotated[str | None, typer.Option(help="Kept on the record.")] = None,
    as_: As = None,
) -> None:
    """Report what an external or lost call returned, or change a reviewed result.

    To a call that was lost (kind `outcome`), result says: it happened, and this is what it returned. It does not run
    again. To a review, it says: the agent gets this result instead. The one that was reviewed stays in the run's log.

    JSON lines: {"id", "answer", "state", "digest", "run", "run_state", "open"}, or {"id", "error"}.
    """
    from hitl_fsm.cli.values import json_value  # noqa: PLC0415 - as it is used

    value = json_value(data, "--data")

    def make(shown: Presentation) -> answers.Answer:
        if shown.kind == "external":
            return answers.Report(value, note)
        if shown.kind == "outcome":
            return answers.Happened(value, note)
        if shown.kind == "review":
            return answers.EditResult(value, note)
        raise refuse_kind(shown, "result")

    answer_each(ctx.obj, [requirement], make, speaker=as_)
