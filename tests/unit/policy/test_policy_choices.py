"""What a field offers, however its schema writes it, and what a model may ask a person to choose from."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hitl_fsm.errors import ToolError
from hitl_fsm.policy.choices import Choices, choices_of, resolved
from hitl_fsm.policy.describe.forms import fields_of
from hitl_fsm.policy.describe.paper import Code, Table
from hitl_fsm.policy.form import ask_user_schema, check_form, form

LABELLED = [{"value": "s", "label": "Small"}, {"value": "l", "label": "Large, with a bow"}]


@pytest.mark.parametrize(
    ("field", "found"),
    [
        ({"enum": ["a", 1, None]}, Choices(("a", 1, None), ("", "", ""))),
        ({"const": 7, "title": "Seven"}, Choices((7,), ("Seven",))),
        ({"oneOf": [{"const": "a", "title": "A"}, {"const": "b"}]}, Choices(("a", "b"), ("A", ""))),
        ({"anyOf": [{"const": 1, "description": "one"}]}, Choices((1,), ("one",))),
        ({"type": "array", "items": {"oneOf": [{"const": 1, "title": "I"}]}}, Choices((1,), ("I",), multiple=True)),
        ({"type": "array", "items": {"enum": ["x"]}}, Choices(("x",), ("",), multiple=True)),
        ({"oneOf": [{"const": "a"}, {"type": "integer"}]}, Choices()),
        ({"oneOf": []}, Choices()),
        ({"enum": []}, Choices()),
        ({"type": "string"}, Choices()),
        ({"items": True}, Choices()),
        ({"oneOf": [{"const": "a", "title": 5}]}, Choices(("a",), ("",))),
    ],
)
def test_choices_are_read_however_they_are_written(field: dict[str, Any], found: Choices) -> None:
    assert choices_of(field) == found


def test_choices_behind_a_local_reference_are_found() -> None:
    root = {"$defs": {"size": {"$ref": "#/$defs/inner"}, "inner": {"enum": ["s", "m"], "title": "inner"}}}
    assert resolved(root, {"$ref": "#/$defs/size", "title": "own"}) == {"enum": ["s", "m"], "title": "own"}
    several = resolved(root, {"type": "array", "items": {"$ref": "#/$defs/size"}})
    assert choices_of(several) == Choices(("s", "m"), ("", ""), multiple=True)


def test_a_labelled_choice_is_asked_with_both_and_answered_with_the_value() -> None:
    fields = [{"name": "one", "choices": LABELLED}, {"name": "some", "choices": [*LABELLED, "xs"], "multiple": True}]
    schema = ask_user_schema({"question": "Which?", "fields": fields})
    assert check_form(schema) == ()
    one = {"oneOf": [{"const": "s", "title": "Small"}, {"const": "l", "title": "Large, with a bow"}]}
    assert schema["properties"]["one"] == {"type": "string", **one}
    asked = form(schema)
    assert asked.problems({"one": "s", "some": ["l", "xs"]}) == ()
    assert asked.problems({"one": "Small", "some": ["s", "s"]}) == (
        "one: 'Small' is not one of ['s', 'l']",
        "some: has the same item twice",
    )
    assert asked.problems({"one": "s", "some": ["Small"]}) == ("some[0]: 'Small' is not one of ['s', 'l', 'xs']",)


@pytest.mark.parametrize(
    ("choices", "says"),
    [
        ([{"value": "a"}], "is `{value, label}`"),
        ([{"value": "a", "label": "A", "default": True}], "is `{value, label}`"),
        ([{"value": "a", "label": ""}], "`label` must be a text"),
        ([{"value": "a", "label": " \t"}], "`label` must be a text"),
        ([{"value": "a", "label": 5}], "`label` must be a text"),
        ([{"value": "a", "label": "x" * 201}], "`label` must be a text"),
        ([{"value": ["a"], "label": "A"}], "must all be of type string"),
        ([{"value": "a", "label": "Same"}, {"value": "b", "label": "same "}], "the same label twice"),
        ([{"value": "a", "label": "A"}, "a"], "the same value twice"),
        ([{"value": "yes", "label": "no"}, {"value": "no", "label": "yes"}], "the value of another choice"),
        ([{"value": "yes", "label": "no"}, "no"], "the value of another choice"),
    ],
)
def test_law09_labels_that_could_mislead_a_person_are_refused(choices: list[Any], says: str) -> None:
    with pytest.raises(ToolError) as caught:
        ask_user_schema({"question": "?", "fields": [{"name": "a", "choices": choices}]})
    assert says in caught.value.message


_values = st.lists(st.text(min_size=1, max_size=5), min_size=1, max_size=6, unique=True)


@given(_values, st.booleans())
def test_every_choice_that_may_be_asked_can_be_answered(values: list[str], multiple: bool) -> None:
    choices = [{"value": value, "label": f"the {index}. one"} for index, value in enumerate(values)]
    schema = ask_user_schema({"question": "?", "fields": [{"name": "a", "choices": choices, "multiple": multiple}]})
    offered = choices_of(schema["properties"]["a"])
    assert offered == Choices(tuple(values), tuple(one["label"] for one in choices), multiple)
    for value in offered.values:
        assert form(schema).problems({"a": [value] if multiple else value}) == ()
    assert form(schema).problems({"a": ["no such"] if multiple else "no such"})


def test_describe_shows_the_words_and_the_value() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string", "oneOf": [{"const": "s", "title": "Small"}]}}}
    (table,) = fields_of(schema, "The form")
    assert isinstance(table, Table)
    assert table.rows[0][3] == ("text", ": ", "Small (", Code('"s"'), ")")
    schema["properties"]["a"]["oneOf"][0]["minLength"] = 3  # type: ignore[index]
    (table,) = fields_of(schema, "The form")
    assert isinstance(table, Table)
    assert any("minLength" in part.text for part in table.rows[0][3] if isinstance(part, Code)), "it says more: quoted"
