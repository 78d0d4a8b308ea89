"""The policy that flags become: it loads, and each flag means what it meant in the code."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from policy_samples import action

from hitl_fsm.policy.imported import Flagged, Heading, bounded, form_of, policy_text, rule_id
from hitl_fsm.policy.load import check, load

HEADING = Heading("mine", "ops@example.com", "app:agent", "role:approver")
FORM = form_of({"properties": {"to": {"type": "string"}}, "required": ["to"]})


def no_file(path: str) -> bytes:
    raise FileNotFoundError(path)


def loaded(*tools: Flagged, heading: Heading = HEADING) -> Any:
    text = policy_text(tools, heading)
    project = check({"x.policy.yaml": text.encode()}, no_file)
    assert [one for one in project.findings if one.severity == "error"] == [], text
    return load({"x.policy.yaml": text.encode()}, no_file)


def kinds(tool: Flagged) -> tuple[str, list[str]]:
    verdict = loaded(tool).evaluate(action(tool=tool.name))
    return verdict.outcome, [type(gate).__name__.lower() for gate in verdict.gates]


@pytest.mark.parametrize(
    ("flags", "gates"),
    [
        ({}, []),
        ({"requires_confirmation": True}, ["confirm"]),
        ({"requires_user_input": True}, ["userinput"]),
        ({"external_execution": True}, ["external"]),
        ({"external_execution": True, "external_execution_silent": True}, ["external"]),
        ({"requires_confirmation": True, "approval_type": "required"}, ["approval"]),
        ({"approval_type": "required"}, ["approval"]),
        ({"requires_user_input": True, "approval_type": "required"}, ["userinput", "approval"]),
        ({"external_execution": True, "approval_type": "required"}, ["approval", "external"]),
        ({"requires_confirmation": True, "approval_type": "audit"}, ["confirm"]),
        ({"requires_user_input": True, "requires_confirmation": True}, ["userinput", "confirm"]),
    ],
)
def test_each_flag_becomes_its_gates(flags: dict[str, Any], gates: list[str]) -> None:
    outcome, found = kinds(Flagged("pay", "Pay.", flags, FORM if "requires_user_input" in flags else None))
    assert found == gates
    assert (outcome == "allow") == (gates == [])


def test_a_silent_external_stays_silent() -> None:
    silent = Flagged("pay", "", {"external_execution": True, "external_execution_silent": True})
    for tool, wanted in ((silent, True), (Flagged("pay", "", {"external_execution": True}), False)):
        (gate,) = loaded(tool).evaluate(action(tool="pay")).gates
        assert (gate.route, gate.silent) == ("pay", wanted)


def test_input_without_a_field_asks_whether_it_may_run() -> None:
    assert kinds(Flagged("pay", "", {"requires_user_input": True}))[1] == ["confirm"]


def test_an_approval_is_never_the_requesters_and_has_an_end() -> None:
    (gate,) = loaded(Flagged("pay", "", {"approval_type": "required"})).evaluate(action(tool="pay")).gates
    assert (gate.of, gate.excluded, gate.expires_ms) == (("role:approver",), ("requester",), 7 * 86_400_000)


def test_what_is_not_listed_is_refused() -> None:
    assert loaded(Flagged("pay", "")).evaluate(action(tool="drop")).outcome == "deny"


def test_two_tools_of_one_name_both_count() -> None:
    both = loaded(Flagged("pay", ""), Flagged("pay", "", {"requires_confirmation": True}))
    assert [type(gate).__name__ for gate in both.evaluate(action(tool="pay")).gates] == ["Confirm"]
    once = policy_text([Flagged("pay", ""), Flagged("pay", "Another.")], HEADING)
    assert once.count("- id:") == 1


def test_what_asks_a_person_becomes_ask_user() -> None:
    text = policy_text([Flagged("get_user_input", "", {"requires_user_input": True})], HEADING)
    assert "\n    tools: ask_user\n" in text
    assert loaded(Flagged("get_user_input", "")).evaluate(action(tool="get_user_input")).outcome == "deny"


def test_names_that_differ_in_case_or_signs_get_rules_of_their_own() -> None:
    tools = [Flagged("Pay", ""), Flagged("pay", ""), Flagged("pay/now", ""), Flagged("pay:now", "")]
    ids = re.findall(r"- id: (\S+)", policy_text(tools, HEADING))
    assert ids == ["Pay", "pay-2", "pay-now", "pay-now-2"]
    assert loaded(*tools).evaluate(action(tool="pay:now")).outcome == "allow"
    assert [rule_id(name) for name in ("pay/now", "..", "x" * 99)] == ["pay-now", "tool", "x" * 60]


def test_a_form_gets_bounds_where_the_code_has_none() -> None:
    texts = {"type": "array", "items": {"type": "string"}, "title": "Cc", "default": []}
    assert bounded({"anyOf": [texts, {"type": "null"}]}) == {
        "type": "array",
        "items": {"type": "string", "maxLength": 1000},
        "maxItems": 100,
    }
    assert bounded({"type": "string", "enum": ["a"]}) == {"type": "string", "enum": ["a"]}
    titled = form_of({"properties": {"title": {"type": "string"}, "default": {"type": "integer"}}})
    assert set(titled["properties"]) == {"title", "default"}


AWKWARD = st.text(min_size=1, max_size=40)


@example(name="pay", description="a\n- id: b", source="x\u2028y", choice="\0")
@given(name=st.just("pay") | AWKWARD, description=AWKWARD, source=AWKWARD, choice=AWKWARD)
def test_whatever_the_code_says_it_stays_text(name: str, description: str, source: str, choice: str) -> None:
    """No text of the code becomes a rule, a key or a second line: the policy has this one rule, or is refused."""
    form = form_of({"properties": {"x": {"enum": [choice]}}})
    tool = Flagged(name, description, {"requires_user_input": True}, form)
    text = policy_text([tool], HEADING._replace(source=source), [description])
    project = check({"x.policy.yaml": text.encode("utf-8", "surrogatepass")}, no_file)
    if project.policies is None:
        assert name != "pay" or "\0" in choice, text  # no policy holds a NUL
        return
    (member,) = project.members
    assert [rule.id for rule in member.document.rules] == [rule_id(name)]
    if name not in {"ask_user", "get_user_input"}:
        (gate,) = load({"x.policy.yaml": text.encode()}, no_file).evaluate(action(tool=name)).gates
        assert gate.schema["properties"]["x"]["enum"] == [choice]
