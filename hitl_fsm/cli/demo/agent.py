"""The demo's support agent: its tools, its people, and a model that replays a script without a network."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from hitl_fsm.adapters.model_scripted import Reply, ScriptedModel
from hitl_fsm.model.message import ChatRequest
from hitl_fsm.runtime.agents.agent import Agent
from hitl_fsm.runtime.agents.ask_user import ask_user
from hitl_fsm.runtime.engine import Engine
from hitl_fsm.runtime.tools.tool import Tool, current_call, tool

NAME: Final = "support"
USER: Final = "alice"
TICKET: Final = "Ticket 7: order 42 arrived broken. The customer wants the money back."
PEOPLE: Final = {"alice": ["support"], "maria": ["finance"], "bank": ["service"]}

_QUESTION: Final = {
    "question": "What is broken, and does the customer keep the lamp?",
    "fields": [
        {"name": "broken", "description": "What is broken", "choices": ["shade", "cable", "everything"]},
        {"name": "keeps_it", "description": "The customer keeps the lamp", "type": "boolean"},
    ],
}
_MESSAGE: Final = {"to": "ana@customer.test", "text": "Your 1200 EUR are on their way. Sorry for the lamp!"}
_NO: Final = ("Rejected by", "Nobody answered in time")
_DECLINED: Final = " declined to answer"


def support(engine: Engine, ledger: Path) -> Agent:
    """The agent. Its refund tool appends a line to `ledger` each time that it really runs."""
    return Agent(name=NAME, model=ScriptedModel(_replies()), tools=_tools(ledger), engine=engine)


def _tools(ledger: Path) -> list[Tool[..., Any]]:
    @tool(name="orders.lookup", idempotent=True)
    def lookup(order_id: str) -> str:
        """Look an order up."""
        return f"order {order_id}: one lamp, paid 1200.00 EUR, delivered"

    @tool(name="payments.refund")
    def refund(order_id: str, amount: float, currency: str, reason: str = "none given") -> str:
        """Book a refund. For large amounts a person fills the reason in."""
        with ledger.open("a", encoding="utf-8") as file:
            file.write(f"refund {amount:.2f} {currency} order {order_id} key {current_call().idempotency_key}\n")
        return f"refund of {amount:.2f} {currency} booked ({reason})"

    @tool(name="payments.payout.sepa")
    def payout(order_id: str, amount: float, currency: str) -> str:
        """Transfer money to the customer's account. The policies have the bank execute it."""
        del order_id, amount, currency
        msg = "transfers are executed by the bank"
        raise RuntimeError(msg)

    @tool(name="messages.send")
    def send(to: str, text: str) -> str:
        """Write to a customer."""
        return f"sent to {to}: {len(text)} characters"

    @tool(name="accounts.close")
    def close(account_id: str) -> str:
        """Close a customer's account."""
        msg = f"account {account_id} would be closed"
        raise RuntimeError(msg)

    return [lookup, refund, payout, send, close, ask_user]


def _replies() -> list[Reply]:
    """What the model says, turn by turn; after a person's no it stops asking for more."""
    money = {"order_id": "42", "amount": 1200, "currency": "EUR"}
    return [
        _turn("I look the order up.", ("orders.lookup", {"order_id": "42"})),
        _turn("I do not know what is broken, so I ask.", ("ask_user", _QUESTION)),
        _unless_refused("I book the refund.", ("payments.refund", money)),
        _unless_refused("Now the transfer.", ("payments.payout.sepa", money)),
        _unless_refused(
            "I tell the customer, and tidy up by closing the account.",
            ("messages.send", _MESSAGE),
            ("accounts.close", {"account_id": "ana"}),
        ),
        _unless_refused("Ticket 7 is settled: 1200 EUR went back, and Ana keeps her account."),
    ]


def _turn(say: str, *calls: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    return {"say": say, "calls": [{"tool": name, "args": args} for name, args in calls]}


def _unless_refused(say: str, *calls: tuple[str, dict[str, Any]]) -> Callable[[ChatRequest], dict[str, Any]]:
    """The turn, unless a person said no: then the agent ends its work with what it was told."""

    def reply(request: ChatRequest) -> dict[str, Any]:
        told = [message.content for message in request.messages if message.role == "tool"]
        no = next((text for text in told if text.startswith(_NO) or _DECLINED in text), None)
        return _turn(say, *calls) if no is None else _turn(f"I stop here. I was told: {no}")

    return reply
