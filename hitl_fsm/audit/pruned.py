"""Bodies of lines, and what was kept beside them, that are gone: a line of the record says so, and of as many."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from heapq import heappop, heappush, heapreplace
from operator import itemgetter
from typing import Any, NamedTuple

from hitl_fsm.audit.findings import Finding

Span = tuple[int, int]
"""The first and the last number of lines that stand together."""


class Told(NamedTuple):
    """Line `seq` says that of those from `first` to `last` so many lost their bodies, and so many their contents."""

    seq: int
    first: int
    last: int
    lines: int
    contents: int


def told(seq: int, data: dict[str, Any]) -> Iterator[Told]:
    """What a line says of pruning; nothing where it says it of no lines, or of some that came after it."""
    first, last, lines = data.get("first"), data.get("last"), data.get("lines")
    if not (isinstance(first, int) and isinstance(last, int) and isinstance(lines, int)):
        return
    if 0 < first <= last < seq and lines >= 0:
        contents = data.get("contents")
        yield Told(seq, first, last, lines, contents if isinstance(contents, int) else 0)


def untold(bare: Sequence[Span], said: Sequence[Told], covered: int) -> Iterator[Finding]:
    """What is wrong with lines that have no body; `covered` are signed by a key that is believed.

    A prune and the line about it are one transaction, which is signed: a bare line without one was made so otherwise.
    Prunes leave lines standing (holds, keys): so it counts how many they took, too.
    """
    spans = merged([(one.first, one.last) for one in said])
    taken, allowed = [0] * len(spans), [0] * len(spans)
    for one in said:
        allowed[_place(spans, (one.first, one.last))] += one.lines
    for first, last in bare:
        place = _place(spans, (first, last))
        if place < 0:
            what = f"the lines {first} to {last} have no bodies, and no line says that they were pruned"
            yield Finding(first, what, "blanked")
        else:
            taken[place] += last - first + 1
        if covered < last:
            what = f"the lines {first} to {last} have no bodies, and no signed checkpoint covers them"
            yield Finding(first, what, "pruned")
    for (first, last), gone, most in zip(spans, taken, allowed, strict=True):
        if gone > most:
            what = f"of the lines {first} to {last} {most} were pruned, as the record says, and {gone} have no bodies"
            yield Finding(first, what, "blanked")


def unexplained(gone: Sequence[int], slots: Sequence[tuple[int, int, int]]) -> list[int]:
    """Of numbers in ascending order those that are too many, the highest first.

    A slot (first, last, count) explains so many of the numbers from its first to its last.
    """
    ahead = sorted(slots, key=itemgetter(1))
    usable: list[tuple[int, int]] = []  # by the highest first number: that one soonest explains no more
    found: list[int] = []
    for seq in reversed(gone):
        while ahead and ahead[-1][1] >= seq:
            first, _, count = ahead.pop()
            heappush(usable, (-first, count))
        while usable and (-usable[0][0] > seq or usable[0][1] <= 0):
            heappop(usable)
        if usable:
            heapreplace(usable, (usable[0][0], usable[0][1] - 1))
        else:
            found.append(seq)
    return found


def merged(spans: Sequence[Span]) -> list[Span]:
    """The same numbers in fewer spans, in order."""
    found: list[Span] = []
    for first, last in sorted(spans):
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(last, found[-1][1]))
        else:
            found.append((first, last))
    return found


def _place(spans: Sequence[Span], one: Span) -> int:
    """Which of the spans, which are in order, it lies in; -1 for none."""
    at = bisect_right(spans, one[0], key=itemgetter(0)) - 1
    return at if at >= 0 and one[1] <= spans[at][1] else -1
