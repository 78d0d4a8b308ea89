"""What passes between the engine and a model."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

COUNT_MAX = 2**62
"""Tokens, or micro-dollars, of one run that are counted; beyond it the count stands still."""


class ToolCall(msgspec.Struct, frozen=True):
    """A call as the model wrote it: `arguments` is raw, untrusted JSON text."""

    provider_id: str
    tool: str
    arguments: str


class Usage(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one reply took: tokens, and its price in micro-dollars (millionths of a US dollar).

    `cached` of the `prompt` tokens were read from the provider's cache, `reasoning` of the `completion` tokens are its
    thoughts; 0 where the provider does not tell. `cost` None: nobody knows the price, which is not 0.
    """

    prompt: int = 0
    completion: int = 0
    cached: int = 0
    reasoning: int = 0
    cost: int | None = None


FREE = Usage(cost=0)
"""Of a reply that no model was asked for."""


class Spent(msgspec.Struct, frozen=True, omit_defaults=True):
    """What several replies took together. `cost` is the known part: the price of `unpriced` replies is not in it."""

    replies: int = 0
    prompt: int = 0
    completion: int = 0
    cached: int = 0
    reasoning: int = 0
    cost: int = 0
    unpriced: int = 0

    @property
    def tokens(self) -> int:
        """Those sent and those written; cached and reasoning ones are among them."""
        return self.prompt + self.completion

    def plus(self, usage: Usage) -> Spent:
        """With one more reply. No count goes beyond what the log can hold."""
        return Spent(
            replies=self.replies + 1,
            prompt=min(self.prompt + usage.prompt, COUNT_MAX),
            completion=min(self.completion + usage.completion, COUNT_MAX),
            cached=min(self.cached + usage.cached, COUNT_MAX),
            reasoning=min(self.reasoning + usage.reasoning, COUNT_MAX),
            cost=min(self.cost + (usage.cost or 0), COUNT_MAX),
            unpriced=self.unpriced + (usage.cost is None),
        )


class ModelReply(msgspec.Struct, frozen=True, omit_defaults=True):
    """One assistant turn. `echo` is opaque provider data that must go back with the message.

    `value` is a final answer that is more than text. `refused` is the engine's: why it is none of the form asked for.
    So are `origin` and `instead_of`: whose opaque data it is, and why those asked before did not answer; `provider`,
    who runs the model, and `request`, the digest of what it was asked.
    """

    text: str = ""
    calls: tuple[ToolCall, ...] = ()
    usage: Usage = Usage()
    model: str = ""
    echo: dict[str, Any] | None = None
    value: Any = None
    refused: str = ""
    origin: str = ""
    instead_of: tuple[str, ...] = ()
    provider: str = ""
    request: str = ""


class Message(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of a conversation. `provider_id` ties a tool's result to its call.

    `frame`: whose conversation it is (see `Frame`; "" is the run's own). `value` is an input or a result that is more
    than text, and `outcome` the state in which a call ended, `outcome_unknown` where somebody gave it up; both are for
    a plan that goes on from them. `refused`: it tells the model why its answer was none.
    `origin`: whose opaque data `echo` is; it goes to nobody else ("" in old logs: the run's own model's).
    """

    role: Literal["system", "user", "assistant", "tool"]
    content: str = ""
    calls: tuple[ToolCall, ...] = ()
    provider_id: str | None = None
    tool: str | None = None
    echo: dict[str, Any] | None = None
    frame: str = ""
    value: Any = None
    outcome: str = ""
    refused: bool = False
    origin: str = ""


class ToolSpec(msgspec.Struct, frozen=True):
    """A tool as the model sees it; `parameters` is an object JSON Schema."""

    name: str
    description: str
    parameters: dict[str, Any]


class ChatRequest(msgspec.Struct, frozen=True):
    """Everything that one model call needs; `options` go to the provider as they are.

    `output_schema`: the JSON Schema that a final answer has to fit, for providers that take one. Who does not pass it
    on loses nothing but a turn: the answer is checked in any case, and the model is told the schema then.
    """

    model: str
    messages: tuple[Message, ...]
    tools: tuple[ToolSpec, ...] = ()
    options: dict[str, Any] = {}
    output_schema: dict[str, Any] | None = None
