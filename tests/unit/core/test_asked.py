"""`CallAsked` in the pure core: what a tool asks in the middle of its call, and what its answer does."""

from __future__ import annotations

import pytest
from runs import ALICE, ALLOW, PureRun, answer, gated

from hitl_fsm.core.asked import ASKS_PER_CALL
from hitl_fsm.errors import IllegalTransition
from hitl_fsm.model import event as events
from hitl_fsm.model.answer import Approve, Provide, Reject
from hitl_fsm.model.asked import Asked, question_key
from hitl_fsm.model.states import CallState, RunState
from hitl_fsm.model.verdict import Confirm, Review, UserInput, Verdict

WHY = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
KEY = question_key("Why?", WHY)


def asks(run: PureRun, message: str = "Why?", said: str = "") -> None:
    run.on(events.CallAsked("1.0", message, WHY, said))


def answered(run: PureRun, answer: object) -> None:
    (asked,) = run.asked()
    run.on(events.AnswerRecorded(asked.requirement_id, answer, asked.digest), by=ALICE)  # type: ignore[arg-type]


def asking(verdict: Verdict = ALLOW) -> PureRun:
    run = PureRun(verdict, parameters=("n",))
    run.start()
    asks(run, said="let go")
    return run


def test_the_call_goes_back_to_its_gates_and_the_run_waits() -> None:
    run = asking()
    assert run.run is not None
    (asked,) = run.asked()
    assert (run.run.state, run.states()) == (RunState.PAUSED, [CallState.GATED])
    assert isinstance(asked.question, UserInput)
    assert (asked.kind, asked.question.asker, asked.question.of, asked.stage, asked.stages) == (
        "user_input",
        "pay",
        (),
        1,
        1,
    )
    said = asked.question.schema["description"]
    assert said == "pay asks: Why? (It was told to let go until then, and said: let go)"
    assert "call_asked" in run.names()


def test_law05_its_answer_changes_no_argument_even_where_the_names_are_the_same() -> None:
    run = asking()
    before = run.call()
    answered(run, Provide({"n": 7}))
    after = run.call()
    assert (after.args, after.digest, after.answers) == ({"n": 1}, before.digest, {})
    assert (after.told, after.state) == ({KEY: {"n": 7}}, CallState.AUTHORISED)
    run.start()
    assert (run.call().attempt, run.call().sent_back) == (2, 1)


def test_law01_what_was_approved_stays_approved_and_only_the_new_question_is_open() -> None:
    run = PureRun(gated(), parameters=("n",))
    answered(run, Approve())
    run.start()
    asks(run)
    (asked,) = run.asked()
    assert (asked.kind, asked.stage, asked.stages) == ("user_input", 2, 2)
    with pytest.raises(IllegalTransition):
        run.start()
    answered(run, Provide({"n": 7}))
    assert run.states() == [CallState.AUTHORISED]


def test_law04_a_refusal_ends_it_and_the_model_reads_that_it_had_begun() -> None:
    run = asking()
    answered(run, Reject("no"))
    told = (
        "Rejected by alice: no. It had begun, asked a person for something, and was told to let go. Do not repeat it."
    )
    assert (run.states(), run.call().result) == ([CallState.DENIED], told)


def test_a_cancelled_run_says_so_too_and_the_question_is_closed() -> None:
    run = asking()
    run.on(events.RunCancelled())
    assert (run.states(), run.asked()) == ([CallState.SKIPPED], [])
    assert "It had begun" in run.call().result


def test_a_call_that_asks_when_its_run_was_cancelled_waits_for_nobody() -> None:
    run = PureRun(ALLOW)
    run.start()
    run.on(events.RunCancelled())
    asks(run)
    assert (run.states(), run.asked()) == ([CallState.FAILED], [])


def test_the_same_question_twice_or_too_many_end_the_call() -> None:
    run = asking()
    answered(run, Provide({"n": 7}))
    run.start()
    asks(run)
    assert run.states() == [CallState.FAILED]

    run = PureRun(ALLOW)
    for index in range(ASKS_PER_CALL):
        run.start()
        asks(run, f"Question {index}?")
        answered(run, Provide({"n": index}))
    run.start()
    assert len(run.call().told) == ASKS_PER_CALL
    asks(run, "One more?")
    assert run.states() == [CallState.FAILED]


def test_law05_another_version_of_the_tool_starts_afresh() -> None:
    run = asking()
    answered(run, Provide({"n": 7}))
    run.on(events.VerdictsRevised("p2", {"1.0": "v2"}), {"1.0": Verdict("allow", policy_digest="p2")})
    assert (run.call().asked, run.call().told, run.states()) == ((), {}, [CallState.AUTHORISED])


def test_law15_a_policy_that_became_stricter_asks_before_the_call_begins_again() -> None:
    run = asking()
    answered(run, Provide({"n": 7}))
    run.on(events.VerdictsRevised("p2", {}), {"1.0": Verdict("gated", (Confirm(),), policy_digest="p2")})
    (asked,) = run.asked()
    assert (asked.kind, run.call().told) == ("confirm", {KEY: {"n": 7}})
    answered(run, Approve())
    assert run.states() == [CallState.AUTHORISED]


def test_law05_other_arguments_are_asked_about_by_the_tool_if_it_wants_to() -> None:
    run = asking()
    answered(run, Provide({"n": 7}))
    stricter = Verdict("gated", (Confirm(),), policy_digest="p2")
    run.on(events.VerdictsRevised("p2", {}), {"1.0": stricter})
    answer(run, Approve({"n": 2}), args={"n": 2}, verdicts={"1.0": stricter})
    assert (run.call().args, run.call().asked, run.call().told) == ({"n": 2}, (), {})
    assert run.states() == [CallState.AUTHORISED]


def test_a_call_that_a_reviewer_sends_back_asks_again() -> None:
    from hitl_fsm.model.answer import Retry

    run = asking(Verdict("gated", (Review(retries=1),), policy_digest="p1"))
    answered(run, Provide({"n": 7}))
    run.start()
    run.on(events.CallReturned("1.0", "x"))
    (review,) = run.asked()
    assert (review.stage, review.stages) == (2, 2)
    answered(run, Retry())
    assert (run.call().asked, run.call().told) == ((), {})


def test_only_a_call_that_runs_can_ask() -> None:
    run = PureRun(gated())
    with pytest.raises(IllegalTransition):
        asks(run)


def test_a_question_is_its_message_and_its_schema() -> None:
    assert Asked("Why?", WHY, "x").key == KEY
    assert len({KEY, question_key("Why", WHY), question_key("Why?", {**WHY, "required": []})}) == 3
