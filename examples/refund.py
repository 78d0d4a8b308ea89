"""A support agent that pays money back. Large refunds need a form and somebody of finance.

Run it from here: `hitl-fsm run examples.refund:agent "Refund order 42" --user alice`.
"""

from __future__ import annotations

from pathlib import Path

from hitl_fsm import Agent, Engine, ask_user, current_call, tool

HERE = Path(__file__).parent
MODEL = f"scripted/{HERE / 'refund.script.yaml'}"  # for a real model: MODEL = "openai/gpt-5", or any name LiteLLM knows


@tool(name="orders.lookup", version="1", idempotent=True)
def lookup(order_id: str) -> dict[str, str | float]:
    """Look an order up.

    Args:
        order_id: The number of the order.
    """
    return {"order_id": order_id, "customer": "ana@customer.test", "paid": 1200.0, "currency": "EUR"}


@tool(name="payments.refund", version="1")
def refund(order_id: str, amount: float, currency: str, reason: str = "none given") -> str:
    """Pay money back for an order.

    Args:
        order_id: The number of the order.
        amount: How much, in the currency's main unit.
        currency: Three letters, as EUR.
        reason: Why. For large amounts a person fills this in.
    """
    return f"refunded {amount:.2f} {currency} for order {order_id} ({reason}), key {current_call().idempotency_key}"


@tool(name="messages.send", version="1")
def send(to: str, text: str) -> str:
    """Write to a customer.

    Args:
        to: The address.
        text: The message.
    """
    return f"sent {len(text)} characters to {to}"


engine = Engine(
    policies=HERE.parent / "policies",
    actors={"alice": ["support"], "maria": ["finance"]},
)
agent = Agent(
    name="refunds",
    model=MODEL,
    tools=[lookup, refund, send, ask_user],
    instructions="Settle refund requests: look the order up, ask for what you do not know, pay, tell the customer.",
    engine=engine,
)
