"""A stored line as the formats read it: its exact bytes, what it says, and its contents where they may be seen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from hitl_fsm.audit.verify import Line
from hitl_fsm.errors import Tampered


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of the record. `by` is the actor as it is written, `v` the version of the line's shape.

    `opened` are its contents, as far as they are known: None where nobody asked for them, and without those that were
    erased or pruned; `salts` are those with which each can be held against what the line is committed to.
    """

    seq: int
    prev: str
    event: str
    at: int
    by: dict[str, Any]
    run: str = ""
    v: int = 1
    data: dict[str, Any] = {}
    contents: dict[str, str] = {}
    opened: dict[str, Any] | None = None
    salts: dict[str, str] = {}
    leaf: str = ""
    body: bytes = b""

    @property
    def actor(self) -> str:
        """Who did it, by id."""
        return str(self.by.get("id", ""))

    def text(self, name: str) -> str:
        """A text of its data; "" where there is none."""
        found = self.data.get(name)
        return found if isinstance(found, str) else ""

    def number(self, name: str) -> int | None:
        """An integer of its data."""
        found = self.data.get(name)
        return found if isinstance(found, int) and not isinstance(found, bool) else None

    def content(self, name: str) -> Any:
        """One of its contents; None where it is not there to see."""
        return (self.opened or {}).get(name)


_decode = msgspec.json.Decoder(Entry).decode


def read(line: Line, opened: Mapping[str, Any] | None = None, salts: Mapping[str, str] = {}) -> Entry:
    """What a stored line says; Tampered where it says nothing that can be read."""
    try:
        found = _decode(line.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        message = f"line {line.seq} of the record cannot be read"
        raise Tampered(
            message, help="`hitl-fsm audit verify` tells more; `--format jsonl` exports it as it is"
        ) from error
    known = None if opened is None else dict(opened)
    beside = {"leaf": line.leaf, "body": line.body, "opened": known, "salts": dict(salts)}
    return msgspec.structs.replace(found, **beside)


def read_all(lines: Iterable[Line]) -> Iterator[Entry]:
    """One after the other, without contents."""
    return (read(line) for line in lines)
