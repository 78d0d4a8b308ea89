"""Law 2: a requirement is resolved once; the second answer is told who was first, and changes nothing."""

from __future__ import annotations

import asyncio
import threading

import pytest

from hitl_fsm import Agent
from hitl_fsm.errors import AlreadyResolved, HitlError, RunBusy
from hitl_fsm.model.answer import Approve, Reject
from hitl_fsm.model.message import ChatRequest, ModelReply, ToolCall
from hitl_fsm.model.states import RunState
from house import House, call, calls
from moments import HUNG_S


def test_law02_the_second_answer_is_told_who_was_first(house: House) -> None:
    engine = house.engine()
    agent = house.agent(engine, [calls(call("pay", to="bob", amount=5))])
    run = agent.run("go", user="alice")
    stale = agent.engine.runs.get(run.run_id)
    run.active_requirements[0].reject(by="alice", note="no")
    events = len(engine.runs.events(run.run_id))
    with pytest.raises(AlreadyResolved, match="rejected by alice"):
        stale.active_requirements[0].confirm(by="alice")
    assert len(engine.runs.events(run.run_id)) == events
    assert agent.continue_run(run).state is RunState.DONE
    assert house.effects == []


def test_law02_three_threads_answer_and_one_wins(house: House) -> None:
    engine = house.engine("- {id: all, gate: {approval: {of: ['role:finance']}}}")
    agent = house.agent(engine, [calls(call("pay", to="bob", amount=5))])
    for _ in range(5):
        run = agent.run("go", user="alice")
        requirement_id = run.active_requirements[0].id
        outcomes: list[str] = []

        def answer(requirement_id: str = requirement_id, outcomes: list[str] = outcomes) -> None:
            try:
                engine.resolve(requirement_id, Approve(), by="maria")
                outcomes.append("won")
            except AlreadyResolved:
                outcomes.append("already")

        threads = [threading.Thread(target=answer) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(outcomes) == ["already", "already", "won"]
        assert house.records(engine, run.run_id).count("requirement_resolved") == 1


def test_law02_three_threads_continue_and_the_call_runs_once(house: House) -> None:
    engine = house.engine()
    agent = house.agent(engine, [calls(call("pay", to="bob", amount=5))])
    for round_ in range(1, 6):
        run = agent.run("go", user="alice")
        run.active_requirements[0].confirm()
        errors: list[str] = []

        def go_on(run_id: str = run.run_id, errors: list[str] = errors) -> None:
            try:
                agent.continue_run(run_id=run_id)
            except HitlError as error:
                errors.append(error.code)

        threads = [threading.Thread(target=go_on) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(house.effects) == round_
        assert set(errors) <= {"HF305", "HF306"}, "the losers get a documented error"
        assert engine.runs.get(run.run_id).state is RunState.DONE


def test_law02_a_stale_object_after_completion_runs_nothing(house: House) -> None:
    engine = house.engine()
    agent = house.agent(engine, [calls(call("pay", to="bob", amount=5))])
    run = agent.run("go", user="alice")
    stale = engine.runs.get(run.run_id)
    run.active_requirements[0].confirm()
    agent.continue_run(run)
    with pytest.raises(AlreadyResolved):
        stale.active_requirements[0].confirm()
    assert agent.continue_run(stale).state is RunState.DONE
    assert agent.continue_run(run_id=run.run_id).state is RunState.DONE
    assert len(house.effects) == 1


def test_law02_two_answers_to_two_questions_at_once_both_count(house: House) -> None:
    engine = house.engine()
    agent = house.agent(engine, [calls(*(call("pay", to=f"p{i}", amount=i) for i in range(1, 7)))])
    run = agent.run("go", user="alice")
    ids = [requirement.id for requirement in run.active_requirements]
    assert len(ids) == 6
    threads = [
        threading.Thread(target=engine.resolve, args=(one, Approve() if i % 2 else Reject()))
        for i, one in enumerate(ids)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert agent.continue_run(run).state is RunState.DONE
    assert [effect[1] for effect in house.effects] == ["p2", "p4", "p6"]


def test_law02_two_who_continue_a_run_do_not_both_ask_the_model(house: House) -> None:
    """After a rejection nothing is started: the run is claimed before the model is asked, all the same."""
    asked: list[int] = []
    inside, go = threading.Event(), threading.Event()

    class Slow:
        async def reply(self, request: ChatRequest, on_text: object = None) -> ModelReply:
            if len(request.messages) == 1:
                return ModelReply(calls=(ToolCall("c1", "pay", '{"to": "bob", "amount": 5}'),))
            asked.append(1)
            inside.set()
            await asyncio.to_thread(go.wait, 10)
            return ModelReply(text="so be it")

    engine, other = house.engine(), house.engine()
    agent, again = [Agent("helper", Slow(), engine=one, tools=house.tools()) for one in (engine, other)]
    run = agent.run("go", user="alice")
    run.active_requirements[0].reject()
    worker = threading.Thread(target=agent.continue_run, args=(run,))
    worker.start()
    assert inside.wait(HUNG_S)
    with pytest.raises(RunBusy):
        again.continue_run(run_id=run.run_id)
    go.set()
    worker.join(HUNG_S)
    assert asked == [1]
    assert engine.runs.get(run.run_id).output == "so be it"
