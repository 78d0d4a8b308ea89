"""What a server answers to a call, as something that a model can read and the log can hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

ERROR_CHARS = 10_000
"""Characters of a failed call's text; the rest is cut."""


def content_of(answer: Mapping[str, Any]) -> Any:
    """Of `tools/call` as on the wire: structured content where there is some, else text.

    What is no text (images, sound, files) is described, not carried.
    """
    blocks: Sequence[Any] = answer.get("content") or ()
    structured = answer.get("structuredContent")
    others = [block for block in blocks if _kind(block) != "text"]
    if structured is None:
        return "\n\n".join(map(_told, blocks))
    if not others:  # its text says the same, for clients that know no structure
        return structured
    return {"structured": structured, "content": [_told(block) for block in others]}


def error_of(answer: Mapping[str, Any]) -> str:
    """What a call that failed says."""
    told = "\n\n".join(map(_told, answer.get("content") or ())).strip()
    return told[:ERROR_CHARS] or "the server gave no reason"


def _kind(block: Any) -> str:
    kind = block.get("type") if isinstance(block, Mapping) else None
    return kind if isinstance(kind, str) else "?"


def _told(block: Any) -> str:
    match _kind(block):
        case "text":
            return str(block.get("text", ""))
        case ("image" | "audio") as kind:
            return f"⟨{kind} {block.get('mimeType', '')}, {_bytes(block.get('data'))} bytes⟩"
        case "resource_link":
            return f"⟨resource {block.get('name', '')} {block.get('mimeType', '')} {block.get('uri', '')}⟩"
        case "resource":
            return _resource(block.get("resource"))
        case kind:
            return f"⟨content of kind {kind[:40]}⟩"


def _resource(resource: Any) -> str:
    if not isinstance(resource, Mapping):
        return "⟨resource⟩"
    head = f"resource {resource.get('uri', '')} {resource.get('mimeType', '')}".strip()
    if isinstance(text := resource.get("text"), str):
        return f"⟨{head}⟩\n{text}"
    return f"⟨{head}, {_bytes(resource.get('blob'))} bytes⟩"


def _bytes(encoded: Any) -> int:
    """Of base64 text, without decoding it."""
    return len(encoded.rstrip("=")) * 3 // 4 if isinstance(encoded, str) else 0
