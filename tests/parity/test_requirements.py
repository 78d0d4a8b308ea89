"""What a requirement tells and takes, the ways to continue, streams, events, cancel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hitl_fsm import Agent, Engine, HitlError, Toolkit, tool
from hitl_fsm.errors import AlreadyResolved, AnswerRefused, RequirementNotFound
from hitl_fsm.model.states import RequirementState, RunState
from hitl_fsm.runtime.streaming import stream
from hitl_fsm.testing import ScriptedModel
from house import policies, policy_text
from parity.desk import an_agent, asks

RULES = "- {id: all, gate: confirm}"
sent: list[str] = []


@pytest.fixture(autouse=True)
def nothing_sent() -> None:
    sent.clear()


@tool
def send(to: str) -> str:
    """Send it."""
    sent.append(to)
    return f"sent to {to}"


def agent_with(*names: str, rules: str = RULES) -> Agent:
    return an_agent(rules, send, script=[asks(*(("send", {"to": name}) for name in names))])


# -- what it tells


def test_a_requirement_tells_its_kind_its_call_and_whether_it_is_resolved() -> None:
    run = agent_with("ann").run("Go")
    [requirement] = run.active_requirements
    assert requirement.id
    assert (requirement.kind, requirement.is_resolved, requirement.state) == ("confirm", False, RequirementState.OPEN)
    assert (requirement.tool.tool_name, requirement.tool.tool_args) == ("send", {"to": "ann"})
    assert (requirement.needs_confirmation, requirement.needs_user_input, requirement.is_external_tool_execution) == (
        True,
        False,
        False,
    )
    requirement.confirm(note="fine")
    assert run.active_requirements == []
    [answered] = run.requirements
    assert (answered.is_resolved, answered.state) == (True, RequirementState.RESOLVED)


@pytest.mark.parametrize("wrong", ["provide_user_input", "set_external_execution_result", "accept"])
def test_an_answer_of_another_kind_is_refused_and_nothing_happens(wrong: str) -> None:
    agent = agent_with("ann")
    run = agent.run("Go")
    [requirement] = run.active_requirements
    with pytest.raises(AnswerRefused):
        getattr(requirement, wrong)(*([{"to": "bob"}] if wrong != "accept" else []))
    assert agent.continue_run(run).is_paused
    assert sent == []


def test_a_second_answer_is_told_who_was_first() -> None:
    agent = agent_with("ann")
    run = agent.run("Go", user="alice")
    [requirement] = run.active_requirements
    requirement.reject(by="alice", note="no")
    with pytest.raises(AlreadyResolved, match="alice"):
        requirement.confirm(by="alice")
    agent.continue_run(run_id=run.run_id)
    assert sent == []


def test_of_several_requirements_each_gets_its_own_answer() -> None:
    agent = agent_with("ann", "bob", "eve")
    run = agent.run("Go")
    for requirement in run.active_requirements:
        if requirement.tool.tool_args["to"] == "eve":
            requirement.reject(note="not eve")
        else:
            requirement.confirm()
    agent.continue_run(run)
    assert sent == ["ann", "bob"]


# -- going on


@pytest.mark.parametrize("by", ["run_response", "run_id", "run_id and requirements", "positional"])
def test_a_run_is_continued_by_the_object_or_by_its_id(by: str) -> None:
    agent = agent_with("ann")
    run = agent.run("Go")
    run.active_requirements[0].confirm()
    ways: dict[str, Any] = {
        "run_response": lambda: agent.continue_run(run_response=run),
        "run_id": lambda: agent.continue_run(run_id=run.run_id),
        "run_id and requirements": lambda: agent.continue_run(run_id=run.run_id, requirements=run.requirements),
        "positional": lambda: agent.continue_run(run),
    }
    assert ways[by]().output == "sent to ann"


def test_with_open_requirements_nothing_is_executed() -> None:
    agent = agent_with("ann", "bob")
    run = agent.run("Go")
    run.active_requirements[0].confirm()
    still = agent.continue_run(run_id=run.run_id, requirements=run.requirements)
    assert (still.is_paused, sent) == (True, [])


def test_requirements_of_another_run_are_refused() -> None:
    agent = agent_with("ann")
    one, other = agent.run("Go"), agent.run("Go")
    one.active_requirements[0].confirm()
    with pytest.raises(RequirementNotFound):
        agent.continue_run(run_id=one.run_id, requirements=other.requirements)
    assert sent == []


def test_another_process_answers_and_a_third_continues(tmp_path: Path) -> None:
    """Each engine knows nothing but the database's file, as a process of its own would."""

    def in_a_process() -> Agent:
        url = f"sqlite:///{tmp_path / 'hitl.db'}"
        engine = Engine(policies(policy_text(RULES, tools="[send]")), url)
        model = ScriptedModel([asks(("send", {"to": "ann"})), {"say": "{last_result}"}])
        return Agent(name="agent", model=model, tools=[send], engine=engine)

    first = in_a_process()
    run_id = first.run("Go", user="alice").run_id
    first.engine.close()
    second = in_a_process()
    [waiting] = second.engine.inbox.list()
    second.engine.inbox.get(waiting.requirement_id).confirm(by="alice")
    second.engine.close()
    third = in_a_process()
    assert third.continue_run(run_id=run_id).output == "sent to ann"
    third.engine.close()
    assert sent == ["ann"]


async def test_arun_and_acontinue_run() -> None:
    agent = agent_with("ann")
    run = await agent.arun("Go")
    for requirement in run.active_requirements:
        if requirement.needs_confirmation:
            requirement.confirm()
    run = await agent.acontinue_run(run_id=run.run_id, requirements=run.requirements)
    assert run.output == "sent to ann"


def test_a_failed_run_is_continued_where_it_stood() -> None:
    class Flaky(ScriptedModel):
        failing = True

        async def reply(self, *args: Any, **options: Any) -> Any:
            if self.failing and args[0].messages[-1].role == "tool":
                raise RuntimeError("down")
            return await super().reply(*args, **options)

    agent = agent_with("ann")
    model = Flaky([asks(("send", {"to": "ann"})), {"say": "{last_result}"}])
    agent = Agent(name="agent", model=model, tools=[send], engine=agent.engine)
    run = agent.run("Go")
    run.active_requirements[0].confirm()
    assert agent.continue_run(run).state is RunState.FAILED
    model.failing = False
    assert agent.continue_run(run_id=run.run_id).output == "sent to ann"
    assert sent == ["ann"], "the tool is not run again"


# -- streams


def test_the_streaming_loop() -> None:
    agent = agent_with("ann", "bob")
    seen: list[str] = []
    for event in agent.run("Go", stream=True):
        seen.append(event.event)
        if event.is_paused:
            for requirement in event.active_requirements:
                if requirement.needs_confirmation:
                    requirement.confirm()
            for more in agent.continue_run(run_id=event.run_id, requirements=event.requirements, stream=True):
                seen.append(more.event)
                last = more
    assert seen.index("RunStarted") < seen.index("RunPaused") < seen.index("RunContinued") < seen.index("RunCompleted")
    assert isinstance(last, stream.RunCompleted)
    assert last.output == "sent to bob"
    assert sent == ["ann", "bob"]


async def test_the_asynchronous_streaming_loop() -> None:
    agent = agent_with("ann")
    done: Any = None
    async for event in agent.arun("Go", stream=True):
        if event.is_paused:
            for requirement in event.active_requirements:
                requirement.confirm()
            async for more in agent.acontinue_run(run_id=event.run_id, stream=True):
                done = more
    assert (done.event, done.output) == ("RunCompleted", "sent to ann")


def test_tool_events_tell_name_arguments_and_result() -> None:
    agent = agent_with("ann", rules="- {id: all, gate: allow}")
    events = list(agent.run("Go", stream=True))
    started = next(event for event in events if isinstance(event, stream.ToolCallStarted))
    ended = next(event for event in events if isinstance(event, stream.ToolCallCompleted))
    assert (started.tool_name, started.tool_args) == ("send", {"to": "ann"})
    assert (ended.call_id, ended.state, ended.result) == (started.call_id, "succeeded", "sent to ann")
    text = "".join(event.text for event in events if isinstance(event, stream.ContentDelta))
    assert text == "sent to ann"


# -- cancel


def test_a_cancelled_run_stays_cancelled_whatever_is_answered_later() -> None:
    agent = agent_with("ann")
    run = agent.run("Go", user="alice")
    [requirement] = run.active_requirements
    agent.engine.cancel(run.run_id, by="alice", reason="changed my mind")
    with pytest.raises(HitlError):
        requirement.confirm(by="alice")
    assert agent.continue_run(run_id=run.run_id).state is RunState.CANCELLED
    assert sent == []


# -- forks, results instead of calls


def test_a_fork_goes_on_from_an_earlier_step_and_the_run_stays_as_it_is() -> None:
    script = [asks(("send", {"to": "ann"})), asks(("send", {"to": "bob"}))]
    agent = an_agent(
        "- {id: ann, when: \"args.to == 'ann'\", gate: allow}\n- {id: bob, when: \"args.to == 'bob'\", gate: confirm}",
        send,
        script=script,
    )
    run = agent.run("Go", user="alice")
    assert sent == ["ann"]
    fork = agent.engine.fork(run.run_id, 1, by="alice")
    assert (fork.run_id != run.run_id, fork.is_paused, sent) == (True, True, ["ann"])
    fork.active_requirements[0].confirm(by="alice")
    assert agent.continue_run(run_id=fork.run_id).output == "sent to bob"
    assert agent.engine.runs.get(run.run_id).is_paused
    assert sent == ["ann", "bob"], "what was done before the fork is not done again"


def test_a_result_can_be_given_instead_of_the_call() -> None:
    agent = agent_with("ann")
    run = agent.run("Go")
    run.active_requirements[0].respond("ann has it already")
    assert agent.continue_run(run).output == "ann has it already"
    assert sent == []


# -- toolkits


def test_one_rule_gates_some_tools_of_a_toolkit() -> None:
    class Mailbox:
        def read(self, folder: str) -> str:
            """Read a folder."""
            return f"nothing in {folder}"

        def drop(self, folder: str) -> str:
            """Drop a folder."""
            sent.append(f"dropped {folder}")
            return "dropped"

    agent = an_agent(
        '- {id: reading, tools: "*read", gate: allow}\n- {id: dropping, tools: "*drop", gate: confirm}',
        Toolkit(Mailbox()),  # type: ignore[arg-type]
        script=[asks(("read", {"folder": "in"}), ("drop", {"folder": "in"}))],
    )
    run = agent.run("Tidy up")
    assert [requirement.tool.tool_name for requirement in run.active_requirements] == ["drop"]
    assert sent == []
    run.active_requirements[0].confirm()
    assert agent.continue_run(run).output == "dropped"
