"""What wrong versions of the core got away with: edges of times, the order of questions, what may start."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from runs import ALLOW, HEAD, PureRun, answer, gated, lost

from hitl_fsm.core.draft import REQUIREMENTS_PER_RUN
from hitl_fsm.core.gates import batch_of, pending, startable
from hitl_fsm.core.machine import machine
from hitl_fsm.core.table import TABLES
from hitl_fsm.core.timers import timers_of
from hitl_fsm.errors import IllegalTransition
from hitl_fsm.model import event as events
from hitl_fsm.model.answer import Answer, Approve, GiveUp, Happened, NotHappened, Provide, Reject, Report
from hitl_fsm.model.call import Call
from hitl_fsm.model.effect import CallModel, JudgeAgain, RunTools, StartCalls
from hitl_fsm.model.states import CallState, RunState
from hitl_fsm.model.timer import Timer
from hitl_fsm.model.verdict import Approval, Confirm, External, UserInput, Verdict

FORM = UserInput({"type": "object", "properties": {"n": {}, "why": {}}})


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
    gate, _ = run.asked()
    run.on(events.LateResult("1.1", 1, "x"))
    assert run.asked() == [gate]


# -- times


def test_law03_what_happened_may_be_answered_from_the_very_millisecond_on() -> None:
    run = lost(acting_until=1001)
    assert run.asked()[0].answerable_from == 1001
    with pytest.raises(IllegalTransition):
        answer(run, Happened("x"))
    run.at = 1001
    answer(run, Happened("x"))
    assert run.call().result == "x"
    asked = lost(acting_until=1000).asked()[0]
    assert (asked.answerable_from, asked.kind, asked.stage, asked.stages) == (None, "outcome", 1, 1)


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
    for asked, verdict, state in (
        (REQUIREMENTS_PER_RUN, ALLOW, CallState.AUTHORISED),
        (REQUIREMENTS_PER_RUN - 1, gated(), CallState.GATED),
        (REQUIREMENTS_PER_RUN, gated(), CallState.DENIED),
    ):
        run = PureRun()
        assert run.run is not None
        run.run = msgspec.structs.replace(run.run, requirement_count=asked)
        call = events.ProposedCall("1.0", "p", "pay", {})
        run.on(events.ModelReplied("", (call,)), {"1.0": verdict})
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


def test_an_answer_to_the_arguments_before_an_edit_holds_no_more() -> None:
    run = PureRun(gated(Confirm(), HEAD))
    answer(run, Approve())
    answer(run, Approve({"n": 2}), args={"n": 2}, verdicts={"1.0": gated(Confirm(), Approval(("role:cfo",)))})
    assert run.run is not None
    assert (run.run.state, [asked.kind for asked in run.asked()]) == (RunState.PAUSED, ["confirm"])


def test_a_question_of_a_lost_call_is_no_answer_that_holds() -> None:
    run = PureRun(gated(batch="run_ungated"), Verdict("allow", policy_digest="p1", batch="run_ungated"))
    run.start("1.1")
    run.on(events.CallLost("1.1"))
    answer(run, Approve({"n": 2}), args={"n": 2}, verdicts={"1.0": gated(HEAD)})
    assert run.run is not None
    assert run.run.state is RunState.PAUSED


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


def test_a_call_without_gates_has_none_to_pass() -> None:
    assert pending(of("authorised")[0]) == ()


def test_law11_a_machine_takes_the_triggers_of_its_table_and_no_other() -> None:
    for name, table in TABLES.items():
        assert set(machine(name).events) == {row.trigger.value for row in table.rows}


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


# -- when a run pauses


@pytest.mark.parametrize("end", [events.CallReturned("1.0", "x"), events.CallRaised("1.0", "x")])
def test_a_call_that_ends_raises_the_question_of_the_next_at_once(end: events.Event) -> None:
    run = PureRun(ALLOW, gated())
    assert run.asked() == []
    run.start()
    run.on(end)
    assert run.run is not None
    assert run.run.state is RunState.PAUSED
    assert [asked.call_id for asked in run.asked()] == ["1.1"]


def test_a_run_that_is_retried_raises_the_question_that_is_next() -> None:
    run = PureRun(ALLOW, gated())
    run.start()
    run.on(events.RunStopped("limit"))
    run.on(events.CallReturned("1.0", "x"))
    run.on(events.RunRetried())
    assert run.run is not None
    assert run.run.state is RunState.PAUSED


def test_a_run_does_not_pause_while_a_call_executes() -> None:
    free = Verdict("allow", policy_digest="p1", batch="run_ungated")
    run = PureRun(gated(batch="run_ungated"), free, free)
    run.start("1.1", "1.2")
    run.on(events.CallReturned("1.1", "x"))
    assert run.run is not None
    assert (run.run.state, run.asked()) == (RunState.RUNNING, [])


def test_an_outside_system_is_asked_at_once_when_the_call_was_just_judged() -> None:
    run = PureRun(gated(External("screen")))
    assert [asked.kind for asked in run.asked()] == ["external"]


def test_the_answer_that_edits_holds_for_its_own_gate() -> None:
    both = gated(Confirm(), HEAD)
    run = PureRun(both)
    answer(run, Approve({"n": 2}), args={"n": 2}, verdicts={"1.0": both})
    assert run.run is not None
    assert (run.run.state, [asked.kind for asked in run.asked()]) == (RunState.RESOLVING, ["approval"])


def test_a_reply_of_the_model_is_not_taken_while_a_call_has_not_ended() -> None:
    for ready in (PureRun(ALLOW), PureRun(gated())):
        with pytest.raises(IllegalTransition):
            ready.on(events.ModelReplied("bye"))


def test_what_was_asked_is_told_as_the_users_words() -> None:
    assert [(message.role, message.content) for message in PureRun().step.messages] == [("user", "hi")]


def test_law03_a_call_that_did_not_happen_is_another_attempt_that_may_not_act_yet() -> None:
    run = lost(acting_until=9000)
    run.on(events.LateResult("1.0", 1, begun=False))
    assert run.asked() == []
    run.on(events.VerdictsRevised("p2"), {"1.0": gated()})
    assert [asked.answerable_from for asked in run.asked()] == [None]
    answer(run, Approve())
    run.start()
    assert (run.call().attempt, run.call().acting_until) == (2, 0)


# -- what is refused


def test_law01_a_call_does_not_start_while_another_question_of_its_run_is_open() -> None:
    run = PureRun(gated(), gated())
    answer(run, Approve())
    assert run.run is not None
    assert (run.run.state, run.states()) == (RunState.RESOLVING, [CallState.AUTHORISED, CallState.GATED])
    with pytest.raises(IllegalTransition, match="start a call"):
        run.start("1.0")


def test_law11_a_call_that_has_begun_is_not_judged_again() -> None:
    run = PureRun(ALLOW)
    run.start()
    with pytest.raises(IllegalTransition, match=r"judge 1\.0 again"):
        run.on(events.VerdictsRevised("p2"), {"1.0": ALLOW})


def test_law04_a_cancelled_run_asks_nothing_when_a_call_of_it_is_lost() -> None:
    run = PureRun(ALLOW)
    run.start()
    run.on(events.RunCancelled())
    run.on(events.CallLost("1.0"))
    assert run.run is not None
    assert (run.run.state, run.states(), run.asked()) == (RunState.CANCELLED, [CallState.OUTCOME_UNKNOWN], [])


def test_law04_a_cancelled_run_takes_no_reply_with_further_calls() -> None:
    run = PureRun()
    run.on(events.RunCancelled())
    with pytest.raises(IllegalTransition):
        run.on(events.ModelReplied("", (events.ProposedCall("1.0", "p", "pay", {}),)), {"1.0": ALLOW})
