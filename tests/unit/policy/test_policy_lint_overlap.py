"""Pairs of patterns are found without comparing each with each, and none is missed."""

from __future__ import annotations

from itertools import combinations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costs import calls
from hitl_fsm.policy.lint import overlap
from hitl_fsm.policy.lint.overlap import covers, may_overlap, nested
from hitl_fsm.policy.patterns import any_covers, matches

PATTERNS = st.text("ab*", min_size=1, max_size=4)
NAMES = ["".join(letters) for size in range(1, 6) for letters in product("ab", repeat=size)]


@settings(max_examples=200, deadline=None)
@given(st.lists(PATTERNS, max_size=6))
def test_every_nested_pair_is_found_once(patterns: list[str]) -> None:
    found = {frozenset((one, other)) for (_, one), (_, other) in nested((p, n) for n, p in enumerate(patterns))}
    wanted = {
        frozenset((one, other))
        for one, other in combinations(range(len(patterns)), 2)
        if covers(patterns[one], patterns[other]) or covers(patterns[other], patterns[one])
    }
    assert found == wanted


@settings(max_examples=300, deadline=None)
@given(st.lists(PATTERNS, max_size=6), PATTERNS)
def test_one_of_many_covers_a_name_or_a_pattern_as_if_each_was_tried(patterns: list[str], name: str) -> None:
    assert any_covers(tuple(patterns), name) is any(matches(one, name) for one in patterns)


def test_many_patterns_are_not_tried_one_by_one() -> None:
    def work(number: int) -> None:
        covered = tuple(f"desk{one}.*" for one in range(number))
        assert all(any_covers(covered, f"desk{one}.pay") for one in range(number))

    assert calls(lambda: work(200)) < 3 * calls(lambda: work(100))


@settings(max_examples=300, deadline=None)
@given(PATTERNS, PATTERNS)
def test_patterns_that_share_a_name_may_overlap(one: str, other: str) -> None:
    if any(matches(one, name) and matches(other, name) for name in NAMES):
        assert may_overlap(one, other)
        assert may_overlap(other, one)


def test_patterns_that_cannot_share_a_name() -> None:
    assert not may_overlap("payments.*", "mail.*")
    assert not may_overlap("*.read", "*.write")
    assert not may_overlap("payments.refund", "payments.payout")


def test_comparisons_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overlap, "MAX_PAIRS", 10)
    assert len(list(nested(("*", number) for number in range(1000)))) <= 10
