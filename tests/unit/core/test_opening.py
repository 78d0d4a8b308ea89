"""Raising a question: all that it says, how long it is open, and what needs nobody."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from panels import MARIA, TWO, says
from runs import ALICE, ALLOW, PureRun, answer, gated, lost

from hitl_fsm.audit.canonical import review_digest
from hitl_fsm.core.facts import content_digest
from hitl_fsm.model import event as events
from hitl_fsm.model.action import Aspect, Below
from hitl_fsm.model.answer import Approve, NotHappened, Reject, Retry
from hitl_fsm.model.call import Pass
from hitl_fsm.model.circumstances import Circumstances
from hitl_fsm.model.event import CallsStarted, Entry, ModelReplied, ProposedCall
from hitl_fsm.model.flag import Flag
from hitl_fsm.model.grant import GrantUse
from hitl_fsm.model.requirement import OutcomeUnknown
from hitl_fsm.model.states import CallState, RunState
from hitl_fsm.model.verdict import (
    Approval,
    Confirm,
    External,
    Gate,
    GrantOffer,
    Patience,
    Reason,
    Review,
    UserInput,
    Verdict,
)
from hitl_fsm.policy.join import gate_key

OFFER = GrantOffer(5, 1000)
REASON = Reason("p", "r", "gate")
FORM = UserInput({"type": "object"})
ASKED = Confirm(grant=OFFER)


class Told(PureRun):
    """A run whose every step is decided with these circumstances."""

    def __init__(self, around: Circumstances, *verdicts: Verdict, **proposed: Any) -> None:
        self.around = around
        super().__init__(*verdicts, **proposed)

    def on(self, event: Any, verdicts: dict[str, Verdict] | None = None, by: Any = ALICE) -> Any:
        from hitl_fsm.core.decide import decide

        version = 0 if self.run is None else self.run.version
        entry = Entry(version + 1, self.at, by, event, verdicts or {}, self.around)
        self.step = decide(self.run, entry)
        self.run = self.step.run
        return self.step


def use(gate: Gate, grant: str = "grant_1", call_id: str = "1.0") -> GrantUse:
    return GrantUse(grant, gate_key(gate), 0, call_id, ("maria",))


def granted(*uses: GrantUse) -> Circumstances:
    return Circumstances(grants={"1.0": uses})


# -- what a question says


def test_a_question_says_all_that_is_known_of_its_call() -> None:
    flags = (Flag("long", "its arguments are long"),)
    verdict = gated(Confirm(), TWO, Review(), severity="high", reasons=(REASON,))
    run = Told(Circumstances(flags={"1.0": flags}), verdict, sensitive=("n",))
    (asked,) = run.asked()
    call = run.call()
    assert (asked.requirement_id, asked.run_id, asked.call_id) == ("req_r-0001", "run_r", "1.0")
    assert (asked.tool, asked.args, asked.digest) == ("pay", {"n": 1}, call.digest)
    assert (asked.user, asked.agent, asked.path) == ("alice", "a", ("agent a",))
    assert (asked.stage, asked.stages, asked.severity, asked.reasons) == (1, 3, "high", (REASON,))
    assert (asked.sensitive, asked.flags, asked.execution) == (("n",), flags, 1)
    assert (asked.opened_at, asked.answerable_from, asked.result, asked.votes) == (1000, None, None, ())
    (opened,) = [data for name, data in run.told() if name == "requirement_opened"]
    assert (opened["requirement"], opened["stage"], opened["digest"]) == ("req_r-0001", 1, call.digest)
    run.around = Circumstances()
    answer(run, Approve())
    (second,) = run.asked()
    assert (second.requirement_id, second.stage, second.approvers) == ("req_r-0002", 2, ("alice",))
    assert second.flags == ()


def test_it_says_who_changed_what_the_model_asked_for_and_what_that_was() -> None:
    run = PureRun(gated(TWO))
    says(run, MARIA, Approve({"n": 2}), edit=gated(TWO))
    (asked,) = run.asked()
    assert (asked.args, asked.proposed, asked.editors, asked.approvers) == ({"n": 2}, {"n": 1}, ("maria",), ())


def test_it_says_what_the_model_said() -> None:
    run = PureRun()
    run.on(ModelReplied("because", (ProposedCall("1.0", "p", "pay", {}),)), {"1.0": gated()})
    assert (run.asked()[0].said, run.asked()[0].said_cut) == ("because", 0)


def test_a_review_is_about_the_result_and_says_which_execution_it_was() -> None:
    run = PureRun(gated(Review(retries=1)))
    run.start()
    run.on(events.CallReturned("1.0", "x"))
    (asked,) = run.asked()
    assert (asked.result, asked.execution) == ("x", 1)
    assert asked.digest == review_digest(run.call().digest, 1, content_digest("x"))
    answer(run, Retry())
    run.start()
    run.on(events.CallReturned("1.0", "y"))
    assert (run.asked()[0].execution, run.asked()[0].result) == (2, "y")


def test_what_asks_in_a_run_below_is_named_as_who_asks() -> None:
    run = PureRun()
    below = ProposedCall("1.0", "p", "ask", args={}, tool_version="v1", below=Below("agent", "clerk"))
    run.on(ModelReplied("", (below,)), {"1.0": ALLOW})
    run.on(CallsStarted(("1.0",), "w1"))
    inner = ProposedCall("1.0/1.0", "q", "pay", args={}, tool_version="v1")
    run.on(ModelReplied("", (inner,), frame="1.0"), {"1.0/1.0": gated()})
    (asked,) = run.asked()
    assert (asked.agent, asked.path) == ("clerk", ("agent a", "agent clerk"))


@pytest.mark.parametrize(("until", "from_"), [(0, None), (1000, None), (1001, 1001)])
def test_law03_what_may_still_act_is_asked_about_later(until: int, from_: int | None) -> None:
    (asked,) = lost(until).asked()
    assert (asked.question, asked.answerable_from) == (OutcomeUnknown(), from_)
    assert (asked.stage, asked.stages, asked.expires_at, asked.remind_at) == (1, 1, None, ())


def test_a_gate_is_answered_at_once_also_where_a_lost_worker_might_have_acted() -> None:
    run = lost(5000)
    (asked,) = run.asked()
    run.on(events.AnswerRecorded(asked.requirement_id, NotHappened(), asked.digest, worker_gone=True), by=ALICE)
    run.on(events.VerdictsRevised("p2"), {"1.0": gated()})
    assert (run.asked()[0].question, run.asked()[0].answerable_from) == (Confirm(), None)


# -- whose turn it is


def test_each_call_has_one_question_open_and_an_outside_system_waits_for_a_verdict_of_now() -> None:
    run = PureRun(gated(Confirm(), External("bank")), gated(TWO))
    assert [asked.question for asked in run.asked()] == [Confirm(), TWO]
    answer(run, Approve())
    assert [asked.question for asked in run.asked()] == [TWO], "the route starts the call: it is judged again first"
    answer(run, Reject())
    assert run.asked() == []
    run.on(events.VerdictsRevised("p1"), {"1.0": run.call().verdict})
    assert [asked.question for asked in run.asked()] == [External("bank")]
    assert [asked.question for asked in PureRun(gated(External("bank"))).asked()] == [External("bank")]


# -- until when


@pytest.mark.parametrize(
    ("hours", "expires", "reminders"),
    [
        ({}, 1050, (1010, 1020)),
        ({"madrid": ()}, 1050, (1010, 1020)),
        ({"madrid": (1005, 1020, 2000, 3000)}, 2035, (1015, 2005)),
        ({"rome": (5000, 6000)}, 1050, (1010, 1020)),
    ],
)
def test_time_counts_in_the_open_hours_of_its_calendar(hours: Any, expires: int, reminders: Any) -> None:
    gate = Confirm(50, Patience((10, 20), "madrid"))
    (asked,) = Told(Circumstances(hours=hours), gated(gate)).asked()
    assert (asked.expires_at, asked.remind_at, asked.reminded) == (expires, reminders, 0)
    assert PureRun(gated(replace(gate, expires_ms=None))).asked()[0].expires_at is None


# -- what needs nobody


def test_a_grant_passes_its_gate_and_the_call_begins() -> None:
    run = Told(granted(use(ASKED)), gated(ASKED))
    assert (run.states(), run.asked()) == ([CallState.AUTHORISED], [])
    assert run.call().passed == (Pass(gate_key(ASKED), run.call().digest, ("maria",), "grant_1"),)
    assert run.step.grant_uses == (use(ASKED),)
    assert ("grant_used", {"call": "1.0", "tool": "pay", "digest": run.call().digest, "grant": "grant_1"}) in run.told()
    assert run.run is not None
    assert run.run.state is RunState.RUNNING


def test_grants_pass_gates_in_their_order_and_stop_where_there_is_none() -> None:
    last = replace(TWO, grant=OFFER)
    both = Told(granted(use(ASKED), use(last, "grant_2")), gated(ASKED, last))
    assert (both.states(), len(both.step.grant_uses)) == ([CallState.AUTHORISED], 2)
    assert [one.grant for one in both.call().passed] == ["grant_1", "grant_2"]
    first = Told(granted(use(ASKED)), gated(ASKED, last))
    assert ([one.question for one in first.asked()], first.states()) == ([last], [CallState.GATED])
    assert first.asked()[0].approvers == ("maria",)
    later = Told(granted(use(last)), gated(ASKED, last))
    assert ([one.question for one in later.asked()], later.step.grant_uses) == ([ASKED], ())


def test_law02_a_grant_passes_no_gate_that_offers_none_and_none_that_is_asked_about() -> None:
    for gate in (Confirm(), FORM, External("x")):
        run = Told(granted(use(gate)), gated(gate))
        assert (run.step.grant_uses, len(run.asked())) == ((), 1)
    run = Told(Circumstances(), gated(ASKED), gated(Approval(("role:a",))))
    run.around = granted(use(ASKED))
    says(run, MARIA, Approve(), 1)
    assert (run.step.grant_uses, [one.question for one in run.asked()]) == ((), [ASKED])


def test_law04_a_grant_does_not_pass_what_a_person_rejected() -> None:
    run = Told(Circumstances(), gated(ASKED))
    answer(run, Reject())
    for args, used in (({"n": 1}, 0), ({"n": 2}, 1)):
        again = Told(Circumstances(), gated(ASKED))
        again.run, again.around = run.run, Circumstances(grants={"2.0": (use(ASKED, call_id="2.0"),)})
        proposed = ProposedCall("2.0", "p", "pay", args, tool_version="v1")
        again.on(ModelReplied("", (proposed,)), {"2.0": gated(ASKED)})
        assert (len(again.step.grant_uses), len(again.asked())) == (used, 1 - used)


def test_people_are_not_asked_where_too_many_questions_are_open() -> None:
    full = Circumstances(refused={"1.1": "Too many."})
    run = Told(full, gated(batch="run_ungated"), gated(batch="run_ungated"))
    assert run.states() == [CallState.GATED, CallState.DENIED]
    assert (run.call("1.1").result, len(run.asked())) == ("Too many. It was not executed.", 1)


def test_what_is_asked_already_stays_asked_and_what_a_grant_is_looked_for_is_not_refused() -> None:
    run = Told(Circumstances(), gated(), gated(TWO))
    run.around = Circumstances(refused={"1.0": "Too many."})
    says(run, MARIA, Reject(), 1)
    assert run.states() == [CallState.GATED, CallState.DENIED]
    around = Circumstances(grants={"1.0": (use(ASKED),)}, refused={"1.0": "Too many."})
    assert Told(around, gated(ASKED)).states() == [CallState.AUTHORISED]


def test_only_what_waits_at_a_gate_is_spared() -> None:
    around = Circumstances(grants={"1.0": (use(ASKED),)}, refused={"1.1": "Too many."})
    allow = Verdict("allow", policy_digest="p1", batch="run_ungated")
    run = Told(around, allow, allow, gated(Approval(("role:a",)), batch="run_ungated"))
    run.start("1.0", "1.1")
    run.on(events.CallReturned("1.0", "x"))
    run.on(events.CallReturned("1.1", "x"))
    assert run.states() == [CallState.SUCCEEDED, CallState.SUCCEEDED, CallState.GATED]
    assert run.step.grant_uses == ()


def test_what_waited_is_asked_once_a_member_that_was_stopped_was_the_last_to_go_on() -> None:
    run = PureRun()
    beside = {"policy_digest": "p1", "batch": "run_ungated"}
    task = Below("agent", "clerk", "task")
    inside = ProposedCall("1.0", "p0", "ask_clerk", {"task": "go"}, aspects=(Aspect("start", "clerk"),), below=task)
    verdicts = {"1.0": Verdict("allow", **beside), "1.1": Verdict("gated", (Confirm(),), **beside)}
    run.on(ModelReplied("", (inside, ProposedCall("1.1", "p1", "pay", {"n": 1}))), verdicts)
    run.start("1.0")
    assert run.asked() == []
    run.on(events.RunStopped("limit", "1.0"))
    assert run.run is not None
    assert (run.run.state, run.states()) == (RunState.PAUSED, [CallState.FAILED, CallState.GATED])
    assert [asked.call_id for asked in run.asked()] == ["1.1"]
