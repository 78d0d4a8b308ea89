"""What a server declares: tools by name, each with a version that is the digest of its declaration. Untrusted."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import msgspec

TOOLS_MAX = 256
"""Tools that one server may declare."""
PAGES_MAX = 100
"""Pages in which it may do so."""

_DOMAIN = b"hitl-fsm/mcp-tool/v1\0"
_VERSION_CHARS = 32
_ENCODER = msgspec.json.Encoder(order="sorted")


class Listed(NamedTuple):
    """One tool as its server declares it. Its hints (`readOnlyHint` and so on) are not kept: they loosen nothing."""

    name: str
    description: str
    schema: Any
    version: str


def listed(tools: Iterable[Mapping[str, Any]]) -> tuple[dict[str, Listed], dict[str, str]]:
    """The tools by name, and why others are left out. `tools` are as on the wire.

    A name that is declared twice is nobody's: which of the two would run is the server's choice.
    """
    found: dict[str, Listed] = {}
    left_out: dict[str, str] = {}
    for one in tools:
        name, schema = one.get("name"), one.get("inputSchema")
        description = one.get("description") or ""
        if not isinstance(name, str) or not isinstance(description, str):
            left_out[str(name)[:80]] = "its name or its description is no text"
        elif name in found or name in left_out:
            found.pop(name, None)
            left_out[name] = "it is declared twice"
        else:
            found[name] = Listed(name, description, schema, version_of(name, description, schema))
    return found, left_out


def version_of(name: str, description: str, schema: Any) -> str:
    """Another description or schema is another action: what was approved for the old one does not count (law 5)."""
    declared = _ENCODER.encode([name, description, schema])
    return hashlib.sha256(_DOMAIN + declared).hexdigest()[:_VERSION_CHARS]
