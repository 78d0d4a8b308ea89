"""`result`: what an outside system returned, what came of a lost call, or another result in a review."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hitl_fsm.cli.answers.answering import Looked, each, give, leave, look_at_open, refuse_kind
from hitl_fsm.cli.answers.identity import As, typist
from hitl_fsm.errors import AnswerRefused
from hitl_fsm.model import answer as answers

if TYPE_CHECKING:
    from hitl_fsm.cli.session import Session
    from hitl_fsm.runtime.presenting.presentation import Presentation

NOTHING_RECORDED = "nothing was recorded"
_ANSWERS: dict[str, Callable[[Any, str | None], answers.Answer]] = {
    "external": answers.Report,
    "outcome": answers.Happened,
    "review": answers.EditResult,
}


def result(
    ctx: typer.Context,
    requirement: Annotated[str, typer.Argument(metavar="REQ", help="As `inbox` lists it.")],
    data: Annotated[
        str | None, typer.Option(metavar="JSON|@FILE", help="The result, any JSON value; @- reads stdin.")
    ] = None,
    edit: Annotated[bool, typer.Option("--edit", help="Write it as JSON, in $VISUAL or $EDITOR.")] = False,
    failed: Annotated[
        str | None, typer.Option("--failed", metavar="TEXT", help="No result: its system failed. The model reads it.")
    ] = None,
    note: Annotated[str | None, typer.Option(help="Kept on the record.")] = None,
    as_: As = None,
) -> None:
    """Report what an external or lost call returned, or that it failed, or change a reviewed result.

    Without --data and --edit a terminal shows the question and asks for it, field by field where the route says of what
    it is made; --edit shows it, too, and that you looked is on the record first. To a call
    that was lost (kind `outcome`), result says: it happened, and this is what it returned. It does not run again. To a
    review, it says: the agent gets this result instead. The one that was reviewed stays in the run's log.
    --failed is for external calls: the outside system has failed, so there is no result, and the model is told TEXT.

    JSON lines: {"id", "answer", "state", "votes", "digest", "run", "run_state", "open"}, or {"id", "error"}.
    """
    from hitl_fsm.cli.values import json_value  # noqa: PLC0415 - as it is used

    session: Session = ctx.obj
    _only_one(data, failed, edit=edit)
    given = None if data is None else json_value(data, "--data")

    def do(name: str) -> None:
        looked, by = look_at_open(session, name), typist(session, as_)
        shown = looked.shown
        if shown.kind not in _ANSWERS:
            raise refuse_kind(shown, "result")
        if failed is not None:
            give(session, looked, _failure(shown, failed, note), by)
            return
        value = given if data is not None else _asked(session, looked, as_, edit=edit)
        give(session, looked, _ANSWERS[shown.kind](value, note), by, seen=data is None)

    leave(each(session, [requirement], do))


def _only_one(data: str | None, failed: str | None, *, edit: bool) -> None:
    if edit and data is not None:
        msg = "--data is the result already"
        raise typer.BadParameter(msg, param_hint="--edit")
    if failed is not None and (edit or data is not None):
        msg = "what failed has no result"
        raise typer.BadParameter(msg, param_hint="--failed")


def _failure(shown: Presentation, failed: str, note: str | None) -> answers.Report:
    if shown.kind != "external":
        msg = f"{shown.id} is a question of kind {shown.kind}; --failed is for calls that an outside system executes"
        raise AnswerRefused(msg, tuple(f"{one.meaning}: {one.command}" for one in shown.how), help=NOTHING_RECORDED)
    return answers.Report(None, note, failed)


def _edited(shown: Presentation) -> Any:
    """From the reviewed result, or from the names of the fields that the route wants."""
    from hitl_fsm.cli.answers.editing import UNCHANGED, edited  # noqa: PLC0415 - only with --edit
    from hitl_fsm.cli.answers.fill import needed  # noqa: PLC0415 - as above
    from hitl_fsm.runtime.presenting.presentation import form_fields  # noqa: PLC0415 - as above

    fields = form_fields(_schema(shown) or {})
    start = shown.result if shown.kind == "review" else {one.name: one.default for one in fields} or None
    header = (
        f"{shown.id}: {shown.asks}",
        f"For {shown.tool} of {shown.run}. One JSON value.",
        *(f"  {told}" for told in needed(fields)),
        "Leave it unchanged, or the editor with an error, to record nothing at all.",
    )
    found = edited(start, header, whole_object=False)
    if found is UNCHANGED:
        msg = f"{shown.id}: no result was written"
        raise AnswerRefused(msg, help=NOTHING_RECORDED)
    return found


def _asked(session: Session, looked: Looked, speaker: str | None, *, edit: bool) -> Any:
    """In an editor or at the terminal, under the whole question."""
    from hitl_fsm.cli.answers.viewing import put_before  # noqa: PLC0415 - as it is used
    from hitl_fsm.cli.terminal import is_interactive  # noqa: PLC0415 - as above

    shown = looked.shown
    if not edit and not is_interactive():
        from hitl_fsm.cli.answers.fill import needed  # noqa: PLC0415 - as above
        from hitl_fsm.runtime.presenting.presentation import form_fields  # noqa: PLC0415 - as above

        msg = f"{shown.id} needs the result"
        told = f"hitl-fsm result {shown.id} --data JSON"
        raise AnswerRefused(msg, needed(form_fields(_schema(shown) or {})), help=told)
    put_before(session, looked, speaker)
    if edit:
        return _edited(shown)
    from hitl_fsm.cli.answers.form import ask_result  # noqa: PLC0415 - as above

    return ask_result(shown)


def _schema(shown: Presentation) -> dict[str, Any] | None:
    return next((one for one in (shown.result_schema, *shown.route_schemas) if one is not None), None)
