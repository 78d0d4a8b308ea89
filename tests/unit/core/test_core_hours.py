"""Waiting in open hours, against a simulation that looks at each moment."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hitl_fsm.core.hours import after, covered

START = st.integers(0, 60)
WAIT = st.integers(0, 60)


@st.composite
def some_windows(draw: st.DrawFn) -> tuple[int, ...]:
    edges = sorted(draw(st.sets(st.integers(0, 50), max_size=8)))
    return tuple(edges[: len(edges) // 2 * 2])


def is_open(moment: int, windows: tuple[int, ...]) -> bool:
    """Whether the moment, and all until the next, counts; after the last window everything does."""
    last = windows[-1] if windows else 0
    return moment >= last or any(begin <= moment < end for begin, end in zip(windows[::2], windows[1::2], strict=True))


def simulated(start: int, wait: int, windows: tuple[int, ...]) -> int:
    at = start
    while wait:
        wait -= is_open(at, windows)
        at += 1
    return at


@given(START, WAIT, some_windows())
def test_it_is_what_a_look_at_each_moment_comes_to(start: int, wait: int, windows: tuple[int, ...]) -> None:
    assert after(start, wait, windows) == simulated(start, wait, windows)


@given(START, WAIT, WAIT, some_windows())
def test_waiting_twice_is_waiting_once_for_both(start: int, one: int, other: int, windows: tuple[int, ...]) -> None:
    assert after(after(start, one, windows), other, windows) == after(start, one + other, windows)


@given(START, some_windows())
def test_who_waits_longer_or_begins_later_ends_no_earlier(start: int, windows: tuple[int, ...]) -> None:
    assert all(one < other for one, other in pairwise(after(start, wait, windows) for wait in range(60)))
    assert all(one <= other for one, other in pairwise(after(begin, start + 1, windows) for begin in range(60)))


@given(START, WAIT, some_windows())
def test_a_calendar_only_adds_time(start: int, wait: int, windows: tuple[int, ...]) -> None:
    assert after(start, wait, windows) >= start + wait
    assert after(start, wait, ()) == start + wait


@pytest.mark.parametrize(
    ("start", "wait", "expected"),
    [
        (0, 0, 0),
        (0, 1, 11),
        (12, 8, 20),
        (12, 9, 31),
        (20, 1, 31),
        (25, 10, 40),
        (25, 11, 41),
        (45, 5, 50),
    ],
)
def test_two_windows(start: int, wait: int, expected: int) -> None:
    assert after(start, wait, (10, 20, 30, 40)) == expected


@given(some_windows())
def test_windows_cover_the_moments_in_which_they_are_open(windows: tuple[int, ...]) -> None:
    assert covered(windows) == sum(is_open(moment, windows) for moment in range(windows[-1] if windows else 0))
