"""What an agent, a team and a run are given: a wrong value is told at once, and never passed over."""

from __future__ import annotations

from typing import Any

import pytest

from hitl_fsm import Agent, Engine, Team
from hitl_fsm.errors import HitlError, InputRefused, RequirementNotFound, RunNotFound, TeamError, ToolError
from hitl_fsm.testing import ScriptedModel
from house import House, call, calls


def look(order_id: str) -> str:
    """Look up."""
    return order_id


WRONG: list[tuple[str, Any]] = [
    ("engine", None),
    ("engine", "engine"),
    ("model", None),
    ("model", 42),
    ("model", ScriptedModel),
    ("tools", None),
    ("tools", look),
    ("tools", "look"),
    ("tools", {"look": look}),
    ("instructions", None),
    ("instructions", ["be kind"]),
    ("description", None),
    ("output_schema", {"type": "object"}),
    ("output_schema", "Answer"),
    ("limits", None),
    ("limits", {"turns": 3}),
    ("model_options", None),
    ("model_options", "temperature"),
    ("model_options", [("temperature", 0)]),
    ("fallbacks", [None]),
    ("colour", "red"),
]


@pytest.mark.parametrize(("option", "value"), WRONG, ids=[f"{name}-{type(value).__name__}" for name, value in WRONG])
def test_a_wrong_option_is_told_by_its_name(house: House, option: str, value: Any) -> None:
    engine = house.engine()
    member = Agent("clerk", ScriptedModel([]), engine=engine)
    given: dict[str, Any] = {"model": ScriptedModel([]), "engine": engine, option: value}
    with pytest.raises(ToolError) as caught:
        Agent("desk", **given)
    assert option in caught.value.message
    assert caught.value.help
    with pytest.raises(HitlError, match=option):
        Team("desk", [member], **given)
    assert [recipe.name for recipe in engine.recipes] == ["clerk"]


def test_members_are_a_list(house: House) -> None:
    engine = house.engine()
    member = Agent("clerk", ScriptedModel([]), engine=engine)
    for members in (member, None, 42, {"clerk": member}):
        with pytest.raises(TeamError, match="its members are of type"):
            Team("desk", members, model=ScriptedModel([]), engine=engine)  # type: ignore[arg-type]


@pytest.mark.parametrize("option", ["usr", "session_id", "User"])
def test_a_misspelt_option_of_a_run_starts_nothing(house: House, option: str) -> None:
    engine = house.engine()
    agent = house.agent(engine, [calls(call("look", order_id="o1"))])
    given: dict[str, Any] = {option: "alice"}
    with pytest.raises(InputRefused, match=option) as caught:
        agent.run("go", **given)
    assert caught.value.help == "its options are user, context, session"
    with pytest.raises(InputRefused, match=option):
        agent.run("go", stream=True, **given)
    assert engine.runs.list() == []


def test_a_state_that_there_is_not_is_told(house: House) -> None:
    engine = house.engine()
    house.agent(engine, [calls(call("pay", to="bob", amount=5))]).run("go")
    assert len(engine.runs.list(state="paused")) == 1
    for state in ("pasued", 42):
        with pytest.raises(InputRefused, match="is no state of a run") as caught:
            engine.runs.list(state=state)  # type: ignore[arg-type]
        assert "paused" in (caught.value.help or "")


def test_an_id_that_is_no_text_is_found_nowhere(house: House) -> None:
    engine: Engine = house.engine()
    number: Any = 42
    for work in (engine.runs.get, engine.advance, engine.cancel):
        with pytest.raises(RunNotFound):
            work(number)
    for work in (engine.inbox.get, engine.view, engine.withdraw):
        with pytest.raises(RequirementNotFound):
            work(number)
