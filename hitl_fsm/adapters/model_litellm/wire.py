"""Between our messages and LiteLLM's, which are OpenAI's chat format: names, history, replies. No LiteLLM in here.

Providers want tool names of at most 64 letters, digits, `_` and `-`; ours may hold dots and be longer. `Names` maps
both ways for one request. History must be JSON everywhere: most of LiteLLM's provider formats parse the arguments of
earlier calls, so a call whose arguments were no JSON object goes back wrapped in one, or every later turn would fail.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterable, Mapping
from typing import Any, Final

from hitl_fsm.model.message import ChatRequest, Message, ModelReply, ToolCall, Usage

WIRE_NAME_LENGTH: Final = 64
UNREADABLE_KEY: Final = "unreadable_arguments"
MAX_UNREADABLE_CHARS: Final = 2000
# What a provider may demand back with its message; else it refuses the next turn, or thinks from scratch.
ECHOED: Final = ("thinking_blocks", "reasoning_content", "provider_specific_fields")
CALL_ECHO: Final = "calls"

_NOT_WIRE: Final = re.compile(r"[^a-zA-Z0-9_-]")
_ID_BYTES: Final = 12


class Names:
    """Tool names of one request and their wire names; no two tools share one."""

    def __init__(self, tools: Iterable[str], invented: Iterable[str] = ()) -> None:
        """Map the request's `tools`, and names that only its history has (`invented` by the model)."""
        known = list(dict.fromkeys(tools))
        others = [name for name in dict.fromkeys(invented) if name not in known]
        self._to_wire: dict[str, str] = {name: name for name in known if _wire(name) == name}
        taken = set(self._to_wire)
        for name in (*known, *others):
            if name not in self._to_wire:
                self._to_wire[name] = _free(_wire(name), taken)
                taken.add(self._to_wire[name])
        self._to_tool = {self._to_wire[name]: name for name in known}

    def wire(self, tool: str) -> str:
        """Give the name that the provider sees; KeyError for a name that was not mapped."""
        return self._to_wire[tool]

    def tool(self, wire: str) -> str:
        """Give our name; a name that is none of the request's tools comes back as it is."""
        return self._to_tool.get(wire, wire)


def names_of(request: ChatRequest) -> Names:
    """Map the tools of `request` and every name in its history."""
    return Names(
        (tool.name for tool in request.tools),
        (call.tool for message in request.messages for call in message.calls),
    )


def wire_request(request: ChatRequest, names: Names) -> dict[str, Any]:
    """Give `messages` and `tools` (left out when there are none) for `litellm.acompletion`."""
    wired: dict[str, Any] = {"messages": [_message(message, names) for message in request.messages]}
    if request.tools:
        wired["tools"] = [
            {
                "type": "function",
                "function": {
                    "name": names.wire(tool.name),
                    "description": _text(tool.description),
                    "parameters": tool.parameters,
                },
            }
            for tool in request.tools
        ]
    return wired


def make_reply(
    message: Mapping[str, Any], *, usage: Usage, model: str, request: ChatRequest, names: Names
) -> ModelReply:
    """Build the reply from an assistant message as a dict (LiteLLM's, or one put together from a stream)."""
    used = {call.provider_id for earlier in request.messages for call in earlier.calls}
    calls: list[ToolCall] = []
    call_echo: dict[str, Any] = {}
    for wired in message.get("tool_calls") or ():
        function = wired.get("function") or {}
        provider_id = wired.get("id")
        if not isinstance(provider_id, str) or not provider_id or provider_id in used:
            provider_id = f"call_{secrets.token_hex(_ID_BYTES)}"
        used.add(provider_id)
        name = names.tool(str(function.get("name") or ""))
        calls.append(ToolCall(provider_id, name, arguments_text(function.get("arguments"))))
        fields = _told(wired.get("provider_specific_fields"))
        if fields:
            call_echo[provider_id] = fields
    echo = {key: value for key in ECHOED if (value := _told(message.get(key)))}
    if call_echo:
        echo[CALL_ECHO] = call_echo
    return ModelReply(
        text=_content(message.get("content")),
        calls=tuple(calls),
        usage=usage,
        model=model,
        echo=echo or None,
    )


def arguments_text(arguments: object) -> str:
    """Give the raw argument text: as it came, or what a provider's ready-made object says as JSON."""
    if arguments is None:
        return ""
    return arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)


def _message(message: Message, names: Names) -> dict[str, Any]:
    if message.role == "tool":
        return {"role": "tool", "tool_call_id": message.provider_id or "", "content": _text(message.content)}
    wired: dict[str, Any] = {"role": message.role, "content": _text(message.content)}
    if message.role != "assistant":
        return wired
    echo = message.echo or {}
    wired.update((key, echo[key]) for key in ECHOED if key in echo)
    if message.calls:
        wired["content"] = wired["content"] or None
        wired["tool_calls"] = [_call(call, names, echo.get(CALL_ECHO, {})) for call in message.calls]
    return wired


def _call(call: ToolCall, names: Names, call_echo: Mapping[str, Any]) -> dict[str, Any]:
    function = {"name": names.wire(call.tool), "arguments": _readable(call.arguments)}
    wired: dict[str, Any] = {"id": call.provider_id, "type": "function", "function": function}
    if call.provider_id in call_echo:
        wired["provider_specific_fields"] = call_echo[call.provider_id]
    return wired


def _readable(arguments: str) -> str:
    try:
        parsed = json.loads(arguments)
        # Written once more, for what reads well but cannot be sent: NaN, 1e999, half a surrogate pair.
        json.dumps(parsed, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError):
        parsed = None
    if isinstance(parsed, dict):
        return arguments
    return json.dumps({UNREADABLE_KEY: arguments[:MAX_UNREADABLE_CHARS].encode(errors="replace").decode()})


def _text(text: str) -> str:
    """Replace half surrogate pairs, which no UTF-8 body can carry."""
    return text.encode(errors="replace").decode()


def _content(content: object) -> str:
    if isinstance(content, list):
        parts = (part.get("text") for part in content if isinstance(part, Mapping))
        return "".join(part for part in parts if isinstance(part, str))
    return content if isinstance(content, str) else ""


def _told(value: object) -> Any:
    """Leave out what says nothing (LiteLLM fills fields with None), and what LiteLLM says twice."""
    if isinstance(value, Mapping):
        return {key: inner for key, inner in value.items() if inner is not None and key not in ECHOED}
    return value


def _wire(name: str) -> str:
    wire = _NOT_WIRE.sub("_", name)
    # Gemini wants a letter or `_` first.
    return (wire if wire[:1].isalpha() or wire[:1] == "_" else f"_{wire}")[:WIRE_NAME_LENGTH]


def _free(wire: str, taken: set[str]) -> str:
    free, number = wire, 1
    while free in taken:
        number += 1
        suffix = f"_{number}"
        free = wire[: WIRE_NAME_LENGTH - len(suffix)] + suffix
    return free
