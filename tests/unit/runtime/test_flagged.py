"""Reading flags by shape: what Agno's tools look like, written here without Agno."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Annotated, Any, Literal, NotRequired

import pytest
from pydantic import Field
from typing_extensions import TypedDict

from hitl_fsm import Agent, ask_user, tool
from hitl_fsm.errors import ToolError
from hitl_fsm.policy.form_check import check_form
from hitl_fsm.runtime.tools import flagged
from hitl_fsm.runtime.tools.flagged import flagged_tools
from hitl_fsm.testing import ScriptedModel
from house import House


def mail(subject: str, to: str, kind: Literal["a", "b"] = "a", copies: int | None = None) -> str:
    """Send a mail."""
    raise AssertionError("never run")


def function(name: str = "mail", **flags: Any) -> SimpleNamespace:
    """Has the attributes that one of Agno's functions has."""
    unset = dict.fromkeys(("requires_confirmation", "requires_user_input", "external_execution", "approval_type"))
    return SimpleNamespace(
        **{"name": name, "description": "Send.", "entrypoint": mail, "user_input_fields": [], **unset, **flags}
    )


def one(thing: object) -> flagged.Flagged:
    (found,) = flagged_tools(thing).tools
    return found


def test_a_tool_without_a_flag_has_none() -> None:
    assert one(function()) == ("mail", "Send.", {}, None)


@pytest.mark.parametrize("flag", ["requires_confirmation", "requires_user_input", "external_execution"])
def test_a_flag_that_is_set_is_read_and_one_that_is_false_is_not(flag: str) -> None:
    assert one(function(**{flag: True})).flags == {flag: True}
    assert one(function(**{flag: False})).flags == {}


def test_named_fields_become_a_form_with_the_types_of_the_parameters() -> None:
    found = one(function(user_input_fields=["to", "kind", "copies"]))
    assert found.flags == {"requires_user_input": True, "user_input_fields": ["to", "kind", "copies"]}
    assert found.form == {
        "type": "object",
        "required": ["to"],
        "properties": {
            "to": {"type": "string", "maxLength": 1000},
            "kind": {"enum": ["a", "b"], "type": "string"},
            "copies": {"type": "integer"},
        },
        "additionalProperties": False,
    }


def test_without_named_fields_all_parameters_are_asked_for() -> None:
    assert one(function(requires_user_input=True)).form["properties"].keys() == {"subject", "to", "kind", "copies"}  # type: ignore[index]


def test_types_and_texts_of_the_librarys_own_fields_are_used() -> None:
    fields = [SimpleNamespace(name="to", field_type="int", description="How  many.\n"), SimpleNamespace(name="x")]
    form = one(function(user_input_schema=fields, user_input_fields=["to", "x"])).form
    assert form is not None
    assert form["properties"]["to"] == {"type": "integer", "description": "How many."}
    assert form["properties"]["x"] == {"type": "string", "maxLength": 1000}


class Thing:
    pass


class Endless(TypedDict):
    inner: NotRequired[Endless]


@pytest.mark.parametrize("kind", [Thing, Endless, Annotated[str, Field(pattern="(?=x)")], "NoSuchType"])
def test_a_type_that_no_form_can_ask_for_is_text(kind: Any) -> None:
    def odd(thing: object, other: Any = None) -> None: ...

    odd.__annotations__["thing"] = kind
    form = one(function(entrypoint=odd, requires_user_input=True)).form
    assert form is not None
    assert check_form(form) == ()
    assert form["properties"]["thing"]["type"] == "string"


def test_an_approval_mark_is_read_from_tool_and_function() -> None:
    assert one(function(approval_type="audit", requires_confirmation=True)).flags["approval_type"] == "audit"

    def bare(x: int) -> int:
        return x

    bare._agno_approval_type = "required"  # type: ignore[attr-defined]
    assert one(bare).flags == {"approval_type": "required"}


def test_a_toolkit_says_by_name_what_its_functions_do_not() -> None:
    kit = SimpleNamespace(
        name="kit",
        functions={"up": function("up"), "down": function("down", requires_confirmation=True)},
        async_functions={"over": function("over")},
        requires_confirmation_tools=["up"],
        external_execution_required_tools=["over"],
    )
    assert {found.name: dict(found.flags) for found in flagged_tools(kit).tools} == {
        "up": {"requires_confirmation": True},
        "down": {"requires_confirmation": True},
        "over": {"external_execution": True},
    }


def test_agents_teams_and_lists_are_walked_once() -> None:
    clerk = SimpleNamespace(name="clerk", tools=[function("pay"), mail])
    team = SimpleNamespace(name="team", tools=None, members=[clerk, clerk])
    team.members.append(team)
    assert [found.name for found in flagged_tools([team]).tools] == ["pay", "mail"]


def test_an_agent_of_ours_is_read_too(house: House) -> None:
    @tool(version="2")
    def refund(order_id: str) -> str:
        """Refund."""
        return order_id

    agent = Agent("a", ScriptedModel([]), engine=house.engine(), tools=[refund, ask_user])
    assert [found.name for found in flagged_tools(agent).tools] == ["refund", "ask_user"]


def test_what_no_rule_can_be_written_for_is_told() -> None:
    found = flagged_tools([{"type": "web_search"}, SimpleNamespace(name="mcp", functions={}), mail])
    assert [one.name for one in found.tools] == ["mail"]
    assert [line.split(":")[0] for line in found.left_out] == ["web_search", "mcp"]


class Broken:
    name = "broken"

    @property
    def tools(self) -> list[Any]:
        raise ValueError("no network")


@pytest.mark.parametrize(
    ("thing", "told"),
    [
        (42, "int is neither a tool"),
        ("app", "str is neither a tool"),
        (SimpleNamespace, "type is neither a tool"),
        ([], "list has no tools"),
        (SimpleNamespace(tools=[]), "SimpleNamespace has no tools"),
        (SimpleNamespace(tools=lambda run: [mail]), "are made for each run"),
        (SimpleNamespace(name="*", entrypoint=mail), "a tool's name is '*'"),
        (SimpleNamespace(name="a\nb", entrypoint=mail), "a tool's name is"),
        (Broken(), "reading `tools` of Broken raised ValueError: no network"),
        ([function(f"t{index}") for index in range(flagged.IMPORTED_MAX + 1)], "more than 500 tools"),
    ],
)
def test_anything_else_is_refused_with_what_it_is(thing: object, told: str) -> None:
    with pytest.raises(ToolError) as refused:
        flagged_tools(thing)
    assert told in refused.value.message


def test_a_method_that_gives_tools_is_asked() -> None:
    assert one(SimpleNamespace(tools=lambda: [mail])).name == "mail"
