"""Whatever a tool returns becomes JSON-able, whole or with a mark that says what is missing."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import json
from collections import namedtuple
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hitl_fsm.runtime.tools.results import ERROR_LIMIT, RESULT_LIMIT, RESULT_NODES, error_text, to_result


class Model(pydantic.BaseModel):
    day: dt.date
    inner: list[int] = [1]


@dataclass
class Data:
    price: decimal.Decimal
    inner: Any = None


class Struct(msgspec.Struct):
    a: int


class Kind(enum.Enum):
    A = ("a", 1)


class Broken:
    def __str__(self) -> str:
        raise KeyError


Pair = namedtuple("Pair", "x y")  # noqa: PYI024


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (None, None),
        (True, True),
        (1.5, 1.5),
        ("é", "é"),
        (float("nan"), "NaN"),
        (float("inf"), "Infinity"),
        ([float("-inf")], ["-Infinity"]),
        (2**53 - 1, 2**53 - 1),
        (2**53, "9007199254740992"),
        ("\ud800", "\\ud800"),
        ({"\ud800": 1}, {"\\ud800": 1}),
        ((1, (2,)), [1, [2]]),
        ({3, 1, 2}, [1, 2, 3]),
        ({1: "a", None: "b", Kind.A: "c"}, {"1": "a", "None": "b", "('a', 1)": "c"}),
        ({1: "a", "1": "b"}, [[1, "a"], ["1", "b"]]),
        (Model(day=dt.date(2024, 1, 2)), {"day": "2024-01-02", "inner": [1]}),
        (pydantic.RootModel[list[int]]([1, 2]), [1, 2]),
        (
            Data(decimal.Decimal("1.50"), Data(decimal.Decimal(2))),
            {"price": "1.50", "inner": {"price": "2", "inner": None}},
        ),
        (Struct(1), {"a": 1}),
        (Pair(1, 2), {"x": 1, "y": 2}),
        (Kind.A, ["a", 1]),
        (dt.datetime(2024, 1, 2, 3, 4, tzinfo=dt.UTC), "2024-01-02T03:04:00+00:00"),
        (b"a\xff", "a\\xff"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (ValueError("no"), "no"),
        (int, "<class 'int'>"),
        (Broken(), "⟨Broken: unreadable, KeyError⟩"),
        pytest.param(10**5000, "⟨int: unreadable, ValueError⟩", id="huge"),
    ],
)
def test_each_kind(value: object, plain: object) -> None:
    got = to_result(value)
    assert got == plain
    assert type(got) is type(plain)


SCALARS = st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text()
FINITE = st.floats(allow_nan=False, allow_infinity=False)


@given(st.recursive(SCALARS | FINITE, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_json_values_are_unchanged(value: object) -> None:
    assert to_result(value) == value


def test_too_large_becomes_text_that_says_so() -> None:
    assert to_result("x" * (RESULT_LIMIT - 2)) == "x" * (RESULT_LIMIT - 2)
    for value in ("é" * RESULT_LIMIT, ["x" * RESULT_LIMIT], {"a": "x" * RESULT_LIMIT}):
        got = to_result(value)
        assert isinstance(got, str)
        assert f"of which the first {RESULT_LIMIT} are shown" in got
        assert RESULT_LIMIT < len(got.encode()) < RESULT_LIMIT + 200


def _cycle() -> Any:
    loop: list[Any] = []
    loop += [loop, loop]
    return loop


def _doubling() -> Any:
    value: Any = 1
    for _ in range(50):
        value = [value, value]
    return value


def _deep() -> Any:
    value: Any = 1
    for _ in range(50_000):
        value = {"a": value}
    return value


@pytest.mark.parametrize("make", [_cycle, _doubling, _deep, lambda: list(range(RESULT_NODES * 3))])
def test_hostile_shapes_end(make: Callable[[], Any]) -> None:
    got = to_result(make())
    text = json.dumps(got)
    assert "⟨" in got if isinstance(got, str) else "\\u27e8" in text


# -- errors


class Mute(Exception):
    def __str__(self) -> str:
        raise ValueError


class Wrong(Exception):
    def __str__(self) -> str:
        return 5  # type: ignore[return-value]  # noqa: PLE0307 - the point


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("no money"), "ValueError: no money"),
        (ValueError(), "ValueError"),
        (ValueError("x\ud800y"), "ValueError: x\ufffdy"),
        (Mute(), "Mute: ⟨unreadable, ValueError⟩"),
        (Wrong(), "Wrong: ⟨unreadable, TypeError⟩"),
        (KeyboardInterrupt(), "KeyboardInterrupt"),
    ],
    ids=ascii,
)
def test_an_error_is_told_whatever_it_is(error: BaseException, text: str) -> None:
    assert error_text(error) == text
    error_text(error).encode()


def test_an_error_is_cut() -> None:
    told = error_text(ValueError("é" * 10**6))
    assert len(told) == ERROR_LIMIT
    assert told.startswith("ValueError: éé")
