"""OpenAI's chat completions: JSON, and server-sent events that end with `[DONE]`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from wire.base import Asks, Says, Seen, Turn, Wire, cut, only, require, sse

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = re.compile(r"^[a-zA-Z0-9_-]{1,64}$")


class OpenAIWire(Wire):
    model = "openai/gpt-test"
    base_path = "/v1"

    def read(self, body: dict[str, Any], path: str) -> Seen:
        require(path == "/v1/chat/completions", f"path {path}")
        tools = {}
        for tool in body.get("tools", ()):
            only(tool, {"type", "function"}, "a tool")
            name = tool["function"]["name"]
            require(NAME.match(name) and name not in tools, f"tool name {name!r}")
            tools[name] = tool["function"]["parameters"]
        turns, system, waiting = [], "", []
        for message in body["messages"]:
            role = message["role"]
            if role == "tool":
                only(message, {"role", "content", "tool_call_id"}, "a tool message")
                require(message["tool_call_id"] in waiting, f"no call {message['tool_call_id']!r} waits for a result")
                waiting.remove(message["tool_call_id"])
                turns.append(Turn("tool", results=((message["tool_call_id"], message["content"]),)))
                continue
            require(not waiting, f"calls without a result: {waiting}")
            only(message, {"role", "content", "tool_calls", "reasoning_content"}, f"a {role} message")
            if role == "system":
                system += message["content"]
                continue
            calls = []
            for call in message.get("tool_calls") or ():
                only(call, {"id", "type", "function"}, "a call")
                only(call["function"], {"name", "arguments"}, "a call's function")
                require(NAME.match(call["function"]["name"]), f"call name {call['function']['name']!r}")
                calls.append((call["id"], call["function"]["name"], call["function"]["arguments"]))
                waiting.append(call["id"])
            extra = {key: message[key] for key in ("reasoning_content",) if key in message}
            turns.append(Turn(role, message.get("content") or "", tuple(calls), extra=extra))
        require(not waiting, f"calls without a result: {waiting}")
        return Seen(system, tuple(turns), tools, bool(body.get("stream")))

    def whole(self, says: Says) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": says.text or None}
        if says.thinking:
            message["reasoning_content"] = says.thinking
        if says.calls:
            message["tool_calls"] = [
                {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.text}}
                for call in says.calls
            ]
        choice = {"index": 0, "message": message, "finish_reason": _finish(says)}
        head = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "gpt-test-0001"}
        return {**head, "choices": [choice], "usage": USAGE}

    def pieces(self, says: Says) -> Iterator[str]:
        yield _chunk({"role": "assistant", "content": ""})
        if says.thinking:
            yield _chunk({"reasoning_content": says.thinking})
        for piece in cut(says.text):
            yield _chunk({"content": piece})
        for index, call in enumerate(says.calls):
            yield from self.call_pieces(index, call)
        yield _chunk({}, _finish(says))
        yield sse({**_HEAD, "choices": [], "usage": USAGE})
        yield "data: [DONE]\n\n"

    def call_pieces(self, index: int, call: Asks) -> Iterator[str]:
        first = {"index": index, "id": call.id, "type": "function", "function": {"name": call.name, "arguments": ""}}
        yield _chunk({"tool_calls": [first]})
        for piece in cut(call.text):
            yield _chunk({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})

    def beginning(self, text: str) -> Iterator[str]:
        yield _chunk({"role": "assistant", "content": ""})
        yield _chunk({"content": text})


class WholeCallsWire(OpenAIWire):
    """A server that imitates the format and sends each call whole, all at index 0."""

    def call_pieces(self, index: int, call: Asks) -> Iterator[str]:
        function = {"name": call.name, "arguments": call.text}
        yield _chunk({"tool_calls": [{"index": 0, "id": call.id, "type": "function", "function": function}]})


USAGE = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
_HEAD = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-test-0001"}


def _chunk(delta: dict[str, Any], finish: str | None = None) -> str:
    return sse({**_HEAD, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})


def _finish(says: Says) -> str:
    return says.finish or ("tool_calls" if says.calls else "stop")
