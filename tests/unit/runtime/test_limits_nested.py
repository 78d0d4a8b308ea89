"""Limits where a run holds runs: what a member takes counts for the team, and nothing that works is cut off."""

from __future__ import annotations

from typing import Any

from hitl_fsm import Agent, Limits, Team
from hitl_fsm.model.message import Spent
from hitl_fsm.model.states import RunState
from hitl_fsm.testing import ScriptedModel
from house import House, call, calls

LOOK = {**calls(call("look", order_id="1")), "usage": {"prompt": 90, "completion": 10, "cost": 400}}
ASK = {**calls(call("ask_clerk", task="look")), "usage": {"prompt": 40, "completion": 10, "cost": 100}}


def team(house: House, *, of: Limits = Limits(), member: Limits = Limits(), looks: int = 2) -> Team:  # noqa: B008
    from house import policies, policy_text

    engine = house.engine(policies(policy_text("- {id: all, gate: allow}", tools="['*']")))
    saying: dict[str, Any] = {"say": "{last_result}", "usage": {"prompt": 10, "cost": 5}}
    clerk = Agent("clerk", ScriptedModel([LOOK] * looks + [saying]), engine=engine, tools=house.tools(), limits=member)
    return Team("desk", [clerk], engine=engine, model=ScriptedModel([ASK, saying]), limits=of)


def test_what_a_member_takes_is_the_teams(house: House) -> None:
    run = team(house).run("go")
    assert run.state is RunState.DONE
    assert run.usage == Spent(5, 240, 30, cost=910)


def test_a_member_at_its_own_limit_ends_and_the_team_is_told(house: House) -> None:
    made = team(house, member=Limits(tokens=150))
    run = made.run("go")
    assert (run.state, len(house.effects)) == (RunState.DONE, 2)
    assert "used 200 tokens; it may use 150 (limits.tokens)" in (run.output or "")


def test_a_team_at_its_limit_asks_no_member_again_and_stops(house: House) -> None:
    run = team(house, of=Limits(tokens=240), looks=9).run("go")
    assert run.state is RunState.FAILED
    assert "used 250 tokens; it may use 240 (limits.tokens)" in (run.error or "")
    assert len(house.effects) == 2
    assert run.usage.replies == 3


def test_turns_are_each_ones_own(house: House) -> None:
    fine = team(house, of=Limits(turns=2), member=Limits(turns=3)).run("go")
    assert (fine.state, fine.output) == (RunState.DONE, "order 1")
    run = team(house, of=Limits(turns=2), member=Limits(turns=2)).run("go")
    assert "2 turns and needs more (limits.turns)" in (run.output or "")
