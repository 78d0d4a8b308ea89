"""Gemini's generateContent and streamGenerateContent: parts; calls are whole objects and have no ids."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from wire.base import Fails, Says, Seen, Turn, Wire, cut, require, sse

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = re.compile(r"^[a-zA-Z_][a-zA-Z0-9_.-]{0,63}$")


class GeminiWire(Wire):
    # A name that LiteLLM knows: it folds the system message of a model that it does not know into the user's.
    model = "gemini/gemini-2.5-flash"
    raw_arguments = False
    raw_arguments_streamed = False
    usage_last = False

    def read(self, body: dict[str, Any], path: str) -> Seen:
        stream = ":streamGenerateContent" in path
        require(stream or ":generateContent" in path, f"path {path}")
        require("key=" not in path, "the key stands in the address")
        tools: dict[str, dict[str, Any]] = {}
        for tool in body.get("tools", ()):
            for one in tool.get("functionDeclarations") or tool["function_declarations"]:
                require(NAME.match(one["name"]) and one["name"] not in tools, f"tool name {one['name']!r}")
                tools[one["name"]] = one.get("parameters") or one.get("parametersJsonSchema") or {}
        turns: list[Turn] = []
        waiting: list[str] = []
        for content in body["contents"]:
            role, parts = content["role"], content["parts"]
            require(role in {"user", "model"} and parts, f"role {role!r}")
            replies = [part.get("functionResponse") or part.get("function_response") for part in parts]
            results = [(reply["name"], reply["response"]) for reply in replies if reply]
            require([name for name, _ in results] == waiting, f"results {results} for the calls {waiting}")
            asked = [part.get("functionCall") or part.get("function_call") for part in parts]
            calls = [call for call in asked if call]
            require(all(isinstance(call["args"], dict) for call in calls), "args")
            waiting = [call["name"] for call in calls]
            text = "".join(part.get("text", "") for part in parts)
            signatures = [part["thoughtSignature"] for part in parts if part.get("thoughtSignature")]
            turns.append(
                Turn(
                    "assistant" if role == "model" else "user",
                    text,
                    tuple(("", call["name"], call["args"]) for call in calls),
                    tuple(("", _result(response)) for _, response in results),
                    {"signatures": signatures} if signatures else {},
                )
            )
        require(not waiting, f"calls without a result: {waiting}")
        instruction = body.get("system_instruction") or body.get("systemInstruction") or {"parts": []}
        return Seen("".join(part["text"] for part in instruction["parts"]), tuple(turns), tools, stream)

    def whole(self, says: Says) -> dict[str, Any]:
        parts = [{"text": says.text}] if says.text else []
        return _reply([*parts, *_calls(says)], _finish(says))

    def pieces(self, says: Says) -> Iterator[str]:
        for piece in cut(says.text):
            yield sse(_reply([{"text": piece}], None))
        for part in _calls(says):
            yield sse(_reply([part], None))
        yield sse(_reply([{"text": ""}], _finish(says)))
        if self.usage_last:
            yield sse({key: value for key, value in _reply([], None).items() if key != "candidates"})

    def beginning(self, text: str) -> Iterator[str]:
        yield sse(_reply([{"text": text}], None))

    def error(self, fails: Fails) -> dict[str, Any]:
        return {"error": {"code": fails.code, "message": fails.message, "status": fails.kind or "ERROR"}}


def _calls(says: Says) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = []
    for call in says.calls:
        part: dict[str, Any] = {"functionCall": {"name": call.name, "args": call.args}}
        if call.signature:
            part["thoughtSignature"] = call.signature
        parts.append(part)
    return parts


def _reply(parts: list[dict[str, Any]], finish: str | None) -> dict[str, Any]:
    candidate: dict[str, Any] = {"index": 0, "content": {"role": "model", "parts": parts}}
    if finish:
        candidate["finishReason"] = finish
    usage = {"promptTokenCount": 11, "candidatesTokenCount": 7, "totalTokenCount": 18}
    return {
        "candidates": [candidate],
        "usageMetadata": usage,
        "modelVersion": "gemini-2.5-flash-test",
        "responseId": "r1",
    }


def _result(response: dict[str, Any]) -> str:
    # LiteLLM hands a result that is a JSON object on as that object.
    return response["content"] if set(response) == {"content"} else json.dumps(response, ensure_ascii=False)


def _finish(says: Says) -> str:
    return "MAX_TOKENS" if says.finish == "length" else "STOP"
