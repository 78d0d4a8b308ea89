"""What the driver needs to know of an agent or a gated callable to advance its runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hitl_fsm.model.message import ChatRequest, Message
from hitl_fsm.ports import ChatModel
from hitl_fsm.runtime.tools import AnyTool

TURNS = 100
"""Model turns a run may take by default."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """`kind` and `name` tie a stored run to it; `max_turns` None means without a limit."""

    kind: str
    name: str
    model_name: str
    model: ChatModel
    tools: Mapping[str, AnyTool]
    instructions: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    max_turns: int | None = TURNS

    def request(self, messages: list[Message]) -> ChatRequest:
        """The next model call: instructions, conversation, tools."""
        system = (Message(role="system", content=self.instructions),) if self.instructions else ()
        return ChatRequest(
            model=self.model_name,
            messages=(*system, *messages),
            tools=tuple(tool.spec for tool in self.tools.values()),
            options=dict(self.options),
        )
