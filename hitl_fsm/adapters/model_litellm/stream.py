"""One assistant message out of a stream of deltas.

LiteLLM's own `stream_chunk_builder` is not used: it drops a call that came without an id, and runs two calls together
that share an index (each with an id of its own), so that one of them is lost. Here nothing that the model asked for
may vanish.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from hitl_fsm.adapters.model_litellm.wire import arguments_text
from hitl_fsm.errors import ModelError

MAX_REPLY_CHARS: Final = 8 * 1024 * 1024
_GEMINI: Final = frozenset({"gemini", "vertex_ai", "vertex_ai_beta"})


class Ending:
    """Whether the provider itself said that the reply is complete.

    The chunks do not tell: LiteLLM closes a stream that merely stopped with a `stop` of its own making. Its wrapper
    knows, but for Gemini, where every chunk counts as a `stop`; there Gemini's own words are looked at. The attributes
    used here are LiteLLM's inner ones, so the wire tests hold them for the oldest and newest version allowed.
    """

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._said = False
        self._watching = False

    async def watch(self) -> None:
        """Open a Gemini stream and listen in on it; no other is touched. Raises what opening it raises."""
        if getattr(self._stream, "custom_llm_provider", None) not in _GEMINI:
            return
        await self._stream.fetch_stream()
        chunks = self._stream.completion_stream
        parse = getattr(chunks, "chunk_parser", None)
        if parse is not None:
            self._watching = True

            def listen(chunk: dict[str, Any]) -> Any:
                self._said = self._said or _gemini_ends(chunk)
                return parse(chunk)

            chunks.chunk_parser = listen

    def look(self) -> None:
        """Look once, after each chunk: a later one may wipe the word out."""
        if not self._watching:
            names = ("received_finish_reason", "intermittent_finish_reason")
            self._said = self._said or any(getattr(self._stream, name, None) for name in names)

    def __bool__(self) -> bool:
        return self._said


class Assembly:
    """Deltas in, message out. Raises ModelError when the reply grows past MAX_REPLY_CHARS."""

    def __init__(self) -> None:
        self._size = 0
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._thinking: list[dict[str, Any]] = []
        self._fields: dict[str, Any] = {}
        self._calls: list[dict[str, Any]] = []
        self._open: dict[int, dict[str, Any]] = {}

    def add(self, delta: Mapping[str, Any]) -> str:
        """Take one delta; returns its text ("" if it has none)."""
        text, reasoning = delta.get("content"), delta.get("reasoning_content")
        if isinstance(text, str):
            self._grow(text)
            self._text.append(text)
        if isinstance(reasoning, str):
            self._grow(reasoning)
            self._reasoning.append(reasoning)
        for block in delta.get("thinking_blocks") or ():
            self._block(block)
        for key, value in (delta.get("provider_specific_fields") or {}).items():
            if value is not None:
                self._fields[key] = value
        for fragment in delta.get("tool_calls") or ():
            self._fragment(fragment)
        return text if isinstance(text, str) else ""

    def message(self) -> dict[str, Any]:
        """Give the assistant message, in the form of one that was not streamed."""
        calls = [
            {
                "id": call["id"],
                "function": {"name": call["name"], "arguments": "".join(call["arguments"])},
                "provider_specific_fields": call["fields"],
            }
            for call in self._calls
        ]
        return {
            "content": "".join(self._text),
            "tool_calls": calls,
            "reasoning_content": "".join(self._reasoning),
            "thinking_blocks": self._thinking,
            "provider_specific_fields": self._fields,
        }

    def _fragment(self, fragment: Mapping[str, Any]) -> None:
        function = fragment.get("function") or {}
        index, call_id, name = fragment.get("index") or 0, fragment.get("id"), function.get("name")
        call = self._open.get(index)
        if call is None or _is_another(call, call_id, name):
            call = {"id": None, "name": "", "arguments": [], "fields": {}}
            self._calls.append(call)
            self._open[index] = call
        call["id"] = call["id"] or call_id
        call["name"] = call["name"] or name or ""
        arguments = arguments_text(function.get("arguments"))
        self._grow(arguments)
        call["arguments"].append(arguments)
        for source in (fragment, function):
            call["fields"].update(source.get("provider_specific_fields") or {})

    def _block(self, block: Mapping[str, Any]) -> None:
        """Join the pieces of a thinking block; its signature comes last and must go back with exactly its text.

        The piece with the signature holds nothing more, or the whole text once again: versions of LiteLLM differ.
        """
        last = self._thinking[-1] if self._thinking else None
        goes_on = block.get("type") == "thinking" and last and last.get("type") == "thinking"
        if last is None or not goes_on or last.get("signature"):
            self._thinking.append({key: value for key, value in block.items() if value is not None})
            return
        text, piece = last.get("thinking") or "", block.get("thinking") or ""
        if block.get("signature"):
            last["signature"] = block["signature"]
            last["thinking"] = piece if piece.startswith(text) else text + piece
        else:
            last["thinking"] = text + piece

    def _grow(self, piece: str) -> None:
        self._size += len(piece)
        if self._size > MAX_REPLY_CHARS:
            message = f"the model's reply is longer than {MAX_REPLY_CHARS} characters"
            raise ModelError(message, help="set max_tokens in model_options")


def _is_another(call: Mapping[str, Any], call_id: object, name: object) -> bool:
    """Tell whether a fragment at the same index begins another call: some send whole calls, all at index 0."""
    if call_id and call["id"]:
        return bool(call_id != call["id"])
    return bool(name and call["name"] and name != call["name"])


def _gemini_ends(chunk: Mapping[str, Any]) -> bool:
    blocked = (chunk.get("promptFeedback") or {}).get("blockReason")
    return bool(blocked or any(candidate.get("finishReason") for candidate in chunk.get("candidates") or ()))
