"""`input`: the form of a question; field by field on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from hitl_fsm.cli.answers.answering import each, give, leave, look_at_open, refuse_kind
from hitl_fsm.cli.answers.identity import As, typist
from hitl_fsm.errors import AnswerRefused
from hitl_fsm.model import answer as answers

if TYPE_CHECKING:
    from hitl_fsm.cli.session import Session
    from hitl_fsm.runtime.presenting.presentation import FormField, Presentation


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
    edit: Annotated[bool, typer.Option("--edit", help="Fill it in as JSON, in $VISUAL or $EDITOR.")] = False,
    note: Annotated[str | None, typer.Option(help="Kept on the record.")] = None,
    as_: As = None,
) -> None:
    """Fill in the form of a question.

    Without --data, --set and --edit a terminal shows the question, and asks for each field; --edit shows it, too, and
    that you looked is on the record first. A value that does not fit is refused with the reason for each field; nothing
    is stored then, and the question stays open.

    JSON lines: {"id", "answer", "state", "votes", "digest", "run", "run_state", "open"}, or {"id", "error"}.
    """
    from hitl_fsm.cli.answers.viewing import put_before  # noqa: PLC0415 - as it is used
    from hitl_fsm.cli.values import assignments, json_object, typed  # noqa: PLC0415 - as above

    session: Session = ctx.obj
    given = None if data is None else json_object(data, "--data")
    fields = assignments(set_ or [])

    def do(name: str) -> None:
        looked, by = look_at_open(session, name), typist(session, as_)
        shown = looked.shown
        if shown.kind != "user_input":
            raise refuse_kind(shown, "input")
        kinds = {field.name: field.type for field in shown.fields}
        values = {**(given or {}), **typed(fields, kinds.get)}
        asks = edit or (given is None and not fields)
        if asks:
            if not edit:
                _check_terminal(shown)
            put_before(session, looked, as_)
            values = _edited(shown, values) if edit else _asked(shown)
        give(session, looked, answers.Provide(values, note), by, seen=asks)

    leave(each(session, [requirement], do))


def _edited(shown: Presentation, values: dict[str, Any]) -> dict[str, Any]:
    """What the person wrote for the fields, which fits the form."""
    from hitl_fsm.cli.answers.editing import UNCHANGED, edited  # noqa: PLC0415 - only with --edit
    from hitl_fsm.policy.form import form  # noqa: PLC0415 - as above

    header = (
        f"{shown.id}: {shown.asks}",
        f"For {shown.tool} of {shown.run}. One JSON object; null leaves an optional field out.",
        *(f"  {told}" for told in needed(shown.fields)),
        "Leave it unchanged, or the editor with an error, to record nothing at all.",
    )
    start = {field.name: values.get(field.name, field.default) for field in shown.fields}
    found = edited(start, header)
    if found is UNCHANGED:
        msg = f"{shown.id}: nothing was filled in"
        raise AnswerRefused(msg, help="nothing was recorded")
    required = {field.name for field in shown.fields if field.required}
    kept = {name: value for name, value in found.items() if value is not None or name in required}
    problems = form(shown.form_schema or {}).problems(kept)
    if problems:
        msg = f"{shown.id}: the form is not filled in correctly"
        raise AnswerRefused(msg, problems, help="nothing was recorded")
    return kept


def _check_terminal(shown: Presentation) -> None:
    from hitl_fsm.cli.terminal import is_interactive  # noqa: PLC0415 - as it is used

    if not is_interactive():
        msg = f"{shown.id} needs its fields"
        raise AnswerRefused(msg, needed(shown.fields), help=shown.how[0].command)


def _asked(shown: Presentation) -> dict[str, Any]:
    from hitl_fsm.cli.answers.form import ask_form  # noqa: PLC0415 - as it is used

    return ask_form(shown)


def needed(fields: tuple[FormField, ...]) -> tuple[str, ...]:
    """A line for each field: what goes in, whether it must, and what for."""
    return tuple(
        f"{field.name}: {field.type}{', required' if field.required else ''}"
        f"{f', {field.description}' if field.description else ''}"
        for field in fields
    )
