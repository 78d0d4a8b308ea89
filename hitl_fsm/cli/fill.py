"""`input`: the form of a question; field by field on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from hitl_fsm.cli.answering import answer_each, refuse_kind
from hitl_fsm.cli.identity import As
from hitl_fsm.errors import AnswerRefused
from hitl_fsm.model import answer as answers

if TYPE_CHECKING:
    from hitl_fsm.cli.session import Session
    from hitl_fsm.runtime.presentation import Presentation


def fill(
    ctx: typer.Context,
    requirement: Annotated[str, typer.Argument(metavar="REQ", help="As `inbox` lists it.")],
    data: Annotated[
        str | None, typer.Option(metavar="JSON|@FILE", help="The whole form as one JSON object; @- reads stdin.")
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="One field; JSON, or text where text is asked for."),
    ] = None,
    note: Annotated[str | None, typer.Option(help="Kept on the record.")] = None,
    as_: As = None,
) -> None:
    """Fill in the form of a question.

    Without --data and --set a terminal asks for each field. A value that does not fit is refused with the reason for
    each field; nothing is stored then, and the question stays open.

    JSON lines: {"id", "answer", "state", "digest", "run", "run_state", "open"}, or {"id", "error"}.
    """
    from hitl_fsm.cli.values import assignments, json_object, typed  # noqa: PLC0415 - as it is used

    session: Session = ctx.obj
    given = None if data is None else json_object(data, "--data")
    fields = assignments(set_ or [])

    def make(shown: Presentation) -> answers.Answer:
        if shown.kind != "user_input":
            raise refuse_kind(shown, "input")
        if given is None and not fields:
            return answers.Provide(_asked(session, shown), note)
        kinds = {field.name: field.type for field in shown.fields}
        return answers.Provide({**(given or {}), **typed(fields, kinds.get)}, note)

    answer_each(session, [requirement], make, speaker=as_)


def _asked(session: Session, shown: Presentation) -> dict[str, Any]:
    from hitl_fsm.cli.terminal import is_interactive  # noqa: PLC0415 - as it is used

    if not is_interactive():
        needed = tuple(
            f"{field.name}: {field.type}{', required' if field.required else ''}"
            f"{f', {field.description}' if field.description else ''}"
            for field in shown.fields
        )
        msg = f"{shown.id} needs its fields"
        raise AnswerRefused(msg, needed, help=shown.how[0].command)
    from hitl_fsm.cli.form import ask_form  # noqa: PLC0415 - as above

    return ask_form(session, shown)
