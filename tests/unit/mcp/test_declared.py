"""Tools as a stranger declares them: what is refused, what is closed, what the model is told."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

import pytest

from hitl_fsm.errors import ToolError
from hitl_fsm.runtime.tools.declared import DESCRIPTION_CHARS, Declared
from hitl_fsm.runtime.tools.remote import RemoteTool, remote_tool
from hitl_fsm.runtime.tools.tool import Declaration

ORDER = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "properties": {
        "id": {"type": "string", "pattern": "^[0-9]+$", "description": "the\u200b number"},
        "depth": {"type": "integer", "default": 1, "minimum": 1},
        "odd": {"type": "integer", "default": "one"},
        "tags": {"type": "array", "items": {"enum": ["a\u202e", "b"]}},
        "inner": {"type": "object", "properties": {"x": {"type": "number"}}},
    },
    "required": ["id"],
}


def made(schema: Any, **declared: Any) -> RemoteTool:
    return remote_tool(Declaration("shop.look", **declared), schema, lambda *_: Future())


def deep(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(levels):
        schema = {"type": "object", "properties": {"a": schema}}
    return schema


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        (None, "a schema is an object"),
        ([], "a schema is an object"),
        ({"type": "string"}, "`type: object`"),
        ({"type": "object", "properties": {"a": {"type": "strange"}}}, "at properties/a/type"),
        ({"properties": {"a": {"$ref": "#"}}}, "leads back to itself"),
        ({"properties": {"a": {"$ref": "https://evil.example/x"}}}, "only local"),
        ({"properties": {"a": {"type": "string", "pattern": "(a+)+(?=b)"}}}, "not RE2"),
        ({"properties": {"a": {"items": [{"type": "string"}]}}}, "at properties/a/items"),
        ({"$schema": "https://evil.example/schema", "properties": {}}, "`$schema` must be"),
        ({"$schema": [], "properties": {}}, "`$schema` must be"),
        ({"properties": {f"p{n}": {} for n in range(6_000)}}, "larger than"),
        (deep(40), "nested deeper"),
    ],
)
def test_law06_a_schema_that_cannot_be_used_is_no_tool(schema: Any, why: str) -> None:
    with pytest.raises(ToolError, match="cannot be used") as error:
        made(schema)
    assert why in error.value.message


@pytest.mark.parametrize(
    ("args", "problems"),
    [
        ({"id": "42"}, []),
        ({"id": "42", "inner": {"x": 1}}, []),
        ({}, ["id: is required"]),
        ({"id": 42}, ["id: 42 is not of type 'string'"]),
        ({"id": "x"}, ["id: 'x' does not match '^[0-9]+$'"]),
        ({"id": "42", "depth": True}, ["depth: True is not of type 'integer'"]),
        ({"id": "42", "ids": "1"}, ["ids: is not a field here; did you mean `id`?"]),
        ({"id": "42", "inner": {"x": 1, "y": 2}}, ["inner.y: is not a field here"]),
    ],
)
def test_law06_arguments_are_held_against_it_strictly(args: dict[str, Any], problems: list[str]) -> None:
    assert list(made(ORDER).problems(args)) == problems


def test_what_a_persons_form_will_supply_may_be_missing_or_wrong() -> None:
    tool = made(ORDER)
    assert tool.problems({"id": 42, "depth": 0}, except_for=["id", "depth"]) == ()
    assert tool.problems({"odd": "x"}, except_for=["id"]) == ("odd: 'x' is not of type 'integer'",)


def test_defaults_that_fit_are_filled_in_so_that_they_are_judged_and_shown() -> None:
    tool = made(ORDER)
    assert tool.completed({"id": "42"}) == {"id": "42", "depth": 1}
    assert tool.parameters == ("id", "depth", "odd", "tags", "inner")


def test_the_model_is_told_nothing_invisible_and_data_stay_as_they_are() -> None:
    told = made(ORDER, description="Look\x1b[2J\U000e0041 " + "x" * DESCRIPTION_CHARS).spec
    assert told.description.startswith("Look⟦U+001B⟧[2J⟦U+E0041⟧ xxx")
    assert told.description.endswith("x…")
    properties = told.parameters["properties"]
    assert properties["id"]["description"] == "the⟦U+200B⟧ number"
    assert properties["tags"]["items"]["enum"] == ["a\u202e", "b"]
    assert (told.parameters["additionalProperties"], "$schema" in told.parameters) == (False, False)


def test_a_parameter_may_be_called_description() -> None:
    tool = made({"properties": {"description": {"type": "string"}, "title": {"type": "string"}}})
    assert tool.spec.parameters["properties"] == {"description": {"type": "string"}, "title": {"type": "string"}}


def test_a_tool_without_parameters_takes_none() -> None:
    assert made({"type": "object"}).problems({"x": 1}) == ("x: is not a field here",)
    assert made({"type": "object", "additionalProperties": True}).problems({"x": 1}) == ()


def test_a_schema_that_is_put_together_is_taken_as_it_is() -> None:
    either = {"anyOf": [{"required": ["a"]}, {"required": ["b"]}], "properties": {"a": {}, "b": {}}}
    assert Declared("x", either).check({"a": 1, "c": 2})[1] == ()
    assert Declared("x", either).check({"c": 2})[1] != ()


def test_law14_it_is_called_through_an_engine_only() -> None:
    with pytest.raises(ToolError, match="called by an engine"):
        made(ORDER)(id="42")


@pytest.mark.parametrize("name", ["shop.a/b", "shop.a b", "9.a", "shop." + "x" * 64, "shop.\u202e"])
def test_a_name_that_is_no_tools_name_is_refused(name: str) -> None:
    with pytest.raises(ToolError, match="cannot be a tool's name"):
        remote_tool(Declaration(name), ORDER, lambda *_: Future())
