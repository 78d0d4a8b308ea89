"""An exported grant is true of what it covered and of nothing else, and loads as part of a policy."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hitl_fsm.model.action import Action
from hitl_fsm.model.actor import Actor
from hitl_fsm.model.grant import Grant
from hitl_fsm.policy.granted import exception
from house import policies, policy_text

MARIA = Actor("maria", printed_name="Maria Rossi")
ARGS: dict[str, Any] = {"to": "acme", "amount": 10}


def grant(args: dict[str, Any], **more: Any) -> Grant:
    return Grant("grant_1", "k", "pay", "helper", args, 5, 90_000, (MARIA,), 0, "req_1", **more)


def outcome(exported: str, args: dict[str, Any], **action: Any) -> str:
    """What the policy with this exception says."""
    indented = "\n".join("  " + line for line in exported.splitlines())
    large = f"- id: large\n  tools: [pay, payout]\n{indented}\n  gate: {{approval: {{of: [role:finance]}}}}"
    rules = f"{large}\n- {{id: rest, gate: allow}}"
    found = policies(policy_text(rules, tools="[pay, payout]"))
    given_ = {"tool": "pay", "user": Actor("alice"), "agent": "helper", **action}
    return str(found.evaluate(Action(args=args, now=0, **given_)).outcome)


def test_it_says_who_granted_it_until_when_and_for_which_rule() -> None:
    text = exception(grant(ARGS, vary=("amount",), budget_of="amount", budget=100), ["pay/large"])
    for word in ("grant_1", "Maria Rossi (maria)", "1970-01-01T00:01:30", "5 further calls", "pay/large", "100"):
        assert word in text
    assert "session s1 of alice alone" in exception(grant(ARGS, session="s1", user="alice"))
    assert "run_7 alone" in exception(grant(ARGS, run_id="run_7"))


def test_it_is_true_of_what_it_covered_and_of_nothing_else() -> None:
    text = exception(grant(ARGS, vary=("amount",), budget_of="amount", budget=100))
    assert outcome(text, ARGS) == "allow"
    assert outcome(text, {**ARGS, "amount": 100.0}) == "allow"
    for args in ({**ARGS, "amount": 100.01}, {**ARGS, "amount": -1}, {**ARGS, "to": "x"}, {"to": "acme"}, {},
                 {**ARGS, "memo": 1}, {"to": "acme", "memo": 10}):  # fmt: skip
        assert outcome(text, args) == "gated", args
    assert outcome(text, ARGS, agent="other") == "gated"
    assert outcome(text, ARGS, agent="", team="helper") == "allow"
    assert outcome(text, ARGS, tool="payout") == "gated"


def test_what_one_user_confirmed_is_for_that_user() -> None:
    text = exception(grant(ARGS, user="alice"))
    assert outcome(text, ARGS) == "allow"
    assert outcome(text, ARGS, user=Actor("bob")) == "gated"


def test_a_grant_of_no_arguments_is_for_calls_without_any() -> None:
    assert outcome(exception(grant({})), {}) == "allow"
    assert outcome(exception(grant({})), ARGS) == "gated"


VALUES = [
    "", 'say "hi"', "back\\slash", "two\nlines", "tab\t", "🙂 é", "\u202e", "\x1b[2J", "\u200b", "${x} #no: 'q'", True,
    None, -5, 0.1, 1e22, [1, ["a"]], {"a": {"b": None}, "c d": [True]},
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=ascii)
def test_any_value_stands_in_it_as_it_was(value: Any) -> None:
    text = exception(grant({"it": value}))
    assert outcome(text, {"it": value}) == "allow"
    assert outcome(text, {"it": "another"}) == "gated"
    assert all(line.isprintable() for line in text.splitlines())


@settings(deadline=None, max_examples=40)
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20))
def test_any_text_stands_in_it_as_it_was(text: str) -> None:
    assert outcome(exception(grant({text: text})), {text: text}) == "allow"
    assert outcome(exception(grant({text: text})), {text: f"{text}."}) == "gated"


def test_names_that_hide_or_end_a_line_stay_in_the_comment() -> None:
    hostile = Actor("eve\n    gate: allow", printed_name="E\u202eve")
    text = exception(Grant("g", "k", "pay", "a", {}, 1, 1, (hostile,), 0, "r"), ["p/x\ngate: allow"])
    assert all(line.startswith(("#", "unless: >-", "  tool == ")) for line in text.splitlines())
    assert "\u202e" not in text
