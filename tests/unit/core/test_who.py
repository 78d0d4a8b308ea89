"""Who may answer what: people are compared as persons, whichever of their ids they use, or speak for."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from runs import PureRun, gated

from hitl_fsm.core.who import ADVICE_LIMIT, Involved, asked, involved, itself, matches, named, objection
from hitl_fsm.model.actor import Actor
from hitl_fsm.model.answer import Advise, Approve, BreakGlass, Provide, Reject, Report, Respond, Vote
from hitl_fsm.model.requirement import OutcomeUnknown, Question, Requirement
from hitl_fsm.model.run import Run
from hitl_fsm.model.verdict import Approval, Confirm, Escalation, External, Patience, Review, UserInput

NOBODY = Involved(frozenset())
KINDS: list[Any] = ["agent", "service", "timer"]
FORM = UserInput({"type": "object"})
TAKEN = "this person has answered already, and can take that back first"


RUN = PureRun(gated()).run
assert RUN is not None
(ASKED,) = RUN.open_requirements


def question(what: Question, **more: Any) -> Requirement:
    return replace(ASKED, question=what, **more)


def approval(*of: str, excluded: tuple[str, ...] = (), **more: Any) -> Requirement:
    return question(Approval(of, excluded, **more))


def no(requirement: Requirement, actor: Actor, answer: Any = None, known: Involved = NOBODY, links: Any = None) -> str:
    return objection(requirement, actor, answer, known, lambda name: (links or {}).get(name, name))


def people(**names: str) -> Involved:
    """One name each; who asked for it is the run's user."""
    known = NOBODY._replace(**{field: frozenset({name}) for field, name in names.items()})
    return known._replace(beginners=known.beginners | known.requester)


# -- of

MARIA = Actor("maria", roles=("head",), groups=("treasury",))


@pytest.mark.parametrize(
    ("name", "may"),
    [
        ("role:head", True), ("group:treasury", True), ("maria", True), ("user:maria", True), ("requester", False),
        ("role:treasury", False), ("group:head", False), ("role:maria", False), ("head", False), ("user:head", False),
    ],
)  # fmt: skip
def test_roles_groups_and_ids_name_people_each_in_its_own_way(name: str, may: bool) -> None:
    assert (no(approval(name), MARIA) == "") == may
    assert no(approval(name, "maria"), MARIA) == ""
    assert (no(approval("maria", excluded=(name,)), MARIA) == "") == (not may)


def test_nobody_has_a_role_by_being_called_so() -> None:
    for name in ("role:head", "group:head"):
        assert no(approval(name), Actor(name)) == f"it is for {name}"
        assert no(approval(name), Actor("head", person=name)) == f"it is for {name}"
        assert no(approval(name), Actor("x"), links={name: "x"}) == f"it is for {name}"
        assert not matches(name, Actor(name))


def test_by_what_an_actor_says_of_itself() -> None:
    linked = Actor("m2", roles=("a",), groups=("b",), person="maria")
    named_so = [matches(name, linked) for name in ("role:a", "group:b", "m2", "user:m2", "maria", "user:maria")]
    assert named_so == [True] * 6
    assert [matches(name, linked) for name in ("role:b", "group:a", "a", "user:a", "role:maria")] == [False] * 5


def test_who_is_asked_now() -> None:
    rises = Patience(escalate=(Escalation(("role:cfo",)),))
    assert asked(question(Confirm())) == ("requester",)
    assert asked(approval("a", "b")) == ("a", "b")
    for may_name in (FORM, Review()):
        assert asked(question(may_name)) == ("requester",)
        assert asked(question(replace(may_name, of=("a",)))) == ("a",)
    assert asked(question(External("x"))) == asked(question(OutcomeUnknown())) == ()
    assert asked(question(Confirm(patience=rises), escalated=1)) == ("role:cfo",)
    assert no(question(Confirm(patience=rises), escalated=1), Actor("cfo", roles=("cfo",))) == ""
    assert no(question(Confirm(patience=rises), escalated=1), Actor("alice"), None, people(requester="alice")) != ""


def test_whose_turn_it_is_not_is_told_who_is_asked() -> None:
    eve = Actor("eve")
    assert no(approval("role:a", "bob"), eve) == "it is for role:a or bob"
    known = Involved(frozenset({"alice", "al"}))
    assert no(question(Confirm()), eve, None, known) == "it is for al or alice"
    assert no(question(Confirm()), Actor("al"), None, known) == ""
    assert no(question(OutcomeUnknown()), eve) == ""


# -- not


@pytest.mark.parametrize(
    ("name", "field"), [("requester", "requester"), ("editor", "editors"), ("previous_approver", "approvers")]
)
def test_each_word_keeps_out_its_own_people_and_no_others(name: str, field: str) -> None:
    for other in ("requester", "editors", "approvers"):
        known = people(**{other: "maria"})
        assert (no(approval("maria", excluded=(name,)), MARIA, Approve(), known) == "") == (other != field)
        assert (no(approval(name), MARIA, Approve(), known) == "") == (other == field)
    assert no(approval("maria", excluded=(name, "x")), MARIA, None, people(**{field: "maria"})) == (
        f"the policy excludes {name}, x"
    )
    assert no(question(Review(("maria",), (name,))), MARIA, None, people(**{field: "maria"})) != ""


def test_an_editor_may_edit_again_but_not_say_yes_to_it_nor_no() -> None:
    known = people(editors="maria")
    kept_out = approval("maria", excluded=("editor",))
    assert no(kept_out, MARIA, Approve({"n": 2}), known) == ""
    for answer in (Approve(), Reject(), None):
        assert no(kept_out, MARIA, answer, known) == "the policy excludes editor"
    asked_for = approval("maria", excluded=("editor", "requester"))
    assert no(asked_for, MARIA, Approve({"n": 2}), known._replace(beginners=frozenset({"maria"}))) != ""


def test_who_answered_already_does_not_again() -> None:
    assert no(approval("maria"), MARIA, Approve(), people(voters="maria")) == TAKEN
    assert no(approval("maria"), MARIA, Approve(), people(voters="frank")) == ""


def test_who_speaks_for_another_is_both_but_has_only_the_own_names() -> None:
    deputy = Actor("frank", roles=("head",), on_behalf_of="maria")
    kept_out = approval("role:head", excluded=("requester",))
    for name in ("frank", "maria"):
        assert no(kept_out, deputy, Approve(), people(requester=name)) == "the policy excludes requester"
        assert no(approval("role:head"), deputy, Approve(), people(voters=name)) == TAKEN
        assert no(approval("role:head", excluded=(name,)), deputy, Approve()) == f"the policy excludes {name}"
    assert no(approval("role:head"), deputy, Approve()) == ""
    assert no(approval("maria"), deputy, Approve()) == "it is for maria"
    assert no(question(Confirm()), deputy, Approve(), people(requester="maria")) == "it is for maria"
    assert no(approval("role:head", excluded=("boss",)), deputy, None, NOBODY, {"maria": "boss"}) != ""


# -- kinds


@pytest.mark.parametrize("kind", KINDS)
def test_only_a_person_counts_as_one(kind: Any) -> None:
    bot = Actor("maria", kind=kind)
    for one in (approval("maria"), question(FORM), question(Confirm()), question(Review()), question(OutcomeUnknown())):
        assert "never counts as a person" in no(one, bot, Approve(), people(requester="maria"))
    assert no(approval("maria"), bot, Advise("approve")) == "", "it may say what it thinks"


def test_what_was_done_outside_is_told_by_anything_but_an_agent() -> None:
    outside = question(External("bank"))
    assert no(outside, Actor("a", kind="agent"), Report(1)) == "an agent does not report the result of an external call"
    for kind in KINDS[1:]:
        bot = Actor("b", kind=kind)
        assert no(outside, bot, Report(1)) == ""
        assert no(outside, bot, Respond(1)) == (
            f"a {kind} does not give a result instead of a call; only a person does"
        )
    assert no(outside, Actor("p"), Respond(1)) == no(outside, Actor("p"), Report(1)) == no(outside, Actor("p")) == ""


def test_advice_is_for_what_is_decided_and_bounded() -> None:
    advice = Advise("approve")
    said = Vote(advice, Actor("x"), 1, "d")
    for decided in (approval("a"), question(Confirm()), question(Review())):
        assert no(decided, Actor("x"), advice) == ""
    for other in (question(FORM), question(External("x")), question(OutcomeUnknown())):
        assert no(other, Actor("x"), advice) == "there is nothing to advise on"
    full = replace(approval("a"), votes=(said,) * ADVICE_LIMIT)
    assert no(full, Actor("x"), advice) == "there are 20 opinions already"
    real = Vote(Approve(), Actor("y"), 1, "d")
    assert no(replace(full, votes=(*full.votes[1:], real)), Actor("x"), advice) == ""


def test_a_gate_is_passed_alone_by_whom_the_policy_names_for_it() -> None:
    ops = Actor("o", roles=("ops",))
    glass = approval("role:a", excluded=("requester",), break_glass=("role:ops",))
    assert no(glass, ops, BreakGlass()) == ""
    assert no(glass, ops, Approve()) == "it is for role:a"
    assert no(glass, Actor("x", roles=("a",)), BreakGlass()) == "it is for role:ops"
    assert no(glass, ops, BreakGlass(), people(requester="o")) == "the policy excludes requester"
    for none in (approval("role:a"), question(Confirm())):
        assert no(none, ops, BreakGlass(), people(requester="o")) == "the policy lets nobody pass this gate alone"


# -- as which, and who has to do with it


def test_as_which_of_those_who_are_asked_somebody_answers() -> None:
    one = approval("role:head", "role:ops", "maria", "requester", "group:treasury")
    assert named(one, MARIA, NOBODY, itself) == ("role:head", "maria", "group:treasury")
    assert named(one, MARIA, people(requester="maria"), itself)[2] == "requester"
    deputy = Actor("frank", roles=("ops",), on_behalf_of="maria")
    assert named(one, deputy, people(requester="maria"), itself) == ("role:ops",)
    assert named(one, Actor("m2"), NOBODY, lambda name: {"m2": "maria"}.get(name, name)) == ("maria",)


def run_of(user: Actor) -> Run:
    assert RUN is not None
    return replace(RUN, user=user)


def test_who_has_to_do_with_it_as_known_then_and_as_known_now() -> None:
    now, old = Vote(Approve(), Actor("v", on_behalf_of="w"), 1, "d", 1), Vote(Approve(), Actor("u"), 1, "d")
    one = approval("a", patience=Patience(escalate=(Escalation(("b",)),)))
    one = replace(one, editors=("e",), approvers=("p",), votes=(now, old), escalated=1)
    run = replace(run_of(Actor("r2", person="r")), begun_by=("b",))
    assert involved(run, one) == Involved(*map(frozenset, ("r", "e", "p", "vw", "rb")))
    assert involved(run, one, str.upper) == Involved(*map(frozenset, ("rR", "eE", "pP", "vVwW", "rRbB")))


def test_who_had_another_ones_run_begin_does_not_approve_it_and_is_not_its_requester() -> None:
    known = NOBODY._replace(requester=frozenset({"alice"}), beginners=frozenset({"alice", "maria"}))
    for name in ("alice", "maria"):
        assert no(approval("alice", "maria", excluded=("requester",)), Actor(name), Approve(), known) != ""
    assert no(question(Confirm()), Actor("alice"), Approve(), known) == ""
    assert no(question(Confirm()), MARIA, Approve(), known) == "it is for alice"


IDS = ("m1", "m2", "f1", "f2")
LINKS = {"m1": "m", "m2": "m", "f1": "f", "f2": "f"}
OTHER = {"m1": "m2", "m2": "m1", "f1": "f2", "f2": "f1"}
WORDS = ("requester", "editor", "previous_approver", *IDS, "m", *(f"user:{name}" for name in IDS))
SOME = st.lists(st.sampled_from(WORDS), max_size=2, unique=True).map(tuple)
SOMEBODY = st.lists(st.sampled_from(WORDS), min_size=1, max_size=2, unique=True).map(tuple)
ID = st.sampled_from(IDS)
FEW = st.lists(ID, max_size=1).map(tuple)
ANSWERS: st.SearchStrategy[Any] = st.sampled_from([None, Approve(), Approve({"n": 2}), Reject(), BreakGlass()])


def swapped(name: str) -> str:
    plain = name.removeprefix("user:")
    return name.replace(plain, OTHER[plain]) if plain in OTHER else name


@settings(deadline=None, max_examples=100)
@given(SOMEBODY, SOME, SOME, ID, ID, FEW, FEW, FEW, ANSWERS, st.integers(0, 31))
def test_it_does_not_matter_which_of_the_own_ids_stands_where(
    of: Any, out: Any, glass: Any, who: str, user: str, editors: Any, earlier: Any, voted: Any, answer: Any, swap: int
) -> None:
    def some(bit: int, *names: str) -> tuple[str, ...]:
        return tuple(map(swapped, names)) if swap >> bit & 1 else names

    def is_let(actor: str, user: str, of: Any, out: Any, editors: Any, earlier: Any, voted: Any) -> bool:
        votes = tuple(Vote(Approve(), Actor(name), 1, "d") for name in voted)
        one = approval(*of, excluded=out, break_glass=glass)
        one = replace(one, editors=editors, approvers=earlier, votes=votes)

        def person(name: str) -> str:
            return LINKS.get(name, name)

        return objection(one, Actor(actor), answer, involved(run_of(Actor(user)), one, person), person) == ""

    once = is_let(who, user, of, out, editors, earlier, voted)
    (again,), (another,) = some(0, who), some(1, user)
    assert is_let(again, another, some(2, *of), some(3, *out), some(4, *editors), earlier, some(4, *voted)) == once


def test_a_form_is_filled_in_by_the_requester_where_it_names_nobody() -> None:
    assert no(question(FORM), Actor("alice"), Provide({}), people(requester="alice")) == ""
    assert no(question(FORM), Actor("eve"), Provide({}), people(requester="alice")) == "it is for alice"
    assert no(question(replace(FORM, of=("eve",))), Actor("eve"), Provide({}), people(requester="alice")) == ""
