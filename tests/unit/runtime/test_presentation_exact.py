"""What a person is shown is exact and whole: hidden values apart, and these say nothing; and it has a digest."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec.structs import replace

from hitl_fsm.model.actor import Actor
from hitl_fsm.model.answer import Abstain, Approve, Vote
from hitl_fsm.model.call import Call
from hitl_fsm.model.flag import Flag
from hitl_fsm.model.requirement import Question, Requirement
from hitl_fsm.model.run import Run
from hitl_fsm.model.states import RequirementState, RunState
from hitl_fsm.model.verdict import Approval, Confirm, Escalation, Patience, UserInput, Verdict
from hitl_fsm.policy.sensitive import MASK
from hitl_fsm.runtime.presenting.presentation import (
    Change,
    look,
    presentation,
    presentation_digest,
    shown_call,
)

RUN = Run("run_1", "agent", "clerk", Actor("alice"), 0, RunState.PAUSED)
SECRET = "4111-1111-1111-1111"
ARGS: dict[str, Any] = {"to": "bob", "card": {"number": SECRET, "holder": "A"}, "list": [1, 2], "amount": 5}


def asked(question: Question | None = None, **more: Any) -> Requirement:
    gate = Approval(("role:finance",), quorum=2, patience=Patience(escalate=(Escalation(("role:cfo",)),)))
    made = Requirement("req_1", "run_1", "1.0", "pay", ARGS, "d" * 64, question or gate, 0, user="alice", agent="clerk")
    return replace(made, **more)


def test_a_hidden_value_is_nowhere_and_what_hides_it_says_nothing_of_it() -> None:
    was = {**ARGS, "card": {"number": "4222", "holder": "B"}}
    requirement = asked(sensitive=("card.number",), proposed=was, editors=("eve",))
    one = presentation(requirement, RUN)
    assert one.args["card"] == {"number": MASK, "holder": "A"}
    assert json.loads(one.arguments) == one.args
    assert one.masked == ("card.number",)
    assert one.changes == (
        Change("card.number", "changed", MASK, MASK),
        Change("card.holder", "changed", "B", "A"),
    )
    for secret in (SECRET, "4222"):
        assert secret not in str(one)
    other = replace(requirement, args={**ARGS, "card": {"number": "1", "holder": "A"}})
    assert presentation(other, RUN) == one


def test_a_question_that_repeats_a_hidden_argument_does_not_show_it() -> None:
    secret = asked(tool="ask_user", args={"question": SECRET}, sensitive=("question",))
    assert presentation(secret, RUN).asks == MASK


def test_forms_hide_what_is_filled_in() -> None:
    form = {
        "type": "object",
        "properties": {
            "pin": {"type": "string", "x-sensitive": True, "default": SECRET, "examples": [SECRET]},
            "card": {"type": "string", "default": SECRET},
            "open": {"type": "string", "default": "x"},
        },
    }
    call = Call(
        "1.0", "p", "pay", ARGS, "d", Verdict("gated", (UserInput(form),)), answers={"pin": SECRET, "open": "y"}
    )
    run = replace(RUN, calls=(replace(call, sensitive=("card",)),))
    one = presentation(asked(UserInput(form), sensitive=("card",)), run)
    assert [(field.name, field.sensitive, field.default) for field in one.fields] == [
        ("pin", True, None),
        ("card", True, None),
        ("open", False, "x"),
    ]
    assert one.filled_in == {"pin": MASK, "open": "y"}
    assert SECRET not in str(replace(one, args={}, arguments=""))
    assert form["properties"]["pin"]["default"] == SECRET  # type: ignore[index]


def test_calls_in_lists_are_masked_too() -> None:
    call = Call("1.0", "p", "pay", ARGS, "d", Verdict("allow"), proposed=ARGS, sensitive=("card.number",))
    assert SECRET not in str(shown_call(call))
    assert SECRET not in str(shown_call(replace(call, args=None)))
    plain = replace(call, sensitive=())
    assert shown_call(plain) is plain


def test_changes_say_what_was_and_what_is() -> None:
    was = {"to": "bob", "gone": {"a": 1}, "list": [1, 3], "amount": 5.0, "card": "x"}
    one = presentation(asked(proposed=was, sensitive=("gone.a", "card.number")), RUN)
    assert one.changes == (
        Change("gone", "removed", was={"a": MASK}),
        Change("list[1]", "changed", 3, 2),
        Change("card", "changed", "x", {"number": MASK, "holder": "A"}),
    )
    grown = presentation(asked(proposed={**ARGS, "list": [1]}), RUN)
    assert grown.changes == (Change("list", "changed", [1], [1, 2]),)
    added = presentation(asked(proposed={"to": "bob"}), RUN)
    assert [(one.where, one.how) for one in added.changes] == [
        ("card", "added"),
        ("list", "added"),
        ("amount", "added"),
    ]
    assert presentation(asked(), RUN).changes == ()


def test_long_arguments_are_whole_and_long_words_say_what_is_cut() -> None:
    memo = "x" * 100_000
    one = presentation(asked(args={"memo": memo}, said="y" * 9, said_cut=7), RUN)
    assert json.loads(one.arguments) == {"memo": memo}
    assert (one.said, one.said_cut) == ("y" * 9, 7)
    assert presentation(asked(said="short"), RUN).said_cut == 0


@pytest.mark.parametrize(
    "more",
    [
        {"votes": (Vote(Approve(), Actor("maria"), 1, "d"),)},
        {"votes": (Vote(Abstain(), Actor("maria"), 1, "d"),)},
        {"reminded": 1},
    ],
)
def test_the_digest_stays_while_people_vote(more: dict[str, Any]) -> None:
    assert look(asked(**more), RUN).digest == look(asked(), RUN).digest
    assert look(asked(), replace(RUN, state=RunState.RESOLVING)).digest == look(asked(), RUN).digest


def test_the_digest_is_the_same_when_it_is_closed() -> None:
    closed = asked(state=RequirementState.RESOLVED)
    assert look(closed, RUN).digest == look(asked(), RUN).digest
    one = presentation(asked(), RUN)
    assert presentation_digest(one) == look(asked(), RUN).digest
    assert len(presentation_digest(one)) == 64


@pytest.mark.parametrize(
    "more",
    [
        {"args": {**ARGS, "amount": 6}},
        {"digest": "e" * 64},
        {"flags": (Flag("long", "it is long"),)},
        {"said": "trust me"},
        {"proposed": {**ARGS, "amount": 6}},
        {"escalated": 1},
        {"expires_at": 5},
        {"severity": "high"},
        {"editors": ("eve",)},
        {"question": Confirm()},
    ],
)
def test_the_digest_is_another_when_something_else_is_to_be_seen(more: dict[str, Any]) -> None:
    assert look(replace(asked(), **more), RUN).digest != look(asked(), RUN).digest
