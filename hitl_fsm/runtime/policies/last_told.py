"""What the record says last about something of no run, found by a cursor: nobody reads the whole record for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from hitl_fsm.ports import Store

PAGE = 1_000
"""Lines that are read at once."""


class Telling(NamedTuple):
    """Which lines tell it: of this event, with a digest in this member. The cursor keeps the number of the newest."""

    cursor: str
    event: str
    member: str

    def digest(self, body: bytes) -> str:
        """What a line tells; "" for a line about something else."""
        try:
            line = _line.decode(body)
            told = line.data.get(self.member) if line.event == self.event else None
            return "" if told is None else _text.decode(told)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return ""


class _Line(msgspec.Struct, frozen=True):
    event: str = ""
    data: Mapping[str, msgspec.Raw] = {}


_line = msgspec.json.Decoder(_Line)
_text = msgspec.json.Decoder(str)


class Told(NamedTuple):
    """The newest such line: its number (0: there is none) and the digest that it tells."""

    seq: int
    digest: str


async def last_told(store: Store, telling: Telling) -> Told:
    """As far as the cursor came, and one page on: who wrote a newer line may have died before the cursor moved."""
    known = await store.cursor(telling.cursor)
    found, after = Told(0, ""), 0 if known is None else known - 1
    while lines := await store.records(after=after, limit=PAGE, run_id=""):
        for line in lines:
            found = Told(line.seq, digest) if (digest := telling.digest(line.body)) else found
        if known is not None:
            break
        after = lines[-1].seq
    return found


async def told(store: Store, telling: Telling, digest: str, start: int) -> None:
    """Move the cursor to the line that was written after line `start`; it never goes back."""
    while lines := await store.records(after=start, limit=PAGE, run_id=""):
        for line in lines:
            if telling.digest(line.body) == digest:
                await _forward(store, telling.cursor, line.seq)
                return
        start = lines[-1].seq


async def _forward(store: Store, cursor: str, seq: int) -> None:
    known = await store.cursor(cursor)
    while (known or 0) < seq and not await store.advance(cursor, known, seq, ()):
        known = await store.cursor(cursor)
