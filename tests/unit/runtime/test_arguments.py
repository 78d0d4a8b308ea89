"""Argument text of a model: exactly one JSON object within the limits, or one short error."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costs import soon
from hitl_fsm.errors import ArgumentsUnreadable
from hitl_fsm.runtime.tools.arguments import ARGUMENTS_BYTES, ARGUMENTS_DEPTH, INTEGER_MAX, read_arguments

SHORT = 300  # characters: an error the model can use, not an echo of what it wrote

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-INTEGER_MAX, INTEGER_MAX)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(st.dictionaries(st.text(), JSON), st.booleans())
def test_every_json_object_is_read_as_it_is(value: dict[str, Any], ascii_only: bool) -> None:
    assert read_arguments(json.dumps(value, ensure_ascii=ascii_only)) == value


@given(st.text(st.characters(exclude_categories=())) | st.text('{}[]":,\\u d8 1eE+-.nulNaN\n'))
def test_any_text_gives_a_dict_or_the_one_error(raw: str) -> None:
    try:
        value = read_arguments(raw)
    except ArgumentsUnreadable as error:
        assert len(error.message) < SHORT
        assert error.message.isprintable()
    else:
        assert type(value) is dict
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode()


@pytest.mark.parametrize("raw", ["", " ", "\n\t ", "{}", " { } "])
def test_no_arguments(raw: str) -> None:
    assert read_arguments(raw) == {}


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        ("null", "must be a JSON object, not null"),
        ("[]", "not an array"),
        ("[1, 2]", "not an array"),
        ('"x"', "not a string"),
        ("true", "not a boolean"),
        ("1", "not a number"),
        ("1.5", "not a number"),
        ("{", "not valid JSON"),
        ('{"a": 1} x', "not valid JSON: Extra data at character 10"),
        ("{'a': 1}", "not valid JSON"),
        ('{"a": 1,}', "not valid JSON"),
        ('{"a": "\n"}', "not valid JSON"),
        ('\ufeff{"a": 1}', "not valid JSON"),
        ('{"a": 1, "a": 1}', 'the key "a" stands twice'),
        ('{"a": 1, "\\u0061": 2}', 'the key "a" stands twice'),
        ('{"x": [{"b": 1, "c": 2, "b": 3}]}', 'the key "b" stands twice'),
        ('{"\u202e": 1, "\u202e": 1}', "⟦U+202E⟧"),
        ('{"a": NaN}', "NaN is not JSON"),
        ('{"a": Infinity}', "Infinity is not JSON"),
        ('{"a": -Infinity}', "-Infinity is not JSON"),
        ('{"a": 1e999}', "too large for a double"),
        ('{"a": [-1.5e400]}', "too large for a double"),
        (f'{{"a": {INTEGER_MAX + 1}}}', "send it as a string"),
        (f'{{"a": {-INTEGER_MAX - 1}}}', "send it as a string"),
        ('{"a": ' + "9" * 100_000 + "}", "send it as a string"),
        ('{"a": "\\ud800"}', "surrogate"),
        ('{"\\udc00": 1}', "surrogate"),
        ('{"a": "\ud800"}', "surrogate"),
    ],
)
def test_what_is_doubtful_is_refused_with_a_short_reason(raw: str, why: str) -> None:
    with pytest.raises(ArgumentsUnreadable) as caught:
        read_arguments(raw)
    assert why in caught.value.message
    assert len(caught.value.message) < SHORT
    assert caught.value.code == "HF404"


@pytest.mark.parametrize("raw", [None, b"{}", {}, 1])
def test_what_is_not_text_is_refused(raw: Any) -> None:
    with pytest.raises(ArgumentsUnreadable, match="must be JSON text"):
        read_arguments(raw)


@pytest.mark.parametrize(
    "raw",
    [
        "[" * 20_000 + "]" * 20_000,
        '{"a":' * 20_000 + "1" + "}" * 20_000,
        "[" * 20_000,
        '{"a": ' + "[" * ARGUMENTS_DEPTH + "]" * ARGUMENTS_DEPTH + "}",
        '{"\\"[": ' + "[" * ARGUMENTS_DEPTH + "]" * ARGUMENTS_DEPTH + "}",
    ],
    ids=["arrays", "objects", "unclosed", "one too deep", "after an escaped quote"],
)
def test_too_deep(raw: str) -> None:
    with pytest.raises(ArgumentsUnreadable, match="deeper than 64"):
        read_arguments(raw)


def test_depth_is_that_of_the_values_not_of_brackets_in_text() -> None:
    deepest = ARGUMENTS_DEPTH - 1
    assert read_arguments('{"a": ' + "[" * deepest + "]" * deepest + "}")
    text = '[{"\\' * 1000
    assert read_arguments(json.dumps({"a": text, "b": [[]] * 200})) == {"a": text, "b": [[]] * 200}


def test_size_is_counted_in_bytes() -> None:
    room = ARGUMENTS_BYTES - len('{"a":""}')
    assert len(read_arguments('{"a":"' + "x" * room + '"}')["a"]) == room
    for raw in ('{"a":"' + "x" * (room + 1) + '"}', '{"a":"' + "é" * (room // 2 + 1) + '"}', "x" * 5_000_000):
        with pytest.raises(ArgumentsUnreadable, match="larger than 256 KiB"):
            read_arguments(raw)


@pytest.mark.parametrize("raw", ['"\\' * 130_000, '{"a":"' + '\\"' * 130_000, '"' * 262_000, "[]" * 131_000, "{[" * 65])
def test_hostile_text_costs_a_bounded_time(raw: str) -> None:
    brackets = "[{" * (ARGUMENTS_DEPTH // 2 + 1)  # so many that the depth is counted, and only at the end
    raw = raw[: ARGUMENTS_BYTES - len(brackets)] + brackets

    def refused() -> None:
        with pytest.raises(ArgumentsUnreadable):
            read_arguments(raw)

    soon(refused, limit_s=1)
