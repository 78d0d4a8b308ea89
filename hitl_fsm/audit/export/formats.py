"""The formats by name: what the file is called, and how lines become its text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, Literal, NamedTuple

from hitl_fsm.audit.export.cloudevents import cloudevents
from hitl_fsm.audit.export.csv import csv
from hitl_fsm.audit.export.lines import Entry
from hitl_fsm.audit.export.ocsf import ocsf
from hitl_fsm.audit.export.otel import otel

Format = Literal["jsonl", "csv", "ocsf", "cloudevents", "otel", "html"]
FORMATS: Final[tuple[Format, ...]] = ("jsonl", "csv", "ocsf", "cloudevents", "otel", "html")
FILES: Final[dict[Format, str]] = {
    "jsonl": "lines.jsonl",
    "csv": "record.csv",
    "ocsf": "ocsf.jsonl",
    "cloudevents": "cloudevents.jsonl",
    "otel": "traces.jsonl",
    "html": "evidence.html",
}
"""What each is called in a folder; the exact lines are in every one."""
CONTENTS: Final = "contents.jsonl"
"""What the lines are committed to, in each folder for which it is asked."""


class Source(NamedTuple):
    """Whose lines they are: the log, as its checkpoints call it, and the version of this program."""

    log: str
    version: str


def as_text(format: Format, entries: Iterable[Entry], source: Source) -> Iterator[str]:  # noqa: A002 - its name
    """Lines in a format that is made line by line of what they say.

    `html` is made of all of them at once (`export/html.py`), `jsonl` are the lines themselves.
    """
    match format:
        case "csv":
            return csv(entries)
        case "ocsf":
            return ocsf(entries, version=source.version, source=source.log)
        case "cloudevents":
            return cloudevents(entries, source=source.log)
        case "otel":
            return otel(entries, version=source.version)
        case "jsonl" | "html":
            msg = f"{format} is not made line by line"
            raise ValueError(msg)


def opened_text(entries: Iterable[Entry]) -> Iterator[str]:
    """By number, what lines are committed to and is still there to see, with the salts.

    In the order in which it was hashed: the text of a value here is the text that the line is committed to.
    """
    import msgspec  # noqa: PLC0415 - for this form alone

    encode = msgspec.json.Encoder(order="sorted").encode
    for entry in entries:
        if entry.opened:
            yield encode({"contents": entry.opened, "salts": entry.salts, "seq": entry.seq}).decode() + "\n"
