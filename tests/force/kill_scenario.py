"""The run that is killed and frozen everywhere: every kind of gate, batches, an idempotent tool, a refusal.

Who answers looks at nothing but the question; what really happened stands in the witness.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from kill_points import Points
from witness import Witness

from hitl_fsm import ask_user, current_call, tool
from hitl_fsm.model import answer as answers
from hitl_fsm.model.message import ChatRequest, ModelReply
from hitl_fsm.model.requirement import Requirement
from hitl_fsm.policy.evaluate import PolicySet
from hitl_fsm.testing import ScriptedModel
from house import policies, policy_text

MONEY = """
- {id: looking, tools: [look, book], gate: allow}
- {id: paying, tools: [pay], gate: confirm}
- id: refunds
  tools: [refund]
  gate:
    - user_input:
        schema:
          type: object
          properties: {amount: {type: number, minimum: 1}, ticket: {type: string}}
          required: [amount, ticket]
    - approval: {of: ['role:finance']}
- {id: screening, tools: [screen], gate: {external: {route: sanctions}}}
"""
STOCK = """
- {id: counting, tools: [stock, alert], gate: allow}
- {id: dropping, tools: [drop], gate: confirm}
"""

SCRIPT: list[dict[str, Any]] = [
    {
        "say": "Let me look, and pay.",
        "calls": [
            {"tool": "look", "args": {"what": "one"}},
            {"tool": "pay", "args": {"what": "bob"}},
            {"tool": "look", "args": {"what": "two"}},
        ],
    },
    {
        "calls": [
            {"tool": "refund", "args": {"what": "order"}},
            {"tool": "book", "args": {"what": "refund"}},
        ],
    },
    {
        "say": "Now the stock.",
        "calls": [
            {"tool": "stock", "args": {"what": "left"}},
            {"tool": "alert", "args": {"what": "right"}},
            {"tool": "drop", "args": {"what": "all"}},
        ],
    },
    {
        "calls": [
            {"tool": "screen", "args": {"what": "bob"}},
            {"tool": "ask_user", "args": {"question": "Which size?"}},
        ],
    },
    {"calls": [{"tool": "pay", "args": {"what": "eve"}}, {"tool": "book", "args": {"what": "end"}}]},
    {"say": "That is the end."},
]
OUTPUT = "That is the end."

ONCE = ("alert right", "look one", "look two", "pay bob", "pay eve", "refund order", "stock left")
"""What must have happened once, whatever happened to the workers."""
ONE_KEY = ("book end", "book refund")
"""What may be tried again, always with one key."""

ANSWERS: dict[tuple[str, str], tuple[answers.Answer, str]] = {
    ("confirm", "pay"): (answers.Approve(), "alice"),
    ("confirm", "drop"): (answers.Reject(), "alice"),
    ("user_input", "refund"): (answers.Provide({"amount": 7, "ticket": "T-1"}), "alice"),
    ("approval", "refund"): (answers.Approve(), "maria"),
    ("external", "screen"): (answers.Report("nothing is known of bob"), "otto"),
    ("user_input", "ask_user"): (answers.Provide({"answer": "large"}), "alice"),
}
"""What is said to each question, and by whom."""

ACTORS = {"maria": ["finance"], "otto": ["ops"], "alice": []}


@cache
def scenario_policies() -> PolicySet:
    return policies(
        policy_text(MONEY, name="money", tools="[look, book, pay, refund, screen]"),
        policy_text(STOCK, name="stock", tools="[stock, alert, drop]", extra="batch: run_ungated"),
    )


def result_of(name: str, what: str) -> str:
    """What each tool returns; a person who saw the effect reports the same."""
    return f"{name} of {what} is done"


def scenario_tools(effects: Witness, points: Points) -> list[Any]:
    """Each leaves its effect in the witness, with a place right before and right after it."""

    def act(name: str, what: str) -> str:
        call = current_call()
        points.reach(f"in {name} {what}, before the effect")
        effects.leave(effect=f"{name} {what}", call=call.call_id, key=call.idempotency_key, attempt=call.attempt)
        points.reach(f"in {name} {what}, after the effect")
        return result_of(name, what)

    def plain(name: str) -> Callable[[str], str]:
        def run(what: str) -> str:
            return act(name, what)

        run.__doc__ = f"To {name}."
        return run

    async def refund(what: str, amount: float = 0) -> str:
        """Send money back."""
        return act("refund", what)

    async def alert(what: str) -> str:
        """Tell somebody."""
        return act("alert", what)

    made = [tool(name=name)(plain(name)) for name in ("look", "pay", "stock", "drop", "screen")]
    return [*made, tool(refund), tool(alert), tool(name="book", idempotent=True)(plain("book")), ask_user]


class WitnessedModel:
    """Replays the script; each call of it is witnessed, and has places inside."""

    def __init__(self, asked: Witness, points: Points) -> None:
        self._script = ScriptedModel(SCRIPT)
        self._asked = asked
        self._points = points

    async def reply(self, request: ChatRequest, on_text: Callable[[str], None] | None = None) -> ModelReply:
        turn = 1 + sum(message.role == "assistant" for message in request.messages)
        self._asked.leave(asked=turn)
        self._points.reach(f"inside the model's call of turn {turn}")

        def told(text: str) -> None:
            if on_text is not None:
                on_text(text)
            self._points.reach(f"in the stream of turn {turn}")

        reply = await self._script.reply(request, on_text and told)
        self._points.reach(f"at the end of the model's call of turn {turn}")
        return reply


def answer_to(requirement: Requirement, effects: Witness) -> tuple[answers.Answer, str]:
    """The answer and who gives it. `did it happen?` is answered truthfully: by a look at the witness."""
    if requirement.kind == "outcome":
        happened = any(line["call"] == requirement.call_id for line in effects.lines())
        what = str(requirement.args["what"])
        return (answers.Happened(result_of(requirement.tool, what)) if happened else answers.NotHappened()), "otto"
    return ANSWERS[requirement.kind, requirement.tool]
