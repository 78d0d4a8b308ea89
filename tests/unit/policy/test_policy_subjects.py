"""What a policy or a rule is about: tools, steps, agents."""

from __future__ import annotations

import msgspec
import pytest
from policy_samples import NOW, findings, loaded, policy

from hitl_fsm.model.action import Action
from hitl_fsm.model.actor import Actor
from hitl_fsm.model.verdict import Confirm, Verdict
from hitl_fsm.policy.evaluate import PolicySet
from hitl_fsm.policy.subjects import Subject, selects

CALL = Subject("pay", "", "bot")
STEP = Subject("", "ship", "bot")
START = Subject("", "", "bot")
NOBODYS = Subject("pay")


@pytest.mark.parametrize(
    ("tools", "steps", "agents", "chosen"),
    [
        ("pay", "", "", [CALL, NOBODYS]),
        ("*", "", "", [CALL, NOBODYS]),
        ("", "ship", "", [STEP]),
        ("", "*", "", [STEP]),
        ("pay", "ship", "", [CALL, STEP, NOBODYS]),
        ("", "", "bot", [CALL, STEP, START]),
        ("", "", "*", [CALL, STEP, START]),
        ("", "", "other", []),
        ("pay", "", "b*", [CALL]),
        ("pay", "", "other", []),
        ("", "ship", "bot", [STEP]),
        ("", "ship", "other", []),
        ("pay", "ship", "bot", [CALL, STEP]),
        ("other", "other", "", []),
        ("", "", "", [CALL, STEP, START, NOBODYS]),
    ],
)
def test_tools_name_calls_steps_name_steps_and_agents_narrow(
    tools: str, steps: str, agents: str, chosen: list[Subject]
) -> None:
    own, at, by = ([pattern] if pattern else [] for pattern in (tools, steps, agents))
    assert [subject for subject in (CALL, STEP, START, NOBODYS) if selects(own, at, by, subject)] == chosen


def put(policies: PolicySet, subject: Subject) -> Verdict:
    one = Action(subject.tool, {"n": 1}, Actor("alice"), NOW, agent=subject.agent, step=subject.step)
    assert policies.covers(subject.tool, step=subject.step, agent=subject.agent) == (
        "engine" not in {reason.policy for reason in policies.evaluate(one).reasons}
    )
    return policies.evaluate(one)


def about(names: str, rules: str = "- {id: a, gate: confirm}", name: str = "p") -> str:
    return policy(rules, name=name).replace("tools: pay", names, 1)


@pytest.mark.parametrize(
    ("names", "covered"),
    [
        ("tools: pay", [CALL, NOBODYS]),
        ('steps: "sh*"', [STEP]),
        ("agents: bot", [CALL, STEP, START]),
        ("tools: pay\nsteps: ship", [CALL, STEP, NOBODYS]),
        ('tools: "*"\nagents: ["x", "b*"]', [CALL]),
    ],
)
def test_a_policy_covers_what_it_names_and_the_engine_has_the_word_on_the_rest(
    names: str, covered: list[Subject]
) -> None:
    policies = loaded(about(names))
    for subject in (CALL, STEP, START, NOBODYS):
        verdict = put(policies, subject)
        assert verdict.outcome == ("gated" if subject in covered else "deny")
        assert verdict.reasons[0].policy == ("p" if subject in covered else "engine")


def test_what_no_policy_covers_is_told_by_its_kind() -> None:
    policies = loaded(about("tools: other"))
    notes = [put(policies, subject).reasons[0].note for subject in (CALL, STEP, START, Subject())]
    assert notes == [
        "no policy covers pay",
        "no policy covers the step ship",
        "no policy covers the start of bot",
        "no policy covers the start of a run",
    ]


def test_a_rule_narrows_to_tools_steps_and_agents_of_its_policy() -> None:
    rules = """
    - {id: calls, tools: pay, gate: audit}
    - {id: steps, steps: ship, gate: audit}
    - {id: bots, agents: "b*", gate: audit}
    - {id: others, agents: other, gate: deny}
    - {id: both, tools: pay, steps: ship, gate: audit}
    """
    policies = loaded(about("tools: pay\nsteps: [ship, pack]", rules))
    matched = {subject: [reason.rule for reason in put(policies, subject).reasons] for subject in (CALL, STEP, NOBODYS)}
    assert matched == {CALL: ["calls", "bots", "both"], STEP: ["steps", "bots", "both"], NOBODYS: ["calls", "both"]}
    assert [r.rule for r in put(policies, Subject("", "pack", "other")).reasons] == ["others"]
    assert [r.rule for r in put(policies, Subject("", "pack")).reasons] == ["default"]


def test_policies_about_an_agent_and_about_a_tool_are_joined() -> None:
    policies = loaded(about("agents: bot", "- {id: a, gate: deny}"), about("tools: pay", name="q"))
    assert put(policies, CALL).outcome == "deny"
    assert put(policies, NOBODYS).gates == (Confirm(),)
    assert put(policies, START).outcome == "deny"


def test_a_call_inside_a_step_is_a_call_and_conditions_know_the_step() -> None:
    rules = "- {id: a, when: \"step == 'ship' && team == 't' && workflow == 'w'\", gate: confirm}"
    policies = loaded(about("tools: pay", rules), about("steps: ship", "- {id: a, gate: deny}", "q"))
    inside = Action("pay", {}, Actor("alice"), NOW, step="ship", team="t", workflow="w")
    assert policies.evaluate(inside).gates == (Confirm(),)
    assert policies.evaluate(msgspec.structs.replace(inside, step="pack")).outcome == "deny"
    assert policies.evaluate(msgspec.structs.replace(inside, tool="")).reasons[0].policy == "q"


EXAMPLE = '- id: a\n  {}\n  when: "{}"\n  gate: deny\n  examples: {{match: [{}]}}'


@pytest.mark.parametrize(
    ("names", "own", "when", "example"),
    [
        ("steps: ship", "severity: low", "step == 'ship' && tool == ''", "{}"),
        ("steps: 'sh*'", "severity: low", "step == 'shop' && tool == ''", "{step: shop}"),
        ("tools: pay\nsteps: ship", "severity: low", "step == '' && tool == 'pay'", "{}"),
        ("tools: pay\nsteps: ship", "severity: low", "step == 'ship' && tool == ''", "{step: ship}"),
        ("tools: pay\nsteps: ship", "severity: low", "step == 'ship' && tool == 'pay'", "{step: ship, tool: pay}"),
        ("tools: pay\nsteps: ship", "tools: pay", "step == 'pack' && tool == 'pay'", "{step: pack}"),
        ("tools: pay", "agents: [b*, bot]", "agent == 'bot'", "{}"),
        ("agents: bot", "severity: low", "agent == 'bot' && tool == 'example'", "{}"),
        ("agents: bot", "tools: pay", "tool == 'pay' && team == 't' && workflow == 'w'", "{team: t, workflow: w}"),
    ],
)
def test_an_example_is_about_what_its_rule_is_about(names: str, own: str, when: str, example: str) -> None:
    loaded(about(names, EXAMPLE.format(own, when, example)))


@pytest.mark.parametrize(
    ("names", "own", "example", "says"),
    [
        ("steps: ship", "severity: low", "{step: pack}", "not for the step `pack`"),
        ("steps: ship", "severity: low", "{tool: pay}", "not for the tool `pay`"),
        ("tools: pay\nsteps: ship", "steps: ship", "{tool: pay}", "not for the tool `pay`"),
        ("tools: pay", "agents: bot", "{agent: other}", "not for the agent `other`"),
    ],
)
def test_an_example_of_something_else_is_a_finding(names: str, own: str, example: str, says: str) -> None:
    (found,) = findings(about(names, EXAMPLE.format(own, "true", example)))
    assert (found.code, says in found.message) == ("HF114", True)


def test_a_wrong_name_among_the_subjects_does_not_hide_what_else_is_wrong() -> None:
    found = findings(about("agents: 3", "- {id: a, steps: x, agents: 4, gate: alow}"))
    assert [one.code for one in found] == ["HF108", "HF108", "HF110"]
