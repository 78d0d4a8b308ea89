"""The gate `review`, under the laws: a result goes nowhere until a person let it go on, and only that result."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from hitl_fsm.errors import AlreadyResolved, AnswerRefused, Denied, NotAuthorised, Paused, RequirementExpired
from hitl_fsm.model.actor import Actor
from hitl_fsm.model.answer import Accept, Approve, EditResult
from hitl_fsm.model.message import ChatRequest, ModelReply
from hitl_fsm.model.states import CallState, RequirementState, RunState
from hitl_fsm.runtime.streaming import stream
from hitl_fsm.testing import ScriptedModel
from house import House, call, calls, policies, policy_text

REVIEW = "- {id: all, gate: review}"
SECRET = "order s3cret-77"
SCRIPT = [calls(call("look", order_id="s3cret-77"))]
ARGUMENT = {"order_id": "s3cret-77"}


class Spy:
    """A model that keeps what it was asked, as one text a request."""

    def __init__(self, *replies: Any) -> None:
        self._model = ScriptedModel([*replies, {"say": "the end"}])
        self.read: list[str] = []

    async def reply(self, request: ChatRequest, on_text: Callable[[str], None] | None = None) -> ModelReply:
        self.read.append(msgspec.json.encode(request).decode())
        return await self._model.reply(request, on_text)


def reviewed(house: House, rules: str = REVIEW, script: Any = SCRIPT) -> tuple[Any, Any, Any, Spy]:
    """Engine, agent, the run that waits for the review of its first call, and its model."""
    from hitl_fsm import Agent

    spy = Spy(*script)
    engine = house.engine(rules)
    agent = Agent("helper", spy, engine=engine, tools=house.tools())
    return engine, agent, agent.run("go", user="alice"), spy


def test_law03_the_call_runs_at_once_and_once_and_its_result_waits(house: House) -> None:
    engine, agent, run, spy = reviewed(house)
    assert house.effects == [("look", "s3cret-77")]
    (asked,) = run.active_requirements
    assert (asked.kind, asked.needs_review, asked.result, asked.retries_left) == ("review", True, SECRET, 0)
    assert (run.state, run.calls[0].state, run.calls[0].result) == (RunState.PAUSED, CallState.IN_REVIEW, None)
    again = agent.continue_run(run)
    assert again.is_paused
    assert len(spy.read) == 1
    asked.accept(by="alice", note="fine")
    done = agent.continue_run(run)
    assert (done.state, done.output, house.effects) == (RunState.DONE, "the end", [("look", "s3cret-77")])
    assert house.said_to_model(engine, run.run_id) == [SECRET]
    assert house.records(engine, run.run_id) == [
        "run_created", "model_replied", "call_judged", "call_authorised", "call_started", "call_held",
        "requirement_opened", "run_paused", "requirement_presented", "requirement_resolved", "run_resolving",
        "run_continuing",
        "call_judged", "call_succeeded", "model_replied", "run_done",
    ]  # fmt: skip
    assert engine.audit.verify().intact


def test_law01_nothing_of_the_result_reaches_the_model_before_it_is_accepted(house: House) -> None:
    _engine, agent, run, spy = reviewed(house)
    assert not any(SECRET in text for text in spy.read)
    run.active_requirements[0].accept()
    assert not any(SECRET in text for text in spy.read)
    agent.continue_run(run)
    assert SECRET in spy.read[1]


def test_law01_nothing_of_the_result_is_streamed_before_it_is_accepted(house: House) -> None:
    from hitl_fsm import Agent

    agent = Agent("helper", Spy(*SCRIPT), engine=house.engine(REVIEW), tools=house.tools())
    events = list(agent.run("go", user="alice", stream=True))
    assert [type(event).__name__ for event in events if not isinstance(event, stream.ContentDelta)] == [
        "RunStarted", "StepStarted", "StepCompleted", "ToolCallStarted", "RunPaused",
    ]  # fmt: skip
    own = [[getattr(event, name) for name in event.__struct_fields__ if name != "run"] for event in events]
    assert SECRET not in repr(own)
    assert events[-1].run.output is None
    events[-1].active_requirements[0].accept()
    after = list(agent.continue_run(run_id=events[-1].run_id, stream=True))
    (completed,) = [event for event in after if isinstance(event, stream.ToolCallCompleted)]
    assert (completed.state, completed.result) == ("succeeded", SECRET)


def test_law04_a_rejected_result_is_in_no_event_of_the_stream(house: House) -> None:
    _engine, agent, run, _spy = reviewed(house)
    run.active_requirements[0].reject(note="no")
    events = list(agent.continue_run(run_id=run.run_id, stream=True))
    own = [[getattr(event, name) for name in event.__struct_fields__ if name != "run"] for event in events]
    assert any(isinstance(event, stream.RequirementResolved) for event in events)
    assert SECRET not in repr(own)


@pytest.mark.parametrize("reported", [True, False], ids=["reported from outside", "edited by a reviewer"])
def test_law04_a_rejected_result_that_an_answer_brought_is_in_no_event_either(house: House, reported: bool) -> None:
    external = "[{external: {route: bank}}, review]"
    twice = "[{review: {of: ['role:finance']}}, review]"
    engine, agent, run, _spy = reviewed(house, f"- {{id: all, gate: {external if reported else twice}}}")
    if reported:
        run.active_requirements[0].set_external_execution_result({"iban": "s3cret-88"}, by="worker-1")
    else:
        run.active_requirements[0].edit_result({"iban": "s3cret-88"}, by="maria")
    engine.runs.get(run.run_id).active_requirements[0].reject(by="alice")
    events = list(agent.continue_run(run_id=run.run_id, stream=True))
    own = [[getattr(event, name) for name in event.__struct_fields__ if name != "run"] for event in events]
    assert [type(event).__name__ for event in events].count("RequirementResolved") == 2
    assert "s3cret-88" not in repr(own)
    assert "s3cret-88" not in str(house.said_to_model(engine, run.run_id))


def test_law04_a_rejected_result_never_reaches_the_model_and_the_call_does_not_run_again(house: House) -> None:
    engine, agent, run, spy = reviewed(house, script=[*SCRIPT, calls(call("note", text="x"))])
    run.active_requirements[0].reject(by="alice", note="has a card number")
    second = agent.continue_run(run)
    second.active_requirements[0].accept()
    done = agent.continue_run(second)
    assert done.state is RunState.DONE
    assert not any(SECRET in text for text in spy.read)
    refusal, _ = house.said_to_model(engine, run.run_id)
    assert refusal == (
        "Its result was rejected by alice: has a card number. It was executed, and its result is withheld."
        " Do not repeat it."
    )
    assert house.effects == [("look", "s3cret-77"), ("note", "x")]
    lines = engine.runs.timeline(run.run_id)
    assert SECRET not in repr(lines), "the record binds results by digest"
    assert {"requirement_rejected", "call_withheld"} <= {line["event"] for line in lines}


def test_law04_a_rejection_holds_when_the_policy_is_gone(house: House) -> None:
    engine, _agent, run, _spy = reviewed(house)
    run.active_requirements[0].reject()
    free = house.engine("- {id: all, gate: allow}")
    assert house.agent(free, SCRIPT).continue_run(run_id=run.run_id).state is RunState.DONE
    assert SECRET not in house.said_to_model(engine, run.run_id)[0]


def test_law02_one_answer_wins(house: House) -> None:
    engine, agent, run, _spy = reviewed(house)
    (asked,) = run.active_requirements

    async def both() -> list[Any]:
        one, other = house.engine(REVIEW), house.engine(REVIEW)
        said = (one.aresolve(asked.id, Accept()), other.aresolve(asked.id, EditResult("other")))
        return await asyncio.gather(*said, return_exceptions=True)

    told = asyncio.run(both())
    assert sum(isinstance(one, AlreadyResolved) for one in told) == 1
    agent.continue_run(run)
    assert house.said_to_model(engine, run.run_id) == ["other" if isinstance(told[0], AlreadyResolved) else SECRET]
    assert [name for name in house.records(engine, run.run_id) if name == "requirement_resolved"] == [
        "requirement_resolved"
    ]


def test_law05_an_edited_result_goes_on_instead_and_who_edited_it_is_on_the_record(house: House) -> None:
    engine, agent, run, spy = reviewed(house)
    run.active_requirements[0].edit_result({"order": "***"}, by="alice", note="masked")
    agent.continue_run(run)
    assert house.said_to_model(engine, run.run_id) == ['{"order":"***"}']
    assert not any(SECRET in text for text in spy.read)
    edited = next(line for line in engine.runs.timeline(run.run_id) if line["event"] == "result_edited")
    assert (edited["by"]["id"], set(edited["contents"])) == ("alice", {"was", "result"})
    assert SECRET not in repr(edited)
    assert SECRET in repr(engine.runs.events(run.run_id)), "the original stays in the run's log"


def test_law05_an_edit_by_one_reviewer_is_another_question_to_the_others(house: House) -> None:
    rules = "- {id: all, gate: [{review: {of: [role:finance]}}, {review: {of: [role:ops]}}]}"
    engine, agent, run, _spy = reviewed(house, rules)
    first = run.active_requirements[0]
    assert (first.value.stage, first.value.stages) == (1, 2)
    first.accept(by="maria")
    second = run.active_requirements[0]
    assert second.digest == first.digest
    assert (second.value.stage, second.result) == (2, SECRET)
    second.edit_result("order 1", by="otto")
    third = run.active_requirements[0]
    assert (third.result, third.value.question) == ("order 1", first.value.question)
    assert third.digest != first.digest
    third.accept(by="frank")
    assert not run.is_paused
    agent.continue_run(run)
    assert house.said_to_model(engine, run.run_id) == ["order 1"]


@pytest.mark.altered
@pytest.mark.parametrize("column", ["digest", "body"])
def test_law05_an_answer_about_another_result_than_the_stored_one_is_refused(house: House, column: str) -> None:
    from hitl_fsm.errors import HitlError

    engine, _agent, run, _spy = reviewed(house)
    if column == "digest":
        house.sql("UPDATE requirement SET digest = 'ff'")
    else:
        ((body,),) = house.sql("SELECT body FROM requirement")
        house.sql("UPDATE requirement SET body = ?", bytes(body).replace(b"s3cret-77", b"s3cret-78"))
    with pytest.raises(HitlError) as caught:
        engine.resolve(run.requirements[0].id, Accept(), by="alice")
    assert caught.value.code == "HF315"
    assert house.said_to_model(engine, run.run_id) == []


def test_law05_a_result_that_was_not_shown_is_not_accepted(house: House) -> None:
    from hitl_fsm.errors import RequirementChanged

    engine, _agent, run, _spy = reviewed(house)
    with pytest.raises(RequirementChanged):
        engine.resolve(run.requirements[0].id, Accept(), by="alice", digest=run.calls[0].digest)


@pytest.mark.parametrize(
    ("gate", "by", "allowed"),
    [
        ("review", "alice", True),
        ("review", "maria", False),
        ("{review: {of: [role:finance]}}", "maria", True),
        ("{review: {of: [role:finance]}}", "alice", False),
        ("{review: {of: [role:finance, alice], not: [requester]}}", "alice", False),
        ("{review: {of: [role:finance], not: [maria]}}", "maria", False),
    ],
)
def test_law13_who_may_review(house: House, gate: str, by: str, allowed: bool) -> None:
    _engine, _agent, run, _spy = reviewed(house, f"- {{id: all, gate: {gate}}}")
    (asked,) = run.active_requirements
    for kind in ("agent", "service", "timer"):
        with pytest.raises(NotAuthorised):
            asked.accept(by=Actor(by, roles=("finance",), kind=kind))  # type: ignore[arg-type]
    if not allowed:
        with pytest.raises(NotAuthorised, match=by):
            asked.accept(by=by)
        assert run.is_paused
        return
    asked.accept(by=by)
    assert not run.is_paused


def test_law09_what_does_not_answer_a_review_is_refused_and_it_stays_open(house: House) -> None:
    engine, _agent, run, _spy = reviewed(house)
    (asked,) = run.active_requirements
    with pytest.raises(AnswerRefused, match="approve does not answer a question of kind review") as caught:
        engine.resolve(asked.id, Approve(), by="alice")
    assert "accept or edit_result or reject or retry" in str(caught.value)
    for bad in (float("nan"), {1: {2}}, "x" * 300_000):
        with pytest.raises(AnswerRefused):
            asked.edit_result(bad, by="alice")
    with pytest.raises(AnswerRefused, match="lets it run again 0 times"):
        asked.retry(by="alice")
    assert engine.runs.get(run.run_id).active_requirements[0].digest == asked.digest


def test_law12_a_review_that_nobody_answers_in_time_withholds_the_result(house: House) -> None:
    engine, agent, run, spy = reviewed(house, "- {id: all, gate: {review: {expires: 1h}}}")
    house.clock.advance(3_600_000)
    with pytest.raises(RequirementExpired):
        run.active_requirements[0].accept(by="alice")
    done = agent.continue_run(run)
    assert (done.state, done.value.requirements[0].state) == (RunState.DONE, RequirementState.EXPIRED)
    assert done.calls[0].state is CallState.WITHHELD
    assert house.said_to_model(engine, run.run_id)[0].startswith("Nobody reviewed its result in time.")
    assert not any(SECRET in text for text in spy.read)


def test_law12_the_sweeper_withholds_it_too(house: House) -> None:
    engine, _agent, run, _spy = reviewed(house, "- {id: all, gate: {review: {expires: 1h}}}")
    house.clock.advance(3_600_000)
    assert [timer.about for timer in engine.sweep()] == [run.requirements[0].id]
    swept = engine.runs.get(run.run_id)
    assert (swept.state, swept.calls[0].state) == (RunState.CONTINUING, CallState.WITHHELD)


def test_law04_a_cancelled_review_takes_no_answer_and_the_call_is_not_said_to_be_undone(house: House) -> None:
    engine, _agent, run, _spy = reviewed(house)
    engine.cancel(run.run_id, by="otto")
    with pytest.raises(AlreadyResolved):
        run.active_requirements[0].accept(by="alice")
    cancelled = engine.runs.get(run.run_id)
    assert cancelled.calls[0].state is CallState.WITHHELD
    assert cancelled.calls[0].result.startswith("The run was cancelled. It was executed")
    assert engine.runs.get(run.run_id).value.calls[0].held is None


@pytest.mark.parametrize("batch", ["in_order", "hold_all", "run_ungated"])
def test_law07_a_call_under_review_holds_later_ones_and_the_results_keep_their_order(house: House, batch: str) -> None:
    rules = "- {id: look, tools: look, gate: review}\n- {id: note, tools: note, gate: allow}"
    script = [calls(call("look", order_id="1"), call("note", text="x"))]
    engine = house.engine(policies(policy_text(rules, extra=f"batch: {batch}")))
    agent = house.agent(engine, script)
    run = agent.run("go", user="alice")
    assert sorted(house.effects) == [("look", "1")] + ([("note", "x")] if batch == "run_ungated" else [])
    assert house.said_to_model(engine, run.run_id) == []
    run.active_requirements[0].accept()
    assert agent.continue_run(run).state is RunState.DONE
    assert sorted(house.effects) == [("look", "1"), ("note", "x")]
    assert house.said_to_model(engine, run.run_id) == ["order 1", "noted"]


def test_what_comes_before_the_call_comes_first_and_a_call_that_failed_has_no_result_to_review(house: House) -> None:
    engine, agent, run, _spy = reviewed(
        house, "- {id: all, gate: [confirm, review]}", [calls(call("ship", to="bob"), call("look", order_id="1"))]
    )
    assert [asked.kind for asked in run.active_requirements] == ["confirm", "confirm"]
    assert [asked.value.stages for asked in run.active_requirements] == [2, 2]
    assert house.effects == []
    for asked in run.active_requirements:
        asked.confirm()
    waits = agent.continue_run(run)
    assert [asked.kind for asked in waits.active_requirements] == ["review"]
    waits.active_requirements[0].accept()
    agent.continue_run(waits)
    assert house.said_to_model(engine, run.run_id) == ["RuntimeError: no truck", "order 1"]


def test_the_result_of_an_outside_system_is_reviewed_and_an_edited_one_must_fit_its_schema(house: House) -> None:
    schema = "{type: object, properties: {ok: {type: boolean}}, required: [ok]}"
    engine, agent, run, _spy = reviewed(
        house, f"- {{id: all, gate: [{{external: {{route: bank, result_schema: {schema}}}}}, review]}}"
    )
    run.active_requirements[0].set_external_execution_result({"ok": True}, by="worker-1")
    (asked,) = run.active_requirements
    assert (asked.kind, asked.result, run.calls[0].state) == ("review", {"ok": True}, CallState.IN_REVIEW)
    with pytest.raises(AnswerRefused, match="does not fit the schema of route bank"):
        asked.edit_result({"ok": "yes"}, by="alice")
    asked.edit_result({"ok": False}, by="alice")
    agent.continue_run(run)
    assert house.said_to_model(engine, run.run_id) == ['{"ok":false}']
    assert house.effects == []


def test_what_a_person_said_to_the_agent_can_be_reviewed_too(house: House) -> None:
    script = [calls(call("ask_user", question="which?", fields=[{"name": "size", "type": "string"}]))]
    engine = house.engine(policies(policy_text("- {id: ask, gate: review}", tools="[ask_user]")))
    agent = house.agent(engine, script)
    run = agent.run("go", user="alice")
    run.active_requirements[0].provide_user_input({"size": "XL"})
    waits = agent.continue_run(run)
    assert (waits.active_requirements[0].kind, waits.active_requirements[0].result) == ("review", {"size": "XL"})
    assert house.said_to_model(engine, run.run_id) == []
    waits.active_requirements[0].accept()
    agent.continue_run(waits)
    assert house.said_to_model(engine, run.run_id) == ['{"size":"XL"}']


def test_law01_what_a_person_said_to_the_agent_is_in_no_event_before_it_is_accepted(house: House) -> None:
    script = [calls(call("ask_user", question="which?", fields=[{"name": "size", "type": "string"}]))]
    engine = house.engine(policies(policy_text("- {id: ask, gate: review}", tools="[ask_user]")))
    agent = house.agent(engine, script)
    run = agent.run("go", user="alice")
    run.active_requirements[0].provide_user_input({"size": "s3cret-99"})
    for accepted in (False, True):
        events = list(agent.continue_run(run_id=run.run_id, stream=True))
        own = [[getattr(event, name) for name in event.__struct_fields__ if name != "run"] for event in events]
        completed = [event.result for event in events if isinstance(event, stream.ToolCallCompleted)]
        assert (completed, "s3cret-99" in repr(own)) == ([{"size": "s3cret-99"}] if accepted else [], accepted)
        if not accepted:
            events[-1].active_requirements[0].accept()


@pytest.mark.parametrize("accepted", [True, False])
def test_the_result_of_a_gated_callable_waits_too(house: House, accepted: bool) -> None:
    engine = house.engine(REVIEW)

    def look(order_id: str) -> str:
        """Look an order up."""
        house.effects.append(("look", order_id))
        return f"order {order_id}"

    gated = engine.gate(look).for_user("alice")
    with pytest.raises(Paused) as caught:
        gated("1")
    (asked,) = engine.runs.get(caught.value.run_id).active_requirements
    if accepted:
        asked.accept()
        assert gated.resume(caught.value.run_id) == "order 1"
        return
    asked.reject(note="no")
    with pytest.raises(Denied, match="Its result was rejected by alice: no"):
        gated.resume(caught.value.run_id)
    assert house.effects == [("look", "1")]
