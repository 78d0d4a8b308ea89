"""What a person is shown of the others: who may answer, how many it takes, who said what, and what time will do."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from hitl_fsm.model.actor import Actor
from hitl_fsm.model.answer import Abstain, Advise, Approve, Reject, Resolution, Vote
from hitl_fsm.model.requirement import OutcomeUnknown, Question, Requirement
from hitl_fsm.model.run import Run
from hitl_fsm.model.verdict import (
    Approval,
    Confirm,
    Editing,
    Escalation,
    External,
    GrantOffer,
    Patience,
    Review,
    Seat,
    UserInput,
)
from hitl_fsm.runtime.presenting.presentation import Presentation, presentation
from hitl_fsm.runtime.presenting.who import span

HOUR = 3_600_000
ALICE = Actor("alice")
MARIA = Actor("maria", roles=("finance",), printed_name="Maria Keller")
FRANK = Actor("frank", roles=("finance",), on_behalf_of="otto")
FINANCE, LEGAL, CFO = "role:finance", "role:legal", "role:cfo"
RUN = Run("run_1", "agent", "clerk", ALICE, 0)


def asked(question: Question, **more: object) -> Requirement:
    made = Requirement(
        "req_1", "run_1", "1.0", "pay", {"amount": 5}, "d" * 64, question, 0, user="alice", agent="clerk"
    )
    return replace(made, **more)


def shown(question: Question, **more: object) -> Presentation:
    return presentation(asked(question, **more), RUN)


def yes(by: Actor, *, named: tuple[str, ...] = (FINANCE,), level: int = 0, note: str | None = None) -> Vote:
    return Vote(Approve(note=note), by, 1_000, "d" * 64, level, named=named)


@pytest.mark.parametrize(
    ("question", "who"),
    [
        (Confirm(), "alice, for whom the run acts"),
        (Approval((FINANCE, "group:treasury", "user:maria")),
         "anyone with the role finance or anyone of the group treasury or maria"),
        (Approval((FINANCE,), ("requester", "editor", "previous_approver")),
         ("anyone with the role finance; not alice, for whom the run acts, whoever changed the arguments (eve),"
          " whoever approved an earlier gate of this call (otto, ada)")),
        (UserInput({}), "alice, for whom the run acts"),
        (UserInput({}, ("role:ops",)), "anyone with the role ops"),
        (Review(), "alice, for whom the run acts"),
        (Review((FINANCE,), ("requester",)), "anyone with the role finance; not alice, for whom the run acts"),
        (External("bank"), "whoever reports for the route bank"),
        (OutcomeUnknown(), "anyone who knows what happened"),
    ],
)  # fmt: skip
def test_who_may_answer_is_said_in_words(question: Question, who: str) -> None:
    one = shown(question, editors=("eve",), approvers=("otto", "ada"))
    assert one.who == who
    assert bool(one.excluded) == ("; not" in who)
    assert (one.editors, one.approvers) == (("eve",), ("otto", "ada"))


def test_a_quorum_says_what_there_is_and_what_is_missing() -> None:
    gate = Approval((FINANCE,), quorum=2)
    assert shown(gate).needs == "yes of 2 people (anyone with the role finance); one no ends it"
    assert shown(gate).quorum == "0 of 2; needs 2: anyone with the role finance"
    one = shown(gate, votes=(yes(MARIA),))
    assert one.quorum == "1 of 2; needs one more: anyone with the role finance"
    assert shown(gate, votes=(yes(MARIA), yes(FRANK))).quorum == "2 of 2"


def test_one_yes_that_decides_needs_few_words() -> None:
    one = shown(Approval((FINANCE,)))
    assert (one.needs, one.quorum) == ("yes of anyone with the role finance; one no ends it", "")
    assert (shown(Confirm()).needs, shown(Confirm()).quorum) == ("", "")
    assert (shown(External("bank")).needs, shown(External("bank")).quorum) == ("", "")


def test_one_of_each_and_one_of_several_ways() -> None:
    both = Approval((FINANCE, LEGAL), ways=((Seat((FINANCE,)), Seat((LEGAL,))),))
    one = shown(both, votes=(yes(MARIA),))
    assert one.needs == (
        "yes of anyone with the role finance and anyone with the role legal, all of them different people;"
        " one no ends it"
    )
    assert one.quorum == "1 of 2; needs one more: anyone with the role legal"
    either = Approval((CFO, FINANCE), ways=((Seat((CFO,)),), (Seat((FINANCE,), 2),)))
    one = shown(either, votes=(yes(MARIA),))
    assert one.needs == (
        "yes of anyone with the role cfo, or of 2 people (anyone with the role finance); one no ends it"
    )
    assert one.quorum == (
        "either 0 of 1; needs one: anyone with the role cfo, or 1 of 2; needs one more: anyone with the role finance"
    )


def test_a_quorum_of_noes_is_counted_too() -> None:
    gate = Approval((FINANCE,), quorum=2, reject_quorum=2)
    one = shown(gate, votes=(Vote(Reject("no"), MARIA, 1_000, "d", named=(FINANCE,)),))
    assert one.needs.endswith("; no of 2 different people ends it")
    assert one.quorum == "0 of 2; needs 2: anyone with the role finance; 1 of 2 no"


def test_votes_are_told_with_names_and_with_why_they_do_not_count() -> None:
    patience = Patience(escalate=(Escalation((FINANCE,), HOUR, 2),))
    again = replace(MARIA, id="maria2", person="maria")
    votes = (
        yes(Actor("ada"), level=0, note="early"),
        yes(MARIA, level=1, note="ok"),
        yes(again, level=1),
        Vote(Abstain("not mine"), FRANK, 2_000, "d", 1),
        Vote(Advise("approve", "looks good"), Actor("bot", kind="agent"), 3_000, "d", 1),
    )
    one = shown(Approval((CFO,), patience=patience), votes=votes, escalated=1)
    assert [(vote.by, vote.answer, vote.counts, vote.why) for vote in one.votes] == [
        ("ada", "approve", False, "it was given before others were asked"),
        ("maria", "approve", True, ""),
        ("maria2", "approve", False, "this is a person who has a vote already"),
        ("frank", "abstain", False, "neither yes nor no"),
    ]
    assert (one.votes[1].printed_name, one.votes[1].note, one.votes[1].at) == (
        "Maria Keller", "ok", "1970-01-01T00:00:01.000Z",
    )  # fmt: skip
    assert one.votes[3].on_behalf_of == "otto"
    (advice,) = one.advice
    assert (advice.by, advice.kind, advice.answer, advice.counts, advice.why) == (
        "bot", "agent", "approve", False, "advice never counts",
    )  # fmt: skip
    assert one.quorum == "1 of 2; needs one more: anyone with the role finance"


def test_a_yes_with_other_arguments_says_so() -> None:
    vote = replace(yes(MARIA), answer=Approve({"amount": 4}))
    assert shown(Approval((FINANCE,), quorum=2), votes=(vote,)).votes[0].answer == "approve, with other arguments"


def test_what_time_does_is_told_step_by_step() -> None:
    levels = (Escalation((CFO,), 8 * HOUR), Escalation(("role:board",), 90 * 60_000, 2))
    gate = Approval((FINANCE,), expires_ms=HOUR, patience=Patience((HOUR // 2,), "madrid", levels))
    one = shown(gate, expires_at=HOUR, remind_at=(HOUR // 2,))
    assert one.on_expiry == (
        "anyone with the role cfo is asked for 8 h, then 2 people (anyone with the role board) are asked"
        " for 1 h 30 min; after that it is refused, and the agent is told"
    )
    assert (one.passed_on, one.calendar, one.reminders) == ("", "madrid", ("1970-01-01T00:30:00.000Z",))
    later = shown(gate, expires_at=HOUR, escalated=1)
    assert (later.who, later.needs) == (
        "anyone with the role cfo",
        "yes of anyone with the role cfo; one no ends it",
    )
    assert later.on_expiry == (
        "2 people (anyone with the role board) are asked for 1 h 30 min;"
        " after that it is refused, and the agent is told"
    )
    assert later.passed_on == "once, since nobody decided in time; votes from before do not count"
    last = shown(gate, expires_at=HOUR, escalated=2)
    assert (last.on_expiry, last.passed_on[:8]) == ("it is refused, and the agent is told", "2 times,")
    assert shown(Review(expires_ms=1), expires_at=1).on_expiry == "the result is withheld, and the agent is told"
    assert shown(gate).on_expiry is None
    endless = replace(gate, patience=Patience(escalate=(Escalation((CFO,)),)))
    assert shown(endless, expires_at=HOUR).on_expiry == "anyone with the role cfo is asked"


def test_what_an_answer_may_carry_is_told() -> None:
    offer = GrantOffer(10, 24 * HOUR, ("run", "agent"), ("amount",), "amount", 5000)
    edit = Editing({"memo": {}, "amount": {"maximum": 100}}, ("total",))
    one = shown(Approval((FINANCE,), edit=edit, grant=offer, break_glass=("role:oncall",), name="finance"))
    assert one.editing == "only total (only lowered), memo, amount (maximum 100)"
    assert one.grant == (
        "at most for 10 further calls within 1 d, in this run or wherever this agent does it;"
        " only amount may differ, and amount may come to 5000 in all"
    )
    assert one.break_glass == (
        "anyone with the role oncall, alone and with a reason; somebody else has to look at it afterwards"
    )
    assert one.name == "finance"
    assert [how.command.split()[1] for how in one.how] == ["approve", "approve", "approve", "break-glass", "reject"]
    plain = shown(Confirm(edit=Editing(), grant=GrantOffer(1, HOUR)))
    assert plain.editing == "none"
    assert plain.grant == "at most for one further call within 1 h, in this run; with exactly these arguments"
    assert [how.command.split()[1] for how in plain.how] == ["approve", "approve", "reject"]
    assert shown(Confirm()).editing == "any argument, and the policies judge what comes of it"


def test_who_answered_is_told_by_name_with_what_was_seen() -> None:
    given = shown(Approval((FINANCE,)), resolution=Resolution(Approve(), MARIA, 5, "d", "f" * 64)).given
    assert given is not None
    assert (given.by, given.printed_name, given.presented) == ("maria", "Maria Keller", "f" * 64)


@pytest.mark.parametrize(
    ("ms", "words"), [(0, "0 ms"), (5, "5 ms"), (90_061_000, "1 d 1 h 1 min 1 s"), (5_400_000, "1 h 30 min")]
)
def test_a_span_reads_as_people_say_it(ms: int, words: str) -> None:
    assert span(ms) == words
