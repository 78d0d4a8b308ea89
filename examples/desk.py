"""A team: whoever leads it asks a scout and a cashier. What the cashier pays needs a person.

Run it from here: `hitl-fsm run examples.desk:team "Where is order 42?" --user alice`.
"""

from __future__ import annotations

from pathlib import Path

from hitl_fsm import Agent, Engine, Team, tool

HERE = Path(__file__).parent
MODEL = f"scripted/{HERE}/desk.{{}}.script.yaml"  # for a real model: MODEL = "openai/gpt-5", or a name for each


@tool(name="orders.lookup", version="1", idempotent=True)
def lookup(order_id: str) -> str:
    """Look an order up."""
    return f"order {order_id} was paid, and never arrived"


@tool(name="payments.refund", version="1")
def refund(order_id: str, amount: float, currency: str) -> str:
    """Pay money back for an order."""
    return f"{amount:.2f} {currency} are back for order {order_id}"


engine = Engine(
    policies=HERE.parent / "policies",
    actors={"alice": ["support"], "maria": ["finance"]},
)
scout = Agent(
    name="scout",
    model=MODEL.format("scout"),
    tools=[lookup],
    instructions="Look orders up, and say in a sentence what became of them.",
    engine=engine,
)
cashier = Agent(
    name="cashier",
    model=MODEL.format("cashier"),
    tools=[refund],
    instructions="Pay back what you are asked to pay back.",
    engine=engine,
)
team = Team(
    name="desk",
    members=[scout, cashier],
    model=MODEL.format("lead"),
    instructions="Settle what customers write: ask the scout first, then the cashier.",
    engine=engine,
)
