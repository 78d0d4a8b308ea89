"""A walk along some of the record's rows: each line's hash, number, predecessor, shape, and the tree that they make.

Total: whatever stands in the rows is found, not raised. A walk knows its own rows and the end of those before it, so
that several can be made at the same time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgspec

from hitl_fsm.audit.findings import Finding, Kind, Tally
from hitl_fsm.audit.moved import MOVES, Moves, hear_bare, hear_move, nothing_moved
from hitl_fsm.audit.signed_at_once import event_of
from hitl_fsm.audit.stated import EVENTS, Key, Stated, joined, stated
from hitl_fsm.audit.tree import HASH_BYTES, Frontier, frontier_in, levels_of

RANGE = 16_384
"""Lines of one walk. A power of two, so that each walk's tree is a subtree of the whole."""

MAX_TOLD = 80
"""Characters of a stored value that a finding repeats."""

Row = tuple[Any, Any, Any, Any]
"""Number, run's id, body, leaf, as they are stored: nothing has been checked."""


class End(NamedTuple):
    """The line before: its number, and its leaf in hex ("" where nobody knows it)."""

    seq: int
    leaf: str


class Walked(NamedTuple):
    """What a walk found. `tree` is that of its rows alone; `marks` has, by number, the tree up to that line.

    `pruned` are the spans of lines without a body, `first` is the hash of the first line, `stated` what lines say of
    rows beside the record, `moves` of how far runs have come.
    """

    lines: int
    end: End
    first: bytes
    tree: Frontier
    marks: dict[int, Frontier]
    pruned: list[tuple[int, int]]
    stated: dict[Key, Stated]
    moves: Moves
    findings: list[Finding]
    total: int
    altered: int


class _By(msgspec.Struct, gc=False):
    id: str


class _Shape(msgspec.Struct, gc=False):
    """What every line must have; other members are the record's own."""

    seq: int
    prev: str
    event: str
    at: int
    by: _By
    run: str = ""


_shape = msgspec.json.Decoder(_Shape).decode
_BROKEN = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_HEARD = EVENTS | MOVES
_LEAF = hashlib.sha256(b"\x00")  # a copy of it is a quarter cheaper than to begin anew with prefix and body as one


def walk(rows: Iterable[Row], start: End, marks: Sequence[int] = ()) -> Walked:
    """Along rows in their stored order, from the one after `start` on; `marks` are line numbers in order.

    A row whose run is None is not asked of which run it is.
    """
    found, pruned, leaves = Tally(), list[tuple[int, int]](), list[bytes]()
    cuts: dict[int, int] = {}
    states, moves = dict[Key, Stated](), nothing_moved()
    ahead = list(reversed(marks))
    last, prev = start
    begun, push = _LEAF.copy, leaves.append
    for seq, run, body, leaf in rows:
        if type(body) is not bytes or type(leaf) is not bytes or type(seq) is not int:
            found.add(_finding(last + 1, "row", "the row is not a number, bytes and bytes"))
            last, prev = (seq if type(seq) is int else last + 1), ""
            push(hashlib.sha256(b"").digest())
            continue
        if body:
            hashed = begun()
            hashed.update(body)
            real = hashed.digest()
            line = _shaped(body)
            if (
                line is None
                or line.seq != seq
                or line.prev != prev
                or (line.run != run and run is not None)
                or real != leaf
                or seq != last + 1
                or not body.startswith(f'{{"seq":{seq},"prev":"{prev}",'.encode())
            ):
                for finding in _wrong(seq, run, body, leaf, End(last, prev)):
                    found.add(finding)
            elif line.event in _HEARD:
                _hear(states, moves, line, body)
        else:
            real = leaf
            _prune(pruned, seq)
            hear_bare(moves, run)
            for finding in _wrong_pruned(seq, leaf, last):
                found.add(finding)
        last, prev = seq, real.hex()
        push(real)
        while ahead and ahead[-1] <= seq:
            cuts[ahead.pop()] = len(leaves)
    return _walked(leaves, End(last, prev), cuts, pruned, (states, moves), found)


def skim(rows: Iterable[Row], start: End, marks: Sequence[int] = ()) -> Walked:
    """Along lines that were verified before: only that their leaves give the root of then is checked.

    Of what they say, that about rows beside the record is heard, from bodies that have the leaf beside them.
    """
    found, leaves, last = Tally(), list[bytes](), start.seq
    states, moves = dict[Key, Stated](), nothing_moved()
    cuts: dict[int, int] = {}
    ahead, prev = list(reversed(marks)), b""
    for seq, run, body, leaf in rows:
        if type(leaf) is not bytes or len(leaf) != HASH_BYTES or seq != last + 1:
            found.add(_finding(last + 1, "row", "the row is not the next number and a leaf hash"))
            last += 1
            continue
        last, prev = seq, leaf
        leaves.append(leaf)
        if body == b"":
            hear_bare(moves, run)
        elif type(body) is bytes and event_of(body) in _HEARD and hashlib.sha256(b"\x00" + body).digest() == leaf:
            line = _shaped(body)
            if line is not None:
                _hear(states, moves, line, body)
        while ahead and ahead[-1] <= seq:
            cuts[ahead.pop()] = len(leaves)
    return _walked(leaves, End(last, prev.hex() if prev else start.leaf), cuts, [], (states, moves), found)


def _walked(
    leaves: list[bytes],
    end: End,
    cuts: dict[int, int],
    pruned: list[tuple[int, int]],
    said: tuple[dict[Key, Stated], Moves],
    found: Tally,
) -> Walked:
    """The tree is made at the end, level by level; at each mark so many leaves were there as `cuts` says."""
    levels = levels_of(leaves)
    marks = {mark: frontier_in(levels, size) for mark, size in cuts.items()}
    first, tree = leaves[0] if leaves else b"", frontier_in(levels, len(leaves))
    return Walked(len(leaves), end, first, tree, marks, pruned, *said, found.kept, found.total, found.altered)


def _shaped(body: bytes) -> _Shape | None:
    try:
        return _shape(body)
    except _BROKEN:
        return None


def _hear(states: dict[Key, Stated], moves: Moves, line: _Shape, body: bytes) -> None:
    if line.event in MOVES:
        hear_move(moves, line.run, line.event, body)
        return
    said = stated(line.seq, body)
    if said is not None:
        states[said[0]] = joined(states.get(said[0]), said[1])


def _prune(pruned: list[tuple[int, int]], seq: int) -> None:
    if pruned and pruned[-1][1] == seq - 1:
        pruned[-1] = (pruned[-1][0], seq)
    else:
        pruned.append((seq, seq))


def _wrong_pruned(seq: int, leaf: bytes, last: int) -> list[Finding]:
    found: list[Finding] = []
    if seq != last + 1:
        found.append(_order(seq, last))
    if len(leaf) != HASH_BYTES:
        found.append(_finding(seq, "hash", "the line has no body, and what stands for its hash is none"))
    return found


def _wrong(seq: int, run: Any, body: bytes, leaf: bytes, before: End) -> list[Finding]:
    """All that is wrong with a line of which something is."""
    found: list[Finding] = []

    def add(kind: Kind, what: str) -> None:
        found.append(_finding(seq, kind, what, run if isinstance(run, str) else ""))

    if seq != before.seq + 1:
        found.append(_order(seq, before.seq))
    if hashlib.sha256(b"\x00" + body).digest() != leaf:
        add("hash", "the bytes do not have the leaf hash that is stored beside them")
    begin = f'{{"seq":{seq},"prev":"'.encode()
    if not body.startswith(begin):
        add("order", "the number in the line is not its row's number")
    elif not body.startswith(begin + f'{before.leaf}",'.encode()):
        add("link", "the line does not name the leaf of the line before it")
    line = _shaped(body)
    if line is None:
        add("shape", "the line is not a record")
        return found
    # A member that is written twice reads as the second one; the hash was checked against the first.
    first = body[len(begin) :].partition(b'"')[0]
    if line.seq != seq or not body.startswith(begin) or first != line.prev.encode("utf-8", "surrogatepass"):
        add("shape", "the line has two numbers or two predecessors")
    if run is not None and line.run != run:
        add("run", f"the line is of the run {line.run[:MAX_TOLD]!r}, its row says {str(run)[:MAX_TOLD]!r}")
    return found


def _order(seq: int, last: int) -> Finding:
    return _finding(seq, "order", f"number {last + 1} should stand here: lines are missing, added or out of order")


def _finding(seq: int, kind: Kind, what: str, run: str = "") -> Finding:
    return Finding(seq, what, kind, run[:MAX_TOLD])
