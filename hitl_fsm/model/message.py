"""What passes between the engine and a model."""

from __future__ import annotations

from typing import Any, Literal

import msgspec


class ToolCall(msgspec.Struct, frozen=True):
    """A call as the model wrote it: `arguments` is raw, untrusted JSON text."""

    provider_id: str
    tool: str
    arguments: str


class Usage(msgspec.Struct, frozen=True, omit_defaults=True):
    """Tokens."""

    prompt: int = 0
    completion: int = 0


class ModelReply(msgspec.Struct, frozen=True, omit_defaults=True):
    """One assistant turn. `echo` is opaque provider data that must go back with the message.

    `value` is a final answer that is more than text. `refused` is the engine's: why it is none of the form asked for.
    """

    text: str = ""
    calls: tuple[ToolCall, ...] = ()
    usage: Usage = Usage()
    model: str = ""
    echo: dict[str, Any] | None = None
    value: Any = None
    refused: str = ""


class Message(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of a conversation. `provider_id` ties a tool's result to its call.

    `frame`: whose conversation it is (see `Frame`; "" is the run's own). `value` is an input or a result that is more
    than text, and `outcome` the state in which a call ended; both are for a plan that goes on from them. `refused`: it
    tells the model why its answer was none.
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
