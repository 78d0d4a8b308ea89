"""Who reads the record on from where they came to, and a reader that nobody has any more.

What a reader has not read is not pruned. So one that went, with the channel, route, copy or trace behind it, would keep
everything for good.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from hitl_fsm.errors import InputRefused, SubjectUnknown
from hitl_fsm.model.actor import Actor
from hitl_fsm.model.reader import CHANNEL, COPY, ROUTE, kind_of
from hitl_fsm.model.record import Record
from hitl_fsm.ports_record import Retired
from hitl_fsm.runtime.parts import Parts


class Reader(NamedTuple):
    """`seq`: the last line that it has read, `behind` the newest by so many.

    `kind` is channel, second copy, route, trace, or unknown; `here`: whether this engine has it.
    """

    name: str
    kind: str
    seq: int
    behind: int
    here: bool


class RetiredReader(NamedTuple):
    """It had come to line `seq`; so many notices waited for it, and are not sent."""

    name: str
    seq: int
    notices: int


async def readers(parts: Parts) -> Sequence[Reader]:
    """The slowest first."""
    found = await parts.store.readers()
    head, _ = await parts.store.head()
    own = _names(parts)
    return [Reader(one.name, kind_of(one.name), one.seq, max(0, head - one.seq), one.name in own) for one in found]


async def retire(parts: Parts, name: str, by: Actor, reason: str) -> RetiredReader:
    """SubjectUnknown where the store has no such reader, InputRefused where this engine has it."""
    if name in _names(parts):
        msg = f"this application has the reader {name!r} of the record"
        raise InputRefused(msg, help="nothing was done; a worker of the application lets it read on")

    def told(retired: Retired) -> Record:
        data = {"reader": name, **retired._asdict()}
        return Record("reader_retired", parts.clock.now(), by, data=data, contents={"reason": reason})

    retired = await parts.store.retire_reader(name, told)
    if retired is None:
        msg = f"the record has no reader {name!r}"
        raise SubjectUnknown(msg, help="`hitl-fsm audit readers` lists them")
    return RetiredReader(name, *retired)


def _names(parts: Parts) -> frozenset[str]:
    """Those that this engine has, whether they began or not."""
    sinks = () if parts.copies is None else parts.copies.sinks
    return frozenset(
        (
            *(f"{CHANNEL}{one.name}" for one in parts.channels),
            *(f"{COPY}{one.name}" for one in sinks),
            *(f"{ROUTE}{name}" for name in parts.routes),
            *(() if parts.traces is None else (parts.traces.name,)),
        )
    )
