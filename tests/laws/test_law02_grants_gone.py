"""A grant that goes between the look at it and the step: another one that fits, or people; and never without an end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from hitl_fsm import Agent, Engine
from hitl_fsm.adapters.store import open_store
from hitl_fsm.errors import GrantGone
from hitl_fsm.model.answer import GrantTerms
from hitl_fsm.model.event import CallsStarted
from hitl_fsm.ports import Commit, Store
from hitl_fsm.runtime.entering import LOST_GRANTS
from hitl_fsm.runtime.handles import RunHandle
from house import House, call, calls, policies, policy_text
from moments import HUNG_S

OFFER = "{max: 30, for: 24h, scope: [agent]}"
RULES = f"""
- {{id: pay, tools: pay, gate: {{approval: {{of: [role:finance], grant: {OFFER}}}}}}}
- {{id: note, tools: note, gate: {{approval: {{of: [role:ops]}}}}}}
"""
PAY = calls(call("pay", to="acme", amount=5))
NOTE_THEN_PAY = calls(call("note", text="x"), call("pay", to="acme", amount=5))
Before = Callable[[Commit], None]


class Interrupted:
    """The house's store; just before each step is written, something else happens to it."""

    def __init__(self, inner: Store, before: Before) -> None:
        self._inner = inner
        self._before = before

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def commit(self, commit: Commit) -> int:
        await asyncio.to_thread(self._before, commit)
        return await self._inner.commit(commit)


def interrupted(house: House, before: Before) -> Engine:
    store: Any = Interrupted(open_store(house.url), before)
    engine = Engine(policies(policy_text(RULES)), store, actors=house.actors, clock=house.clock)
    house.engines.append(engine)
    return engine


def granted(house: House, engine: Engine, count: int) -> list[str]:
    """Several grants for one payment, in the order in which they end: all were asked for before any was given."""
    runs = [house.agent(engine, [PAY]).run("go", user="alice") for _ in range(count)]
    asked = [run.active_requirements[0] for run in runs]
    for number, requirement in enumerate(asked):
        requirement.confirm(by="maria", grant=GrantTerms("agent", for_ms=3_600_000 + number))
    for run in runs:
        engine.advance(run.run_id)
    house.effects.clear()
    return [requirement.id.replace("req_", "grant_") for requirement in asked]


def test_law02_when_a_grant_is_lost_in_the_race_the_next_that_fits_is_used(house: House) -> None:
    first, second = granted(house, plain := house.engine(RULES), 2)
    lost: list[str] = []

    def before(commit: Commit) -> None:
        if commit.grant_uses and not lost:
            lost.append(commit.grant_uses[0].grant_id)
            plain.grants.revoke(lost[0], by="otto")

    engine = interrupted(house, before)
    run = house.agent(engine, [PAY]).run("go", user="alice")
    assert (lost, run.state) == ([first], "done")
    assert [plain.grants.get(one).used for one in (first, second)] == [0, 1]
    assert len(house.effects) == 1


def test_law02_four_at_once_with_two_grants_of_one_use_pay_twice(house: House) -> None:
    """A real race: who loses one grant takes the other one; the last two ask."""
    plain = house.engine(RULES)
    runs = [house.agent(plain, [PAY]).run("go", user="alice") for _ in range(2)]
    for run in runs:
        run.active_requirements[0].confirm(by="maria", grant=GrantTerms("agent", uses=1))
        plain.advance(run.run_id)
    house.effects.clear()
    together = threading.Barrier(4, timeout=HUNG_S)
    found: list[RunHandle] = []
    met: set[str] = set()

    def before(commit: Commit) -> None:
        """All four have looked before the first one writes."""
        if commit.grant_uses and commit.owner not in met:
            met.add(commit.owner)
            together.wait()

    agents: list[Agent] = [house.agent(interrupted(house, before), [PAY]) for _ in range(4)]
    threads = [threading.Thread(target=lambda a=agent: found.append(a.run("go", user="alice"))) for agent in agents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(run.is_paused for run in found) == [False, False, True, True]
    assert len(house.effects) == 2
    assert [row.used for row in plain.grants.list()] == [1, 1]


def test_law12_after_so_many_lost_grants_people_are_asked(house: House) -> None:
    granted(house, plain := house.engine(RULES), LOST_GRANTS + 2)
    lost: list[str] = []

    def before(commit: Commit) -> None:
        for use in commit.grant_uses:
            lost.append(use.grant_id)
            plain.grants.revoke(use.grant_id, by="otto")

    run = house.agent(interrupted(house, before), [PAY]).run("go", user="alice")
    assert run.is_paused
    assert len(lost) == LOST_GRANTS
    assert house.effects == []


def waiting(house: House, engine: Engine) -> RunHandle:
    """A payment that a grant let pass, after a note that is approved by now."""
    run = house.agent(engine, [NOTE_THEN_PAY]).run("go", user="alice")
    assert [one.tool.tool_name for one in run.active_requirements] == ["note"]
    run.active_requirements[0].confirm(by="otto")
    return run


def at_start(act: Callable[[], Any]) -> Before:
    """Before the payment's start is written, once."""
    done: list[bool] = []

    def before(commit: Commit) -> None:
        event = commit.entries[0].event if commit.entries else None
        starts = isinstance(event, CallsStarted) and any(one.tool == "pay" for one in commit.calls)
        if starts and not done:
            done.append(True)
            act()

    return before


def test_law04_what_is_revoked_just_before_the_start_is_asked_about(house: House) -> None:
    plain = house.engine(RULES)
    (grant,) = granted(house, plain, 1)
    run = waiting(house, plain)
    engine = interrupted(house, at_start(lambda: plain.grants.revoke(grant, by="otto")))
    again = house.agent(engine, [NOTE_THEN_PAY]).continue_run(run_id=run.run_id)
    assert [one.tool.tool_name for one in again.active_requirements] == ["pay"]
    assert [effect[0] for effect in house.effects] in ([], ["note"])
    again.active_requirements[0].confirm(by="frank")
    assert house.agent(engine, [NOTE_THEN_PAY]).continue_run(run_id=run.run_id).state == "done"
    assert sorted(effect[0] for effect in house.effects) == ["note", "pay"]
    assert plain.audit.verify().intact


def test_law04_another_grant_takes_the_place_of_one_that_is_revoked_just_before_the_start(house: House) -> None:
    plain = house.engine(RULES)
    first, second = granted(house, plain, 2)
    run = waiting(house, plain)
    engine = interrupted(house, at_start(lambda: plain.grants.revoke(first, by="otto")))
    assert house.agent(engine, [NOTE_THEN_PAY]).continue_run(run_id=run.run_id).state == "done"
    assert [plain.grants.get(one).used for one in (first, second)] == [1, 1]
    assert sorted(effect[0] for effect in house.effects) == ["note", "pay"]


def test_law12_a_store_that_contradicts_itself_is_not_asked_for_ever(house: House) -> None:
    """It says that a grant is gone, and shows it as it was: the error comes out, and nothing has begun."""
    plain = house.engine(RULES)
    (grant,) = granted(house, plain, 1)
    run = waiting(house, plain)
    tries: list[bool] = []

    def before(commit: Commit) -> None:
        event = commit.entries[0].event if commit.entries else None
        if isinstance(event, CallsStarted) and any(one.tool == "pay" for one in commit.calls):
            tries.append(True)
            message = "gone"
            raise GrantGone(message, grant_id=grant)

    engine = interrupted(house, before)
    with pytest.raises(GrantGone):
        house.agent(engine, [NOTE_THEN_PAY]).continue_run(run_id=run.run_id)
    assert len(tries) == 2
    assert [effect for effect in house.effects if effect[0] == "pay"] == []
