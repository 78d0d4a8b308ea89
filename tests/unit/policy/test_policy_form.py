"""Forms and result schemas: what is refused as a schema, and what is refused as an answer (law 9)."""

# ruff: noqa: E501 - tables of cases, one a line

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costs import calls, soon
from hitl_fsm.errors import HitlError, ToolError
from hitl_fsm.policy.ask_user import MAX_CHOICES, MAX_FIELDS
from hitl_fsm.policy.form import ask_user_schema, check_form, check_schema, form, value_problems

PAYMENT = {
    "type": "object",
    "properties": {
        "amount": {"type": "number", "exclusiveMinimum": 0, "maximum": 1000},
        "count": {"type": "integer"},
        "currency": {"enum": ["EUR", "GBP"]},
        "order": {"type": "string", "pattern": "^o[0-9]+$"},
        "when": {"type": "string", "format": "date"},
        "to": {"type": "object", "properties": {"iban": {"type": "string"}}, "required": ["iban"]},
        "tags": {"type": "array", "items": {"type": "string"}, "uniqueItems": True, "maxItems": 3},
    },
    "required": ["amount", "currency"],
}
GOOD = {"amount": 5, "currency": "EUR"}


def test_a_good_answer_has_no_problems() -> None:
    full = {**GOOD, "count": 2, "order": "o1", "when": "2026-01-31", "to": {"iban": "x"}, "tags": ["a", "b"]}
    assert form(PAYMENT).problems(full) == ()
    assert form(PAYMENT) is form(dict(PAYMENT))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"amount": "abc"}, ("amount: 'abc' is not of type 'number'",)),
        ({"amount": True}, ("amount: True is not of type 'number'",)),
        ({"amount": None}, ("amount: None is not of type 'number'",)),
        ({"amount": 0}, ("amount: 0 is less than or equal to the minimum of 0",)),
        ({"amount": 1000.01}, ("amount: 1000.01 is greater than the maximum of 1000",)),
        ({"count": 1.5}, ("count: 1.5 is not of type 'integer'",)),
        ({"count": True}, ("count: True is not of type 'integer'",)),
        ({"currency": "USD"}, ("currency: 'USD' is not one of ['EUR', 'GBP']",)),
        ({"currency": "eur"}, ("currency: 'eur' is not one of ['EUR', 'GBP']",)),
        ({"order": "x1"}, ("order: 'x1' does not match '^o[0-9]+$'",)),
        ({"order": "o1\n"}, (r"order: 'o1\n' does not match '^o[0-9]+$'",)),
        ({"when": "31.1.2026"}, ("when: '31.1.2026' is not a 'date'",)),
        ({"to": {}}, ("to.iban: is required",)),
        ({"to": {"iban": "x", "bic": "y"}}, ("to.bic: is not a field here",)),
        ({"tags": ["a", "a"]}, ("tags: has the same item twice",)),
        ({"tags": ["a", 1]}, ("tags[1]: 1 is not of type 'string'",)),
        ({"amuont": 5}, ("amuont: is not a field here; did you mean `amount`?",)),
        ({"a\x1b[2J\u202e": 5}, (r"'a\x1b[2J\u202e': is not a field here",)),
    ],
)
def test_law09_a_bad_answer_is_refused_with_one_line_a_field(change: dict[str, Any], expected: tuple[str, ...]) -> None:
    assert form(PAYMENT).problems({**GOOD, **change}) == expected


def test_law09_all_fields_are_told_at_once_in_the_order_of_the_form() -> None:
    assert form(PAYMENT).problems({"order": "x", "zzz": 1, "count": "n"}) == (
        "amount: is required",
        "count: 'n' is not of type 'integer'",
        "currency: is required",
        "order: 'x' does not match '^o[0-9]+$'",
        "zzz: is not a field here",
    )
    assert form(PAYMENT).problems([]) == ("[] is not of type 'object'",)
    assert form(PAYMENT).problems(None) == ("None is not of type 'object'",)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object(), {1: 2}, {"a": {3}}, b"x"])
def test_law09_what_is_not_json_is_refused(value: Any) -> None:
    assert form(PAYMENT).problems({**GOOD, "amount": value})
    assert value_problems({}, value)
    assert value_problems(True if False else {}, {"x": value})  # noqa: SIM210, RUF100


def test_law09_an_answer_is_bounded_before_it_is_looked_at() -> None:
    deep: Any = 1
    for _ in range(100_000):
        deep = [deep]
    for value in (deep, ["x"] * 30_000, "x" * 1_000_001):
        (problem,) = form(PAYMENT).problems({**GOOD, "tags": value})
        assert len(problem) < 200
    (long,) = form(PAYMENT).problems({**GOOD, "currency": "x" * 100_000})
    assert len(long) < 300


def test_no_pattern_can_hang_the_engine() -> None:
    schema = {
        "type": "object",
        "properties": {"a": {"type": "string", "pattern": "^(a+)+$"}},
        "patternProperties": {"^(x+)+$": True},
    }
    assert soon(lambda: form(schema).problems({"a": "a" * 50_000 + "!", "x" * 50_000 + "!": 1}), limit_s=1)


def test_items_that_differ_are_told_apart_without_a_look_at_each_pair() -> None:
    items = {"type": "array", "uniqueItems": True}
    few, many = ([[index, {"a": index}] for index in range(count)] for count in (100, 400))
    assert value_problems(items, many) == ()
    assert calls(lambda: value_problems(items, many)) < 4.5 * calls(lambda: value_problems(items, few))


def test_equality_is_that_of_json_schema() -> None:
    unique = {"type": "array", "uniqueItems": True}
    assert value_problems(unique, [1, True, "1", None, 0, False]) == ()
    assert value_problems(unique, [1, 1.0])
    assert value_problems(unique, [{"a": 1, "b": 2}, {"b": 2, "a": 1.0}])
    assert value_problems({"const": 1}, True)
    assert value_problems({"enum": [0]}, False)
    assert form({"type": "object", "properties": {"a": {"const": 1}}}).problems({"a": True})
    assert form({"type": "object", "properties": {"a": {"const": True}}}).problems({"a": True}) == ()


def test_a_form_is_closed_unless_it_says_otherwise_and_a_result_schema_is_as_written() -> None:
    small = {"type": "object", "properties": {"a": {}}}
    assert form(small).problems({"b": 1}) == ("b: is not a field here",)
    assert form({**small, "additionalProperties": True}).problems({"b": 1}) == ()
    assert form({**small, "additionalProperties": {"type": "string"}}).problems({"b": 1}) == (
        "b: 1 is not of type 'string'",
    )
    assert form({**small, "patternProperties": {"^x-": {}}}).problems({"x-b": 1}) == ()
    assert value_problems(small, {"b": 1}) == ()
    nested = {"type": "object", "properties": {"l": {"type": "array", "items": small}, "m": {"allOf": [small]}}}
    assert form(nested).problems({"l": [{"b": 1}]}) == ("l[0].b: is not a field here",)
    assert form(nested).problems({"m": {"b": 1}}) == ()


def test_local_references_are_followed() -> None:
    schema = {"type": "object", "properties": {"a": {"$ref": "#/$defs/name"}}, "$defs": {"name": {"type": "string"}}}
    assert form(schema).problems({"a": 1}) == ("a: 1 is not of type 'string'",)


def bomb() -> dict[str, Any]:
    levels = {f"l{index}": {"allOf": [{"$ref": f"#/$defs/l{index + 1}"}] * 2} for index in range(30)}
    return {
        "type": "object",
        "properties": {"a": {"$ref": "#/$defs/l0"}},
        "$defs": {**levels, "l30": {"type": "string"}},
    }


def nest(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {}
    for _ in range(levels):
        schema = {"not": schema}
    return schema


@pytest.mark.parametrize(
    ("schema", "says"),
    [
        ([], "a schema is an object"),
        (True, "a schema is an object"),
        ({"type": "strng"}, "at type: 'strng' is not valid"),
        ({"required": "a"}, "at required: 'a' is not of type 'array'"),
        ({"properties": {"a": 1}}, "at properties/a: 1 is not of type"),
        ({"$schema": "http://json-schema.org/draft-07/schema#"}, "`$schema` must be"),
        ({"$ref": "https://example.com/a.json"}, "names nothing in this schema"),
        ({"$ref": "other.json#/a"}, "names nothing in this schema"),
        ({"$ref": "#/$defs/no"}, "names nothing in this schema"),
        ({"$ref": "#anchor"}, "names nothing in this schema"),
        ({"$ref": "#"}, "leads back to itself"),
        ({"properties": {"a": {"items": {"$ref": "#/properties/a"}}}}, "leads back to itself"),
        ({"$dynamicRef": "#x"}, "`$dynamicRef` is not supported"),
        ({"items": {"unevaluatedProperties": False}}, "at /items: `unevaluatedProperties` is not supported"),
        ({"properties": {"a": {"$id": "x"}}}, "`$id` is only supported at the top"),
        ({"pattern": "(?=a)"}, "is not RE2"),
        ({"pattern": "(a"}, "is not RE2: missing )"),
        ({"pattern": r"(a)\1"}, "is not RE2"),
        ({"patternProperties": {"(": True}}, "is not RE2"),
        ({"pattern": "a" * 2000}, "the limit is 1000"),
        (bomb(), "unfold into more than"),
        (nest(40), "nested deeper than"),
        (nest(50_000), "nested deeper than"),
        ({"enum": list(range(6000))}, "larger than"),
        ({"title": "\ud800"}, "half of a surrogate pair"),
        ({"properties": {"a\udfff": {}}}, "half of a surrogate pair"),
    ],
)
def test_what_cannot_be_a_schema(schema: Any, says: str) -> None:
    problems = check_schema(schema)
    assert problems
    assert says in problems[0]
    assert check_form(schema)
    if isinstance(schema, dict):
        with pytest.raises(HitlError):
            value_problems(schema, {})


@pytest.mark.parametrize(
    ("schema", "says"),
    [
        ({}, "`type: object`"),
        ({"type": "string"}, "`type: object`"),
        ({"type": "object"}, "`properties`"),
        ({"type": "object", "properties": {}}, "at least one field"),
        ({"type": "object", "properties": {"a": {}}, "required": ["b"]}, "`required` names 'b'"),
    ],
)
def test_what_cannot_be_a_form(schema: dict[str, Any], says: str) -> None:
    assert check_schema(schema) == ()
    assert says in check_form(schema)[0]
    with pytest.raises(ToolError):
        form(schema)


def test_data_inside_a_schema_is_not_taken_for_a_schema() -> None:
    schema = {
        "enum": [{"$ref": "https://x.y", "pattern": "("}],
        "default": {"$id": "x"},
        "properties": {"pattern": {"type": "string"}, "$ref": {}},
    }
    assert check_schema(schema) == ()


@pytest.mark.parametrize(("kind", "good", "bad"), [
    ("date-time", "2026-01-31T12:00:00Z", "2026-13-31T12:00:00Z"), ("date-time", "2026-01-31T12:00:00.5+02:00", "tomorrow"),
    ("time", "12:00:00", "25:00"), ("email", "a@b.c", "a"), ("uuid", "12345678-1234-5678-1234-567812345678", "1"),
    ("uri", "https://a.b/c", "a b"), ("ipv4", "10.0.0.1", "10.0.0.256"), ("date", "2026-02-28", "2026-02-30"),
])  # fmt: skip
def test_formats_are_checked(kind: str, good: str, bad: str) -> None:
    assert value_problems({"format": kind}, good) == ()
    assert value_problems({"format": kind}, bad)
    assert value_problems({"format": kind}, 5) == ()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda c: st.lists(c) | st.dictionaries(st.text(), c),
)


@given(JSON)
def test_law09_no_answer_raises(value: Any) -> None:
    for given_value in (value, {**GOOD, "to": value}, {**GOOD, "amount": value}):
        problems = form(PAYMENT).problems(given_value)
        assert isinstance(problems, tuple)
        assert all(problem.isprintable() for problem in problems)


@given(JSON)
def test_no_schema_raises_anything_but_problems(value: Any) -> None:
    for schema in (value, {"properties": {"a": value}}, {"type": "object", "properties": {"a": {}}, "required": value}):
        assert isinstance(check_form(schema), tuple)


# --- ask_user -----------------------------------------------------------------------------------------------------------


def test_ask_user_from_fields() -> None:
    schema = ask_user_schema(
        {
            "question": "Which account?",
            "fields": [
                {"name": "account", "type": "string", "description": "The IBAN"},
                {"name": "amount", "type": "number", "required": False},
                {"name": "speed", "choices": ["slow", "fast"]},
                {"name": "days", "type": "integer", "choices": [1, 2], "multiple": True},
                {"name": "sure", "type": "boolean"},
            ],
        }
    )
    assert schema["description"] == "Which account?"
    assert schema["required"] == ["account", "speed", "days", "sure"]
    assert check_form(schema) == ()
    asked = form(schema)
    assert asked.problems({"account": "x", "speed": "slow", "days": [2], "sure": False}) == ()
    assert asked.problems({"account": "", "speed": "x", "days": [], "sure": 1, "more": 2}) == (
        "account: '' should be non-empty",
        "speed: 'x' is not one of ['slow', 'fast']",
        "days: [] should be non-empty",
        "sure: 1 is not of type 'boolean'",
        "more: is not a field here",
    )


def test_ask_user_with_only_a_question_asks_for_one_text() -> None:
    schema = ask_user_schema({"question": "Why?"})
    assert form(schema).problems({"answer": "because"}) == ()
    assert form(schema).problems({}) == ("answer: is required",)


def test_ask_user_takes_a_schema() -> None:
    schema = ask_user_schema({"question": "Pay?", "schema": PAYMENT})
    assert form(schema).problems(GOOD) == ()
    assert schema["description"] == "Pay?"


FIELD = {"name": "a", "type": "string"}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({}, "`question` must be a text"),
        ({"question": ""}, "`question` must be a text"),
        ({"question": ["x"]}, "`question` must be a text"),
        ({"question": "x" * 3000}, "longer than"),
        ({"question": "x", "feilds": []}, "unknown argument 'feilds'"),
        ({"question": "x", "fields": [FIELD], "schema": PAYMENT}, "not both"),
        ({"question": "x", "fields": []}, "at least one field"),
        ({"question": "x", "fields": {"a": 1}}, "must be a list"),
        ({"question": "x", "fields": [FIELD] * (MAX_FIELDS + 1)}, "the limit is"),
        ({"question": "x", "fields": ["a"]}, "field 1: must be an object"),
        ({"question": "x", "fields": [{"type": "string"}]}, "`name` must be a plain name"),
        ({"question": "x", "fields": [{"name": "a b"}]}, "`name` must be a plain name"),
        ({"question": "x", "fields": [{"name": "\u202ea"}]}, "`name` must be a plain name"),
        ({"question": "x", "fields": [FIELD, FIELD]}, "field 2: the name `a` stands twice"),
        ({"question": "x", "fields": [{"name": "a", "type": "date"}]}, "`type` must be one of"),
        ({"question": "x", "fields": [{"name": "a", "type": ["string"]}]}, "`type` must be one of"),
        ({"question": "x", "fields": [{**FIELD, "required": "yes"}]}, "`required` must be true or false"),
        ({"question": "x", "fields": [{**FIELD, "secret": True}]}, "unknown key 'secret'"),
        ({"question": "x", "fields": [{**FIELD, "description": 5}]}, "`description`"),
        ({"question": "x", "fields": [{**FIELD, "choices": []}]}, "`choices` must be a list"),
        ({"question": "x", "fields": [{**FIELD, "choices": ["a"] * 2}]}, "twice"),
        (
            {"question": "x", "fields": [{**FIELD, "choices": list(map(str, range(MAX_CHOICES + 1)))}]},
            "`choices` must be a list",
        ),
        ({"question": "x", "fields": [{**FIELD, "choices": ["a", 1]}]}, "must all be of type string"),
        (
            {"question": "x", "fields": [{"name": "a", "type": "integer", "choices": [True]}]},
            "must all be of type integer",
        ),
        ({"question": "x", "fields": [{**FIELD, "choices": ["x" * 300]}]}, "longer than"),
        ({"question": "x", "schema": {"type": "string"}}, "`schema`: a form is an object"),
        ({"question": "x", "schema": {"type": "object", "properties": {"a": {"pattern": "(?=a)"}}}}, "is not RE2"),
        ({"question": "x", "schema": 5}, "a schema is an object"),
        ({"question": "x", "schema": nest(30)}, "nested deeper"),
    ],
)
def test_law09_a_malformed_question_of_a_model_is_refused_with_reasons(arguments: dict[str, Any], says: str) -> None:
    with pytest.raises(ToolError) as caught:
        ask_user_schema(arguments)
    assert says in caught.value.message


@given(st.dictionaries(st.sampled_from(["question", "fields", "schema"]), JSON))
def test_law09_whatever_a_model_asks_is_a_form_or_refused(arguments: dict[str, Any]) -> None:
    try:
        schema = ask_user_schema(arguments)
    except ToolError:
        return
    assert check_form(schema) == ()
