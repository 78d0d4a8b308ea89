"""What is called a valid JSON Schema without asking the metaschema is one, and everyday schemas need not ask it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker

from hitl_fsm.policy.form_check import SCHEMA_WORDS, check_schema
from hitl_fsm.policy.plain_schema import _WORDS, is_plainly_valid

ROOT = Path(__file__).parents[3]
VALUES: list[Any] = [
    *(None, True, False, 0, 1, -1, 3, 0.0, 1.0, 0.5, -0.5, 10**400, float("inf"), float("-inf"), float("nan")),
    *("", "a", "string", "Object", "^a", "(", "#/$defs/a", "https://json-schema.org/draft/2020-12/schema"),
    *([], [1], ["a"], ["a", "b"], ["a", "a"], ["a", 1], ["string", "null"], ["string", "string"], [["a"]], ("a",)),
    *([True], [{}], [{}, {"type": "string"}], [{"type": "text"}], [{"minLength": -1}], [None]),
    *({}, {"a": True}, {"a": {}}, {"a": {"type": "string"}}, {"a": {"type": "text"}}, {"a": 1}, {"a": ["b"]}),
    *({1: {}}, {"type": "string"}, {"type": "text"}, {"type": []}, {"minLength": -1}, {"minimum": "a"}, {"a": [{}]}),
]
WORDS = sorted({*SCHEMA_WORDS, *_WORDS, "dependencies", "$recursiveAnchor", "x-note"})
META = Draft202012Validator(Draft202012Validator.META_SCHEMA, format_checker=FormatChecker(formats=()))


def wrong(schema: Any) -> list[str]:
    return [str(error.message) for error in META.iter_errors(schema)]


@pytest.mark.parametrize("word", WORDS)
def test_what_is_called_valid_is_valid(word: str) -> None:
    for value in VALUES:
        for schema in ({word: value}, {"properties": {"a": {"items": {word: value}}}}, {"allOf": [{word: value}]}):
            assert not is_plainly_valid(schema) or wrong(schema) == [], schema
    assert (word in _WORDS) is any(is_plainly_valid({word: value}) for value in VALUES)


@given(
    st.recursive(
        st.sampled_from(VALUES),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3),
            st.dictionaries(st.sampled_from(WORDS), inner, max_size=3),
            st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
        ),
        max_leaves=8,
    )
)
def test_whatever_is_put_together(schema: Any) -> None:
    assert not is_plainly_valid(schema) or wrong(schema) == []


@pytest.mark.parametrize("file", sorted((ROOT / "schemas/forms").glob("*.json")), ids=lambda file: file.name)
def test_forms_of_every_day_need_no_metaschema(file: Path) -> None:
    assert is_plainly_valid(json.loads(file.read_text("utf-8")))


def test_what_is_not_plain_is_still_told() -> None:
    assert check_schema({"type": "object", "properties": {"a": {"type": "text"}}}) == (
        "at properties/a/type: 'text' is not valid under any of the given schemas",
    )
    assert check_schema({"$id": "https://example.com/form", "type": "object"}) == ()
