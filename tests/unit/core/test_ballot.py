"""Votes on a question for several: kept, decided by, taken back, and voided by an edit."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from panels import DEPUTY, EVE, FRANK, MARIA, MARIA2, RISING, TWO, row, says, state, takes_back, voters, voters_of
from runs import PureRun, gated

from hitl_fsm.audit.canonical import asked_digest
from hitl_fsm.errors import IllegalTransition
from hitl_fsm.model import event as events
from hitl_fsm.model.actor import TIMER, Actor
from hitl_fsm.model.answer import Abstain, Advise, Answer, Approve, BreakGlass, GrantTerms, Reject, Respond, Vote
from hitl_fsm.model.override import Override
from hitl_fsm.model.states import CallState, RequirementState, RunState
from hitl_fsm.model.verdict import (
    Approval,
    Confirm,
    Verdict,
)

# -- casting


def test_law01_the_first_vote_of_two_is_kept_and_the_second_decides() -> None:
    run = PureRun(gated(TWO))
    before = run.asked()[0]
    says(run, MARIA, Approve(note="fine"), named=("role:a",))
    first = Vote(Approve(note="fine"), MARIA, 1000, before.digest, 0, ("role:a",), "seen")
    assert run.asked() == [replace(before, votes=(first,))]
    assert (state(run), run.states()) == (RunState.RESOLVING, [CallState.GATED])
    assert run.names() == ["requirement_voted", "run_resolving"]
    assert run.told()[0][1]["voter"] == "maria"
    says(run, FRANK, Approve())
    done = row(run)
    assert (done.state, run.states(), state(run)) == (
        RequirementState.RESOLVED, [CallState.AUTHORISED], RunState.CONTINUING,
    )  # fmt: skip
    assert [vote.by for vote in done.votes] == [MARIA, FRANK], "the one that decides is kept with those before it"
    assert run.call().passed[0].by == ("maria", "frank")


def test_a_vote_that_decides_alone_is_the_answer_and_no_row_of_votes() -> None:
    run = PureRun(gated(replace(TWO, quorum=1)))
    says(run, MARIA, Approve())
    assert (row(run).votes, row(run).resolution.by, run.call().passed[0].by) == ((), MARIA, ("maria",))


@pytest.mark.parametrize("again", [MARIA, MARIA2, DEPUTY])
def test_one_person_has_one_vote_under_any_id(again: Actor) -> None:
    for first, second in ((MARIA, again), (again, MARIA)):
        run = PureRun(gated(TWO))
        says(run, first, Abstain())
        for answer in (Approve(), Reject(), BreakGlass(), Respond(1)):
            with pytest.raises(IllegalTransition, match="second vote of one person"):
                says(run, second, answer)
        says(run, second, Advise("approve"))
        assert len(voters(run)) == 2


def test_law09_advice_changes_nothing_and_moves_nothing() -> None:
    run = PureRun(gated(replace(TWO, quorum=1)))
    bot = Actor("bot", kind="agent")
    says(run, bot, Advise("approve"))
    assert (voters(run), state(run), run.names()) == (["bot"], RunState.PAUSED, ["requirement_advised"])
    assert run.told()[0][1]["voter"] == "bot"
    says(run, bot, Advise("reject"))
    assert state(run) is RunState.PAUSED
    says(run, MARIA, Approve())
    assert row(run).state is RequirementState.RESOLVED
    with pytest.raises(IllegalTransition, match="what is closed"):
        run.on(events.AnswerRecorded("req_r-0001", Advise("approve"), "d"), by=bot)


def test_what_is_closed_takes_no_vote_none_back_and_no_reminder() -> None:
    run = PureRun(gated(TWO), gated(TWO))
    says(run, MARIA, Approve())
    says(run, FRANK, Reject())
    for late in (
        events.AnswerRecorded("req_r-0001", Approve(), "d"),
        events.VoteWithdrawn("req_r-0001"),
        events.RequirementReminded("req_r-0001"),
    ):
        with pytest.raises(IllegalTransition, match="what is closed"):
            run.on(late, by=MARIA)


def test_a_no_ends_it_beside_a_yes_and_a_result_instead_is_one_persons() -> None:
    run = PureRun(gated(TWO))
    says(run, MARIA, Approve())
    says(run, FRANK, Reject("no"))
    assert (row(run).state, run.states()) == (RequirementState.REJECTED, [CallState.DENIED])
    assert [vote.answer for vote in row(run).votes] == [Approve(), Reject("no")]
    run = PureRun(gated(TWO))
    says(run, MARIA, Respond("x"))
    assert (run.call().result, row(run).votes) == ("x", ())


def test_an_emergency_passes_the_quorum_and_leaves_what_is_owed() -> None:
    run = PureRun(gated(TWO))
    says(run, EVE, Abstain())
    says(run, MARIA, BreakGlass("fire"))
    done = Override("req_r-0001", "run_r", "pay", run.call().digest, MARIA, 1000, "fire")
    assert run.step.overrides == (done,)
    assert run.names()[0] == "break_glass"
    assert run.told()[0][1] == {"requirement": "req_r-0001", "tool": "pay", "digest": run.call().digest}
    assert run.beside()[0][1] == {"reason": "fire"}
    assert (run.states(), voters_of(row(run))) == ([CallState.AUTHORISED], ["eve"])
    run = PureRun(gated(TWO))
    says(run, MARIA, BreakGlass())
    assert run.step.overrides[0].reason == ""


# -- taking back


def test_a_vote_that_is_taken_back_is_as_if_it_had_not_been_given() -> None:
    run = PureRun(gated(TWO))
    before = run.run
    says(run, MARIA, Approve())
    takes_back(run, MARIA, "wrong one")
    assert run.run == replace(before, version=run.run.version)  # type: ignore[union-attr,type-var]
    taken = {"requirement": "req_r-0001", "call": "1.0", "tool": "pay"}
    assert run.told()[0] == ("requirement_vote_withdrawn", taken)
    assert run.beside()[0][1] == {"note": "wrong one"}
    assert run.names() == ["requirement_vote_withdrawn", "run_paused"]
    says(run, MARIA, Approve())
    says(run, FRANK, Approve())
    assert run.states() == [CallState.AUTHORISED]


def test_only_the_own_vote_is_taken_back_by_any_id_and_other_answers_still_hold() -> None:
    run = PureRun(gated(TWO), gated(TWO))
    says(run, MARIA, Abstain())
    says(run, Actor("bot", kind="agent"), Advise("approve"))
    with pytest.raises(IllegalTransition, match="nobody gave"):
        takes_back(run, FRANK)
    with pytest.raises(IllegalTransition, match="nobody gave"):
        takes_back(run, Actor("bot"))
    says(run, FRANK, Approve(), 1)
    takes_back(run, MARIA2)
    assert voters(run) == ["bot"]
    assert (state(run), run.names()) == (RunState.RESOLVING, ["requirement_vote_withdrawn"])


def test_a_vote_of_a_former_level_is_nobodys_any_more() -> None:
    run = PureRun(gated(RISING))
    says(run, MARIA, Approve())
    run.at += 300
    run.on(events.RequirementTimedOut("req_r-0001"), by=TIMER)
    with pytest.raises(IllegalTransition, match="nobody gave"):
        takes_back(run, MARIA)
    says(run, MARIA, Approve())
    takes_back(run, MARIA)
    assert [vote.level for vote in run.asked()[0].votes] == [0]


SIX = [Actor(f"p{number}") for number in range(6)]
WORDS: list[Answer] = [Approve(), Reject(), Abstain(), Advise("approve")]


@settings(deadline=None, max_examples=30)
@given(st.lists(st.sampled_from(WORDS[:3]), min_size=1, max_size=5), st.data())
def test_whoever_takes_back_leaves_the_question_as_the_others_made_it(said: list[Answer], data: st.DataObject) -> None:
    gone = data.draw(st.integers(0, len(said) - 1))
    gate = Approval(("role:a",), quorum=6, reject_quorum=6)
    run, other = PureRun(gated(gate)), PureRun(gated(gate))
    for number, answer in enumerate(said):
        says(run, SIX[number], answer)
        if number != gone:
            says(other, SIX[number], answer)
    takes_back(run, SIX[gone])
    assert (run.asked(), state(run)) == (other.asked(), state(other))
    assert run.run == replace(other.run, version=run.run.version)  # type: ignore[union-attr,type-var]


# -- an edit


def edited(gate: Approval, by: Actor = EVE, verdict: Verdict | None = None, grant: GrantTerms | None = None) -> PureRun:
    """After a vote for what it was."""
    run = PureRun(gated(gate))
    says(run, MARIA, Abstain())
    says(run, by, Approve({"n": 2}, grant=grant), edit=verdict or gated(gate), named=("role:a",))
    return run


def test_law05_an_edit_voids_the_votes_before_it_and_counts_as_one_for_what_it_made() -> None:
    run = edited(TWO)
    old, new = row(run), run.asked()[0]
    assert (old.state, old.resolution, voters_of(old)) == (RequirementState.SUPERSEDED, None, ["maria"])
    assert (new.requirement_id, new.args, new.digest) == ("req_r-0002", {"n": 2}, run.call().digest)
    mine = Vote(Approve({"n": 2}), EVE, 1000, run.call().digest, 0, ("role:a",), "seen")
    assert new.votes == (mine,), "bound to what it is now"
    voted = next(data for name, data in run.told() if name == "requirement_voted")
    assert (voted["requirement"], voted["voter"], voted["counts"]) == ("req_r-0001", "eve", True)
    assert voted["shown"] == run.call().digest
    assert state(run) is RunState.RESOLVING
    says(run, MARIA, Approve())
    assert run.states() == [CallState.AUTHORISED]


def test_an_edit_by_whom_the_policy_excludes_as_editor_is_no_yes() -> None:
    run = edited(replace(TWO, excluded=("editor",)))
    assert (run.asked()[0].votes, state(run)) == ((), RunState.PAUSED), "nothing that was said holds"
    assert next(data for name, data in run.told() if name == "requirement_voted")["counts"] is False
    alone = replace(TWO, quorum=1, excluded=("editor",))
    run = edited(alone)
    assert (row(run).state, len(run.asked())) == (RequirementState.SUPERSEDED, 1)


def test_who_is_enough_for_a_yes_passes_the_gate_with_the_own_edit() -> None:
    run = PureRun(gated(replace(TWO, quorum=1)))
    says(run, MARIA, Abstain())
    says(run, Actor("bot", kind="agent"), Advise("approve"))
    says(run, EVE, Approve({"n": 2}), edit=gated(replace(TWO, quorum=1)))
    assert (row(run).state, row(run).resolution.by) == (RequirementState.RESOLVED, EVE)
    assert (run.states(), voters_of(row(run))) == ([CallState.AUTHORISED], ["bot"])


@pytest.mark.parametrize("level", [0, 1])
def test_an_edit_leaves_the_question_with_those_who_are_asked_now(level: int) -> None:
    run = PureRun(gated(RISING))
    if level:
        run.at += 300
        run.on(events.RequirementTimedOut("req_r-0001"), by=TIMER)
    run.at += 7
    says(run, EVE, Approve({"n": 2}), edit=gated(RISING))
    new = run.asked()[0]
    assert (new.escalated, new.votes[0].level, new.opened_at) == (level, level, run.at)
    assert (new.expires_at, new.remind_at) == (run.at + (50 if level else 300), (run.at + 100, run.at + 200))


def test_an_edit_that_needs_nobody_any_more_or_is_denied_closes_the_question() -> None:
    free = edited(TWO, verdict=Verdict("allow", policy_digest="p1"))
    assert (row(free).state, free.states()) == (RequirementState.RESOLVED, [CallState.AUTHORISED])
    denied = edited(TWO, verdict=Verdict("deny", policy_digest="p1"))
    assert (row(denied).state, denied.states()) == (RequirementState.RESOLVED, [CallState.DENIED])
    denied = edited(TWO, verdict=Verdict("deny", (TWO,), policy_digest="p1"))
    assert (denied.asked(), denied.states()) == ([], [CallState.DENIED])


def test_an_edit_into_what_other_gates_ask_about_first_waits_for_them() -> None:
    first = Confirm()
    run = edited(TWO, verdict=gated(first, TWO))
    assert [asked.question for asked in run.asked()] == [first]
    assert (run.asked()[0].votes, row(run).state) == ((), RequirementState.SUPERSEDED)
    run = edited(TWO, verdict=gated(replace(TWO, quorum=3)))
    assert (row(run).state, run.asked()[0].votes) == (RequirementState.RESOLVED, ()), "that is another question"


def test_law04_an_edit_into_what_was_rejected_before_is_denied_at_once() -> None:
    run = PureRun(gated(replace(TWO, quorum=1), batch="run_ungated"), gated(TWO, batch="run_ungated"))
    says(run, MARIA, Reject())
    says(run, EVE, Approve({"n": 1}), edit=gated(TWO))
    assert run.states()[0] is CallState.DENIED
    assert len(run.asked()) == 1, "a yes of its gate's people may still come of it"


def test_law04_an_edit_into_what_people_rejected_before_the_fork_is_denied_whoever_else_is_to_be_asked() -> None:
    run = PureRun()
    run.run = None
    forked = events.Forked("run_x", 1, 0, (asked_digest("pay", {"n": 2}),))
    run.on(events.RunCreated("run_r", "agent", "a", "hi", MARIA, forked=forked), by=MARIA)
    call = events.ProposedCall("1.0", "p", "pay", {"n": 1}, tool_version="v1")
    run.on(events.ModelReplied("", (call,)), {"1.0": gated(TWO)})
    says(run, EVE, Approve({"n": 2}), edit=gated(TWO))
    assert (run.states(), run.asked()) == ([CallState.DENIED], [])
