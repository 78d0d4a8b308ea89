"""The gate `review`: its words, where it stands among the others, and how it joins with them."""

from __future__ import annotations

import pytest
from policy_samples import action, findings, loaded, policy

from hitl_fsm.model.verdict import Approval, Confirm, External, Review, UserInput, Verdict
from hitl_fsm.policy.join import join, merge_gates


def gates(*rules: str) -> tuple[object, ...]:
    text = policy("\n".join(f"- {{id: r{index}, gate: {gate}}}" for index, gate in enumerate(rules)))
    return loaded(text).evaluate(action()).gates


def test_a_word_is_a_review_by_the_requester() -> None:
    assert gates("review") == gates("{review: {}}") == (Review(),)


def test_all_of_its_details() -> None:
    gate = "{review: {of: [role:x, bo], not: requester, expires: 4h, on_expiry: deny, retries: 2}}"
    assert gates(gate) == (Review(("role:x", "bo"), ("requester",), 14_400_000, 2),)


@pytest.mark.parametrize(
    ("gate", "code", "says"),
    [
        ("[review, confirm]", "HF110", "`review` must be the last gate"),
        ("[{review: {of: a}}, {external: {route: r}}]", "HF110", "`review` must be the last gate"),
        ("[{external: {route: r}}, review, confirm]", "HF110", "`external` must be the last gate"),
        ("[review, deny]", "HF110", "`review` must be the last gate"),
        ("{review: {retries: -1}}", "HF108", "greater than or equal to 0"),
        ("{review: {retries: 11}}", "HF108", "less than or equal to 10"),
        ("{review: {retries: yes}}", "HF108", "a whole number"),
        ("{review: {quorum: 2}}", "HF106", "unknown key `quorum`"),
        ("{review: {not: [requester]}}", "HF120", "nobody could answer: the requester"),
        ("{review: {of: [bo], not: [bo, al]}}", "HF120", "nobody could answer: everyone in `of`"),
        ("{review: {of: [requestor]}}", "HF120", "`requestor`"),
        ("{review: {on_expiry: {escalate: [bo]}}}", "HF108", "the time never runs out"),
        ("{review: {of: [editor]}}", "HF120", "`editor` says who may not answer"),
    ],
)
def test_law06_a_review_that_cannot_be_is_refused(gate: str, code: str, says: str) -> None:
    found = findings(policy(f"- {{id: a, gate: {gate}}}"))
    assert found
    assert found[0].code == code
    assert any(says in one.message for one in found)


def test_several_reviews_and_what_comes_before_the_call_may_stand_in_one_list() -> None:
    own = gates("[confirm, {external: {route: r}}, {review: {of: a}}, {review: {of: b}}]")
    assert own == (Confirm(), External("r"), Review(("a",)), Review(("b",)))


def test_a_review_of_one_rule_comes_after_what_another_rule_asks_before_the_call() -> None:
    assert gates("review", "{approval: {of: a}}", "confirm") == (Confirm(), Approval(("a",)), Review())
    order = [[Review()], [External("r")], [UserInput({})]]
    assert merge_gates(order) == (UserInput({}), External("r"), Review())


def test_reviews_add_up_and_the_same_one_is_asked_once() -> None:
    assert gates("{review: {of: a}}", "{review: {of: b}}", "{review: {of: [a]}}") == (Review(("a",)), Review(("b",)))
    assert len(gates("{review: {of: a}}", "{review: {of: a, retries: 1}}")) == 2


def test_a_review_is_stricter_than_allow_and_a_denial_absorbs_it() -> None:
    reviewed = Verdict("gated", (Review(),))
    assert join(Verdict("allow"), reviewed).gates == (Review(),)
    assert join(reviewed, Verdict("deny")) == join(Verdict("deny"), reviewed) == Verdict("deny")
