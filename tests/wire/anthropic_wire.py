"""Anthropic's messages: content blocks; named server-sent events."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from wire.base import Fails, Says, Seen, Turn, Wire, cut, require, sse

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = re.compile(r"^[a-zA-Z0-9_-]{1,128}$")
ID = re.compile(r"^[a-zA-Z0-9_-]+$")


class AnthropicWire(Wire):
    model = "anthropic/claude-test"
    raw_arguments = False  # JSON mode carries an object; the stream carries text

    def read(self, body: dict[str, Any], path: str) -> Seen:
        require(path == "/v1/messages", f"path {path}")
        require(isinstance(body["max_tokens"], int), "max_tokens")
        tools = {}
        for tool in body.get("tools", ()):
            require(NAME.match(tool["name"]) and tool["name"] not in tools, f"tool name {tool['name']!r}")
            require(tool["input_schema"]["type"] == "object", "input_schema")
            tools[tool["name"]] = tool["input_schema"]
        turns, waiting, last = [], [], ""
        for message in body["messages"]:
            role, content = message["role"], message["content"]
            require(role in {"user", "assistant"} and role != last, f"two {role} messages in a row")
            last = role
            blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
            require(blocks, "an empty message")
            results = tuple((b["tool_use_id"], _text(b["content"])) for b in blocks if b["type"] == "tool_result")
            require([id_ for id_, _ in results] == waiting, f"results {results} for the calls {waiting}")
            calls = tuple((b["id"], b["name"], b["input"]) for b in blocks if b["type"] == "tool_use")
            for id_, name, given in calls:
                require(ID.match(id_) and NAME.match(name) and isinstance(given, dict), f"call {id_!r} {name!r}")
            waiting = [id_ for id_, _, _ in calls]
            require(all(b["text"].strip() for b in blocks if b["type"] == "text"), "an empty text block")
            text = "".join(b["text"] for b in blocks if b["type"] == "text")
            thinking = [b for b in blocks if b["type"] == "thinking"]
            require(all(b["signature"] for b in thinking), "thinking without a signature")
            extra = {"thinking": [(b["thinking"], b["signature"]) for b in thinking]} if thinking else {}
            turns.append(Turn(role, text, calls, results, extra))
        require(not waiting, f"calls without a result: {waiting}")
        return Seen(_text(body.get("system", "")), tuple(turns), tools, bool(body.get("stream")))

    def whole(self, says: Says) -> dict[str, Any]:
        content: list[dict[str, Any]] = []
        if says.thinking:
            content.append({"type": "thinking", "thinking": says.thinking, "signature": says.signature})
        if says.text:
            content.append({"type": "text", "text": says.text})
        content += [{"type": "tool_use", "id": c.id, "name": c.name, "input": c.args} for c in says.calls]
        return {**_HEAD, "content": content, "stop_reason": _finish(says), "stop_sequence": None, "usage": USAGE}

    def pieces(self, says: Says) -> Iterator[str]:
        yield from _start()
        index = 0
        if says.thinking:
            yield _event("content_block_start", index=index, content_block={"type": "thinking", "thinking": ""})
            for piece in cut(says.thinking):
                yield _event("content_block_delta", index=index, delta={"type": "thinking_delta", "thinking": piece})
            delta = {"type": "signature_delta", "signature": says.signature}
            yield _event("content_block_delta", index=index, delta=delta)
            yield _event("content_block_stop", index=index)
            index += 1
        if says.text:
            yield from _text_start(index)
            for piece in cut(says.text):
                yield _event("content_block_delta", index=index, delta={"type": "text_delta", "text": piece})
            yield _event("content_block_stop", index=index)
            index += 1
        for call in says.calls:
            block = {"type": "tool_use", "id": call.id, "name": call.name, "input": {}}
            yield _event("content_block_start", index=index, content_block=block)
            for piece in ["", *cut(call.text)]:
                delta = {"type": "input_json_delta", "partial_json": piece}
                yield _event("content_block_delta", index=index, delta=delta)
            yield _event("content_block_stop", index=index)
            index += 1
        delta = {"stop_reason": _finish(says), "stop_sequence": None}
        yield _event("message_delta", delta=delta, usage={"output_tokens": USAGE["output_tokens"]})
        yield _event("message_stop")

    def beginning(self, text: str) -> Iterator[str]:
        yield from _start()
        yield from _text_start(0)
        yield _event("content_block_delta", index=0, delta={"type": "text_delta", "text": text})

    def error(self, fails: Fails) -> dict[str, Any]:
        return {"type": "error", "error": {"type": fails.kind or "error", "message": fails.message}}


USAGE = {"input_tokens": 11, "output_tokens": 7}
_HEAD = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-test-0001"}


def _start() -> Iterator[str]:
    usage = {**USAGE, "output_tokens": 1}
    message = {**_HEAD, "content": [], "stop_reason": None, "stop_sequence": None, "usage": usage}
    yield _event("message_start", message=message)
    yield _event("ping")


def _text_start(index: int) -> Iterator[str]:
    yield _event("content_block_start", index=index, content_block={"type": "text", "text": ""})


def _event(name: str, **data: Any) -> str:
    return sse({"type": name, **data}, name)


def _text(content: str | list[dict[str, Any]]) -> str:
    return content if isinstance(content, str) else "".join(block["text"] for block in content)


def _finish(says: Says) -> str:
    return {"length": "max_tokens", None: "tool_use" if says.calls else "end_turn"}[says.finish]
