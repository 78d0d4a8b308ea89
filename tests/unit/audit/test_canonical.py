"""Canonical bytes: equal to the reference's on both paths, typed errors for the rest."""

from __future__ import annotations

import hashlib
import math
from typing import Any

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from hitl_fsm.audit.canonical import ACTION_DOMAIN, MAX_DEPTH, action_digest, canonical
from hitl_fsm.errors import HitlError, Uncanonical

SAFE = 2**53 - 1
numbers = st.integers(-SAFE, SAFE) | st.floats(allow_nan=False, allow_infinity=False)
near_bounds = st.sampled_from([1e-4, 9.99e-5, 1e15, 1e15 - 0.125, 1e16, 1e21, 1e-7, -0.0, 0.1, 1e23, 5e-324, 2.0**53])
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
scalars = st.none() | st.booleans() | numbers | near_bounds | texts
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=5) | st.dictionaries(texts | st.text("ab\x00\x7f~", max_size=3), inner, max_size=5)
    ),
    max_leaves=25,
)
objects = st.dictionaries(texts, values, max_size=6)


@settings(max_examples=400)
@given(values)
def test_every_value_has_the_references_bytes(value: Any) -> None:
    assert canonical(value) == rfc8785.dumps(value)


@settings(max_examples=300)
@given(st.floats(min_value=1e-5, max_value=1e17) | st.floats(min_value=-1e17, max_value=-1e-5))
def test_floats_around_the_fast_range_have_the_references_bytes(value: float) -> None:
    assert canonical([value]) == rfc8785.dumps([value])


@given(objects)
def test_a_digest_is_that_of_the_domain_and_the_reference_bytes(args: dict[str, Any]) -> None:
    action = {"run": "r", "call": "1.0", "tool": "t", "args": args, "tool_version": "1", "policy": "p"}
    expected = hashlib.sha256(b"hitl-fsm/action/v1\0" + rfc8785.dumps(action)).hexdigest()
    assert action_digest("r", "1.0", "t", args, "1", "p") == expected
    assert ACTION_DOMAIN == b"hitl-fsm/action/v1\0"


def test_law05_every_part_of_the_action_changes_the_digest() -> None:
    base: list[Any] = ["run", "1.0", "refund", {"a": 1, "b": [True]}, "1", "p"]
    changed: list[tuple[int, Any]] = [
        (0, "run2"), (1, "1.1"), (2, "refund2"), (3, {"a": 2, "b": [True]}), (3, {"a": 1, "b": [1]}),
        (3, {"a": "1", "b": [True]}), (3, {"a": 1, "b": [True], "c": None}), (3, {"a": 1, "B": [True]}),
        (4, "2"), (5, "q"),
    ]  # fmt: skip
    digests = {action_digest(*base)}
    for index, value in changed:
        other = list(base)
        other[index] = value
        digests.add(action_digest(*other))
    assert len(digests) == len(changed) + 1


def test_parts_cannot_be_shifted_into_each_other() -> None:
    assert action_digest("r1", "2", "t", {}, "", "") != action_digest("r", "12", "t", {}, "", "")


def test_order_of_keys_and_form_of_numbers_do_not_matter() -> None:
    assert action_digest("r", "c", "t", {"a": 1, "b": 2}, "", "") == action_digest(
        "r", "c", "t", {"b": 2, "a": 1.0}, "", ""
    )


@pytest.mark.parametrize(
    "bad",
    [2**53, -(2**53), 10**400, math.nan, math.inf, -math.inf, "\ud800", "a\udfffb", {"\ud800": 1}, {1: 2}, {None: 1},
     object(), b"x", {1, 2}, 1j, {"é": "\ud800"}, [1.0, "\ud800"], {"a": {2: 3}, "b": 1}],
)  # fmt: skip
def test_what_has_no_canonical_form_is_a_typed_error(bad: object) -> None:
    for args in ({"x": bad}, {"x": [bad]}, {"x": {"y": bad}, "é": 1.0}):
        with pytest.raises(Uncanonical) as caught:
            action_digest("r", "c", "t", args, "", "")
        assert isinstance(caught.value, ValueError)
        assert isinstance(caught.value, HitlError)
        assert caught.value.code == "HF602"
        assert caught.value.help


def test_an_integer_that_python_itself_will_not_write_is_a_typed_error() -> None:
    with pytest.raises(Uncanonical, match="too large"):
        action_digest("r", "c", "t", {"x": 10**5000}, "", "")


def nested(depth: int, kind: str) -> dict[str, Any]:
    value: Any = 1.0 if kind == "slow" else 1
    for level in range(depth - 1):
        value = [value] if level % 2 else {"k": value}
    return {"args": value}


@pytest.mark.parametrize("kind", ["fast", "slow"])
def test_depth_has_a_limit(kind: str) -> None:
    assert action_digest("r", "c", "t", nested(MAX_DEPTH, kind), "", "")
    for depth in (MAX_DEPTH + 1, 100_000):
        with pytest.raises(Uncanonical, match="deeper than 64 levels"):
            action_digest("r", "c", "t", nested(depth, kind), "", "")


def test_depth_is_seen_behind_a_part_that_is_not_plain() -> None:
    with pytest.raises(Uncanonical, match="deeper"):
        canonical({"a": 1.0, "é": 2, "b": nested(200, "fast")})


def test_keys_are_in_utf16_order_which_is_not_the_order_of_characters() -> None:
    value = {"\U00010000": 1, "\ue000": 2, "a": 3}
    assert canonical(value) == rfc8785.dumps(value) == '{"a":3,"\U00010000":1,"\ue000":2}'.encode()


class Loud(str):
    """A text that is not just a text."""

    __slots__ = ()


def test_subclasses_take_the_reference_path() -> None:
    assert canonical({"a": Loud("x"), "b": (1, 2)}) == b'{"a":"x","b":[1,2]}'
