"""Who answers the demo's questions: the demo itself, saying so, or the person at the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final, Protocol

from hitl_fsm.cli.demo_agent import USER
from hitl_fsm.model.answer import Answer, Approve, Provide, Reject, Report
from hitl_fsm.model.visible import visible

if TYPE_CHECKING:
    from hitl_fsm.cli.demo_view import Teller
    from hitl_fsm.runtime.handles import RequirementHandle

APPROVER: Final = "maria"
BANK: Final = "bank"
_RECEIPT: Final = {"accepted": True, "reference": "SEPA-2041"}

Tries = Iterator[tuple[Answer, str]]


class Answering(Protocol):
    """Gives answers, each with who gives it, until one is accepted; the last one has to be."""

    def answers(self, asked: RequirementHandle) -> Tries: ...


class Scripted:
    """The demo answers by itself, and shows on the way what is refused."""

    def answers(self, asked: RequirementHandle) -> Tries:
        """See `Answering`."""
        match asked.kind:
            case "approval":
                yield Approve(note="my own request"), USER
                yield Approve(note="within policy"), APPROVER
            case "external":
                yield Report({"accepted": "yes"}), BANK
                yield Report(_RECEIPT), BANK
            case "user_input" if asked.tool.tool_name == "ask_user":
                yield Provide({"broken": "shade", "keeps_it": False}), USER
            case "user_input":
                yield Provide({"reason": "just because"}), USER
                yield Provide({"reason": "damaged", "evidence": "photo in ticket 7"}), USER
            case _:
                yield Approve(), USER


class Asking:
    """The person at the terminal answers for everybody in the play."""

    def __init__(self, teller: Teller) -> None:
        self._teller = teller

    def answers(self, asked: RequirementHandle) -> Tries:
        """See `Answering`; asks again for as long as the answers are refused."""
        while True:
            match asked.kind:
                case "external":
                    self._teller.line(f"    (the demo's {BANK} answers this one)")
                    yield Report(_RECEIPT), BANK
                case "user_input":
                    yield Provide(_fill_in(asked.schema or {})), USER
                case "approval":
                    yield _yes_or_no(f"You are {APPROVER} of finance. Approve?"), APPROVER
                case _:
                    yield _yes_or_no(f"You are {USER}. Go ahead?"), USER


def _yes_or_no(text: str) -> Answer:
    import typer  # noqa: PLC0415 - only at a terminal

    if typer.confirm(f"    {text}", default=True):
        return Approve()
    return Reject(typer.prompt("    Why not? The agent reads it", default="", show_default=False) or None)


def _fill_in(schema: dict[str, Any]) -> dict[str, Any]:
    """Ask for each field; one that is left empty is not given."""
    import typer  # noqa: PLC0415 - only at a terminal

    values: dict[str, Any] = {}
    for name, field in schema.get("properties", {}).items():
        label = "    " + visible(str(field.get("description") or name))
        options = field.get("enum")
        if field.get("type") == "boolean":
            values[name] = typer.confirm(label, default=False)
        elif options:
            for number, option in enumerate(options, 1):
                typer.echo(f"      {number}  {visible(str(option))}")
            values[name] = options[typer.prompt(label, type=_number(len(options)), default=1) - 1]
        else:
            text = typer.prompt(label, default="", show_default=False)
            if text:
                values[name] = text
    return values


def _number(most: int) -> Any:
    import click  # noqa: PLC0415 - only at a terminal

    return click.IntRange(1, most)
