"""A grant passes what it covers, so often, so long, up to so much; each use has one winner, and no is still no."""

from __future__ import annotations

import json
import threading
from decimal import Decimal
from typing import Any

import pytest

from hitl_fsm import Agent, Engine
from hitl_fsm.errors import AlreadyResolved, AnswerRefused, GrantNotFound, InputRefused, NotAuthorised, Tampered
from hitl_fsm.model.actor import Actor
from hitl_fsm.model.answer import Approve, GrantTerms
from hitl_fsm.runtime.handles import RunHandle
from house import House, call, calls
from moments import HUNG_S

OFFER = "{max: 3, for: 24h, scope: [run, session, agent], vary: [amount], budget: {amount: 100}}"
RULES = f"""
- id: large
  tools: pay
  gate: {{approval: {{of: [role:finance], not: [requester], grant: {OFFER}, break_glass: [role:ops]}}}}
- {{id: note, tools: note, gate: {{approval: {{of: [role:ops]}}}}}}
"""
DAY = 24 * 3_600_000
NOTE_THEN_PAY = calls(call("note", text="x"), call("pay", to="acme", amount=5))


def pay(amount: Any = 10, to: str = "acme", **more: Any) -> dict[str, Any]:
    return calls(call("pay", to=to, amount=amount, **more))


def agent_of(house: House, engine: Engine, *replies: Any) -> Agent:
    return house.agent(engine, list(replies))


def remembered(house: House, engine: Engine, terms: GrantTerms | None = None, **args: Any) -> str:
    """One payment that maria approves, and wants remembered; the grant's id."""
    run = agent_of(house, engine, pay(**args)).run("go", user="alice")
    run.active_requirements[0].confirm(by="maria", grant=terms or GrantTerms("agent"))
    run = engine.advance(run.run_id)
    assert run.state == "done"
    house.effects.clear()
    return engine.grants.list()[-1].grant.grant_id


def paid(house: House, engine: Engine, *several: Any, user: str = "alice", **args: Any) -> RunHandle:
    return agent_of(house, engine, *(several or (pay(**args),))).run("go", user=user)


def amounts(house: House) -> list[Any]:
    return [effect[2] for effect in house.effects if effect[0] == "pay"]


def test_law02_a_grant_is_used_so_often_and_no_more(house: House) -> None:
    engine = house.engine(RULES)
    grant = remembered(house, engine)
    run = paid(house, engine, *(pay(amount) for amount in (1, 2.5, 3, 4)))
    assert run.is_paused
    assert amounts(house) == [1, 2.5, 3]
    row = engine.grants.get(grant)
    assert (row.used, row.spent) == (3, Decimal("6.5"))
    assert house.records(engine, run.run_id).count("grant_used") == 3


def test_law02_two_agents_that_reach_for_the_last_use_at_once_share_nothing(house: House) -> None:
    first = house.engine(RULES)
    remembered(house, first, GrantTerms("agent", uses=1))
    engines = [house.engine(RULES) for _ in range(4)]
    gate, runs = threading.Barrier(4, timeout=HUNG_S), []

    def race(engine: Engine) -> None:
        agent = agent_of(house, engine, pay(7))
        gate.wait()
        runs.append(agent.run("go", user="alice"))

    threads = [threading.Thread(target=race, args=(engine,)) for engine in engines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(run.is_paused for run in runs) == [False, True, True, True]
    assert amounts(house) == [7]
    assert first.grants.list()[0].used == 1


def test_law02_calls_of_one_turn_take_one_use_each(house: House) -> None:
    engine = house.engine(RULES)
    grant = remembered(house, engine, GrantTerms("agent", uses=2))
    run = paid(house, engine, calls(*(call("pay", to="acme", amount=n) for n in (1, 2, 3))))
    assert run.is_paused
    assert amounts(house) == [1, 2]
    assert [requirement.tool.tool_args["amount"] for requirement in run.active_requirements] == [3]
    assert engine.grants.get(grant).used == 2


def test_law02_a_budget_is_not_passed_by_a_cent(house: House) -> None:
    engine = house.engine(RULES)
    grant = remembered(house, engine, GrantTerms("agent", budget=0.3))
    run = paid(house, engine, pay(0.1), pay(0.2), pay(0.01))
    assert run.is_paused
    assert amounts(house) == [0.1, 0.2]
    assert engine.grants.get(grant).spent == Decimal("0.3")


def test_law12_a_grant_ends(house: House) -> None:
    engine = house.engine(RULES)
    remembered(house, engine, GrantTerms("agent", for_ms=60_000))
    house.clock.advance(59_999)
    assert not paid(house, engine).is_paused
    house.clock.advance(1)
    assert paid(house, engine).is_paused


@pytest.mark.parametrize(
    "other",
    [pay(10, "evil"), pay(10, memo="x"), pay(-10), pay(100.01), calls(call("note", text="acme"))],
    ids=["another payee", "another memo", "less than nothing", "above the budget", "another tool"],
)
def test_law05_what_is_not_alike_is_asked_about(house: House, other: Any) -> None:
    engine = house.engine(RULES)
    remembered(house, engine)
    assert paid(house, engine, other).is_paused
    assert house.effects == []


def test_law05_a_changed_policy_is_another_gate(house: House) -> None:
    engine = house.engine(RULES)
    remembered(house, engine)
    assert not paid(house, engine).is_paused
    assert paid(house, house.engine(RULES.replace("max: 3", "max: 2"))).is_paused


def test_law08_a_scope_is_kept(house: House) -> None:
    engine = house.engine(RULES)
    remembered(house, engine, GrantTerms("run"))
    assert paid(house, engine).is_paused
    agent = agent_of(house, engine, pay(), pay(), pay())
    first = agent.run("go", user="alice", session="s")
    first.active_requirements[0].confirm(by="maria", grant=GrantTerms("session", uses=1))
    after = engine.advance(first.run_id)
    assert (after.is_paused, len(amounts(house))) == (True, 2)  # the approved one, and one more


def test_law13_nobody_passes_the_own_request_by_an_own_grant(house: House) -> None:
    engine = house.engine(RULES)
    remembered(house, engine)
    assert paid(house, engine, user="maria").is_paused
    assert not paid(house, engine, user="bob").is_paused


def test_law04_what_was_rejected_is_not_passed_in_the_same_run(house: House) -> None:
    """A grant that covers it comes later: the no stands."""
    engine = house.engine(RULES)
    agent = agent_of(house, engine, calls(call("pay", to="acme", amount=5), call("note", text="x")))
    run = agent.run("go", user="alice")
    next(one for one in run.active_requirements if one.tool.tool_name == "pay").reject(by="maria", note="no")
    remembered(house, engine)
    run = engine.runs.get(run.run_id)
    run.active_requirements[0].confirm(by="otto")
    engine.advance(run.run_id)
    assert amounts(house) == []


def waiting(house: House, engine: Engine) -> RunHandle:
    """A payment that a grant let pass, and that waits for the note before it."""
    run = paid(house, engine, NOTE_THEN_PAY)
    assert [requirement.tool.tool_name for requirement in run.active_requirements] == ["note"]
    return run


def test_law04_a_revoked_grant_lets_nothing_begin_that_it_had_let_pass(house: House) -> None:
    engine = house.engine(RULES)
    grant = remembered(house, engine)
    run = waiting(house, engine)
    engine.grants.revoke(grant, by="otto", reason="the supplier changed")
    run.active_requirements[0].confirm(by="otto")
    run = house.engine(RULES).runs.get(run.run_id)
    again = agent_of(house, house.engines[-1], NOTE_THEN_PAY).continue_run(run_response=run)
    assert again.is_paused
    assert amounts(house) == []
    again.active_requirements[0].confirm(by="frank")
    assert house.engines[-1].advance(again.run_id).state == "done"
    assert amounts(house) == [5]
    line = [one for one in engine.audit.records() if b"grant_revoked" in one.body]
    assert len(line) == 1
    assert (b"the supplier changed" in line[0].body, b'"contents":{"reason":' in line[0].body) == (False, True)
    assert engine.audit.verify().intact


def test_law04_a_yes_that_is_taken_back_takes_its_grant_with_it(house: House) -> None:
    engine = house.engine(RULES)
    run = paid(house, engine, NOTE_THEN_PAY)
    asked = {one.tool.tool_name: one for one in run.active_requirements}
    asked["pay"].confirm(by="maria", grant=GrantTerms("agent"))
    with pytest.raises(NotAuthorised):
        engine.revoke(asked["pay"].id, by="frank", note="not his")
    assert engine.grants.list()[0].state == "active"
    engine.revoke(asked["pay"].id, by="maria", note="the wrong one")
    assert engine.grants.list()[0].state == "revoked"
    assert paid(house, engine).is_paused


def test_law01_a_grant_is_none_before_the_gate_is_closed(house: House) -> None:
    two = RULES.replace("not: [requester]", "quorum: 2, not: [requester]")
    engine = house.engine(two)
    run = paid(house, engine)
    run.active_requirements[0].confirm(by="maria", grant=GrantTerms("agent"))
    assert engine.grants.list() == []
    assert paid(house, engine).is_paused
    run.active_requirements[0].confirm(by="frank", grant=GrantTerms("agent", uses=1))
    assert [(row.grant.uses, len(row.grant.by)) for row in engine.grants.list()] == [(1, 2)]


def test_law01_who_did_not_say_that_it_be_remembered_decides(house: House) -> None:
    engine = house.engine(RULES.replace("not: [requester]", "quorum: 2, not: [requester]"))
    run = paid(house, engine)
    run.active_requirements[0].confirm(by="maria", grant=GrantTerms("agent"))
    run.active_requirements[0].confirm(by="frank")
    assert engine.grants.list() == []


@pytest.mark.parametrize(
    "terms", [GrantTerms("agent", uses=4), GrantTerms(for_ms=DAY + 1), GrantTerms(budget=100.01), GrantTerms(uses=0)]
)
def test_law09_what_the_policy_does_not_offer_is_refused_and_nothing_is_stored(house: House, terms: GrantTerms) -> None:
    engine = house.engine(RULES)
    run = paid(house, engine)
    with pytest.raises(AnswerRefused):
        run.active_requirements[0].confirm(by="maria", grant=terms)
    assert engine.grants.list() == []
    assert engine.runs.get(run.run_id).is_paused


@pytest.mark.altered
def test_law05_a_log_that_was_edited_claims_no_grant(house: House) -> None:
    """Somebody writes into a run's log that a grant passed its gate: what people said of other calls is none of it."""
    engine = house.engine(RULES)
    grant = remembered(house, engine)
    spared = waiting(house, engine)
    asked = paid(house, engine, calls(call("note", text="x"), call("pay", to="acme", amount=500)))
    lines = {
        run.run_id: house.sql("SELECT seq, body FROM event WHERE run_id = ?", run.run_id) for run in (spared, asked)
    }
    uses = [
        line["circumstances"]
        for _, body in lines[spared.run_id]
        if "circumstances" in (line := json.loads(bytes(body)))
    ]
    for seq, body in lines[asked.run_id]:
        line = json.loads(bytes(body))
        if line["event"]["type"] == "model_replied":
            line["circumstances"] = uses[-1]
            forged = json.dumps(line).encode()
            house.sql("UPDATE event SET body = ? WHERE run_id = ? AND seq = ?", forged, asked.run_id, seq)
    with pytest.raises(Tampered):
        house.engine(RULES).resolve(asked.active_requirements[0].id, Approve(), by="otto")
        engine.advance(asked.run_id)
    assert amounts(house) == []
    assert engine.grants.get(grant).used == 1


def test_law05_a_use_that_is_gone_lets_nothing_begin(house: House) -> None:
    engine = house.engine(RULES)
    remembered(house, engine)
    run = waiting(house, engine)
    house.sql("DELETE FROM permission_use")
    run.active_requirements[0].confirm(by="otto")
    with pytest.raises(Tampered, match="never used grant"):
        engine.advance(run.run_id)
    assert amounts(house) == []


def test_stages_are_passed_by_a_grant_each(house: House) -> None:
    stage = f"grant: {OFFER}, not: [previous_approver]"
    rules = f"""
- id: staged
  tools: pay
  gate:
    - approval: {{name: one, of: [role:finance], {stage}}}
    - approval: {{name: two, of: [role:finance], {stage}}}
"""
    engine = house.engine(rules.replace("name: one, ", "").replace("name: two, of: [role:finance]", "of: [frank]"))
    run = paid(house, engine)
    run.active_requirements[0].confirm(by="maria", grant=GrantTerms("agent"))
    run = engine.runs.get(run.run_id)
    run.active_requirements[0].confirm(by="frank", grant=GrantTerms("agent"))
    assert engine.advance(run.run_id).state == "done"
    again = paid(house, engine, amount=4)
    assert again.state == "done"
    assert [row.used for row in engine.grants.list()] == [1, 1]


# -- what people do with them


def test_a_grant_that_is_not_there_is_said_to_be_none(house: House) -> None:
    engine = house.engine(RULES)
    for act in (engine.grants.get, engine.grants.export, lambda name: engine.grants.revoke(name, by="otto")):
        with pytest.raises(GrantNotFound):
            act("grant_x")
    with pytest.raises(InputRefused):
        engine.grants.revoke("grant_x", by=None)  # type: ignore[arg-type]


def test_a_grant_is_exported_for_its_rule(house: House) -> None:
    engine = house.engine(RULES)
    text = engine.grants.export(remembered(house, engine))
    assert "For the rule pay/large:" in text
    assert "granted by maria" in text


# -- break glass


def test_law02_a_gate_passed_alone_is_reviewed_once_by_somebody_else(house: House) -> None:
    engine = house.engine(RULES)
    run = paid(house, engine)
    asked = run.active_requirements[0]
    asked.break_glass(by="otto", note="payroll is due tonight")
    assert engine.advance(run.run_id).state == "done"
    assert amounts(house) == [10]
    (found,) = engine.overrides.list()
    assert (found.requirement_id, found.by.id, found.reason) == (asked.id, "otto", "payroll is due tonight")
    for who in ("otto", Actor("o2", person="otto"), Actor("deputy", on_behalf_of="otto"), Actor("bot", kind="agent")):
        with pytest.raises(NotAuthorised):
            engine.overrides.review(asked.id, by=who, finding="fine")
    with pytest.raises(InputRefused):
        engine.overrides.review(asked.id, by="maria", finding=" ")
    assert engine.overrides.list() == [found]
    engine.overrides.review(asked.id, by="maria", finding="it was right")
    with pytest.raises(AlreadyResolved, match="by maria"):
        engine.overrides.review(asked.id, by="frank", finding="no")
    assert engine.overrides.list() == []
    assert [one.finding for one in engine.overrides.list(state="reviewed")] == ["it was right"]
    assert {"break_glass", "override_reviewed"} <= set(house.records(engine, run.run_id))
    assert engine.audit.verify().intact


def test_law13_breaking_the_glass_leaves_no_grant(house: House) -> None:
    engine = house.engine(RULES)
    run = paid(house, engine)
    run.active_requirements[0].break_glass(by="otto", note="now")
    assert engine.grants.list() == []
    assert paid(house, engine).is_paused
