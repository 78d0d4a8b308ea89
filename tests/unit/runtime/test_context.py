"""Context variables: what is taken, and how instructions are filled with them."""

from __future__ import annotations

from typing import Any

import pytest

from hitl_fsm.errors import InputRefused, ModelError
from hitl_fsm.runtime.agents.context import CONTEXT_DEPTH, CONTEXT_LIMIT, checked_context, filled, instructed


def test_json_values_are_taken_as_a_copy() -> None:
    given = {"customer": "Ada", "orders": [1, 2.5, None, True], "more": {"a": ("x",)}}
    taken = checked_context(given)
    assert taken == {"customer": "Ada", "orders": [1, 2.5, None, True], "more": {"a": ["x"]}}
    given["orders"].append(3)  # type: ignore[attr-defined]
    assert taken["orders"] == [1, 2.5, None, True]
    assert checked_context(None) == {}


def deep(levels: int) -> Any:
    return {"a": deep(levels - 1)} if levels else 1


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ([("a", 1)], "must be a dict"),
        ({"a": {1: 2}}, "context.a has a key that is no text"),
        ({"a": [float("nan")]}, r"context.a\[0\] is a number that JSON does not know"),
        ({"a": 2**53}, "context.a is an integer"),
        ({"a": object()}, "context.a is of type object, which is not JSON"),
        ({"a": "\ud800"}, "context.a has half of a surrogate pair"),
        (deep(CONTEXT_DEPTH + 2), "nested deeper"),
        ({"a": "x" * CONTEXT_LIMIT}, "the limit is"),
    ],
)
def test_what_json_cannot_hold_is_refused_with_its_place(given: Any, why: str) -> None:
    with pytest.raises(InputRefused, match=why):
        checked_context(given)


def test_instructions_are_filled_by_name_alone() -> None:
    context = {"customer": "Ada {tier}", "tier": 3, "tags": ["a", "b"]}
    assert filled("Help {customer}, tier {tier}: {tags}.", context) == 'Help Ada {tier}, tier 3: ["a","b"].'
    assert filled('Write {{customer}} and {"json": 1} {} {0} {a.b} {a[0]} {a!r} {a:>9}', {}) == (
        'Write {customer} and {"json": 1} {} {0} {a.b} {a[0]} {a!r} {a:>9}'
    )


def test_a_variable_that_is_not_there_is_named() -> None:
    with pytest.raises(InputRefused, match=r"instructions name \{custommer\}, and the context has no 'custommer'"):
        filled("Help {custommer}", {"customer": "Ada"})


async def test_instructions_may_be_made_from_a_copy_of_the_context() -> None:
    context = {"names": ["Ada"]}

    def plain(given: dict[str, Any]) -> str:
        given["names"].append("Eve")
        return f"Help {given['names'][0]}, {{not_filled}}"

    async def slow(given: dict[str, Any]) -> str:
        return given["names"][0]

    assert await instructed(plain, context) == "Help Ada, {not_filled}"
    assert await instructed(slow, context) == "Ada"
    assert context == {"names": ["Ada"]}


@pytest.mark.parametrize(
    ("function", "why"),
    [
        (lambda _context: 7, "returned int, not text"),
        (lambda _context: "\ud800", "longer, or broken"),
        (lambda context: context["no"], "could not be made: KeyError: 'no'"),
        (lambda _context: exit(), "tried to end the process"),  # noqa: PLR1722
    ],
)
async def test_instructions_that_cannot_be_made_fail_the_model_call(function: Any, why: str) -> None:
    with pytest.raises(ModelError, match=why):
        await instructed(function, {})
