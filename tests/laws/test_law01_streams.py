"""Law 1 in streams of trees: what is to be reviewed is not told from inside of what makes it, before it is accepted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from hitl_fsm import Agent, Engine, Parallel, Step, Steps, Team, Workflow, ask_user, stream, tool
from hitl_fsm.model.states import RunState
from hitl_fsm.runtime.runnable import Runnable
from hitl_fsm.testing import ScriptedModel
from house import House, call, calls, policies, policy_text

SECRET = "s3cret-77"
FREE = policy_text("- {id: never, tools: [never], gate: deny}", name="free", tools='["*"]', extra="default: allow")
PLAIN = policy_text("- {id: all, gate: allow}", name="plain").replace(
    b"tools: [pay, refund, look, ship, note]", b"steps: [told, again]"
)


@tool
def look() -> str:
    """Look it up."""
    return f"found {SECRET}"


def reviewed(subject: str, rules: str = "- {id: all, gate: review}") -> Any:
    """Everything is free, but a review holds back what the step, or the member's run, comes to."""
    text = policy_text(rules, name="held").replace(
        b"tools: [pay, refund, look, ship, note]\n", subject.encode() + b"\n"
    )
    return policies(FREE, PLAIN, text)


def speaker(engine: Engine, name: str = "clerk") -> Agent:
    script = [calls(call("look")), {"say": f"the answer is {SECRET}"}]
    return Agent(name, ScriptedModel(script), engine=engine, tools=[look])


def in_step(engine: Engine, inner: Any) -> Workflow:
    return Workflow("outer", [Step("draft", inner)], engine=engine)


def told(step_input: str) -> str:
    return f"{step_input} {SECRET}"


def more(step_input: str) -> str:
    return f"{step_input}, {SECRET} again"


def routed(engine: Engine) -> Runnable:
    script = [calls(call("ask_clerk", task="go"))]
    return in_step(engine, Team("desk", [speaker(engine)], model=ScriptedModel(script), mode="route", engine=engine))


def everybody(engine: Engine) -> Runnable:
    members = [speaker(engine), speaker(engine, "scout")]
    return in_step(engine, Team("desk", members, mode="broadcast", engine=engine))


def flow_in_flow(engine: Engine) -> Runnable:
    branches = Parallel(
        Steps("left", [Step("told", told), Step("again", more)]), Step("right", speaker(engine)), name="both"
    )
    return in_step(engine, Workflow("inner", [branches], engine=engine))


def deep(engine: Engine) -> Runnable:
    script = [calls(call("ask_desk", task="go")), {"say": f"all: {SECRET}"}]
    desk = Team("desk", [speaker(engine)], mode="broadcast", engine=engine)
    return in_step(engine, Team("house", [desk], model=ScriptedModel(script), engine=engine))


STEP = "steps: [draft]"
TREES: dict[str, tuple[str, Callable[[Engine], Runnable]]] = {
    "an agent": (STEP, lambda engine: in_step(engine, speaker(engine))),
    "a team that routes": (STEP, routed),
    "a team that asks all": (STEP, everybody),
    "a workflow with branches": (STEP, flow_in_flow),
    "a team of a team": (STEP, deep),
    "a member": (
        "agents: [clerk]",
        lambda engine: Team(
            "desk",
            [Agent("clerk", ScriptedModel([{"say": f"the answer is {SECRET}"}]), engine=engine)],
            model=ScriptedModel([calls(call("ask_clerk", task="go")), {"say": "done"}]),
            engine=engine,
        ),
    ),
}
every_tree = pytest.mark.parametrize("tree", TREES)


def begun(house: House, tree: str) -> tuple[Runnable, list[stream.StreamEvent]]:
    subject, build = TREES[tree]
    runnable = build(house.engine(reviewed(subject)))
    return runnable, list(runnable.run("go", user="alice", stream=True))


def own(events: list[stream.StreamEvent]) -> str:
    """All that the events say by themselves."""
    return repr([[getattr(event, name) for name in event.__struct_fields__ if name != "run"] for event in events])


@every_tree
def test_law01_nothing_from_inside_of_what_is_to_be_reviewed_is_streamed(house: House, tree: str) -> None:
    runnable, events = begun(house, tree)
    assert isinstance(events[-1], stream.RunPaused)
    (asked,) = events[-1].active_requirements
    assert asked.kind == "review"
    assert SECRET in str(asked.result), "the reviewer sees it"
    assert SECRET not in own(events)
    assert any(event.is_nested for event in events), "that something happens is told"
    asked.accept()
    after = list(runnable.continue_run(run_id=events[-1].run_id, stream=True))
    results = [e.result for e in after if isinstance(e, stream.StepCompleted | stream.ToolCallCompleted)]
    assert SECRET in str(results[0]), "accepted, it is told by its own event"
    assert isinstance(after[-1], stream.RunCompleted)


@every_tree
def test_law04_what_was_rejected_is_in_no_event_of_a_tree(house: House, tree: str) -> None:
    runnable, events = begun(house, tree)
    events[-1].active_requirements[0].reject(note="no")
    after = list(runnable.continue_run(run_id=events[-1].run_id, stream=True))
    assert SECRET not in own(events + after)


def test_law01_a_second_execution_is_not_streamed_either(house: House) -> None:
    engine = house.engine(reviewed(STEP, "- {id: all, gate: {review: {retries: 1}}}"))
    flow = in_step(engine, speaker(engine))
    events = list(flow.run("go", user="alice", stream=True))
    events[-1].active_requirements[0].retry(note="shorter")
    again = list(flow.continue_run(run_id=events[-1].run_id, stream=True))
    assert isinstance(again[-1], stream.RunPaused)
    assert any(event.is_nested for event in again)
    assert SECRET not in own(events + again)


def test_law01_what_people_report_inside_of_it_waits_too(house: House) -> None:
    """A report, and what somebody tells the agent, may be all that the step comes to."""
    held = b"steps: [draft]"
    rules = "- {id: bank, tools: [look], gate: {external: {route: bank}}}\n- {id: ask, tools: [ask_user], gate: audit}"
    inside = policy_text(rules, name="inside", tools="[look, ask_user]")
    review = policy_text("- {id: all, gate: review}", name="held")
    review = review.replace(b"tools: [pay, refund, look, ship, note]", held)
    engine = house.engine(policies(FREE, inside, review))
    fields = [{"name": "word", "type": "string", "description": "?"}]
    script = [calls(call("look")), calls(call("ask_user", question="?", fields=fields)), {"say": "{last_result}"}]
    flow = in_step(engine, Agent("clerk", ScriptedModel(script), engine=engine, tools=[look, ask_user]))
    events = list(flow.run("go", user="alice", stream=True))
    events[-1].active_requirements[0].set_external_execution_result(f"bank says {SECRET}", by="worker-1")
    events += flow.continue_run(run_id=events[-1].run_id, stream=True)
    (asked,) = events[-1].active_requirements
    asked.provide_user_input({"word": SECRET}, by="alice")
    events += flow.continue_run(run_id=events[-1].run_id, stream=True)
    assert [type(event).__name__ for event in events].count("RequirementResolved") == 2
    assert events[-1].active_requirements[0].kind == "review"
    assert SECRET not in own(events)
    events[-1].active_requirements[0].accept()
    done = list(flow.continue_run(run_id=events[-1].run_id, stream=True))
    assert SECRET in own(done)


def test_what_stands_beside_a_reviewed_step_is_streamed_as_ever(house: House) -> None:
    engine = house.engine(reviewed(STEP))
    both = Parallel(Step("draft", speaker(engine)), Step("free", speaker(engine, "scout")), name="both")
    events = list(Workflow("outer", [both], engine=engine).run("go", user="alice", stream=True))
    who = {event.path[-1] for event in events if isinstance(event, stream.ContentDelta)}
    assert who == {"agent scout"}
    assert events[-1].run.state is RunState.PAUSED
