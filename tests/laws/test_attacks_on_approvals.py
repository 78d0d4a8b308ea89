"""Ways round an approval that were tried: each is what an auditor would not sign, and does not happen."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Any

import pytest

from hitl_fsm import Actor, Engine, Sensitive, tool
from hitl_fsm.errors import AnswerRefused, NotAuthorised
from hitl_fsm.model import answer as answers
from hitl_fsm.model import event as events
from hitl_fsm.model.actor import ENGINE
from hitl_fsm.model.answer import GrantTerms
from hitl_fsm.model.states import RequirementState, RunState
from hitl_fsm.runtime.loop import run_sync
from hitl_fsm.runtime.outside import apply
from hitl_fsm.runtime.people.crowd import Crowd
from hitl_fsm.runtime.steps import load
from house import House, call, calls

PAY = [calls(call("pay", to="bob", amount=5))]
HOUR = 3_600_000


def engine_of(house: House, rules: str, **people: Actor) -> Engine:
    """Everybody has the role finance, and is who `people` says."""
    engine = house.engine(rules)
    engine.close()
    known = {name: Actor(name, ("finance",)) for name in ("maria", "frank", "otto", "alice")} | people
    made = Engine(engine.policies, house.url, actors=known.get, clock=house.clock)
    house.engines.append(made)
    return made


def question(engine: Engine, run_id: str) -> Any:
    (found,) = engine.runs.get(run_id).active_requirements
    return found


TWO = "{approval: {of: [role:finance], quorum: 2, not: [editor]}}"


def test_law15_an_edit_that_left_a_gate_behind_has_not_passed_it(house: House) -> None:
    """One person lowers the amount below where two are asked; then two are asked for every amount."""
    rules = f"- {{id: large, when: args.amount >= 5, gate: {TWO}}}\n- {{id: all, gate: confirm}}"
    engine = engine_of(house, rules)
    run = house.agent(engine, PAY).run("go", user="alice")
    while run.active_requirements:
        asked = run.active_requirements[0]
        if asked.kind == "confirm":
            asked.confirm("alice")
        else:
            asked.confirm("maria", args={"to": "bob", "amount": 4})
        run = engine.runs.get(run.run_id)
    stricter = engine_of(house, f"- {{id: all, gate: {TWO}}}\n- {{id: more, gate: confirm}}")
    again = house.agent(stricter, PAY).continue_run(run_id=run.run_id)
    assert (house.effects, again.state) == ([], RunState.PAUSED)


def test_law05_a_grant_of_a_requester_is_for_the_own_runs(house: House) -> None:
    rules = "- {id: all, gate: {approval: {of: [requester], grant: {max: 5, for: 24h, scope: [run, agent]}}}}"
    engine = engine_of(house, rules)
    agent = house.agent(engine, PAY)
    run = agent.run("go", user="alice")
    run.active_requirements[0].confirm("alice", grant=GrantTerms("agent"))
    agent.continue_run(run_id=run.run_id)
    other = house.agent(engine, PAY).run("go", user="otto")
    assert other.is_paused
    assert len(house.effects) == 1


def test_law05_a_grant_is_the_word_of_who_said_yes_to_this_action(house: House) -> None:
    """Of one who voted on what it was before the edit it is not."""
    rules = """
- id: all
  gate:
    approval:
      any_of: [{of: [role:cfo]}, {of: [role:finance], quorum: 2}]
      grant: {max: 10, for: 24h, scope: [run, agent]}
"""
    engine = engine_of(house, rules, carla=Actor("carla", ("cfo",)))
    run = house.agent(engine, PAY).run("go", user="alice")
    question(engine, run.run_id).confirm("maria", grant=GrantTerms("agent", uses=10))
    question(engine, run.run_id).confirm("carla", args={"to": "eve", "amount": 9_000})
    assert engine.grants.list() == []
    closed = engine.runs.get(run.run_id).requirements[-1]
    with pytest.raises(NotAuthorised):
        engine.revoke(closed.id, by="maria")


STAGES = """
- id: all
  gate:
    - approval:
        stages:
          - {name: manager, of: [role:finance]}
          - {name: cfo, of: [role:finance], not: [previous_approver]}
"""


def test_law02_who_passed_a_later_stage_does_not_take_an_earlier_one_that_was_taken_back(house: House) -> None:
    engine = engine_of(house, STAGES)
    agent = house.agent(engine, PAY)
    run = agent.run("go", user="alice")
    first = question(engine, run.run_id)
    first.confirm("maria")
    question(engine, run.run_id).confirm("frank")
    engine.revoke(first.id, by="maria")
    agent.continue_run(run_id=run.run_id)
    question(engine, run.run_id).confirm("frank")
    agent.continue_run(run_id=run.run_id)
    assert house.effects == []
    assert engine.audit.verify().intact


def test_law15_who_passed_a_gate_does_not_take_one_that_comes_before_it_now(house: House) -> None:
    cfo = "{approval: {of: [role:finance], not: [previous_approver]}}"
    engine = engine_of(house, f"- {{id: all, gate: {cfo}}}")
    run = house.agent(engine, PAY).run("go", user="alice")
    question(engine, run.run_id).confirm("frank")
    manager = "{approval: {of: [role:finance], expires: 4h}}"
    stricter = engine_of(house, f"- {{id: all, gate: [{manager}, {cfo}]}}")
    agent = house.agent(stricter, PAY)
    agent.continue_run(run_id=run.run_id)
    question(stricter, run.run_id).confirm("frank")
    agent.continue_run(run_id=run.run_id)
    assert house.effects == []


NOES = "- {id: all, gate: {approval: {of: [role:finance], reject_quorum: 2}}}"


def test_law09_no_machine_takes_a_persons_vote_back(house: House) -> None:
    engine = engine_of(house, NOES)
    run = house.agent(engine, PAY).run("go", user="alice")
    asked = question(engine, run.run_id)
    asked.reject("maria")
    bot = Actor("bot", ("finance",), kind="agent", on_behalf_of="maria")
    with pytest.raises(NotAuthorised):
        engine.withdraw(asked.id, by=bot)
    with pytest.raises(NotAuthorised):
        engine.withdraw(asked.id, by=Actor("maria", ("finance",), kind="agent"))
    assert len(engine.inbox.get(asked.id).votes) == 1


def test_law13_who_stands_in_does_not_take_back_what_the_other_said(house: House) -> None:
    engine = engine_of(house, NOES)
    run = house.agent(engine, PAY).run("go", user="alice")
    asked = question(engine, run.run_id)
    asked.reject("maria")
    frank = Actor("frank", ("finance",), on_behalf_of="maria")
    with pytest.raises(NotAuthorised):
        engine.withdraw(asked.id, by=frank)
    engine.withdraw(asked.id, by="maria")


def test_law04_no_grant_lets_begin_what_a_person_rejected(house: House) -> None:
    rules = "- {id: all, gate: {approval: {of: [role:finance], grant: {max: 5, for: 24h, vary: [amount]}}}}"
    engine = engine_of(house, rules)
    replies = [calls(call("pay", to="bob", amount=n)) for n in (5, 6, 5)]
    agent = house.agent(engine, replies)
    run = agent.run("go", user="alice")
    question(engine, run.run_id).reject("maria")
    agent.continue_run(run_id=run.run_id)
    question(engine, run.run_id).confirm("maria", grant=GrantTerms())
    agent.continue_run(run_id=run.run_id)
    assert [effect[2] for effect in house.effects] == [6]
    assert engine.runs.get(run.run_id).is_paused


def test_law01_one_reply_does_not_ask_more_than_people_are_asked(house: House) -> None:
    engine = engine_of(house, "- {id: all, gate: confirm}")
    object.__setattr__(engine.in_force.parts, "crowd", Crowd(3))
    many = [calls(*(call("pay", to="bob", amount=n) for n in range(10)))]
    run = house.agent(engine, many).run("go", user="alice")
    assert len(run.active_requirements) == 3


def test_law02_a_yes_taken_back_in_a_failed_run_is_asked_about_when_it_goes_on(house: House) -> None:
    rules = """
- {id: look, tools: [look], gate: allow}
- {id: pay, tools: [pay], gate: {approval: {of: [role:finance], expires: 4h}}}
"""
    engine = engine_of(house, rules)
    agent = house.agent(engine, PAY)
    run = agent.run("go", user="alice")
    asked = question(engine, run.run_id)
    asked.confirm("maria")
    _fail(house, engine, run.run_id)
    engine.revoke(asked.id, by="maria")
    house.clock.advance(5 * HOUR)
    engine.sweep()
    ended = agent.continue_run(run_id=run.run_id)
    assert (house.effects, ended.state) == ([], RunState.PAUSED)


def _fail(house: House, engine: Engine, run_id: str) -> None:
    async def stop() -> None:
        loaded = await load(engine.parts, run_id)
        await apply(engine.parts, loaded, events.RunStopped("a limit"), ENGINE, {})

    run_sync(stop())


def test_law13_two_reviews_are_by_two_people_where_the_policy_says_so(house: House) -> None:
    rules = """
- id: all
  gate:
    - review: {of: [role:finance]}
    - review: {of: [role:finance, role:ops], not: [previous_approver]}
"""
    engine = engine_of(house, rules)
    agent = house.agent(engine, PAY)
    run = agent.run("go", user="alice")
    engine.resolve(question(engine, run.run_id).id, answers.Accept(), by="maria")
    with pytest.raises(NotAuthorised):
        engine.resolve(question(engine, run.run_id).id, answers.Accept(), by="maria")


def test_law13_who_forks_a_run_asks_for_what_it_does(house: House) -> None:
    engine = engine_of(house, "- {id: all, gate: {approval: {of: [role:finance], not: [requester]}}}")
    agent = house.agent(engine, PAY)
    run = agent.run("go", user="alice")
    forked = engine.fork(run.run_id, 0, by="frank")
    with pytest.raises(NotAuthorised):
        question(engine, forked.run_id).confirm("frank")


def test_law13_the_requester_has_the_roles_of_today(house: House) -> None:
    """Also where the answer names nobody, and so is the requester's."""
    rules = "- {id: all, gate: {approval: {of: [role:finance]}}}"
    engine = engine_of(house, rules)
    run = house.agent(engine, PAY).run("go", user="alice")
    later = engine_of(house, rules, alice=Actor("alice"))
    with pytest.raises(NotAuthorised):
        later.resolve(run.requirements[0].id, answers.Approve())


def test_law05_no_refusal_of_an_edit_tells_of_a_masked_value(house: House) -> None:
    edit = "edit: {pin: lower, amount: lower, to: {}}"
    engine = engine_of(house, f"- {{id: all, gate: {{approval: {{of: [role:finance], {edit}}}}}}}")

    @tool
    def pay(to: str, pin: Annotated[int, Sensitive], amount: float) -> str:
        """Send money."""
        return "paid"

    asks = [calls(call("pay", to="bob", pin=271_828, amount=5))]
    run = house.agent(engine, asks, tools=[pay]).run("go", user="alice")
    with pytest.raises(AnswerRefused) as refused:
        question(engine, run.run_id).confirm("maria", args={"to": "bob", "pin": 999_999, "amount": 5})
    assert refused.value.problems == ("pin: it does not fit",)


def test_law05_an_edit_that_left_a_gate_behind_makes_no_grant_for_it(house: House) -> None:
    gate = "{approval: {of: [role:finance], quorum: 2, grant: {max: 5, for: 24h, vary: [amount]}}}"
    rules = f"- {{id: large, when: args.amount >= 5, gate: {gate}}}\n- {{id: all, gate: allow}}"
    engine = engine_of(house, rules)
    agent = house.agent(engine, [*PAY, *PAY])
    run = agent.run("go", user="alice")
    question(engine, run.run_id).confirm("maria", args={"to": "bob", "amount": 4}, grant=GrantTerms())
    agent.continue_run(run_id=run.run_id)
    assert [effect[2] for effect in house.effects] == [4]
    assert engine.runs.get(run.run_id).is_paused


def test_law13_whoever_is_kept_out_by_a_role_is_so_for_others_too(house: House) -> None:
    """A delegation shows the roles of the one who gave it; the own one keeps out all the same."""
    rules = "- {id: all, gate: {approval: {of: [role:finance], not: [role:intern]}}}"
    engine = engine_of(house, rules, nina=Actor("nina", ("intern",)))
    engine.delegations.add("nina", by="maria", until=engine.parts.clock.now() + HOUR)
    run = house.agent(engine, PAY).run("go", user="alice")
    speaking = engine.delegations.actor("nina", "maria")
    with pytest.raises(NotAuthorised, match="excludes role:intern"):
        question(engine, run.run_id).confirm(speaking)


@pytest.mark.parametrize("answered", [0, 1, 2])
def test_law10_what_was_asked_before_there_were_votes_goes_on(house: House, answered: int) -> None:
    """Rows of then lack what the log has always told."""
    finance = "approval: {of: [role:finance]"
    rules = f"- {{id: all, gate: [confirm, {{{finance}}}}}, {{{finance}, expires: 4h}}}}]}}"
    engine = engine_of(house, rules)
    agent = house.agent(engine, [{**PAY[0], "say": "please"}])
    run = agent.run("go", user="alice")
    people: list[Any] = ["alice", "maria", "frank"]
    for name in people[:answered]:
        question(engine, run.run_id).confirm(name)
    for requirement_id, body in house.sql("SELECT requirement_id, body FROM requirement"):
        row = json.loads(bytes(body))
        for name in ("said", "said_cut", "proposed", "editors", "approvers"):
            row.pop(name, None)
        house.sql("UPDATE requirement SET body = ? WHERE requirement_id = ?", json.dumps(row).encode(), requirement_id)
    for name in people[answered:]:
        question(engine, run.run_id).confirm(name)
    assert agent.continue_run(run_id=run.run_id).state is RunState.DONE
    assert len(house.effects) == 1


def test_law01_a_stage_is_not_asked_while_the_one_before_it_was_taken_back(house: House) -> None:
    engine = engine_of(house, STAGES)
    run = house.agent(engine, PAY).run("go", user="alice")
    first = question(engine, run.run_id)
    first.confirm("maria")
    second = question(engine, run.run_id)
    engine.revoke(first.id, by="maria")
    asked = question(engine, run.run_id)
    assert (asked.value.stage, engine.inbox.get(second.id).state) == (1, RequirementState.SUPERSEDED)
    asked.confirm("otto")
    assert question(engine, run.run_id).value.approvers == ("otto",)


def test_law05_a_fork_by_somebody_else_has_no_grant_of_the_user(house: House) -> None:
    engine = engine_of(house, "- {id: all, gate: {confirm: {grant: {max: 5, for: 24h, scope: [agent]}}}}")
    agent = house.agent(engine, PAY)
    run = agent.run("go", user="alice")
    run.active_requirements[0].confirm("alice", grant=GrantTerms("agent"))
    assert engine.fork(run.run_id, 0, by="frank").is_paused
    assert engine.fork(run.run_id, 0, by="alice").state is RunState.DONE
    assert len(house.effects) == 1


def test_law13_a_broken_glass_that_is_taken_back_is_asked_about_and_still_reviewed(house: House) -> None:
    rules = "- {id: all, gate: {approval: {of: [role:finance], quorum: 2, break_glass: [otto]}}}"
    engine = engine_of(house, rules)
    agent = house.agent(engine, PAY)
    run = agent.run("go", user="alice")
    first = question(engine, run.run_id)
    first.confirm("maria")
    first.break_glass("otto", note="fire")
    engine.revoke(first.id, by="otto")
    assert agent.continue_run(run_id=run.run_id).is_paused
    asked = question(engine, run.run_id)
    assert (asked.votes, house.effects) == ((), [])
    assert [one.requirement_id for one in engine.overrides.list()] == [first.id]
    asked.break_glass("otto", note="fire again")
    assert agent.continue_run(run_id=run.run_id).state is RunState.DONE
    assert len(engine.overrides.list()) == 2


@pytest.mark.parametrize(
    "name", ["role:finance", "group:finance", "user:maria", "Maria", "maria ", "\uff4daria", "requester"]
)
def test_law13_nobody_is_somebody_by_what_one_is_called(house: House, name: str) -> None:
    engine = engine_of(house, "- {id: all, gate: {approval: {of: [role:finance, group:finance, maria, requester]}}}")
    run = house.agent(engine, PAY).run("go", user="alice")
    for by in (name, Actor(name)):
        with pytest.raises(NotAuthorised):
            question(engine, run.run_id).confirm(by)


def test_law03_a_yes_is_taken_back_or_carried_out_never_both(house: House) -> None:
    engine = engine_of(house, "- {id: all, gate: {approval: {of: [role:finance]}}}")
    for _ in range(8):
        agent = house.agent(engine, PAY)
        run = agent.run("go", user="alice")
        asked = question(engine, run.run_id)
        asked.confirm("maria")
        before = len(house.effects)
        with ThreadPoolExecutor(2) as pool:
            going = pool.submit(agent.continue_run, run_id=run.run_id)
            taking = pool.submit(engine.revoke, asked.id, by="maria")
            taken = taking.exception() is None
            going.exception()
        ran = len(house.effects) - before
        assert ran + taken == 1, (ran, taken, taking.exception(), going.exception())
