"""What an approver may change: only what the policy names, only as it says, and nothing by another name."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hitl_fsm.core.editing import edit_problems
from hitl_fsm.model.verdict import Editing

NAMES = ("amount", "memo", "to", "total")
EDIT = Editing({"amount": {"maximum": 1000}, "memo": {}}, lower=("total",))
WAS: dict[str, Any] = {"amount": 5, "memo": "m", "to": "acme", "total": 10}
VALUES = st.none() | st.booleans() | st.integers(-5, 2000) | st.floats(-5, 2000) | st.text(max_size=3)
ARGS = st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=4)
EDITINGS = st.builds(
    Editing,
    st.dictionaries(st.sampled_from(NAMES), st.sampled_from([{}, {"maximum": 1000}, {"type": "string"}])),
    st.lists(st.sampled_from(NAMES), max_size=2, unique=True).map(tuple),
)


def number(value: Any) -> bool:
    return type(value) in (int, float)


def same(one: dict[str, Any], other: dict[str, Any], name: str) -> bool:
    """As JSON: numbers by value, a left-out argument is no null."""
    if (name in one) != (name in other):
        return False
    was, now = one.get(name), other.get(name)
    return bool(was == now) and (type(was) is type(now) or (number(was) and number(now)))


def fits(schema: dict[str, Any], value: Any) -> bool:
    if "maximum" in schema and number(value) and value > schema["maximum"]:
        return False
    return schema.get("type") != "string" or isinstance(value, str)


@settings(deadline=None, max_examples=50)
@given(EDITINGS, ARGS, ARGS, ARGS)
def test_nothing_gets_through_that_is_not_let_be_changed(
    editing: Editing, proposed: dict[str, Any], before: dict[str, Any], after: dict[str, Any]
) -> None:
    told = edit_problems(editing, proposed, before, after)
    wrong = set()
    for name in NAMES:
        if same(before, after, name):
            continue
        was: Any = proposed.get(name)
        now: Any = after.get(name)
        if name in editing.lower:
            fine = number(was) and number(now) and 0 <= now <= was
        else:
            fine = name in editing.fields and name in after and fits(editing.fields[name], now)
        if not fine:
            wrong.add(name)
    assert {line.split(":")[0] for line in told} == wrong
    assert len(told) == len(wrong), "one line an argument"


@settings(deadline=None, max_examples=30)
@given(ARGS, ARGS)
def test_where_the_policy_is_silent_any_argument_may_change_and_with_none_no_argument_may(
    before: dict[str, Any], after: dict[str, Any]
) -> None:
    assert edit_problems(None, before, before, after) == ()
    assert edit_problems(Editing(), before, before, before) == ()
    assert (edit_problems(Editing(), before, before, after) == ()) == all(same(before, after, n) for n in NAMES)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"amount": 1000}, ()),
        ({"amount": 5.0, "total": 10.0}, ()),
        ({"memo": None}, ()),
        ({"total": 0}, ()),
        ({"total": 9.5}, ()),
        ({"to": "eve"}, ("to: the policy does not let an approver change it",)),
        ({"extra": None}, ("extra: the policy does not let an approver change it",)),
        ({"total": 11}, ("total: it may only be lowered, from 10, and not below 0",)),
        ({"total": -1}, ("total: it may only be lowered, from 10, and not below 0",)),
        ({"total": True}, ("total: it may only be a smaller number",)),
        ({"total": "9"}, ("total: it may only be a smaller number",)),
    ],
)
def test_each_change_has_its_reason(change: dict[str, Any], told: tuple[str, ...]) -> None:
    assert edit_problems(EDIT, WAS, WAS, {**WAS, **change}) == told


def test_an_argument_is_changed_not_left_out_and_every_problem_is_told() -> None:
    without = {name: value for name, value in WAS.items() if name != "memo"}
    assert edit_problems(EDIT, WAS, WAS, without) == ("memo: it may be changed, not left out",)
    (above,) = edit_problems(EDIT, WAS, WAS, {**WAS, "amount": 1001})
    assert above.startswith("amount: ")
    both = Editing({"memo": {"properties": {"a": {"type": "string"}, "b": {"type": "string"}}}})
    (line,) = edit_problems(both, WAS, WAS, {**WAS, "memo": {"a": 1, "b": 2}})
    assert line.count("; ") == 1


def test_lower_is_measured_by_what_the_model_asked_for_not_by_the_edit_before() -> None:
    lowered = {**WAS, "total": 4}
    assert edit_problems(EDIT, WAS, lowered, {**WAS, "total": 10}) == ()
    assert edit_problems(EDIT, WAS, lowered, {**WAS, "total": 11}) != ()
    assert edit_problems(EDIT, {}, lowered, {**WAS, "total": 3}) != ()


def test_what_both_lists_name_may_only_be_lowered() -> None:
    both = Editing({"total": {}}, lower=("total",))
    assert edit_problems(both, WAS, WAS, {**WAS, "total": 11}) != ()
