"""What wrong versions of the core got away with: words of the record, and what the model reads."""

from __future__ import annotations

from typing import Any

from runs import ALLOW, PureRun, answer, gated, lost

from hitl_fsm.core.draft import denial
from hitl_fsm.model import event as events
from hitl_fsm.model.answer import Approve, Reject
from hitl_fsm.model.states import CallState
from hitl_fsm.model.verdict import Confirm, Reason, Verdict
from hitl_fsm.policy.join import gate_key


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
    assert run.told() == [("call_failed", {**about(run), "attempt": 1})]
    assert run.beside() == [("call_failed", {"error": "boom"})]
    assert (run.call().state, run.call().result) == (CallState.FAILED, "boom")


def test_the_record_of_a_denied_call_names_it() -> None:
    run = PureRun(Verdict("deny", policy_digest="p1"))
    assert run.names() == ["model_replied", "call_judged", "call_denied"]
    assert run.told()[2][1] == about(run)


def test_the_record_of_a_run_says_what_moved_it_and_nothing_that_is_not() -> None:
    run = PureRun(gated())
    assert run.told()[-1] == ("run_paused", {"trigger": "gate_raised"})
    answer(run, Approve())
    passed = {"gate": gate_key(Confirm()), "by": ("alice",)}
    assert run.told()[1:] == [
        ("call_authorised", {**about(run), "passes": [passed]}),
        ("run_resolving", {"trigger": "answer_recorded"}),
        ("run_continuing", {"trigger": "gates_closed"}),
    ]
    run.on(events.RunCancelled())
    assert run.told() == [("run_cancelled", {"trigger": "cancelled"})]


def test_the_record_of_a_failure_and_of_a_cancellation_says_why() -> None:
    for event, before in ((events.ModelFailed("down"), [("model_failed", {})]), (events.RunStopped("down"), [])):
        run = PureRun()
        run.on(event)
        assert run.told() == [*before, ("run_failed", {"trigger": "errored"})]
        assert {name for name, _ in run.beside()} == set(run.names())
        assert all(why == {"error": "down"} for _, why in run.beside())
        assert run.run is not None
        assert run.run.error == "down"
    run = PureRun(ALLOW, ALLOW)
    run.start()
    run.on(events.RunCancelled("enough"))
    assert run.told()[0] == ("run_cancelled", {"trigger": "cancelled", "begun": ["1.0"]})
    assert run.beside()[0] == ("run_cancelled", {"reason": "enough"})
    assert run.states() == [CallState.EXECUTING, CallState.SKIPPED]


def test_the_record_of_an_edit_names_the_action_before_and_after() -> None:
    run = PureRun(gated())
    before = run.call().digest
    answer(run, Approve({"n": 2}), args={"n": 2}, verdicts={"1.0": gated()})
    event, told = run.told()[0]
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


# -- what the model reads


def test_a_denial_names_the_rule_and_says_why() -> None:
    rules = (Reason("p", "ask", "confirm", note="no"), Reason("p", "never", "deny", note="too much"))
    assert denial(Verdict("deny", reasons=rules)) == "Denied by policy p/never: too much. It was not executed."
    silent = Reason("p", "never", "deny")
    assert denial(Verdict("deny", reasons=(silent,))) == "Denied by policy p/never. It was not executed."
    assert denial(Verdict("deny", reasons=(silent, rules[1]))).startswith("Denied by policy p/never: too much.")
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
    run = PureRun()
    run.on(events.ModelReplied("", (events.ProposedCall("1.0", "p", "pay", None, problem="No JSON."),)))
    assert run.call().verdict.problem == "No JSON."
    run = PureRun(ALLOW, args=None, problem="No JSON.")
    assert (run.call().result, run.call().digest) == ("No JSON. It was not executed.", "")


def test_the_record_of_a_turn_binds_to_its_text() -> None:
    run = PureRun()
    run.on(events.ModelReplied("bye", model="m"))
    told = {"turn": 1, "model": "m", "calls": 0, "tokens": [0, 0]}
    assert run.told() == [("model_replied", told), ("run_done", {"trigger": "finished"})]
    assert run.beside() == [("model_replied", {"text": "bye"}), ("run_done", {})]
    assert run.run is not None
    assert (run.run.output, run.run.turn) == ("bye", 1)
