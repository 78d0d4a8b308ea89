"""A result instead of a call: as final as a no, a person's own, and never told to be what a tool returned."""

from __future__ import annotations

from typing import Any

import pytest

from hitl_fsm.errors import AlreadyResolved, AnswerRefused, NotAuthorised, Paused
from hitl_fsm.model.actor import Actor
from hitl_fsm.model.states import CallState, RequirementState, RunState
from house import House, call, calls

FORM = "{user_input: {schema: {type: object, properties: {ticket: {type: string}}, required: [ticket]}}}"
APPROVAL = "{approval: {of: ['role:finance']}}"
BANK = "{external: {route: bank, result_schema: {type: object, required: [tx], properties: {tx: {type: string}}}}}"
GIVEN = {"tx": "by hand"}
GATES = {"confirm": "confirm", "approval": APPROVAL, "user_input": FORM, "external": BANK}


def gated(house: House, gate: str, *more: dict[str, Any]) -> tuple[Any, Any, Any]:
    engine = house.engine(f"- {{id: all, gate: {gate}}}")
    agent = house.agent(engine, [calls(call("pay", to="bob", amount=5)), *more])
    return engine, agent, agent.run("go", user="alice")


def who(kind: str) -> str:
    return "maria" if kind == "approval" else "alice"


@pytest.mark.parametrize("kind", GATES)
def test_law04_the_call_never_runs_and_the_model_reads_the_result(house: House, kind: str) -> None:
    engine, agent, run = gated(house, GATES[kind])
    (asked,) = run.active_requirements
    assert asked.kind == kind
    asked.respond(GIVEN, by=who(kind), note="done in the branch")
    after = engine.runs.get(run.run_id)
    assert (after.calls[0].state, after.requirements[0].state) == (CallState.SUBSTITUTED, RequirementState.REJECTED)
    with pytest.raises(AlreadyResolved, match="respond"):
        asked.reject(by=who(kind))
    assert agent.continue_run(run).state is RunState.DONE
    assert house.effects == []
    assert house.said_to_model(engine, run.run_id) == ['{"tx":"by hand"}']
    told = house.records(engine, run.run_id)
    assert "call_substituted" in told
    assert not {"call_started", "call_succeeded", "call_denied"} & set(told)
    (closed,) = [one for one in engine.runs.timeline(run.run_id) if one["event"] == "requirement_rejected"]
    assert (closed["data"]["answer"], set(closed["contents"])) == ("respond", {"answer"})
    assert "done in the branch" not in repr(closed), "a line is only committed to what people say"
    assert engine.audit.verify().intact


@pytest.mark.parametrize("kind", GATES)
@pytest.mark.parametrize("what", ["agent", "service", "timer"])
def test_law09_only_a_person_gives_a_result_instead(house: House, kind: str, what: str) -> None:
    engine, _agent, run = gated(house, GATES[kind])
    (asked,) = run.active_requirements
    before = len(engine.runs.events(run.run_id))
    with pytest.raises(NotAuthorised):
        asked.respond(GIVEN, by=Actor(id=who(kind), kind=what, roles=("finance",)))  # type: ignore[arg-type]
    assert (len(engine.runs.events(run.run_id)), run.refresh().is_paused) == (before, True)


def test_law13_nobody_responds_who_may_not_answer(house: House) -> None:
    _engine, _agent, run = gated(house, APPROVAL)
    with pytest.raises(NotAuthorised):
        run.active_requirements[0].respond("x", by="alice")
    assert run.refresh().is_paused


@pytest.mark.parametrize("result", [None, False, 0, "", [], {}, "text", {"a": [1.5]}])
def test_law04_any_json_value_is_a_result(house: House, result: Any) -> None:
    engine, agent, run = gated(house, "confirm")
    run.active_requirements[0].respond(result, by="alice")
    assert engine.runs.get(run.run_id).calls[0].result == result
    assert agent.continue_run(run).state is RunState.DONE


def test_law09_what_is_no_json_or_does_not_fit_the_route_is_refused_and_stores_nothing(house: House) -> None:
    engine, _agent, run = gated(house, f"[confirm, {BANK}]")
    before = len(engine.runs.events(run.run_id)), len(engine.audit.records())
    for bad in (float("nan"), {1, 2}, "text", {"tx": 5}):
        with pytest.raises(AnswerRefused):
            run.active_requirements[0].respond(bad, by="alice")
    assert (len(engine.runs.events(run.run_id)), len(engine.audit.records())) == before


def test_law09_a_question_of_the_agent_takes_its_form_or_a_no(house: House) -> None:
    engine = house.engine()
    agent = house.agent(engine, [calls(call("ask_user", question="Which?"))])
    run = agent.run("go", user="alice")
    with pytest.raises(AnswerRefused, match="respond does not answer"):
        run.active_requirements[0].respond({"answer": 5}, by="alice")
    assert run.refresh().is_paused


def test_law04_what_ran_is_not_answered_as_if_it_had_not(house: House) -> None:
    _engine, _agent, run = gated(house, "review")
    with pytest.raises(AnswerRefused, match="respond does not answer"):
        run.active_requirements[0].respond("x", by="alice")
    assert len(house.effects) == 1


def test_law04_a_later_stage_is_not_asked_and_the_next_call_goes_on(house: House) -> None:
    engine = house.engine(f"- {{id: all, gate: [confirm, {APPROVAL}]}}")
    turn = calls(call("pay", to="bob", amount=5), call("pay", to="eve", amount=6))
    agent = house.agent(engine, [turn])
    run = agent.run("go", user="alice")
    first, second = run.active_requirements
    first.respond("bob was paid in cash", by="alice")
    second.confirm(by="alice")
    (left,) = engine.runs.get(run.run_id).active_requirements
    assert (left.kind, left.tool.tool_args["to"]) == ("approval", "eve")
    left.confirm(by="maria")
    assert agent.continue_run(run).state is RunState.DONE
    assert house.effects == [("pay", "eve", 6, "-")]
    assert house.said_to_model(engine, run.run_id) == ["bob was paid in cash", "paid 6.0 to eve"]


def test_law04_it_holds_whatever_the_policies_say_later_and_for_a_new_process(house: House) -> None:
    _engine, _agent, run = gated(house, "confirm")
    run.active_requirements[0].respond("instead", by="alice")
    later = house.engine("- {id: all, gate: allow}")
    again = house.agent(later, [calls(call("pay", to="bob", amount=5))])
    assert again.continue_run(run_id=run.run_id).state is RunState.DONE
    assert house.effects == []
    assert house.said_to_model(later, run.run_id) == ["instead"]


# -- reviews after it


def reviewed(house: House) -> tuple[Any, Any, Any, Any]:
    engine, agent, run = gated(house, "[confirm, {review: {of: ['role:finance'], retries: 2}}]")
    run.active_requirements[0].respond({"secret": 1}, by="alice")
    (review,) = engine.runs.get(run.run_id).active_requirements
    return engine, agent, run, review


def test_law01_a_result_given_instead_is_reviewed_like_any_other(house: House) -> None:
    engine, agent, run, review = reviewed(house)
    assert (review.kind, review.result, review.value.substituted, review.retries_left) == (
        "review", {"secret": 1}, True, 0,
    )  # fmt: skip
    assert house.said_to_model(engine, run.run_id) == []
    review.accept(by="maria")
    done = agent.continue_run(run)
    assert (done.state, house.effects) == (RunState.DONE, [])
    assert house.said_to_model(engine, run.run_id) == ['{"secret":1}']
    told = house.records(engine, run.run_id)
    assert "call_substituted" in told
    assert "call_succeeded" not in told
    assert engine.audit.verify().intact


def test_law05_another_result_given_in_review_is_the_one_that_is_read(house: House) -> None:
    engine, agent, run, review = reviewed(house)
    review.edit_result({"public": 1}, by="maria")
    agent.continue_run(run)
    assert house.said_to_model(engine, run.run_id) == ['{"public":1}']
    assert "call_substituted" in house.records(engine, run.run_id)


def test_law04_a_reviewer_cannot_have_it_run(house: House) -> None:
    engine, _agent, run, review = reviewed(house)
    with pytest.raises(AnswerRefused, match="instead of the call"):
        review.retry(by="maria")
    assert engine.runs.get(run.run_id).calls[0].state is CallState.IN_REVIEW


@pytest.mark.parametrize("how", ["rejected", "cancelled", "expired", "denied by a changed policy"])
def test_law04_one_that_is_kept_back_is_told_not_to_have_run(house: House, how: str) -> None:
    engine, agent, run = gated(house, "[confirm, {review: {of: ['role:finance'], expires: 1h}}]")
    run.active_requirements[0].respond("s3cret", by="alice")
    (review,) = engine.runs.get(run.run_id).active_requirements
    if how == "rejected":
        review.reject(by="maria", note="not so")
    elif how == "cancelled":
        engine.cancel(run.run_id, by="alice")
    elif how == "expired":
        house.clock.advance(3_600_001)
        engine.sweep()
    else:
        review.accept(by="maria")
        engine = house.engine("- {id: all, gate: {deny: {note: no more}}}")
        agent = house.agent(engine, [calls(call("pay", to="bob", amount=5))])
    if how != "cancelled":
        agent.continue_run(run_id=run.run_id)
        (said,) = house.said_to_model(engine, run.run_id)
        assert "It was not executed." in said
        assert "It was executed" not in said
        assert "s3cret" not in said
    assert "call_denied" in house.records(engine, run.run_id)
    assert house.effects == []


def test_law04_a_gated_callable_returns_what_was_given(house: House) -> None:
    engine = house.engine()
    ran: list[int] = []

    def pay(amount: int) -> int:
        """Pay."""
        ran.append(amount)
        return amount

    gate = engine.gate(pay)
    with pytest.raises(Paused) as paused:
        gate(5)
    engine.runs.get(paused.value.run_id).active_requirements[0].respond(7, by="user")
    assert (gate.resume(paused.value.run_id), ran) == (7, [])


def test_law04_it_stays_final_in_a_fork(house: House) -> None:
    paying = calls(call("pay", to="bob", amount=5))
    engine = house.engine("- {id: pay, tools: [pay], gate: confirm}\n- {id: look, tools: [look], gate: allow}")
    agent = house.agent(engine, [calls(call("look", order_id="1")), paying])
    run = agent.run("go", user="alice")
    run.active_requirements[0].respond("paid in cash", by="alice")
    agent.continue_run(run_id=run.run_id)
    fork = engine.fork(run.run_id, 1)
    assert fork.state is RunState.DONE
    assert [effect for effect in house.effects if effect[0] == "pay"] == []
