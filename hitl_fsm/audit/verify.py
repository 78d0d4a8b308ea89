"""Does the record hold together? Total: any bytes give a report, never an exception."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

import msgspec

from hitl_fsm.audit.chain import GENESIS, head, leaf_of

MAX_FINDINGS = 1000
"""More are counted (`Report.total_findings`), not kept: a wholly damaged log must not fill the memory."""


class Line(Protocol):
    """A stored record: its row's number, its exact bytes, the leaf that was stored beside it (hex)."""

    @property
    def seq(self) -> int: ...
    @property
    def body(self) -> bytes: ...
    @property
    def leaf(self) -> str: ...


class Head(msgspec.Struct, frozen=True):
    """The end of a chain: the last line's number and leaf. `Head(0, GENESIS)` is that of an empty log."""

    seq: int
    leaf: str


class Finding(msgspec.Struct, frozen=True):
    """Something is wrong at line `seq`."""

    seq: int
    what: str


class Report(msgspec.Struct, frozen=True):
    """`count` lines were read, the last one is `head`; `findings` has the first ones of `total_findings`."""

    intact: bool
    count: int
    head: Head
    findings: tuple[Finding, ...]
    total_findings: int


class _Shape(msgspec.Struct):
    """What every line must have; other members are the record's own."""

    seq: int
    prev: str
    event: str
    at: int
    by: dict[str, Any]


START = Head(0, GENESIS)

_shape = msgspec.json.Decoder(_Shape)


def verify(lines: Iterable[Line], expect: Head | None = None, start: Head = START) -> Report:
    """Read the lines in their stored order from the one after `start` on.

    Finds edits, insertions, gaps, swaps and wrong hashes. Lines cut off at the end are missed by any chain: give the
    head that was kept elsewhere as `expect` to find them.
    """
    check = _Check(start)
    for line in lines:
        check.line(line)
    if expect is not None:
        check.end(expect)
    return Report(check.total == 0, check.count, check.head, tuple(check.findings), check.total)


class _Check:
    """A walk along the chain; `head` is what the next line has to follow."""

    def __init__(self, start: Head) -> None:
        self.head = start
        self.count = 0
        self.total = 0
        self.findings: list[Finding] = []

    def line(self, line: Line) -> None:
        seq, body, leaf = line.seq, line.body, line.leaf
        self.count += 1
        if not isinstance(seq, int) or not isinstance(body, bytes) or not isinstance(leaf, str):
            self._add(self.head.seq + 1, "the row is not a number, bytes and a text")
            self.head = Head(self.head.seq + 1, "")
            return
        real = leaf_of(body)
        if seq != self.head.seq + 1:
            self._add(seq, f"number {self.head.seq + 1} should stand here: lines are missing, added or out of order")
        if real != leaf:
            self._add(seq, "the bytes do not have the leaf hash that is stored beside them")
        self._body(seq, body)
        self.head = Head(seq, real)

    def end(self, expect: Head) -> None:
        if self.head == expect:
            return
        if self.head.seq < expect.seq:
            self._add(self.head.seq, f"the log ends here; it should reach line {expect.seq}")
        elif self.head.seq > expect.seq:
            self._add(self.head.seq, f"the log goes on beyond line {expect.seq}, which should be its last")
        else:
            self._add(self.head.seq, "the last line is not the expected one")

    def _body(self, seq: int, body: bytes) -> None:
        if not body.startswith(b'{"seq":%d,"prev":"' % seq):
            self._add(seq, "the number in the line is not its row's number")
        elif not body.startswith(head(seq, self.head.leaf)):
            self._add(seq, "the line does not name the leaf of the line before it")
        try:
            shape = _shape.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            self._add(seq, "the line is not a record")
            return
        # A member that is written twice reads as the second one; the hash was checked against the first.
        if shape.seq != seq or not body.startswith(head(seq, shape.prev)):
            self._add(seq, "the line has two numbers or two predecessors")

    def _add(self, seq: int, what: str) -> None:
        self.total += 1
        if len(self.findings) < MAX_FINDINGS:
            self.findings.append(Finding(seq, what))
