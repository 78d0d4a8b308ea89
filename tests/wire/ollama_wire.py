"""Ollama's /api/chat: JSON, and one JSON document a line; calls are objects without ids."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from wire.base import Fails, Says, Seen, Turn, Wire, cut, require

if TYPE_CHECKING:
    from collections.abc import Iterator


class OllamaWire(Wire):
    model = "ollama_chat/llama-test"
    content_type = "application/x-ndjson"
    raw_arguments = False
    raw_arguments_streamed = False

    def read(self, body: dict[str, Any], path: str) -> Seen:
        require(path == "/api/chat", f"path {path}")
        tools = {tool["function"]["name"]: tool["function"]["parameters"] for tool in body.get("tools") or ()}
        require(len(tools) == len(body.get("tools") or ()), "two tools of one name")
        turns: list[Turn] = []
        system = ""
        for message in body["messages"]:
            if message["role"] == "system":
                system += message["content"]
                continue
            calls = [call["function"] for call in message.get("tool_calls") or ()]
            require(all(isinstance(call["arguments"], dict) for call in calls), "arguments that are no object")
            results = (("", message["content"]),) if message["role"] == "tool" else ()
            turns.append(
                Turn(
                    message["role"],
                    "" if results else message.get("content") or "",
                    tuple(("", call["name"], call["arguments"]) for call in calls),
                    results,
                    {"thinking": message["thinking"]} if message.get("thinking") else {},
                )
            )
        return Seen(system, tuple(turns), tools, bool(body["stream"]))

    def aside(self, path: str) -> dict[str, Any] | None:
        # LiteLLM asks what the model can do before it sends tools.
        return {"capabilities": ["completion", "tools"], "template": "{{ .Tools }}"} if path == "/api/show" else None

    def whole(self, says: Says) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": says.text, **_calls(says)}
        if says.thinking:
            message["thinking"] = says.thinking
        return {**_HEAD, "message": message, **_end(says)}

    def pieces(self, says: Says) -> Iterator[str]:
        if says.thinking:
            yield _line({"role": "assistant", "content": "", "thinking": says.thinking})
        for piece in cut(says.text):
            yield _line({"role": "assistant", "content": piece})
        for call in says.calls:
            yield _line({"role": "assistant", "content": "", **_calls(Says(calls=(call,)))})
        yield json.dumps({**_HEAD, "message": {"role": "assistant", "content": ""}, **_end(says)}) + "\n"

    def beginning(self, text: str) -> Iterator[str]:
        yield _line({"role": "assistant", "content": text})

    def error(self, fails: Fails) -> dict[str, Any]:
        return {"error": fails.message}


_HEAD = {"model": "llama-test", "created_at": "2026-01-01T00:00:00.000000Z"}


def _line(message: dict[str, Any]) -> str:
    return json.dumps({**_HEAD, "message": message, "done": False}) + "\n"


def _calls(says: Says) -> dict[str, Any]:
    calls = [{"function": {"name": call.name, "arguments": call.args}} for call in says.calls]
    return {"tool_calls": calls} if calls else {}


def _end(says: Says) -> dict[str, Any]:
    return {"done": True, "done_reason": says.finish or "stop", "prompt_eval_count": 11, "eval_count": 7}
