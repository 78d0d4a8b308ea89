"""A workflow played without an engine: calls are made by hand, so that each outcome can be chosen.

Every turn is told from the messages alone, which went through JSON, by a program built anew: as after a restart.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from hitl_fsm.core.draft import as_text
from hitl_fsm.model.action import Below
from hitl_fsm.model.actor import Actor
from hitl_fsm.model.context import CallContext
from hitl_fsm.model.message import ChatRequest, Message, ModelReply, ToolCall
from hitl_fsm.runtime.recipe import Recipe
from hitl_fsm.runtime.tools.results import error_text
from hitl_fsm.runtime.workflow.program import program
from hitl_fsm.runtime.workflow.workflow import recipe_of

Outcome = tuple[str, Any]
"""The state in which a call ends, and its result."""
Rule = Callable[[str, dict[str, Any]], Outcome | None]
"""What becomes of a call by that name with these arguments; None: it runs."""
TURNS_MAX = 200

_messages = msgspec.json.Decoder(tuple[Message, ...])


@dataclass
class Played:
    """`made` has every call in order, `batches` which went together, whose own conversation they are in first."""

    steps: Callable[[], Sequence[Any]]
    rule: Rule = lambda name, args: None
    made: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    batches: list[tuple[str, ...]] = field(default_factory=list)
    replies: list[ModelReply] = field(default_factory=list)

    def run(self, given: Any = "go") -> Any:
        """The output; what the planner raises comes through."""
        return asyncio.run(self._conversation(lambda: recipe_of("flow", program("flow", self.steps())), given))

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.made]

    async def _conversation(self, recipe: Callable[[], Recipe], given: Any) -> Any:
        messages: tuple[Message, ...] = (_said("user", given),)
        for _ in range(TURNS_MAX):
            messages = _messages.decode(msgspec.json.encode(messages))
            now = recipe()
            reply = await now.model.reply(ChatRequest(now.model_name, messages))
            self.replies.append(reply)
            if not reply.calls:
                return reply.text if reply.value is None else reply.value
            self.batches.append(tuple(call.tool for call in reply.calls))
            results = [await self._call(now, call) for call in reply.calls]
            messages += (Message("assistant", calls=reply.calls, echo=reply.echo), *results)
        raise AssertionError("it does not end")

    async def _call(self, recipe: Recipe, call: ToolCall) -> Message:
        args = msgspec.json.decode(call.arguments)
        self.made.append((call.tool, args))
        outcome, value = self.rule(call.tool, args) or await self._run(recipe, call.tool, args)
        message = _said("tool", value)
        return msgspec.structs.replace(message, outcome=outcome, tool=call.tool, provider_id=call.provider_id)

    async def _run(self, recipe: Recipe, name: str, args: dict[str, Any]) -> Outcome:
        tool, below = recipe.tools[name], recipe.standing(name, args).below
        args = tool.completed(args)
        if problems := tool.problems(args):
            return "denied", f"{problems}"
        try:
            if below is not None:
                return "succeeded", await self._conversation(lambda: _down(recipe, below), args[below.argument])
            return "succeeded", await tool.call(args, CallContext("run", "1.0", "key", 1, Actor("user")))
        except Exception as error:  # noqa: BLE001 - as the engine does
            return "failed", error_text(error)


def _down(recipe: Recipe, below: Below) -> Recipe:
    return recipe.below[below.name]


def _said(role: Any, value: Any) -> Message:
    return Message(role, as_text(value), value=None if isinstance(value, str) else value)
