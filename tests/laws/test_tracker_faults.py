"""Faults that users of other libraries reported about approvals, each as a test of ours; most of them in a team.

Every `again` is a new process: a new engine, and freshly built agents, tools and models.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from desks import Desk, Failing, asks, pays, question_of, rules

from hitl_fsm import Step, Workflow
from hitl_fsm.errors import (
    AlreadyResolved,
    HitlError,
    RequirementChanged,
    UnknownRunnable,
    UnknownTool,
    WorkflowChanged,
)
from hitl_fsm.model.answer import Approve
from hitl_fsm.model.states import RunState
from house import House

# -- answers and resumes


def test_an_answer_is_not_lost_when_the_resume_after_it_fails(house: House) -> None:
    """Reported: the approval was consumed, the resume raised, and the next resume asked again or skipped the call."""
    fails = {1}
    desk = Desk(house, {"ann": Failing(pays(), fails)})
    run = desk.start()
    run.active_requirements[0].confirm(by="alice")
    run = desk.again(run)
    assert (run.state, house.effects) == (RunState.FAILED, [("ann", "pay", "bob")])
    fails.clear()
    run = desk.again(run)
    assert (run.state, house.effects) == (RunState.DONE, [("ann", "pay", "bob")])


@pytest.mark.parametrize("gone", ["tool", "member"])
def test_what_was_removed_before_the_resume_is_an_error_and_the_answer_stays(house: House, gone: str) -> None:
    """Reported: a tool that was renamed between pause and resume was skipped silently, or the run was lost."""
    desk = Desk(house, {"ann": pays(), "eve": [{"say": "nothing to do"}]})
    run = desk.start()
    run.active_requirements[0].confirm(by="alice")
    error, how = (UnknownTool, {"without": ["pay"]}) if gone == "tool" else (UnknownRunnable, {"gone": ["ann"]})
    for _ in range(2):
        with pytest.raises(error):
            desk.again(run, **how)
    assert house.effects == []
    run = desk.again(run)
    assert (run.state, house.effects) == (RunState.DONE, [("ann", "pay", "bob")])


def test_a_step_that_was_removed_before_the_resume_is_an_error_and_the_answer_stays(house: House) -> None:
    """Reported: a workflow that was deployed anew resumed at the wrong step."""
    asked = rules("- {id: step, steps: [second], gate: confirm}", extra='steps: ["*"]\ndefault: allow')

    def flow(*names: str) -> Workflow:
        def does(name: str) -> Any:
            def act(text: str) -> str:
                house.effects.append((name,))
                return name

            return Step(name, act)

        return Workflow("flow", [does(name) for name in names], engine=house.engine(asked))

    run = flow("first", "second", "third").run("go", user="alice")
    run.active_requirements[0].confirm(by="alice")
    for _ in range(2):
        with pytest.raises(UnknownTool):
            flow("first", "third").continue_run(run_id=run.run_id)
    assert house.effects == [("first",)]
    for other in (("second", "third"), ("first", "other", "second", "third")):  # what was approved is there, and runs
        with pytest.raises(WorkflowChanged):
            flow(*other).continue_run(run_id=run.run_id)
    assert house.effects == [("first",), ("second",)]
    run = flow("first", "second", "third").continue_run(run_id=run.run_id)
    assert (run.state, house.effects) == (RunState.DONE, [("first",), ("second",), ("third",)])


def test_the_second_approval_of_a_run_does_not_hang_and_yes_is_not_always(house: House) -> None:
    """Reported: the first approval worked, the second one hung; elsewhere one yes approved all that followed."""
    several = [{"calls": [asks("pay", to="bob")]}] * 3
    desk = Desk(house, {"ann": [*several, {"say": "paid"}]})
    run = desk.start()
    asked = set()
    for count in range(3):
        assert (run.is_paused, len(house.effects)) == (True, count)
        (question,) = run.active_requirements
        asked.add(question.id)
        question.confirm(by="alice")
        run = desk.again(run)
    assert (run.state, len(asked), house.effects) == (RunState.DONE, 3, [("ann", "pay", "bob")] * 3)


def test_an_answer_to_a_stale_call_approves_no_newer_one(house: House) -> None:
    """Reported: a late click on an old message approved the call that had taken its place."""
    desk = Desk(house, {"ann": [*pays()[:1], {"calls": [asks("pay", to="eve")]}, {"say": "end"}]})
    run = desk.start()
    old = run.active_requirements[0]
    old.reject(by="alice")
    run = desk.again(run)
    (new,) = run.active_requirements
    with pytest.raises(AlreadyResolved):
        old.confirm(by="alice")
    with pytest.raises(RequirementChanged):
        desk.team().engine.resolve(new.id, Approve(), by="alice", digest=old.digest)
    assert desk.again(run).is_paused
    assert house.effects == []


# -- whose call it is


@pytest.mark.parametrize("where", ["turn", "turns", "members"])
def test_a_reused_call_id_with_other_arguments_is_another_call(house: House, where: str) -> None:
    """Reported: approvals were kept under the provider's call id, and a model that used it twice got two for one."""
    one, two = asks("pay", "same", to="bob"), asks("pay", "same", to="eve")
    end = {"say": "end"}
    scripts: dict[str, Any] = {
        "turn": {"ann": [{"calls": [one, two]}, end]},
        "turns": {"ann": [{"calls": [one]}, {"calls": [two]}, end]},
        "members": {"ann": [{"calls": [one]}, end], "eve": [{"calls": [two]}, end]},
    }[where]
    desk = Desk(house, scripts)
    run = desk.start()
    for _ in range(2):
        if not run.is_paused:
            break
        for question in run.active_requirements:
            if question.tool.tool_args == {"to": "bob"}:
                question.confirm(by="alice")
            else:
                question.reject(by="alice")
        run = desk.again(run)
    assert (run.state, house.effects) == (RunState.DONE, [("ann", "pay", "bob")])


def test_two_members_that_ask_for_the_same_need_two_answers(house: House) -> None:
    """Reported: the second of two equal calls ran on the approval of the first."""
    desk = Desk(house, {"ann": pays(), "eve": pays()})
    run = desk.start()
    question_of(run, "ann").confirm(by="alice")
    run = desk.again(run)
    assert (run.is_paused, house.effects) == (True, [])
    question_of(run, "eve").reject(by="alice")
    run = desk.again(run)
    assert (run.state, house.effects) == (RunState.DONE, [("ann", "pay", "bob")])


def test_a_members_tool_of_the_leaders_tools_name_is_another_action(house: House) -> None:
    """Reported: a hand-off made the sub-agent's tool run under the approval of the parent's tool of that name."""
    leader = [{"calls": [asks("ask_ann", task="go"), asks("pay", "c2", to="bob")]}, {"say": "end"}]
    desk = Desk(house, {"ann": pays()}, mode="coordinate", leader=leader, own=["pay"])
    run = desk.start()
    ours, theirs = question_of(run, "desk"), question_of(run, "ann")
    assert ours.digest != theirs.digest
    ours.confirm(by="alice")
    assert desk.again(run).is_paused
    theirs.reject(by="alice")
    run = desk.again(run)
    assert (run.state, house.effects) == (RunState.DONE, [("desk", "pay", "bob")])


def test_a_yes_by_id_from_a_process_that_knows_no_team_counts_once(house: House) -> None:
    """Reported: two workers that resumed one run after one approval both ran its tool."""
    desk = Desk(house, {"ann": pays(), "eve": pays("eve")})
    run = desk.start()
    stranger, other = house.engine(desk.rules), desk.team()
    for question in run.active_requirements:
        stranger.resolve(question.id, Approve(), by="alice")
    teams = [desk.team(), other, desk.team()]

    async def all_at_once() -> list[Any]:
        several = (team.acontinue_run(run_id=run.run_id) for team in teams)
        return await asyncio.gather(*several, return_exceptions=True)

    ends = asyncio.run(all_at_once())
    assert all(isinstance(end, HitlError) or not isinstance(end, BaseException) for end in ends), ends
    run = desk.again(run)
    assert (run.state, sorted(house.effects)) == (RunState.DONE, [("ann", "pay", "bob"), ("eve", "pay", "eve")])


# -- ends


def test_a_yes_after_the_root_was_cancelled_is_refused(house: House) -> None:
    """Reported: a sub-agent's approval was still open after its parent was cancelled, and then it ran."""
    desk = Desk(house, {"ann": pays(), "eve": [{"say": "nothing to do"}]})
    run = desk.start()
    (question,) = run.active_requirements
    desk.team().engine.cancel(run.run_id, by="alice")
    with pytest.raises(AlreadyResolved):
        question.confirm(by="alice")
    assert (desk.again(run).state, house.effects) == (RunState.CANCELLED, [])


def test_a_question_of_a_member_expires_as_a_no_and_its_sibling_goes_on(house: House) -> None:
    """Reported: a sub-agent's approval never timed out, or timed out as a yes."""
    short = rules("- {id: pay, tools: [pay], gate: {confirm: {expires: 1m}}}")
    looks = [{"calls": [asks("look", to="x")]}, {"say": "{last_result}"}]
    desk = Desk(house, {"ann": pays(), "eve": looks}, rules=short)
    run = desk.start()
    (question,) = run.active_requirements
    house.clock.advance(60_000)
    with pytest.raises(HitlError):
        question.confirm(by="alice")
    run = desk.again(run)
    assert (run.state, house.effects) == (RunState.DONE, [("eve", "look", "x")])
    assert "Nobody answered in time" in (run.output or "")


def test_a_refusal_beside_a_member_whose_model_failed_leaves_no_run_hanging(house: House) -> None:
    """Reported: a run stayed `running` for ever, with nothing to resume and nothing to answer."""
    fails = {0}
    leader = [{"calls": [asks("ask_ann", task="go"), asks("pay", "c2", to="eve")]}, {"say": "end"}]
    desk = Desk(house, {"ann": Failing(pays(), fails)}, mode="coordinate", leader=leader, own=["pay"])
    run = desk.start()
    question_of(run, "desk").reject(by="alice")
    run = run.refresh()
    assert run.state is RunState.FAILED
    assert "the provider is down" in (run.error or "")
    fails.clear()
    run = desk.again(run)
    question_of(run, "ann").confirm(by="alice")
    run = desk.again(run)
    assert (run.state, house.effects) == (RunState.DONE, [("ann", "pay", "bob")])
