"""The record as CloudEvents 1.0, one JSON object a line.

`id` is the line's leaf, which no two lines share; `source` is the log, as its checkpoints call it. `data` is the line
itself. `sequence` and `leaf` are extension attributes: the line's number, and its leaf again, by which it is found in
the tree.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from hitl_fsm.audit.export.lines import Entry
from hitl_fsm.audit.export.words import stamp

SPEC_VERSION: Final = "1.0"
_SCHEMA: Final = "urn:hitl-fsm:schema:record:%s:v%d"
"""What `data` is an instance of (`schemas/record/EVENT.v1.schema.json`), unless opened contents stand in it, too."""

_encode = msgspec.json.Encoder().encode


def cloudevents(entries: Iterable[Entry], *, source: str) -> Iterator[str]:
    """Lines of JSON."""
    for entry in entries:
        yield _encode(event(entry, source)).decode() + "\n"


def event(entry: Entry, source: str) -> dict[str, Any]:
    """One line of the record as an event."""
    told: dict[str, Any] = {
        "specversion": SPEC_VERSION,
        "id": entry.leaf,
        "source": f"/{source}",
        "type": f"hitl-fsm.{entry.event}.v{entry.v}",
        "time": stamp(entry.at),
        "datacontenttype": "application/json",
        "sequence": f"{entry.seq:020d}",
        "leaf": entry.leaf,
    }
    if entry.opened is None:
        told["dataschema"] = _SCHEMA % (entry.event, entry.v)
    subject = entry.text("requirement") or entry.run
    if subject:
        told["subject"] = subject
    data = (
        msgspec.Raw(entry.body) if entry.opened is None else {**msgspec.json.decode(entry.body), "opened": entry.opened}
    )
    return {**told, "data": data}
