"""A result under review, in the pure core: what each answer leads to, and what is refused."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from runs import ALICE, ALLOW, PureRun, answer, gated, lost

from hitl_fsm.audit.canonical import review_digest
from hitl_fsm.core.draft import RAN, RAN_BEFORE, REQUIREMENTS_PER_RUN
from hitl_fsm.core.facts import content_digest
from hitl_fsm.errors import IllegalTransition
from hitl_fsm.model import event as events
from hitl_fsm.model.answer import Accept, Approve, EditResult, GiveUp, Happened, Reject, Report, Retry
from hitl_fsm.model.effect import JudgeAgain, StartCalls
from hitl_fsm.model.states import CallState, RequirementState, RunState
from hitl_fsm.model.verdict import Confirm, External, Review, Verdict
from hitl_fsm.policy.join import gate_key

REVIEW = Review(retries=2)


def returned(verdict: Verdict | None = None, result: Any = "secret", **proposed: Any) -> PureRun:
    run = PureRun(verdict or gated(REVIEW), **proposed)
    run.start()
    run.on(events.CallReturned("1.0", result))
    return run


def released(run: PureRun, verdict: Verdict | None = None) -> None:
    run.on(events.VerdictsRevised("p1"), {"1.0": verdict or run.call().verdict})


def test_a_call_with_a_review_alone_begins_at_once_and_its_result_is_held() -> None:
    run = PureRun(gated(REVIEW))
    assert run.step.effects == (StartCalls(("1.0",)),)
    run = returned()
    assert (run.states(), run.call().held, run.call().result) == ([CallState.IN_REVIEW], "secret", None)
    assert (run.run.state, run.step.messages, run.step.effects) == (RunState.PAUSED, (), ())
    (asked,) = run.asked()
    assert (asked.question, asked.result, asked.execution, asked.stage, asked.stages) == (REVIEW, "secret", 1, 1, 1)
    assert asked.digest == review_digest(run.call().digest, 1, content_digest("secret")) != run.call().digest
    assert run.told()[:2] == [
        (
            "call_held",
            {
                "call": "1.0",
                "tool": "pay",
                "digest": run.call().digest,
                "execution": 1,
            },
        ),
        (
            "requirement_opened",
            {
                "requirement": "req_r-0001",
                "kind": "review",
                "call": "1.0",
                "tool": "pay",
                "digest": asked.digest,
                "stage": 1,
                "agent": "a",
                "of": ("requester",),
                "gate": gate_key(REVIEW),
            },
        ),
    ]
    assert run.beside()[:2] == [("call_held", {"result": "secret"}), ("requirement_opened", {"result": "secret"})]


@pytest.mark.parametrize("result", [None, False, 0, "", [], {}])
def test_a_result_that_is_nothing_is_held_and_released_like_any_other(result: Any) -> None:
    run = returned(result=result)
    assert (run.states(), len(run.asked())) == ([CallState.IN_REVIEW], 1)
    answer(run, Accept())
    released(run)
    assert (run.call().state, run.call().result) == (CallState.SUCCEEDED, result)


def test_an_accepted_result_waits_for_a_verdict_of_the_moment_and_then_goes_on() -> None:
    run = returned()
    answer(run, Accept())
    assert (run.run.state, run.states(), run.step.messages) == (RunState.CONTINUING, [CallState.IN_REVIEW], ())
    assert run.step.effects == (JudgeAgain(("1.0",)),)
    released(run)
    assert (run.call().result, run.call().held) == ("secret", None)
    assert [message.content for message in run.step.messages] == ["secret"]
    assert run.names() == ["call_judged", "call_succeeded"]


def test_the_record_has_changed_policies_at_a_release_only_where_they_did_change() -> None:
    run = returned()
    answer(run, Accept())
    now = msgspec.structs.replace(run.call().verdict, policy_digest="p2")
    run.on(events.VerdictsRevised("p2"), {"1.0": now})
    assert run.told()[0] == ("policy_changed", {"policies": "p2", "calls": ["1.0"]})
    run = returned()
    answer(run, Accept())
    run.on(events.VerdictsRevised("p1", revoked=("grant_1",)), {"1.0": run.call().verdict})
    assert run.told()[0] == ("policy_changed", {"policies": "p1", "calls": ["1.0"], "revoked": ("grant_1",)})


def test_an_edited_result_goes_on_and_the_record_is_committed_to_both() -> None:
    run = returned()
    answer(run, EditResult(["public"]))
    assert dict(run.told())["result_edited"] == {"call": "1.0", "tool": "pay", "digest": run.call().digest}
    assert dict(run.beside())["result_edited"] == {"result": ["public"], "was": "secret"}
    released(run)
    assert [message.content for message in run.step.messages] == ['["public"]']


def test_a_rejected_result_is_withheld_at_once() -> None:
    run = returned()
    answer(run, Reject("no"))
    assert (run.call().state, run.call().held) == (CallState.WITHHELD, None)
    assert [message.content for message in run.step.messages] == [f"Its result was rejected by alice: no. {RAN}"]
    assert "secret" not in msgspec.json.encode(run.run.calls).decode()
    assert dict(run.told())["call_withheld"] == {"call": "1.0", "tool": "pay", "digest": run.call().digest}
    run = returned()
    answer(run, Reject())
    assert run.call().result == f"Its result was rejected by alice. {RAN}"


def test_a_review_that_ran_out_of_time_withholds() -> None:
    run = returned(gated(Review(expires_ms=10)))
    (asked,) = run.asked()
    assert asked.expires_at == run.at + 10
    with pytest.raises(IllegalTransition, match="expire before its time"):
        run.on(events.RequirementTimedOut(asked.requirement_id))
    run.at += 10
    run.on(events.RequirementTimedOut(asked.requirement_id))
    assert (run.states(), run.call().result) == ([CallState.WITHHELD], f"Nobody reviewed its result in time. {RAN}")
    assert run.run.state is RunState.CONTINUING


@pytest.mark.parametrize("said", [Approve(), Report("x"), Happened("x"), GiveUp()])
def test_law11_no_other_answer_lets_a_result_go_on(said: Any) -> None:
    run = returned()
    with pytest.raises(IllegalTransition):
        answer(run, said)
    assert run.states() == [CallState.IN_REVIEW]


def test_law05_a_review_that_was_asked_of_another_result_is_refused() -> None:
    run = returned()
    other = msgspec.structs.replace(run.call(), held="another")
    run.run = msgspec.structs.replace(run.run, calls=(other,))
    with pytest.raises(IllegalTransition, match="review another result"):
        answer(run, Accept())


def test_a_retry_voids_what_was_answered_and_is_limited() -> None:
    run = PureRun(gated(Confirm(), REVIEW))
    assert [(asked.stage, asked.stages) for asked in run.asked()] == [(1, 2)]
    answer(run, Approve())
    run.start()
    run.on(events.CallReturned("1.0", "one"))
    assert [(asked.stage, asked.stages) for asked in run.asked()] == [(2, 2)]
    for execution in (1, 2):
        answer(run, Retry())
        call = run.call()
        assert (call.state, call.passed, call.held, call.retries, call.sent_back) == (
            CallState.GATED, (), None, execution, execution,
        )  # fmt: skip
        assert [(asked.question, asked.execution) for asked in run.asked()] == [(Confirm(), execution + 1)]
        assert {"call_sent_back", "call_judged"} <= set(run.names())
        answer(run, Approve())
        run.start()
        assert run.call().attempt == execution + 1
        run.on(events.CallReturned("1.0", "more"))
    with pytest.raises(IllegalTransition, match="again"):
        answer(run, Retry())


@pytest.mark.parametrize("way", ["rejected", "expired", "cancelled", "denied", "raised"])
def test_a_call_that_ran_before_is_never_said_not_to_have_happened(way: str) -> None:
    run = PureRun(gated(Confirm(10), REVIEW))
    answer(run, Approve())
    run.start()
    run.on(events.CallReturned("1.0", "secret"))
    answer(run, Retry())
    (asked,) = run.asked()
    if way == "rejected":
        answer(run, Reject())
    elif way == "expired":
        run.at += 10
        run.on(events.RequirementTimedOut(asked.requirement_id))
    elif way == "cancelled":
        run.on(events.RunCancelled(), by=ALICE)
    else:
        answer(run, Approve())
        if way == "denied":
            run.on(events.VerdictsRevised("p2"), {"1.0": Verdict("deny", policy_digest="p2")})
        else:
            run.start()
            run.on(events.CallRaised("1.0", "boom."))
    assert run.call().state is (CallState.FAILED if way == "raised" else CallState.WITHHELD)
    assert run.call().result.endswith(RAN_BEFORE)


def test_a_late_success_of_what_was_sent_back_is_not_the_next_result() -> None:
    run = returned(idempotent=True)
    answer(run, Retry())
    run.start()
    run.on(events.LateResult("1.0", 1, "secret"))
    assert (run.states(), run.told()[0][1]["taken"]) == ([CallState.EXECUTING], False)
    run.on(events.LateResult("1.0", 2, "second"))
    assert (run.states(), run.call().held) == ([CallState.IN_REVIEW], "second")


@pytest.mark.parametrize(
    ("late", "taken"),
    [
        (events.LateResult("1.0", 1, "first"), True),
        (events.LateResult("1.0", 1, error="boom"), False),
        (events.LateResult("1.0", 1, begun=False), False),
        (events.LateResult("1.0", 2, error="boom"), True),
    ],
)
def test_of_an_idempotent_call_any_success_that_was_not_sent_back_counts(late: events.LateResult, taken: bool) -> None:
    run = PureRun(ALLOW, idempotent=True)
    run.start()
    run.start()
    run.on(late)
    assert (run.told()[0][1]["taken"], run.states() != [CallState.EXECUTING]) == (taken, taken)


def test_a_late_result_while_one_is_held_is_only_kept() -> None:
    run = lost()
    run.run = msgspec.structs.replace(run.run, calls=(msgspec.structs.replace(run.call(), verdict=gated(REVIEW)),))
    answer(run, Happened("what the bank says"))
    run.on(events.LateResult("1.0", 1, "what the tool says"))
    assert (run.call().held, run.asked()[0].result) == ("what the bank says", "what the bank says")


def test_the_report_of_an_outside_system_is_held_and_retried_through_it() -> None:
    run = PureRun(gated(External("bank"), REVIEW))
    answer(run, Report({"ok": True}))
    assert (run.states(), run.asked()[0].question) == ([CallState.IN_REVIEW], REVIEW)
    answer(run, Retry())
    assert (run.states(), run.asked(), run.step.effects) == ([CallState.GATED], [], (JudgeAgain(("1.0",)),))
    released(run)
    assert [(asked.question, asked.execution) for asked in run.asked()] == [(External("bank"), 2)]


def test_law15_the_verdict_of_the_moment_can_ask_for_more_and_can_withhold() -> None:
    more = Review(("role:head",))
    run = returned()
    answer(run, Accept())
    released(run, gated(REVIEW, more))
    assert (run.run.state, [asked.question for asked in run.asked()]) == (RunState.PAUSED, [more])
    answer(run, Accept())
    released(run, Verdict("deny", policy_digest="p2"))
    assert (run.states(), run.call().result) == ([CallState.WITHHELD], f"Denied by policy. {RAN}")


def test_a_gate_before_the_call_that_is_added_later_does_not_hold_what_has_run() -> None:
    run = returned()
    answer(run, Accept())
    released(run, gated(Confirm(), REVIEW))
    assert run.states() == [CallState.SUCCEEDED]


def test_when_nobody_may_be_asked_any_more_the_result_is_withheld() -> None:
    run = PureRun(gated(REVIEW))
    run.start()
    run.run = msgspec.structs.replace(run.run, requirement_count=REQUIREMENTS_PER_RUN)
    run.on(events.CallReturned("1.0", "secret"))
    assert (run.states(), run.asked()) == ([CallState.WITHHELD], [])
    run = returned(gated(Review(("a",)), Review(("b",))))
    run.run = msgspec.structs.replace(run.run, requirement_count=REQUIREMENTS_PER_RUN)
    answer(run, Accept())
    assert (run.states(), run.asked()) == ([CallState.WITHHELD], [])
    run = returned()
    answer(run, Accept())
    run.run = msgspec.structs.replace(run.run, requirement_count=REQUIREMENTS_PER_RUN)
    released(run, gated(REVIEW, Review(("b",))))
    assert (run.states(), run.asked()) == ([CallState.WITHHELD], [])


def test_the_last_question_that_may_be_asked_can_be_answered() -> None:
    run = returned()
    run.run = msgspec.structs.replace(run.run, requirement_count=REQUIREMENTS_PER_RUN)
    answer(run, Accept())
    released(run)
    assert run.states() == [CallState.SUCCEEDED]


def test_law05_what_one_reviewer_let_pass_does_not_count_for_what_another_made_of_it() -> None:
    one, two = Review(("a",)), Review(("b",))
    run = returned(gated(one, two))
    answer(run, Accept())
    assert [asked.question for asked in run.asked()] == [two]
    answer(run, EditResult("changed"))
    assert [(asked.question, asked.result) for asked in run.asked()] == [(one, "changed")]
    answer(run, Accept())
    assert (run.asked(), run.run.state) == ([], RunState.CONTINUING)


def test_what_a_late_worker_tells_a_cancelled_run_is_withheld() -> None:
    run = PureRun(gated(REVIEW))
    run.start()
    run.on(events.RunCancelled(), by=ALICE)
    run.on(events.LateResult("1.0", 1, "secret"))
    assert (run.states(), run.call().result) == ([CallState.WITHHELD], f"The run was cancelled. {RAN}")


def test_cancelling_leaves_a_call_alone_that_ran_again_and_succeeded() -> None:
    run = PureRun(gated(REVIEW), gated())
    run.start()
    run.on(events.CallReturned("1.0", "one"))
    answer(run, Approve(), 1)
    answer(run, Retry())
    run.start()
    run.on(events.CallReturned("1.0", "two"))
    answer(run, Accept())
    released(run)
    run.on(events.RunCancelled(), by=ALICE)
    assert run.states() == [CallState.SUCCEEDED, CallState.SKIPPED]


def test_where_others_run_on_the_question_is_raised_when_they_end() -> None:
    verdict = gated(REVIEW, batch="run_ungated")
    run = PureRun(verdict, msgspec.structs.replace(ALLOW, batch="run_ungated"))
    run.start("1.0", "1.1")
    run.on(events.CallReturned("1.0", "secret"))
    assert (run.run.state, run.states(), run.asked()) == (
        RunState.RUNNING, [CallState.IN_REVIEW, CallState.EXECUTING], [],
    )  # fmt: skip
    run.on(events.CallReturned("1.1", "plain"))
    assert (run.run.state, len(run.asked()), run.step.messages) == (RunState.PAUSED, 1, ())
    answer(run, Accept())
    released(run)
    assert [message.content for message in run.step.messages] == ["secret", "plain"]


def test_cancelling_closes_the_question_and_says_that_it_ran() -> None:
    run = returned()
    run.on(events.RunCancelled(), by=ALICE)
    assert (run.states(), run.run.requirements[0].state) == ([CallState.WITHHELD], RequirementState.CANCELLED)
    assert run.call().result == f"The run was cancelled. {RAN}"
