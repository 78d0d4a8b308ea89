"""What wrong versions of the core got away with: words of the record, edges of times, the order of questions."""

from __future__ import annotations

from typing import Any

import pytest
from runs import ALICE, ALLOW, PureRun, gated

from hitl_fsm.core.draft import REQUIREMENTS_PER_RUN, denial
from hitl_fsm.core.facts import content_digest
from hitl_fsm.core.gates import batch_of, startable
from hitl_fsm.core.timers import timers_of
from hitl_fsm.errors import IllegalTransition
from hitl_fsm.model import event as events
from hitl_fsm.model.answer import Answer, Approve, GiveUp, Happened, NotHappened, Provide, Reject, Report
from hitl_fsm.model.call import Call
from hitl_fsm.model.effect import CallModel, JudgeAgain, RunTools, StartCalls
from hitl_fsm.model.states import CallState, RunState
from hitl_fsm.model.timer import Timer
from hitl_fsm.model.verdict import Approval, Confirm, External, Reason, UserInput, Verdict

HEAD = Approval(("role:head",))
FORM = UserInput({"type": "object", "properties": {"n": {}, "why": {}}})


def answer(
    run: PureRun,
    said: Answer,
    index: int = 0,
    args: dict[str, Any] | None = None,
    verdicts: dict[str, Verdict] | None = None,
) -> None:
    asked = run.asked()[index]
    run.on(events.AnswerRecorded(asked.requirement_id, said, asked.digest, args), verdicts, ALICE)


def lost(acting_until: int = 0) -> PureRun:
    run = PureRun(ALLOW)
    run.start()
    run.on(events.CallLost("1.0", acting_until))
    return run


def about(run: PureRun) -> dict[str, Any]:
    return {"call": "1.0", "tool": "pay", "digest": run.call().digest}


# -- the record


def test_the_record_of_a_start_a_loss_and_a_failure_names_the_call_its_action_and_the_attempt() -> None:
    run = PureRun(ALLOW)
    run.start()
    assert run.told() == [("call_started", {**about(run), "attempt": 1})]
    assert (run.call().worker, run.call().started_at) == ("w1", 1000)
    run.on(events.CallLost("1.0", 5000))
    assert run.told()[0] == ("call_lost", {**about(run), "attempt": 1})
    run = PureRun(ALLOW)
    run.start()
    run.on(events.CallRaised("1.0", "boom"))
    assert run.told() == [("call_failed", about(run))]
    assert (run.call().state, run.call().result) == (CallState.FAILED, "boom")


def test_the_record_of_a_denied_call_names_it() -> None:
    run = PureRun(Verdict("deny", policy_digest="p1"))
    assert run.names() == ["model_replied", "call_judged", "call_denied"]
    assert run.told()[2][1] == about(run)


def test_the_record_of_a_run_says_what_moved_it_and_nothing_that_is_not() -> None:
    run = PureRun(gated())
    assert run.told()[-1] == ("run_paused", {"trigger": "gate_raised"})
    answer(run, Approve())
    assert run.told()[1:] == [
        ("run_resolving", {"trigger": "answer_recorded"}),
        ("run_continuing", {"trigger": "gates_closed"}),
    ]
    run.on(events.RunCancelled())
    assert run.told() == [("run_cancelled", {"trigger": "cancelled"})]


def test_the_record_of_a_failure_and_of_a_cancellation_says_why() -> None:
    for event in (events.ModelFailed("down"), events.RunStopped("down")):
        run = PureRun()
        run.on(event)
        assert run.told() == [("run_failed", {"trigger": "errored", "error": "down"})]
        assert run.run is not None
        assert run.run.error == "down"
    run = PureRun(ALLOW, ALLOW)
    run.start()
    run.on(events.RunCancelled("enough"))
    assert run.told()[0] == ("run_cancelled", {"trigger": "cancelled", "reason": "enough", "begun": ["1.0"]})
    assert run.states() == [CallState.EXECUTING, CallState.SKIPPED]


def test_the_record_of_an_edit_names_the_action_before_and_after() -> None:
    run = PureRun(gated())
    before = run.call().digest
    answer(run, Approve({"n": 2}), args={"n": 2}, verdicts={"1.0": gated()})
    event, told = run.told()[1]
    assert (event, told["was"], told["digest"]) == ("call_edited", before, run.call().digest)
    assert run.call().digest != before


def test_the_record_of_changed_policies_names_them_and_the_calls() -> None:
    run = PureRun(ALLOW, ALLOW)
    run.on(events.VerdictsRevised("p2"), {"1.1": gated(), "1.0": ALLOW})
    assert run.told()[0] == ("policy_changed", {"policies": "p2", "calls": ["1.0", "1.1"]})


def test_the_record_of_a_late_result_says_whether_it_was_taken() -> None:
    run = lost()
    run.on(events.LateResult("1.0", 1, "x"))
    event, told = run.told()[0]
    assert (event, told["taken"], told["attempt"]) == ("late_result", True, 1)
    assert run.names() == ["late_result", "requirement_superseded", "call_succeeded", "run_resolving", "run_continuing"]
    run.on(events.LateResult("1.0", 1, "y"))
    assert run.names() == ["late_result"]
    assert run.told()[0][1]["taken"] is False
    assert run.call().result == "x"


# -- what a late worker knows


@pytest.mark.parametrize(
    ("late", "state", "result"),
    [
        (events.LateResult("1.0", 1, "x"), CallState.SUCCEEDED, "x"),
        (events.LateResult("1.0", 1, error="boom"), CallState.FAILED, "boom"),
        (events.LateResult("1.0", 1, begun=False), CallState.AUTHORISED, None),
        (events.LateResult("1.0", 2, "x"), CallState.OUTCOME_UNKNOWN, None),
        (events.LateResult("1.1", 1, "x"), CallState.OUTCOME_UNKNOWN, None),
    ],
)
def test_law03_a_late_result_settles_only_the_attempt_that_it_is_of(
    late: events.LateResult, state: CallState, result: object
) -> None:
    run = lost()
    run.on(late)
    assert (run.call().state, run.call().result) == (state, result)
    assert len(run.asked()) == (state is CallState.OUTCOME_UNKNOWN)


def test_law03_a_late_worker_that_began_nothing_fails_a_call_that_still_counts_as_executing() -> None:
    run = PureRun(ALLOW)
    run.start()
    run.on(events.LateResult("1.0", 1, begun=False))
    assert (run.call().state, run.call().result) == (CallState.FAILED, "It was not begun.")
    assert run.names() == ["late_result", "call_failed"]


def test_law03_a_late_result_asks_what_comes_next_and_leaves_other_questions_open() -> None:
    run = PureRun(gated(batch="run_ungated"), Verdict("allow", policy_digest="p1", batch="run_ungated"))
    run.start("1.1")
    run.on(events.LateResult("1.1", 1, "x"))
    assert [asked.call_id for asked in run.asked()] == ["1.0"]
    run = PureRun(gated(batch="run_ungated"), Verdict("allow", policy_digest="p1", batch="run_ungated"))
    run.start("1.1")
    run.on(events.CallLost("1.1"))
    assert len(run.asked()) == 2
    run.on(events.LateResult("1.1", 1, "x"))
    assert [asked.call_id for asked in run.asked()] == ["1.0"]


# -- times


def test_law03_what_happened_may_be_answered_from_the_very_millisecond_on() -> None:
    run = lost(acting_until=1001)
    assert run.asked()[0].answerable_from == 1001
    with pytest.raises(IllegalTransition):
        answer(run, Happened("x"))
    run.at = 1001
    answer(run, Happened("x"))
    assert run.call().result == "x"
    assert lost(acting_until=1000).asked()[0].answerable_from is None


def test_law12_a_question_expires_at_its_very_millisecond_and_not_before() -> None:
    run = PureRun(gated(Confirm(expires_ms=500)))
    asked = run.asked()[0]
    assert asked.expires_at == 1500
    assert run.run is not None
    assert timers_of(run.run) == (Timer("run_r", asked.requirement_id, "expiry", 1500),)
    run.at = 1499
    with pytest.raises(IllegalTransition):
        run.on(events.RequirementTimedOut(asked.requirement_id))
    run.at = 1500
    run.on(events.RequirementTimedOut(asked.requirement_id))
    assert run.call().result == "Nobody answered in time. It was not executed."
    assert timers_of(run.run) == ()


def test_a_question_without_an_end_never_expires() -> None:
    run = PureRun(gated())
    with pytest.raises(IllegalTransition):
        run.on(events.RequirementTimedOut(run.asked()[0].requirement_id))


# -- questions


def test_gates_are_asked_one_after_the_other_and_numbered() -> None:
    run = PureRun(gated(Confirm(), HEAD))
    first = run.asked()
    answer(run, Approve())
    second = run.asked()
    assert [(a.requirement_id, a.kind, a.stage, a.stages) for a in (*first, *second)] == [
        ("req_r-0001", "confirm", 1, 2),
        ("req_r-0002", "approval", 2, 2),
    ]
    assert run.run is not None
    assert (run.run.state, run.states()) == (RunState.RESOLVING, [CallState.GATED])
    answer(run, Approve())
    assert run.step.effects == (StartCalls(("1.0",)),)


def test_a_run_may_ask_as_many_questions_as_the_limit_says_and_no_more() -> None:
    import msgspec

    for asked, state in ((REQUIREMENTS_PER_RUN - 1, CallState.GATED), (REQUIREMENTS_PER_RUN, CallState.DENIED)):
        run = PureRun()
        assert run.run is not None
        run.run = msgspec.structs.replace(run.run, requirement_count=asked)
        call = events.ProposedCall("1.0", "p", "pay", {})
        run.on(events.ModelReplied("", (call,)), {"1.0": gated()})
        assert run.states() == [state]
    assert "9999 questions" in str(run.call().result)


def test_law15_an_outside_system_is_asked_only_by_a_verdict_of_this_moment() -> None:
    run = PureRun(gated(Confirm(), External("screen")))
    answer(run, Approve())
    assert run.asked() == []
    assert run.step.effects == (JudgeAgain(("1.0",)),)
    run.on(events.VerdictsRevised("p1"), {"1.0": run.call().verdict})
    assert [asked.kind for asked in run.asked()] == ["external"]
    answer(run, Report({"ok": True}))
    assert (run.call().state, run.call().result) == (CallState.SUCCEEDED, {"ok": True})


def test_an_answer_about_another_call_still_holds_when_an_edit_voids_one() -> None:
    run = PureRun(gated(), gated())
    answer(run, Reject(), 1)
    answer(run, Approve({"n": 2}), args={"n": 2}, verdicts={"1.0": gated(HEAD)})
    assert run.run is not None
    assert run.run.state is RunState.RESOLVING
    run = PureRun(gated())
    answer(run, Approve({"n": 2}), args={"n": 2}, verdicts={"1.0": gated(HEAD)})
    assert run.run is not None
    assert run.run.state is RunState.PAUSED
    assert run.names()[-1] == "run_paused"


def test_an_edit_that_the_policies_deny_denies_the_call() -> None:
    run = PureRun(gated())
    answer(run, Approve({"n": 2}), args={"n": 2}, verdicts={"1.0": Verdict("deny", policy_digest="p1")})
    assert (run.states(), run.names()[2:4]) == ([CallState.DENIED], ["call_denied", "run_resolving"])


def test_a_forms_own_values_reach_the_tool_beside_its_arguments() -> None:
    run = PureRun(gated(FORM), parameters=("n",))
    answer(run, Provide({"n": 2, "why": "x"}), args={"n": 2}, verdicts={"1.0": gated(FORM)})
    assert (run.call().args, run.call().answers) == ({"n": 2}, {"why": "x"})
    assert run.states() == [CallState.AUTHORISED]


@pytest.mark.parametrize(
    ("said", "state"),
    [(Happened("x"), CallState.SUCCEEDED), (NotHappened(), CallState.AUTHORISED), (GiveUp(), CallState.FAILED)],
)
def test_law03_what_happened_is_settled_as_the_answer_says(said: Answer, state: CallState) -> None:
    run = lost()
    answer(run, said)
    assert run.states() == [state]
    if state is CallState.FAILED:
        assert "Do not assume either" in str(run.call().result)


# -- what may start


def of(*states: str, batch: Any = "in_order") -> list[Call]:
    verdict = Verdict("allow", batch=batch)
    return [Call(str(n), "p", "t", {}, "d", verdict, CallState(state)) for n, state in enumerate(states)]


@pytest.mark.parametrize(
    ("batch", "states", "may"),
    [
        ("in_order", ("authorised", "authorised"), ("0",)),
        ("in_order", ("succeeded", "authorised"), ("1",)),
        ("in_order", ("gated", "authorised"), ()),
        ("in_order", ("executing", "authorised"), ()),
        ("in_order", ("succeeded", "denied"), ()),
        ("hold_all", ("authorised", "gated"), ()),
        ("hold_all", ("authorised", "authorised"), ("0",)),
        ("run_ungated", ("authorised", "gated", "authorised"), ("0", "2")),
    ],
)
def test_law07_only_these_calls_may_start(batch: str, states: tuple[str, ...], may: tuple[str, ...]) -> None:
    assert startable(of(*states, batch=batch)) == may


def test_law07_the_strictest_batch_rule_of_a_turn_counts() -> None:
    assert batch_of([*of("gated", batch="run_ungated"), *of("gated", batch="hold_all"), *of("gated")]) == "hold_all"
    assert batch_of([*of("gated", batch="run_ungated"), *of("gated")]) == "in_order"
    assert batch_of([]) == "in_order"


def test_law03_only_an_idempotent_call_is_started_again_while_it_executes() -> None:
    run = PureRun(ALLOW, idempotent=True)
    run.start()
    assert run.step.effects == (RunTools(("1.0",)),)
    run.start()
    assert run.call().attempt == 2
    run = PureRun(ALLOW)
    run.start()
    with pytest.raises(IllegalTransition, match=r"start 1\.0 again"):
        run.start()


def test_law07_a_call_may_not_be_started_before_its_turn() -> None:
    run = PureRun(ALLOW, ALLOW)
    with pytest.raises(IllegalTransition):
        run.start("1.1")
    with pytest.raises(IllegalTransition):
        run.start("1.0", "1.1")


def test_law07_results_are_told_once_all_have_ended_in_the_models_order() -> None:
    run = PureRun(ALLOW, ALLOW)
    run.start("1.0")
    run.on(events.CallReturned("1.0", {"b": 1}))
    assert run.step.messages == ()
    run.start("1.1")
    run.on(events.CallReturned("1.1", "two"))
    assert [(m.role, m.content, m.provider_id, m.tool) for m in run.step.messages] == [
        ("tool", '{"b":1}', "p1.0", "pay"),
        ("tool", "two", "p1.1", "pay"),
    ]
    assert run.step.effects == (CallModel(2),)


def test_a_run_that_failed_goes_on_where_it_was() -> None:
    run = PureRun(ALLOW)
    run.on(events.RunStopped("limit"))
    run.on(events.RunRetried())
    assert run.run is not None
    assert (run.run.state, run.run.error) == (RunState.CONTINUING, None)
    assert run.step.effects == (StartCalls(("1.0",)),)


# -- what the model reads


def test_a_denial_names_the_rule_and_says_why() -> None:
    rules = (Reason("p", "ask", "confirm", note="no"), Reason("p", "never", "deny", note="too much"))
    assert denial(Verdict("deny", reasons=rules)) == "Denied by policy p/never: too much. It was not executed."
    assert denial(Verdict("deny", problem="broken")) == "Denied by policy: broken. It was not executed."


def test_a_rejection_reaches_the_model_with_its_note() -> None:
    for note, told in ((None, "Rejected by alice. It"), ("why?", "Rejected by alice: why?. It")):
        run = PureRun(gated())
        answer(run, Reject(note))
        assert str(run.call().result).startswith(told)


def test_a_call_without_a_verdict_or_with_unreadable_arguments_is_denied() -> None:
    run = PureRun()
    call = events.ProposedCall("1.0", "p", "pay", {})
    run.on(events.ModelReplied("", (call,)))
    assert run.call().result == "Denied by policy: no verdict was reached. It was not executed."
    run = PureRun(ALLOW, args=None, problem="No JSON.")
    assert (run.call().result, run.call().digest) == ("No JSON. It was not executed.", "")


def test_the_record_of_a_turn_binds_to_its_text() -> None:
    run = PureRun()
    run.on(events.ModelReplied("bye", model="m"))
    told = {"turn": 1, "model": "m", "text": content_digest("bye"), "calls": 0, "tokens": [0, 0]}
    assert run.told() == [("model_replied", told), ("run_done", {"trigger": "finished"})]
    assert run.run is not None
    assert (run.run.output, run.run.turn) == ("bye", 1)
