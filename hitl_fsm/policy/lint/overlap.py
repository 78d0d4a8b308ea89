"""Which patterns can stand for the same tool, without comparing each with each."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from typing import TypeVar

from hitl_fsm.policy.patterns import matches

MAX_PAIRS = 200_000

T = TypeVar("T", bound=Hashable)


def may_overlap(one: str, other: str) -> bool:
    """False only if no name can match both patterns."""
    if "*" not in one or "*" not in other:
        return matches(one, other) or matches(other, one)
    start, end = head(one), one.rpartition("*")[2]
    first, last = head(other), other.rpartition("*")[2]
    heads = first.startswith(start) or start.startswith(first)
    return heads and (last.endswith(end) or end.endswith(last))


def head(pattern: str) -> str:
    """What stands before the first `*`."""
    return pattern.partition("*")[0]


def covers(one: str, other: str) -> bool:
    """Whether one pattern stands for all that the other does. Also true of two equal ones."""
    return matches(one, other)


def nested(patterns: Iterable[tuple[str, T]]) -> Iterator[tuple[tuple[str, T], tuple[str, T]]]:
    """Pairs whose patterns share a tool for certain: the first covers all of the second. Equal ones come once.

    Sorted by what stands before the first `*`, a pattern can only be covered by one whose beginning it begins with.
    After MAX_PAIRS comparisons no more are made.
    """
    left = MAX_PAIRS
    ordered = sorted(patterns, key=lambda item: (head(item[0]), "*" not in item[0]))
    open_ones: list[tuple[str, T]] = []
    for item in ordered:
        start = head(item[0])
        while open_ones and not start.startswith(head(open_ones[-1][0])):
            open_ones.pop()
        left -= len(open_ones)
        if left < 0:
            return
        for outer in open_ones:
            if covers(outer[0], item[0]):
                yield outer, item
            elif covers(item[0], outer[0]):
                yield item, outer
        open_ones.append(item)
