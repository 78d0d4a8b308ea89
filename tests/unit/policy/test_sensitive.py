"""Which values nobody is shown, and how a value looks without them."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from hitl_fsm import Sensitive, tool
from hitl_fsm.policy.sensitive import MASK, hidden, masked, sensitive_places, unmasked, without
from hitl_fsm.runtime.tools.remote import remote_tool
from hitl_fsm.runtime.tools.tool import Declaration

SECRET = {"type": "string", "x-sensitive": True}


class Card(BaseModel):
    number: Annotated[str, Field(json_schema_extra={"x-sensitive": True})]
    holder: str


@dataclass
class Key:
    name: str
    value: Annotated[str, Sensitive]


def test_a_tool_says_which_of_its_arguments_nobody_is_shown() -> None:
    @tool
    def pay(
        card: Card,
        pin: Annotated[int, Sensitive],
        keys: list[Key],
        more: dict[str, Annotated[str, Sensitive]] | None = None,
        whole: Annotated[Card | None, Sensitive] = None,
        note: str = "",
    ) -> str:
        return ""

    assert pay.sensitive == ("card.number", "keys.*.value", "more.*", "pin", "whole")
    assert pay.problems({"card": {"number": "4", "holder": "h"}, "pin": 1, "keys": []}) == ()


def test_a_server_hides_nothing_of_its_tools_from_those_who_approve() -> None:
    schema = {"type": "object", "properties": {"payee": SECRET}}
    remote = remote_tool(Declaration("bank.pay"), schema, lambda _args, _context, _begin: Future())
    assert remote.spec.parameters["properties"]["payee"] == SECRET
    assert remote.sensitive == ()


@pytest.mark.parametrize(
    ("schema", "places"),
    [
        ({}, ()),
        ({"x-sensitive": True}, ()),
        ({"properties": {"a": {**SECRET, "x-sensitive": "yes"}}}, ()),
        ({"properties": {"a": SECRET, "b": {"properties": {"c": SECRET}}}}, ("a", "b.c")),
        ({"properties": {"a": {"items": SECRET}, "b": {"prefixItems": [{}, SECRET]}}}, ("a.*", "b.*")),
        ({"additionalProperties": SECRET}, ("*",)),
        ({"patternProperties": {"^k": SECRET}}, ("*",)),
        ({"properties": {"a": {"anyOf": [{"type": "null"}, SECRET]}}}, ("a",)),
        ({"allOf": [{"properties": {"a": SECRET}}], "then": {"properties": {"b": SECRET}}}, ("a", "b")),
        ({"dependentSchemas": {"z": {"properties": {"a": SECRET}}}}, ("a",)),
        ({"properties": {"a": {"$ref": "#/$defs/s"}}, "$defs": {"s": SECRET}}, ("a",)),
        ({"properties": {"a": {"$ref": "#/$defs/x~1y"}}, "$defs": {"x/y": SECRET}}, ("a",)),
        ({"properties": {"a": {"$ref": "#/$defs/gone"}, "b": True}}, ()),
    ],
)
def test_a_schema_names_its_places(schema: dict[str, Any], places: tuple[str, ...]) -> None:
    assert sensitive_places(schema) == places


def test_what_leads_into_itself_is_hidden_whole_from_there_on() -> None:
    node = {"properties": {"key": SECRET, "next": {"$ref": "#/$defs/node"}, "name": {"type": "string"}}}
    schema = {"properties": {"first": {"$ref": "#/$defs/node"}}, "$defs": {"node": node}}
    places = sensitive_places(schema)
    assert places == ("first.key", "first.next")
    deep = {"first": {"key": "s3", "name": "a", "next": {"key": "s3", "next": {"key": "s3"}}}}
    assert "s3" not in str(masked(deep, places))


def test_a_hidden_value_says_nothing_of_itself() -> None:
    args = {"card": {"number": "4111", "holder": "A"}, "list": [{"k": 1, "n": 2}, {"k": [3]}], "a.b": "dot", "x": "y"}
    places = ("card.number", "list.*.k", "a.b")
    assert masked(args, places) == {
        "card": {"number": MASK, "holder": "A"},
        "list": [{"k": MASK, "n": 2}, {"k": MASK}],
        "a.b": MASK,
        "x": "y",
    }
    assert hidden(args, (*places, "gone", "x.y")) == places
    assert masked(args, ()) is args
    assert args["card"] == {"number": "4111", "holder": "A"}


def test_who_was_not_shown_a_value_keeps_it() -> None:
    args = {"card": {"number": "4111", "holder": "A"}, "list": [{"k": 1}, {"k": 2}], "x": MASK}
    places = ("card.number", "list.*.k", "new")
    shown = masked(args, places)
    assert unmasked(shown, places, args) == args
    edited = {"card": {"number": "4222", "holder": MASK}, "list": [{"k": MASK}, {"k": MASK}, {"k": MASK}], "new": MASK}
    assert unmasked(edited, places, args) == {
        "card": {"number": "4222", "holder": MASK},
        "list": [{"k": 1}, {"k": 2}, {"k": MASK}],
        "new": MASK,
    }


VALUES = st.recursive(
    st.none() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "c.d", "*"]), inner, max_size=3)
    ),
    max_leaves=12,
)
PLACES = st.lists(st.lists(st.sampled_from(["a", "b", "c.d", "*"]), min_size=1, max_size=3).map(".".join), max_size=4)


@given(st.dictionaries(st.sampled_from(["a", "b", "c.d"]), VALUES, max_size=3), PLACES)
def test_masking_is_stable_and_can_be_undone(args: dict[str, Any], places: list[str]) -> None:
    shown = masked(args, places)
    assert masked(shown, places) == shown
    assert unmasked(shown, places, args) == args
    assert hidden(args, places) == () or MASK in str(shown)
    assert MASK not in str(without(args, places))
