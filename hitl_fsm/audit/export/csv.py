"""The record as a table: RFC 4180, UTF-8, one line of the record a row.

The columns are `COLUMNS`, whatever the lines hold; what has no column of its own stands in `data`. A cell that a
spreadsheet would take for a formula begins with an apostrophe; what cannot be seen is spelled out (`visible`), in the
columns of JSON as JSON does it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from hitl_fsm.audit.export.lines import Entry
from hitl_fsm.audit.export.words import rules_of, stamp
from hitl_fsm.model.visible import visible

COLUMNS: Final = (
    "seq",
    "time",
    "at_ms",
    "event",
    "run",
    "call",
    "tool",
    "requirement",
    "kind",
    "outcome",
    "answer",
    "actor",
    "actor_kind",
    "printed_name",
    "person",
    "on_behalf_of",
    "authenticated_by",
    "roles",
    "waited_ms",
    "rules",
    "policies",
    "digest",
    "shown",
    "presented",
    "data",
    "contents",
    "leaf",
)
"""In their order; a column may be added at the end in a later version."""

_ascii = json.JSONEncoder(separators=(",", ":"), sort_keys=True).encode
_plain = msgspec.json.Encoder(order="sorted").encode
_FORMULA = frozenset("=+-@\t\r\n|%")
_quoted = re.compile('[",\r\n]').search


def csv(entries: Iterable[Entry]) -> Iterator[str]:
    """The head, then a row for each line, each with its CRLF."""
    yield row(COLUMNS)
    for entry in entries:
        yield row(_cells(entry))


def _cells(entry: Entry) -> tuple[str, ...]:
    by, text = entry.by, entry.text
    waited = entry.number("waited_ms")
    persons = by.get("person") or by.get("id", "")
    return (
        str(entry.seq),
        stamp(entry.at),
        str(entry.at),
        said(entry.event),
        said(entry.run),
        *(said(text(name)) for name in ("call", "tool", "requirement", "kind", "outcome", "answer")),
        said(by.get("id", "")),
        said(by.get("kind", "human")),
        said(by.get("printed_name", "")),
        said(persons),
        said(by.get("on_behalf_of") or ""),
        said(by.get("authenticated_by", "application")),
        said("; ".join(map(str, by.get("roles", ())))),
        "" if waited is None else str(waited),
        said("; ".join(rule.told for rule in rules_of(entry.data))),
        *(said(text(name)) for name in ("policies", "digest", "shown", "presented")),
        _json(entry.data),
        _json(entry.opened if entry.opened is not None else entry.contents),
        entry.leaf,
    )


def said(value: Any) -> str:
    """Any value as a cell: visible, and no formula."""
    text = str(value)
    if not text or (text.isascii() and text.isalnum()):
        return text
    return _guarded(visible(text))


def _json(value: Any) -> str:
    """ASCII alone: whatever hides or reorders is escaped, and a program reads back what stood there."""
    if not value:
        return ""
    text = _plain(value).decode()  # several times as fast, and the same where nothing is to be escaped
    return text if text.isascii() and text.isprintable() else _ascii(value)


def _guarded(text: str) -> str:
    """No spreadsheet computes it, not even after blanks."""
    if text[:1].isalnum():
        return text
    return f"'{text}" if text.lstrip(" \u00a0\u3000")[:1] in _FORMULA and text.strip() else text


def row(cells: Iterable[str]) -> str:
    """Cells as a line of CSV, with its CRLF."""
    return ",".join([_cell(cell) for cell in cells]) + "\r\n"


def _cell(text: str) -> str:
    if not text or text.isalnum() or _quoted(text) is None:
        return text
    doubled = text.replace('"', '""')
    return f'"{doubled}"'
