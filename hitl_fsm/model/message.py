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
    """One assistant turn. `echo` is opaque provider data that must go back with the message."""

    text: str = ""
    calls: tuple[ToolCall, ...] = ()
    usage: Usage = Usage()
    model: str = ""
    echo: dict[str, Any] | None = None


class Message(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of the conversation. `provider_id` ties a tool's result to its call."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str = ""
    calls: tuple[ToolCall, ...] = ()
    provider_id: str | None = None
    tool: str | None = None
    echo: dict[str, Any] | None = None


class ToolSpec(msgspec.Struct, frozen=True):
    """A tool as the model sees it; `parameters` is an object JSON Schema."""

    name: str
    description: str
    parameters: dict[str, Any]


class ChatRequest(msgspec.Struct, frozen=True):
    """Everything that one model call needs; `options` go to the provider as they are."""

    model: str
    messages: tuple[Message, ...]
    tools: tuple[ToolSpec, ...] = ()
    options: dict[str, Any] = {}
