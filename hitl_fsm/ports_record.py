"""The part of `Store` that is about the record beside its lines: contents, their keys, holds, signed checkpoints."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import msgspec

from hitl_fsm.audit.contents import Opened
from hitl_fsm.model.actor import Actor
from hitl_fsm.model.hold import Hold, HoldRow
from hitl_fsm.model.record import Record


class Checkpoint(msgspec.Struct, frozen=True):
    """A signed note on the first `size` lines (C2SP tlog-checkpoint); `at` in ms since the epoch."""

    size: int
    at: int
    note: bytes


class PrunedLines(msgspec.Struct, frozen=True):
    """Lines `first` to `last`, whose leaf is `leaf`: so many bodies, and contents, were dropped.

    A signed checkpoint of `size` lines with the root `root` (hex) covers them.
    """

    first: int
    last: int
    leaf: str
    lines: int
    contents: int
    size: int
    root: str


class Kept(NamedTuple):
    """How many old lines were left alone: a hold covers them, their run is not over, or the store has what they are
    about, or they alone say whom it is about.
    """

    hold: int = 0
    run: int = 0
    row: int = 0


class PrunedPage(NamedTuple):
    """What was pruned, what was left of what is old enough, and the reader behind which nothing more is pruned."""

    pruned: PrunedLines
    kept: Kept
    reader: str


class Forgetting(NamedTuple):
    """Runs that go together, and the record of it."""

    run_ids: Sequence[str]
    record: Record


class ReaderAt(NamedTuple):
    """A reader of the record, and the last line that it has dealt with."""

    name: str
    seq: int


class Retired(NamedTuple):
    """What a reader left: the last line that it had dealt with, and how many notices that waited for it went."""

    seq: int
    notices: int


class Contents(Protocol):
    """What lines are committed to."""

    async def contents(self, seqs: Sequence[int]) -> Mapping[int, dict[str, Any]]:
        """The values behind these lines, held against their commitments.

        A line is not among them that has none, or whose contents were erased or pruned. Tampered where the values are
        not those to which the line is committed.
        """
        ...

    async def openings(self, seqs: Sequence[int]) -> Mapping[int, Opened]:
        """The same with the salts, for who lets others check them."""
        ...

    async def unready(self, subject: str, *, limit: int = 100) -> Sequence[str]:
        """Those of them that cannot be forgotten yet: not ended, or with something that somebody must look at."""
        ...

    async def erase(
        self, subject: str, told: Callable[[int], Record], forgetting: Sequence[Forgetting] = ()
    ) -> int | None:
        """Forget the runs about a person and destroy the key of their contents: all of it, or nothing.

        With the record of it, which is told how many lines lose their contents. How many; None, and nothing happens,
        if there is neither a run nor a key. RecordHeld while a legal hold forbids it, ErasureRefused where a run about
        them has not ended, or is in the store and not among those.
        """
        ...

    async def scrub(self) -> bool:
        """Write the database anew without what was deleted; False where that is not the store's to do, or not now."""
        ...

    async def place_hold(self, hold: Hold, record: Record) -> None:
        """From now on nothing of it is forgotten, erased or pruned."""
        ...

    async def release_hold(self, hold_id: str, record: Record) -> bool:
        """False, and nothing happens, unless it was active."""
        ...

    async def holds(self, *, active: bool = True, after: str = "", limit: int = 100) -> Sequence[HoldRow]:
        """In order of id."""
        ...

    async def held_runs(self, run_ids: Sequence[str]) -> Mapping[str, str]:
        """Those of these runs that must stay, each with the id of a hold that says so."""
        ...

    async def holding(self, subject: str) -> Hold | None:
        """A hold that keeps what is known of a person."""
        ...

    async def prune_record(
        self, after: int, upto: int, before: int, told: Callable[[PrunedLines], Record], *, contents_only: bool = False
    ) -> PrunedPage | None:
        """Drop the bodies of the lines from `after` (exclusive) to `upto`, and their contents; their leaves stay.

        Of those, the lines that are older than `before` (ms).

        A bounded number at a time: go on after the last of them. None when there are no such lines below the newest
        signed checkpoint and behind every reader of the record. What a hold covers stays, and the lines that
        verification needs. RecordHeld while a hold covers everything, RecordKept without a signed checkpoint.
        """
        ...

    async def readers(self) -> Sequence[ReaderAt]:
        """Who reads the record on from where they came to, the slowest first."""
        ...

    async def retire_reader(self, name: str, told: Callable[[Retired], Record]) -> Retired | None:
        """Forget how far a reader has come, and the notices that wait for it; None, and nothing happens, without it."""
        ...


class Checkpoints(Protocol):
    """Signed heads of the log."""

    async def sign(self, by: Actor | None = None) -> Checkpoint | None:
        """A checkpoint of the log as it is, a new one where the newest is of fewer lines; None without keys or lines.

        With `by`, also a new one where the present key has not signed yet: that one introduces it on the record.
        """
        ...

    async def checkpoints(self, *, after: int = 0, limit: int = 100) -> Sequence[Checkpoint]:
        """In order of size, from the first that covers more than `after` lines on."""
        ...

    async def newest_checkpoint(self) -> Checkpoint | None:
        """The one that covers most; None when none was signed."""
        ...


class Raw(Protocol):
    """Rows as they stand, for who verifies them: nobody has looked at what is in them. All in order, after `after`."""

    async def raw_lines(self, after: int, upto: int, limit: int, *, loose: bool = False) -> Sequence[tuple[Any, ...]]:
        """Number, run's id, body, leaf of lines up to number `upto`; `loose`: only of those that belong to no run."""
        ...

    async def raw_line_before(self, seq: int) -> tuple[Any, ...] | None:
        """The same of the last line that has at most this number."""
        ...

    async def raw_leaves(self, after: int, upto: int, limit: int) -> Sequence[tuple[Any, ...]]:
        """Number and leaf."""
        ...

    async def raw_checkpoints(self, after: int, upto: int, limit: int) -> Sequence[tuple[Any, ...]]:
        """Log, size, frontier, note, of those of this log of more than `after` lines."""
        ...

    async def raw_policies(self, after: int, limit: int) -> Sequence[tuple[Any, ...]]:
        """Row, digest, text."""
        ...

    async def raw_states(self, table: str, after: int, limit: int) -> Sequence[tuple[Any, ...]]:
        """Row, id, state, body of one of `audit.stated.TABLES`, and of `permission` how often it was used
        and what that came to; of `run` its version.
        """
        ...

    async def raw_calls(self, run_id: str) -> Sequence[tuple[Any, ...]]:
        """Id, state, digest of each call of a run, in no order."""
        ...

    async def raw_head(self) -> tuple[Any, ...] | None:
        """Number and leaf of the last line, as they are kept apart from the lines; None of an empty log."""
        ...

    async def raw_counts(self) -> tuple[int, int]:
        """How many lines, how many checkpoints."""
        ...


class RecordStore(Contents, Checkpoints, Raw, Protocol):
    """All three."""
