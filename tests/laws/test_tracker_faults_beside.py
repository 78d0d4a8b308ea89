"""Faults that users of other libraries reported about what goes on side by side, and about tasks that are handed over.

Every `again` is a new process: a new engine, and freshly built agents, tools and models.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from desks import PAY, Desk, Failing, asks, pays, question_of, rules

from hitl_fsm import Agent, Step, Team, Workflow, tool
from hitl_fsm.errors import (
    UnknownRunnable,
)
from hitl_fsm.model.states import CallState, RunState
from hitl_fsm.testing import ScriptedModel
from house import House
from moments import HUNG_S

# -- side by side


def test_a_members_tool_is_not_cut_off_where_its_sibling_cannot_go_on(house: House) -> None:
    """Reported: one failing branch of a parallel step cancelled the others in the middle of their side effects."""

    async def slowly(who: str, to: str) -> None:
        await asyncio.sleep(0.2)

    desk = Desk(house, {"ann": pays(), "eve": pays("eve")}, acts=slowly)
    run = desk.start()
    question_of(run, "ann").confirm(by="alice")
    question_of(run, "eve").reject(by="alice")
    with pytest.raises(UnknownRunnable):
        desk.again(run, gone=["eve"])
    assert house.effects == [("ann", "pay", "bob")]
    paid = [call for call in run.refresh().calls if call.tool == "pay" and call.args == {"to": "bob"}]
    assert [call.state for call in paid] == [CallState.SUCCEEDED]
    run = desk.again(run)
    assert (run.state, house.effects) == (RunState.DONE, [("ann", "pay", "bob")])


def test_a_members_tool_is_not_cut_off_where_its_siblings_model_fails(house: House) -> None:
    """Reported: the same, for a provider's error in one of two members."""

    async def slowly(who: str, to: str) -> None:
        await asyncio.sleep(0.2)

    fails = {0}
    looks = [{"calls": [asks("look", to="x")]}, {"say": "{last_result}"}]
    desk = Desk(house, {"ann": looks, "eve": Failing([{"say": "here"}], fails)}, acts=slowly)
    run = desk.start()
    assert (run.state, house.effects) == (RunState.FAILED, [("ann", "look", "x")])
    fails.clear()
    run = desk.again(run)
    assert (run.state, house.effects) == (RunState.DONE, [("ann", "look", "x")])
    assert run.value.result == {"ann": "ann look x", "eve": "here"}


def test_a_cancelled_team_waits_for_no_model(house: House) -> None:
    """Reported: cancelling took effect only when the slowest model had answered."""
    asked, cancelled = asyncio.Event(), asyncio.Event()

    class Slow(ScriptedModel):
        async def reply(self, request: Any, on_text: Any = None) -> Any:
            asked.set()
            await asyncio.Event().wait()

    class Quick(ScriptedModel):
        async def reply(self, request: Any, on_text: Any = None) -> Any:
            await cancelled.wait()
            return await super().reply(request, on_text)

    desk = Desk(house, {"ann": Slow([]), "eve": Quick([{"say": "here"}])})
    other = desk.team().engine

    async def cut_off() -> Any:
        running = asyncio.ensure_future(desk.team().arun("go", user="alice"))
        await asked.wait()
        (row,) = await asyncio.to_thread(other.runs.list)
        await other.acancel(row.run_id, by="alice")
        cancelled.set()
        return await running

    run = asyncio.run(asyncio.wait_for(cut_off(), HUNG_S))
    assert run.state is RunState.CANCELLED


def test_what_a_members_tool_did_after_its_time_is_asked_of_a_person(house: House) -> None:
    """Reported: a sub-agent's tool that timed out was simply called again."""

    @tool(name="pay", version="1", timeout_s=0.05)
    async def pay(to: str) -> str:
        house.effects.append(("pay", to))
        await asyncio.sleep(5)
        return "paid"

    def team() -> Team:
        engine = house.engine(rules(PAY))
        ann = Agent("ann", ScriptedModel(pays()), engine=engine, tools=[pay])
        return Team("desk", [ann], engine=engine, mode="broadcast")

    run = team().run("go", user="alice")
    run.active_requirements[0].confirm(by="alice")
    run = team().continue_run(run_id=run.run_id)
    (question,) = run.active_requirements
    assert (question.kind, question.path) == ("outcome", ("team desk", "agent ann"))
    question.it_happened("paid bob", by="alice")
    run = team().continue_run(run_id=run.run_id)
    assert (run.state, house.effects) == (RunState.DONE, [("pay", "bob")])
    assert "paid bob" in (run.output or "")


# -- tasks for members as actions


def test_hold_all_holds_a_whole_broadcast(house: House) -> None:
    """Reported: members that needed no approval had acted before the one that did was refused."""
    held = rules(PAY, starts="batch: hold_all\nrules:\n  - {id: ann, agents: [ann], gate: confirm}")
    looks = [{"calls": [asks("look", to="x")]}, {"say": "eve"}]
    desk = Desk(house, {"ann": [{"say": "ann"}], "eve": looks}, rules=held)
    run = desk.start()
    assert (len(run.active_requirements), house.effects) == (1, [])
    run.active_requirements[0].reject(by="alice")
    run = desk.again(run)
    assert (run.state, house.effects) == (RunState.DONE, [("eve", "look", "x")])


def test_a_task_is_edited_and_its_answer_sent_back_to_the_member(house: House) -> None:
    """Reported: the member worked on the task as it was before the edit, or without the reviewer's word."""
    read: list[list[str]] = []

    def say(request: Any) -> Any:
        read.append([message.content for message in request.messages])
        return {"say": f"answer {len(read)}"}

    looked_at = rules(PAY, starts="rules:\n  - {id: ann, agents: [ann], gate: [confirm, {review: {retries: 1}}]}")
    leader = [{"calls": [asks("ask_ann", task="pay bob")]}, {"say": "{last_result}"}]
    desk = Desk(house, {"ann": [say]}, mode="coordinate", leader=leader, rules=looked_at)
    run = desk.start()
    run.active_requirements[0].confirm(by="alice", args={"task": "look bob up"})
    run = desk.again(run)
    if run.active_requirements[0].needs_confirmation:  # an edit is judged, and asked about, as what it became
        run.active_requirements[0].confirm(by="alice")
        run = desk.again(run)
    (review,) = run.active_requirements
    assert (review.needs_review, review.result, read) == (True, "answer 1", [["look bob up"]])
    review.retry(by="alice", note="shorter")
    run = desk.again(run)
    if run.active_requirements[0].needs_confirmation:
        run.active_requirements[0].confirm(by="alice")
        run = desk.again(run)
    assert [one[0] for one in read] == ["look bob up"] * 2
    assert "shorter" in read[1][-1]
    run.active_requirements[0].accept(by="alice")
    run = desk.again(run)
    assert (run.state, run.output) == (RunState.DONE, "answer 2")


def test_a_step_that_an_outside_system_executes_does_not_run_here(house: House) -> None:
    """Reported: the step's function ran as well, beside the system that was to execute it."""
    outside = rules(
        "- {id: step, steps: [screen], gate: {external: {route: sanctions}}}", extra='steps: ["*"]\ndefault: allow'
    )

    def flow() -> Workflow:
        def screen(text: str) -> str:
            house.effects.append(("screen", text))
            return "here"

        return Workflow("flow", [Step("screen", screen)], engine=house.engine(outside))

    run = flow().run("bob", user="alice")
    run.active_requirements[0].set_external_execution_result("nothing known", by="otto")
    run = flow().continue_run(run_id=run.run_id)
    assert (run.state, run.output, house.effects) == (RunState.DONE, "nothing known", [])
