"""What the lint says of schemas is certain: what it calls unsatisfiable accepts nothing, what it calls bounded is."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from hitl_fsm.model.secret_names import asks_for_secret
from hitl_fsm.policy.form_check import check_schema, compiled
from hitl_fsm.policy.lint.contradiction import contradiction
from hitl_fsm.policy.lint.unbounded import is_bounded_pattern, unbounded

TYPES = ["null", "boolean", "integer", "number", "string", "array", "object"]
NAMES = ["a", "b"]
SMALL = st.integers(0, 3)
NUMBERS = st.one_of(st.integers(-2, 3), st.sampled_from([-0.5, 0.0, 0.5, 1.0, 2.5]))
SCALARS = st.one_of(st.none(), st.booleans(), NUMBERS, st.sampled_from(["", "a", "ab", "abc"]))
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from([*NAMES, "c"]), inner, max_size=3)
    ),
    max_leaves=6,
)


def keywords(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    some = st.lists(inner, min_size=1, max_size=2)
    return st.fixed_dictionaries(
        {},
        optional={
            "type": st.one_of(
                st.sampled_from(TYPES), st.lists(st.sampled_from(TYPES), min_size=1, max_size=2, unique=True)
            ),
            "enum": st.lists(VALUES, max_size=2),
            "const": VALUES,
            "minimum": NUMBERS,
            "maximum": NUMBERS,
            "exclusiveMinimum": NUMBERS,
            "exclusiveMaximum": NUMBERS,
            "minLength": SMALL,
            "maxLength": SMALL,
            "pattern": st.sampled_from(["^a", "b$", "^$"]),
            "minItems": SMALL,
            "maxItems": SMALL,
            "items": inner,
            "prefixItems": some,
            "contains": inner,
            "minContains": SMALL,
            "maxContains": SMALL,
            "minProperties": SMALL,
            "maxProperties": SMALL,
            "required": st.lists(st.sampled_from([*NAMES, "c"]), max_size=2, unique=True),
            "properties": st.dictionaries(st.sampled_from(NAMES), inner, max_size=2),
            "patternProperties": st.dictionaries(st.sampled_from(["^a", "c"]), inner, max_size=1),
            "additionalProperties": inner,
            "propertyNames": st.booleans(),
            "allOf": some,
            "anyOf": some,
            "oneOf": some,
            "not": inner,
            "$ref": st.just("#/$defs/d"),
        },
    )


SCHEMAS = st.recursive(st.booleans(), keywords, max_leaves=5).filter(lambda schema: isinstance(schema, dict))


@settings(max_examples=400, deadline=None)
@given(schema=SCHEMAS, definition=st.sampled_from([False, True, {"type": "string", "minLength": 2}]), data=st.data())
def test_what_is_called_unsatisfiable_accepts_nothing(schema: dict[str, Any], definition: Any, data: Any) -> None:
    schema = {**schema, "$defs": {"d": definition}}
    found = contradiction(schema, schema)
    if found is None:
        return
    validator = Draft202012Validator(schema)
    for _ in range(20):
        value = data.draw(VALUES)
        assert not validator.is_valid(value), (found, value)


@pytest.mark.parametrize(
    ("schema", "pointer"),
    [
        (False, ()),
        ({"enum": []}, ("enum",)),
        ({"type": "string", "enum": [1, None]}, ("enum",)),
        ({"enum": [True], "type": "integer"}, ("enum",)),
        ({"const": "abc", "maxLength": 2}, ("const",)),
        ({"type": "string", "minLength": 3, "maxLength": 2}, ("minLength",)),
        ({"type": "number", "minimum": 2, "maximum": 1.5}, ("minimum",)),
        ({"type": "number", "exclusiveMinimum": 2, "maximum": 2}, ("exclusiveMinimum",)),
        ({"type": "integer", "minimum": 1.2, "maximum": 1.8}, ("minimum",)),
        ({"type": "array", "minItems": 2, "maxItems": 1}, ("minItems",)),
        ({"type": "array", "minItems": 1, "items": {"enum": []}}, ("items", "enum")),
        ({"type": "array", "maxItems": 0, "contains": {"type": "string"}}, ("contains",)),
        ({"type": "array", "contains": False}, ("contains",)),
        ({"type": "array", "contains": {}, "minContains": 2, "maxContains": 1}, ("contains",)),
        ({"type": "object", "required": ["a", "b"], "maxProperties": 1}, ("maxProperties",)),
        ({"type": "object", "required": ["a"], "properties": {}, "additionalProperties": False}, ("required",)),
        ({"type": "object", "required": ["a"], "properties": {"a": False}}, ("properties", "a")),
        (
            {"type": "object", "minProperties": 2, "properties": {"a": {}}, "additionalProperties": False},
            ("minProperties",),
        ),
        ({"type": "string", "allOf": [{"type": "integer"}]}, ("type",)),
        ({"anyOf": [False, {"enum": []}]}, ("anyOf",)),
        ({"allOf": [{}, False]}, ("allOf", 1)),
        ({"not": {}}, ("not",)),
        ({"$ref": "#/$defs/d", "$defs": {"d": False}}, ("$ref",)),
    ],
)
def test_what_is_seen(schema: Any, pointer: tuple[str | int, ...]) -> None:
    found = contradiction(schema, schema if isinstance(schema, dict) else {})
    assert found is not None
    assert found.pointer == pointer


@pytest.mark.parametrize(
    "schema",
    [
        {"minLength": 3, "maxLength": 2},
        {"type": ["string", "null"], "minLength": 3, "maxLength": 2},
        {"type": "integer", "minimum": 2, "maximum": 2},
        {"type": "array", "minItems": 2, "maxItems": 2, "items": {"type": "string"}},
        {"type": "array", "items": False},
        {"type": "object", "required": ["a"], "patternProperties": {"^a": {}}, "additionalProperties": False},
        {"type": "object", "properties": {"a": False}},
        {"type": "number", "allOf": [{"type": "integer"}]},
        {"type": "array", "contains": False, "minContains": 0},
        {"not": {"not": {}}},
    ],
)
def test_what_can_be_satisfied_is_left_alone(schema: dict[str, Any]) -> None:
    assert check_schema(schema) == ()
    assert contradiction(schema, schema) is None


@pytest.mark.parametrize("pattern", ["^[A-Z]{2,4}$", r"\A\d{8}\z", "^(EUR|GBP)$", "^a?b$", "^[*+]{3}$", r"^\+\d{3}$"])
def test_a_pattern_with_an_end(pattern: str) -> None:
    assert is_bounded_pattern(pattern)
    assert compiled(pattern).search("x" * 5000) is None


@pytest.mark.parametrize(
    "pattern", ["[A-Z]{2}", "^[a-z]+$", "^a|b$", "^a{2,}$", r"^a\$", "(?m)^a$", "^(?m:a)$", "^.*$", "^a$|"]
)
def test_a_pattern_without_one(pattern: str) -> None:
    assert not is_bounded_pattern(pattern)


@pytest.mark.parametrize(
    ("part", "fields"),
    [
        ({"type": "string"}, ["x"]),
        ({"type": ["string", "null"]}, ["x"]),
        ({}, ["x"]),
        (True, ["x"]),
        ({"type": "array", "items": {}}, ["x", "x"]),
        ({"type": "array", "maxItems": 2}, ["x"]),
        ({"type": "object", "additionalProperties": {"type": "string"}}, ["x"]),
        ({"type": "object", "additionalProperties": {"type": "string"}, "maxProperties": 2}, ["x"]),
        ({"type": "object", "additionalProperties": False, "properties": {"y": {"type": "string"}}}, ["x.y"]),
        ({"$ref": "#/$defs/d"}, ["x"]),
        ({"allOf": [{"type": "string"}, {"minLength": 2}]}, ["x"]),
    ],
)
def test_parts_without_a_bound(part: Any, fields: list[str]) -> None:
    root = {
        "type": "object",
        "properties": {"x": part},
        "additionalProperties": False,
        "$defs": {"d": {"type": "string"}},
    }
    assert [one.field for one in unbounded(root, root)] == fields


@pytest.mark.parametrize(
    "part",
    [
        False,
        {"enum": ["a"]},
        {"const": "a"},
        {"type": "integer"},
        {"type": "string", "maxLength": 3},
        {"type": "string", "format": "date"},
        {"type": "string", "allOf": [{"maxLength": 3}]},
        {"anyOf": [{"type": "null"}, {"type": "string", "maxLength": 3}]},
        {"type": "string", "oneOf": [{"maxLength": 3}, {"format": "uuid"}]},
        {"$ref": "#/$defs/d", "maxLength": 3},
        {"type": "array", "maxItems": 0},
        {"type": "array", "prefixItems": [{"type": "integer"}], "items": False},
        {"type": "object", "additionalProperties": False},
        {"if": {"type": "string"}, "then": {"maxLength": 3}},
    ],
)
def test_parts_with_a_bound_or_without_certainty(part: Any) -> None:
    root = {
        "type": "object",
        "properties": {"x": part},
        "additionalProperties": False,
        "$defs": {"d": {"type": "string"}},
    }
    assert list(unbounded(root, root)) == []


@pytest.mark.parametrize(
    "name",
    ["password", "newPassword", "API_KEY", "apiKey", "card-number", "CVV", "otp", "user_token", "pass_word", "pin"],
)
def test_names_of_secrets(name: str) -> None:
    assert asks_for_secret(name)


@pytest.mark.parametrize(
    "name",
    ["password_hint", "token_count", "secretary", "keyboard", "spin", "map_pin", "key", "card", "number", "", "ключ"],
)
def test_names_of_other_things(name: str) -> None:
    assert not asks_for_secret(name)


def test_no_schema_takes_long() -> None:
    """Names that are not listed, and choices, at every level: work that multiplies would never end."""
    names = [f"n{number}" for number in range(100)]
    wide: Any = {"type": "string"}
    many: Any = {"type": "string"}
    for _ in range(12):
        wide = {"type": "object", "required": names, "additionalProperties": wide}
        many = {"type": "object", "properties": {"x": many}, "anyOf": [{"minProperties": n} for n in range(9)]}
    for schema in (wide, many):
        assert check_schema(schema) == ()
        assert contradiction(schema, schema) is None
        assert len(list(unbounded(schema, schema))) < 200


def test_a_long_chain_of_references_is_followed_only_so_far() -> None:
    links = {f"d{number}": {"$ref": f"#/$defs/d{number + 1}"} for number in range(300)}
    schema = {"$ref": "#/$defs/d0", "$defs": {**links, "d300": False}}
    assert contradiction(schema, schema) is None
    assert list(unbounded(schema, schema)) == []
