"""Teams and workflows to read the streams of, and models that speak as slowly as a test wants."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from hitl_fsm import Agent, Step, Team, Workflow
from hitl_fsm.model.message import ChatRequest, ModelReply
from hitl_fsm.testing import ScriptedModel
from house import House, call, calls, policies, policy_text

CONFIRM = policies(
    policy_text("- {id: pay, tools: [pay], gate: confirm}", tools='["*"]', extra="default: allow")
)  # members and steps are free, what they pay is not
CLERK = [calls(call("pay", to="bob", amount=5)), {"say": "clerk paid bob"}]
SCOUT = [calls(call("look", order_id="1")), {"say": "scout saw it"}]
BOTH = [calls(call("ask_clerk", task="pay bob"), call("ask_scout", task="look")), {"say": "both are done"}]


class Timed:
    """Says its words one by one, as slowly as the test wants."""

    def __init__(self, *words: str, pause_s: float = 0.02) -> None:
        self.words, self.pause_s = words, pause_s

    async def reply(self, request: ChatRequest, on_text: Callable[[str], None] | None = None) -> ModelReply:
        for word in self.words:
            await asyncio.sleep(self.pause_s)
            if on_text is not None:
                on_text(word)
        return ModelReply("".join(self.words))


class Held:
    """Says one word, then waits for the test; `asked` is set once it was asked."""

    def __init__(self) -> None:
        self.asked, self.go = asyncio.Event(), asyncio.Event()

    async def reply(self, request: ChatRequest, on_text: Callable[[str], None] | None = None) -> ModelReply:
        self.asked.set()
        if on_text is not None:
            on_text("well ")
        await self.go.wait()
        return ModelReply("well done")


def a_team(house: House, clerk: Any = CLERK, scout: Any = SCOUT, leader: Any = BOTH) -> Team:
    engine = house.engine(CONFIRM)
    members = [
        Agent(name, ScriptedModel(says) if isinstance(says, list) else says, engine=engine, tools=house.tools())
        for name, says in (("clerk", clerk), ("scout", scout))
    ]
    return Team("finance", members, model=ScriptedModel(leader), engine=engine)


def a_workflow(house: House, model: Any) -> Workflow:
    engine = house.engine(CONFIRM)
    return Workflow(
        "refunds", [Step("payout", Agent("clerk", model, engine=engine, tools=house.tools()))], engine=engine
    )
