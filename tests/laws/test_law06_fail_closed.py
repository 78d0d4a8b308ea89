"""Law 6: what cannot be read, judged or stored does not happen."""

from __future__ import annotations

from typing import Any

import pytest

from hitl_fsm import Engine
from hitl_fsm.errors import HitlError, PolicyError
from hitl_fsm.model.action import Action
from hitl_fsm.model.actor import Actor
from hitl_fsm.model.states import CallState, RunState
from hitl_fsm.policy.inquiry import WARM_AFTER
from house import House, call, calls, policies, policy_text

ALLOW = "- {id: ok, gate: allow}"
BROKEN = {
    "null": "null",
    "a list": '["bob", 5]',
    "a number": "5",
    "NaN": '{"to": "bob", "amount": NaN}',
    "infinity": '{"to": "bob", "amount": 1e999}',
    "not JSON": '{"to": "bob", ',
    "20,000 nested arrays": '{"to": ' + "[" * 20_000 + "]" * 20_000 + "}",
    "20,000 open brackets": "[" * 20_000,
    "duplicate keys": '{"to": "bob", "amount": 1, "amount": 5000}',
    "five megabytes": '{"to": "' + "x" * 5_000_000 + '", "amount": 1}',
    "a lone surrogate": '{"to": "\\ud800", "amount": 1}',
    "a huge integer": '{"to": "bob", "amount": 123456789012345678901234567890}',
    "a missing argument": '{"to": "bob"}',
    "an unknown argument": '{"to": "bob", "amount": 1, "force": true}',
    "a wrong type": '{"to": "bob", "amount": "1"}',
}


@pytest.mark.parametrize("raw", BROKEN.values(), ids=BROKEN.keys())
@pytest.mark.parametrize("rules", [ALLOW, "- {id: all, gate: confirm}"])
def test_law06_arguments_that_cannot_be_read_never_reach_a_tool(house: House, raw: str, rules: str) -> None:
    engine = house.engine(rules)
    agent = house.agent(engine, [calls({"tool": "pay", "raw": raw})])
    run = agent.run("go", user="alice")
    assert run.state is RunState.DONE, "no question is worth asking about it"
    assert house.effects == []
    (told,) = house.said_to_model(engine, run.run_id)
    assert "not executed" in told
    assert len(told) < 3_000
    assert engine.audit.verify().intact


def test_law06_an_unknown_tool_is_refused_with_the_names_of_the_known(house: House) -> None:
    engine = house.engine(ALLOW)
    run = house.agent(engine, [calls(call("pay_everyone", to="bob"))]).run("go")
    (told,) = house.said_to_model(engine, run.run_id)
    assert "pay_everyone" in told
    assert "refund" in told
    assert run.calls[0].state is CallState.DENIED


def test_law06_a_condition_that_cannot_be_evaluated_denies_even_on_an_allow_rule(house: House) -> None:
    engine = house.engine("- {id: ok, when: args.nothing > 3, gate: allow}")
    run = house.agent(engine, [calls(call("pay", to="bob", amount=1))]).run("go")
    assert run.calls[0].state is CallState.DENIED
    assert house.effects == []
    assert "p0.policy.yaml" in house.said_to_model(engine, run.run_id)[0]


ASK = "on_error: {approval: {of: [role:finance], not: [requester], expires: 4h}}"


@pytest.mark.parametrize("rule", ["when: args.nothing > 3, gate: allow", "unless: args.nothing > 3, gate: audit"])
def test_law06_a_condition_that_cannot_be_evaluated_asks_who_on_error_names_and_never_allows(
    house: House, rule: str
) -> None:
    engine = house.engine(policies(policy_text(f"- {{id: ok, {rule}}}", extra=ASK)))
    agent = house.agent(engine, [calls(call("pay", to="bob", amount=1))])
    run = agent.run("go", user="alice")
    (asked,) = run.active_requirements
    assert (asked.kind, house.effects) == ("approval", [])
    with pytest.raises(HitlError):
        asked.confirm(by="alice")
    assert agent.continue_run(run).is_paused
    assert house.effects == []
    asked.confirm(by="maria")
    assert agent.continue_run(run).state is RunState.DONE
    assert house.effects == [("pay", "bob", 1.0, "-")]


def test_law06_on_error_adds_to_what_the_rule_asks_and_a_rule_that_denies_denies(house: House) -> None:
    rules = "- {id: cfo, tools: pay, when: args.nothing > 3, gate: {approval: {of: [role:ops]}}}\n"
    rules += "- {id: never, tools: note, when: args.nothing > 3, gate: deny}"
    engine = house.engine(policies(policy_text(rules, extra=ASK)))
    agent = house.agent(engine, [calls(call("note", text="x"), call("pay", to="bob", amount=1))])
    run = agent.run("go", user="alice")
    assert [one.state for one in run.calls] == [CallState.DENIED, CallState.GATED]
    for who in ("otto", "maria"):
        assert house.effects == []
        (asked,) = run.active_requirements
        asked.confirm(by=who)
        run = agent.continue_run(run)
    assert run.state is RunState.DONE
    assert house.effects == [("pay", "bob", 1.0, "-")]


def test_law06_a_policy_whose_on_error_denies_denies_also_where_another_one_asks(house: House) -> None:
    rule = "- {id: ok, when: args.nothing > 3, gate: allow}"
    engine = house.engine(policies(policy_text(rule, extra=ASK), policy_text(rule, name="other")))
    run = house.agent(engine, [calls(call("pay", to="bob", amount=1))]).run("go", user="alice")
    assert run.calls[0].state is CallState.DENIED
    assert house.effects == []


def test_law06_a_tool_that_no_policy_covers_is_denied_unless_the_application_chose_otherwise(house: House) -> None:
    rules: Any = "- {id: ok, gate: allow}"
    other = policies(policy_text(rules, tools="[other]"))
    run = house.agent(house.engine(other), [calls(call("pay", to="bob", amount=1))]).run("go")
    assert run.calls[0].state is CallState.DENIED
    asked = house.agent(house.engine(other, default="confirm"), [calls(call("pay", to="bob", amount=1))]).run("go")
    assert [r.kind for r in asked.active_requirements] == ["confirm"]
    assert house.effects == []


def test_law06_policies_that_do_not_load_stop_the_engine(house: House) -> None:
    (house.folder / "bad.policy.yaml").write_text("kind: Policy\nrules: [{id: x, gate: alow}]\n")
    with pytest.raises(PolicyError) as caught:
        Engine(house.folder / "bad.policy.yaml", house.url)
    assert caught.value.diagnostics


@pytest.mark.parametrize("table", ["record", "event", "requirement", "call"])
def test_law06_a_store_that_cannot_write_stops_the_action(house: House, table: str) -> None:
    engine = house.engine()
    agent = house.agent(engine, [calls(call("pay", to="bob", amount=1))])
    run = agent.run("go", user="alice")
    run.active_requirements[0].confirm()
    house.jam(table)
    if table == "requirement":
        with pytest.raises(HitlError):
            agent.run("another", user="alice")
        return
    with pytest.raises(HitlError):
        agent.continue_run(run)
    assert house.effects == []
    house.unjam(table)
    assert agent.continue_run(run).state is RunState.DONE
    assert len(house.effects) == 1


def test_law06_vars_that_are_equal_only_to_python_are_told_apart_however_often_they_are_asked() -> None:
    said = "- {id: all, when: \"string(vars.x) == args.text + ''\", gate: confirm}"
    texts = [
        policy_text(said, name=name, tools="['*']", extra=f"default: allow\nvars: {{x: {value}}}")
        for name, value in {"a": "1", "b": "true", "c": "1.0"}.items()
    ]
    several = policies(*texts)
    for text, outcome in {"1": "gated", "true": "gated", "2": "allow"}.items():
        action = Action("pay", {"text": text}, Actor("alice"), 0)
        assert {several.evaluate(action).outcome for _ in range(2 * WARM_AFTER)} == {outcome}, text


@pytest.mark.parametrize(
    "condition", ["vars.m[args.to] == 1", "args[args.to] == 1", "'x'.matches('(' + args.to)", "user[args.to] == 'x'"]
)
def test_law06_why_a_condition_cannot_be_evaluated_tells_nothing_of_the_arguments(house: House, condition: str) -> None:
    secret = "hunter2: s3cret"
    engine = house.engine(
        policies(policy_text(f'- {{id: a, when: "{condition}", gate: allow}}', extra="vars: {m: {}}"))
    )
    run = house.agent(engine, [calls(call("pay", to=secret, amount=1))]).run("go")
    assert (run.calls[0].state, house.effects) == (CallState.DENIED, [])
    (judged,) = [line for line in engine.runs.timeline(run.run_id) if line["event"] == "call_judged"]
    assert judged["data"]["problem"] is True
    assert set(judged["contents"]) == {"args", "problem"}
    assert not any("hunter2" in str(line) or "s3cret" in str(line) for line in engine.runs.timeline(run.run_id))
    assert "hunter2" not in house.said_to_model(engine, run.run_id)[0]
