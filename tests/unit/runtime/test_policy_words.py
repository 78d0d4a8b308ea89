"""The settings of the policy language, each from the text of a policy to what an engine then does."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hitl_fsm.errors import PolicyError
from hitl_fsm.model.states import CallState, RunState
from house import House, call, calls, policies, policy_text

ALLOW = "- {id: ok, gate: allow}"


def judged(engine: Any, run_id: str) -> list[dict[str, Any]]:
    """What the record says of each verdict of a run."""
    lines = [json.loads(line.body) for line in engine.audit.records(run_id=run_id)]
    return [line["data"] for line in lines if "outcome" in line.get("data", {})]


def test_shadow_stops_nothing_and_the_record_tells_what_it_would_have_done(house: House) -> None:
    strict = policy_text("- {id: no, tools: pay, gate: deny}", name="trial", extra="mode: shadow\ndefault: allow")
    engine = house.engine(policies(policy_text(ALLOW), strict))
    run = house.agent(engine, [calls(call("pay", to="bob", amount=1))]).run("go", user="alice")
    assert run.state is RunState.DONE
    assert house.effects == [("pay", "bob", 1.0, "-")]
    (told,) = judged(engine, run.run_id)
    assert told["outcome"] == "allow"
    assert [(one["policy"], one["rule"], one["effect"]) for one in told["shadow"]] == [("trial", "no", "deny")]


def test_an_engine_evaluates_and_explains_in_the_same_words_and_starts_nothing(house: House) -> None:
    rule = "- {id: large, tools: pay, when: args.amount > 5, gate: confirm}"
    engine = house.engine(policies(policy_text(rule)))
    asked = {"to": "bob", "amount": 6}
    verdict = engine.evaluate("pay", asked, user="alice")
    told = engine.explain("pay", asked, user="alice")
    assert verdict.outcome == "gated"
    assert told.verdict == verdict
    (looked,), (policy,) = verdict.looked, told.policies
    assert [(rule.rule, rule.matched) for rule in policy.rules] == [(looked.rule, "yes")]
    assert engine.runs.list() == []


def test_a_tool_that_only_a_shadow_covers_has_no_policy(house: House) -> None:
    engine = house.engine(policies(policy_text(ALLOW, extra="mode: shadow")))
    run = house.agent(engine, [calls(call("pay", to="bob", amount=1))]).run("go")
    assert run.calls[0].state is CallState.DENIED
    assert house.effects == []


def test_vars_are_what_the_conditions_of_their_policy_compare_with(house: House) -> None:
    rules = (
        "- {id: small, tools: pay, when: 'args.amount <= vars.limit && args.to in vars.friends', gate: allow}\n"
        "- {id: large, tools: pay, when: args.amount > vars.limit, gate: deny}"
    )
    engine = house.engine(policies(policy_text(rules, extra="vars: {limit: 10, friends: [bob, eve]}")))
    asked = [call("pay", to="bob", amount=10), call("pay", to="bob", amount=10.5), call("pay", to="mallory", amount=1)]
    run = house.agent(engine, [calls(*asked)]).run("go")
    assert house.effects == [("pay", "bob", 10.0, "-")]
    assert [one.state for one in run.calls] == [CallState.SUCCEEDED, CallState.DENIED, CallState.DENIED]


def test_all_of_a_list_under_when_must_hold_and_any_of_one_under_unless_lifts(house: House) -> None:
    rule = "- id: ask\n  tools: pay\n  when: [args.amount > 5, args.to != 'bob']\n"
    rule += "  unless: [args.memo == 'rent', \"'finance' in user.roles\"]\n  gate: confirm"
    engine = house.engine(policies(policy_text(rule, extra="default: allow")))

    def is_asked(user: str = "alice", **args: Any) -> bool:
        run = house.agent(engine, [calls(call("pay", **{"to": "eve", "amount": 6, **args}))]).run("go", user=user)
        return bool(run.is_paused)

    assert is_asked()
    assert [is_asked(amount=5), is_asked(to="bob"), is_asked(memo="rent"), is_asked("maria")] == [False] * 4


def test_an_example_that_does_not_hold_stops_the_engine(house: House) -> None:
    rule = "- id: large\n  tools: pay\n  when: args.amount > {}\n  gate: deny\n  examples:\n"
    rule += "    match: [{{args: {{amount: 11}}}}]\n    not_match: [{{args: {{amount: 10}}}}]"
    assert house.engine(policies(policy_text(rule.format(10)))).policies.names == ("pay",)
    for limit in (9, 11):
        with pytest.raises(PolicyError) as caught:
            policies(policy_text(rule.format(limit)))
        assert [found.code for found in caught.value.diagnostics] == ["HF114"]


def test_severity_is_shown_to_who_answers_and_the_highest_of_all_rules_counts(house: House) -> None:
    rules = "- {id: a, gate: confirm, severity: medium}\n"
    rules += "- {id: b, when: args.amount > 5, gate: audit, severity: critical}"
    engine = house.engine(policies(policy_text(rules)))
    agent = house.agent(engine, [calls(call("pay", to="bob", amount=5), call("pay", to="bob", amount=6))])
    run = agent.run("go", user="alice")
    assert [one.value.severity for one in run.active_requirements] == ["medium", "critical"]
    assert [told.get("severity") for told in judged(engine, run.run_id)] == ["medium", "critical"]


def test_a_policy_about_an_agent_holds_for_its_calls_and_for_nobody_elses(house: House) -> None:
    mine = policy_text("- {id: ask, gate: confirm}", name="helpers").replace(
        b"tools: [pay, refund, look, ship, note]", b"agents: [help*]"
    )
    engine = house.engine(policies(policy_text(ALLOW), mine))
    assert house.agent(engine, [calls(call("look", order_id="1"))]).run("go", user="alice").is_paused

    def look(order_id: str) -> str:
        """Look an order up."""
        return order_id

    assert engine.gate(look)("7") == "7"  # a callable is no agent, not even one of its own name
    only = policies(policy_text(ALLOW), mine.replace(b"help*", b"look"))
    assert house.engine(only).gate(look)("8") == "8"


def test_a_default_that_asks_gives_way_to_any_rule_that_matches_also_to_one_that_only_records(house: House) -> None:
    """Documented at the field: the trap of a rule that matches everything."""
    rule = "- {id: log, when: args.amount > 5, gate: audit}"
    engine = house.engine(policies(policy_text(rule, extra="default: confirm")))
    agent = house.agent(engine, [calls(call("pay", to="bob", amount=6), call("pay", to="bob", amount=5))])
    assert [one.value.call_id for one in agent.run("go", user="alice").active_requirements] == ["1.1"]
    assert house.effects == [("pay", "bob", 6.0, "-")]
