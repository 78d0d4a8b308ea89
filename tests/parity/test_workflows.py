"""What a HumanReview on a step, loop, router, condition or steps asks for, in policies; at any depth."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from hitl_fsm import Agent, Condition, Engine, Loop, Parallel, Retry, Router, RunHandle, Step, Steps, Workflow, tool
from hitl_fsm.errors import AnswerRefused, PolicyError
from hitl_fsm.model.states import RunState
from hitl_fsm.testing import FrozenClock, MemoryStore, ScriptedModel
from house import policies, policy_text
from parity.desk import a_workflow, an_engine, asks

CONFIRM = "- {id: gate, steps: gated, gate: confirm}"
REVIEW = "- {id: look, steps: gated, gate: {review: {retries: 2}}}"
done: list[str] = []


@pytest.fixture(autouse=True)
def nothing_done() -> None:
    done.clear()


def does(name: str) -> Callable[[Any], str]:
    def work(text: Any) -> str:
        done.append(name)
        return f"{text}+{name}"

    return work


def gated(**options: Any) -> Step:
    return Step("gated", does("gated"), **options)


AFTER = Step("after", does("after"))


def confirmed(flow: Workflow, run: RunHandle) -> RunHandle:
    """With every open question answered by yes."""
    for requirement in run.active_requirements:
        assert requirement.needs_confirmation
        requirement.confirm()
    return flow.continue_run(run_id=run.run_id, requirements=run.requirements)


# -- before a step


def test_a_step_that_requires_confirmation_waits_and_then_runs() -> None:
    flow = a_workflow(CONFIRM, Step("first", does("first")), gated(), AFTER)
    run = flow.run("in")
    assert (run.is_paused, done) == (True, ["first"])
    [requirement] = run.active_requirements
    assert requirement.tool.tool_name == "gated"
    run = confirmed(flow, run)
    assert (run.output, done) == ("in+first+gated+after", ["first", "gated", "after"])


def loop_of(*steps: Any) -> Loop:
    return Loop("loop", list(steps), max_iterations=1)


def router_to(*steps: Any) -> Router:
    return Router("router", [Steps("way", list(steps))], choose=lambda _: "way")


def condition_of(*steps: Any) -> Condition:
    return Condition("condition", lambda _: True, list(steps))


def steps_of(*steps: Any) -> Steps:
    return Steps("steps", list(steps))


def parallel_of(*steps: Any) -> Parallel:
    return Parallel(Steps("left", list(steps)), Step("right", does("right")), name="parallel")


@pytest.mark.parametrize("around", [parallel_of, steps_of, condition_of, loop_of, router_to])
def test_a_gated_step_waits_inside_every_kind_of_node(around: Callable[..., Any]) -> None:
    flow = a_workflow(CONFIRM, around(gated()), AFTER)
    run = flow.run("in")
    assert run.is_paused
    assert not {"gated", "after"} & set(done)
    run = confirmed(flow, run)
    assert run.state is RunState.DONE
    assert done.count("gated") == 1


def test_a_gated_step_of_a_nested_workflow_pauses_the_whole() -> None:
    engine = an_engine(CONFIRM, tools='["*"]\nsteps: ["*"]\ndefault: allow')
    inner = Workflow("inner", [gated()], engine=engine)
    flow = Workflow("outer", [Loop("loop", [Step("nested", inner)], max_iterations=1), AFTER], engine=engine)
    run = flow.run("in")
    assert (run.is_paused, done) == (True, [])
    assert confirmed(flow, run).output == "in+gated+after"


@pytest.mark.parametrize(
    ("on_reject", "state", "ran"),
    [
        ("cancel", RunState.FAILED, []),
        ("skip", RunState.DONE, ["after"]),
        (Step("instead", does("instead")), RunState.DONE, ["instead", "after"]),
    ],
)
def test_what_a_rejection_leads_to(on_reject: Any, state: RunState, ran: list[str]) -> None:
    flow = a_workflow(CONFIRM, gated(on_reject=on_reject), AFTER)
    run = flow.run("in")
    run.active_requirements[0].reject(note="not now")
    run = flow.continue_run(run)
    assert (run.state, done) == (state, ran)


def test_a_rejection_with_retry_asks_again_and_the_step_reads_the_note() -> None:
    def draft(text: str, feedback: str) -> str:
        done.append(feedback)
        return f"{text} ({feedback})"

    flow = a_workflow(CONFIRM, Step("gated", draft, on_reject=Retry(2)))
    run = flow.run("in")
    run.active_requirements[0].reject(note="shorter")
    run = flow.continue_run(run)
    assert (run.is_paused, done) == (True, [])
    assert "shorter" in (confirmed(flow, run).output or "")
    assert len(done) == 1


def test_a_rejected_condition_takes_its_other_branch_when_told_so() -> None:
    other = Step("other", does("other"))
    node = Condition("gated", lambda _: True, Step("yes", does("yes")), on_reject=other)
    flow = a_workflow(CONFIRM, node)
    run = flow.run("in")
    run.active_requirements[0].reject()
    flow.continue_run(run)
    assert done == ["other"]


@pytest.mark.parametrize(
    "node",
    [
        Steps("gated", [Step("inner", does("inner"))]),
        Parallel(Step("inner", does("inner")), name="gated"),
        Condition("gated", lambda _: True, Step("inner", does("inner"))),
        Router("gated", [Step("inner", does("inner"))], choose=lambda _: "inner"),
        Loop("gated", [Step("inner", does("inner"))], max_iterations=1),
    ],
    ids=lambda node: type(node).__name__,
)
def test_every_kind_of_node_can_require_confirmation(node: Any) -> None:
    flow = a_workflow(CONFIRM, node)
    run = flow.run("in")
    assert (run.is_paused, done) == (True, [])
    confirmed(flow, run)
    assert done == ["inner"]


def test_a_step_takes_user_input_that_is_checked() -> None:
    form = "{type: object, required: [input], properties: {input: {type: string, pattern: '^[a-z]{1,9}$'}}}"
    flow = a_workflow(f"- {{id: ask, steps: gated, gate: {{user_input: {{schema: {form}}}}}}}", gated())
    run = flow.run("in")
    [requirement] = run.active_requirements
    assert requirement.needs_user_input
    with pytest.raises(AnswerRefused):
        requirement.provide_user_input({"input": "NO"})
    requirement.provide_user_input({"input": "yes"})
    assert flow.continue_run(run).output == "yes+gated"


# -- after a step


def test_an_output_is_accepted_edited_rejected_or_done_again() -> None:
    def answered(answer: Callable[[Any], Any], **options: Any) -> RunHandle:
        done.clear()
        flow = a_workflow(REVIEW, gated(**options), AFTER)
        run = flow.run("in")
        [requirement] = run.active_requirements
        assert (requirement.needs_review, requirement.result, done) == (True, "in+gated", ["gated"])
        answer(requirement)
        return flow.continue_run(run)

    assert answered(lambda requirement: requirement.accept()).output == "in+gated+after"
    assert answered(lambda requirement: requirement.edit_result("mine")).output == "mine+after"
    assert answered(lambda requirement: requirement.reject(note="no"), on_reject="skip").output == "in+after"
    assert answered(lambda requirement: requirement.reject(note="no")).state is RunState.FAILED
    again = answered(lambda requirement: requirement.retry(note="better"))
    assert (again.is_paused, done) == (True, ["gated", "gated"])
    assert again.active_requirements[0].retries_left == 1


@pytest.mark.parametrize("around", [parallel_of, steps_of, condition_of, loop_of, router_to])
def test_an_output_is_reviewed_inside_every_kind_of_node(around: Callable[..., Any]) -> None:
    flow = a_workflow(REVIEW, around(gated()), AFTER)
    run = flow.run("in")
    assert run.is_paused
    assert "after" not in done
    [requirement] = run.active_requirements
    assert (requirement.needs_review, requirement.result) == (True, "in+gated")
    requirement.edit_result("mine")
    run = flow.continue_run(run)
    assert (run.state, done.count("gated")) == (RunState.DONE, 1)
    assert "mine" in (run.output or "")


def test_whether_an_output_is_reviewed_can_depend_on_what_the_step_is_given() -> None:
    rules = "- {id: look, steps: gated, when: args.input.size() > 2, gate: review}"
    assert a_workflow(rules, gated()).run("in").state is RunState.DONE
    assert a_workflow(rules, gated()).run("much").is_paused


# -- loops and routers


def test_each_iteration_of_a_loop_is_confirmed() -> None:
    flow = a_workflow(CONFIRM, Loop("gated", [Step("inner", does("inner"))], max_iterations=3, on_reject="skip"), AFTER)
    run = flow.run("in")
    run = confirmed(flow, run)
    assert (run.is_paused, done) == (True, ["inner"])
    run = confirmed(flow, run)
    assert (run.is_paused, done) == (True, ["inner", "inner"])
    run.active_requirements[0].reject(note="enough")
    assert flow.continue_run(run).output == "in+inner+inner+after"


def test_a_person_chooses_the_route_and_only_one_that_there_is() -> None:
    flow = a_workflow(
        "- {id: none, steps: nothing, gate: deny}", Router("way", [Step("a", does("a")), Step("b", does("b"))])
    )
    run = flow.run("in")
    [requirement] = run.active_requirements
    assert requirement.needs_user_input
    assert (requirement.schema or {})["properties"]["route"]["enum"] == ["a", "b"]
    with pytest.raises(AnswerRefused):
        requirement.provide_user_input({"route": "c"})
    requirement.provide_user_input({"route": "b"})
    assert flow.continue_run(run).output == "in+b"


# -- errors, time


def failing(times: int) -> Callable[[str], str]:
    def work(text: str) -> str:
        done.append("try")
        if len(done) <= times:
            raise RuntimeError("no luck")
        return f"{text}+worked"

    return work


@pytest.mark.parametrize(
    ("on_error", "state", "output"),
    [("fail", RunState.FAILED, None), ("skip", RunState.DONE, "in"), (Retry(3), RunState.DONE, "in+worked")],
)
def test_what_an_error_leads_to(on_error: Any, state: RunState, output: str | None) -> None:
    run = a_workflow("- {id: none, steps: nothing, gate: deny}", Step("flaky", failing(1), on_error=on_error)).run("in")
    assert (run.state, run.output) == (state, output)


@pytest.mark.parametrize(
    ("decision", "state", "output"),
    [("retry", RunState.DONE, "in+worked"), ("skip", RunState.DONE, "in"), ("fail", RunState.FAILED, None)],
)
def test_after_an_error_a_person_decides(decision: str, state: RunState, output: str | None) -> None:
    flow = a_workflow("- {id: none, steps: nothing, gate: deny}", Step("flaky", failing(1), on_error="ask"))
    run = flow.run("in")
    [requirement] = run.active_requirements
    assert "no luck" in requirement.tool.tool_args["error"]
    requirement.provide_user_input({"decision": decision})
    run = flow.continue_run(run)
    assert (run.state, run.output) == (state, output)


@pytest.mark.parametrize("word", ["approve", "allow", "confirm", "skip"])
def test_a_timer_that_would_say_yes_cannot_be_written(word: str) -> None:
    with pytest.raises(PolicyError):
        policies(policy_text(f"- {{id: gate, gate: {{confirm: {{expires: 1h, on_expiry: {word}}}}}}}"))


def test_a_question_whose_time_is_over_is_a_no() -> None:
    clock = FrozenClock()
    rules = "- {id: gate, steps: gated, gate: {confirm: {expires: 1h}}}"
    found = policies(policy_text(rules, tools='["*"]\nsteps: ["*"]\ndefault: allow'))
    engine = Engine(found, MemoryStore(), clock=clock)
    flow = Workflow("flow", [gated(on_reject="skip"), AFTER], engine=engine)
    run = flow.run("in")
    clock.advance(3_600_001)
    engine.sweep()
    assert flow.continue_run(run_id=run.run_id).output == "in+after"
    assert done == ["after"]


# -- an agent in a step, streams


@tool
def send(to: str) -> str:
    """Send it."""
    done.append(f"sent to {to}")
    return "sent"


def agents_flow(rules: str) -> Workflow:
    engine = an_engine(rules, tools='["*"]\nsteps: ["*"]\ndefault: allow')
    model = ScriptedModel([asks(("send", {"to": "ann"})), {"say": "it is {last_result}"}])
    agent = Agent("clerk", model, engine=engine, tools=[send])
    return Workflow("flow", [Loop("loop", [Step("work", agent)], max_iterations=1), AFTER], engine=engine)


def test_a_tool_of_an_agent_in_a_step_waits_with_its_path() -> None:
    flow = agents_flow("- {id: send, tools: send, gate: confirm}")
    run = flow.run("in")
    [requirement] = run.active_requirements
    assert (requirement.tool.tool_name, done) == ("send", [])
    assert "/".join(requirement.value.path).endswith("agent clerk")
    assert confirmed(flow, run).output == "it is sent+after"
    assert done == ["sent to ann", "after"]


def test_a_step_and_a_tool_in_it_are_both_asked_about() -> None:
    flow = agents_flow("- {id: work, steps: work, gate: confirm}\n- {id: send, tools: send, gate: confirm}")
    run = flow.run("in")
    assert [requirement.tool.tool_name for requirement in run.active_requirements] == ["work"]
    run = confirmed(flow, run)
    assert [requirement.tool.tool_name for requirement in run.active_requirements] == ["send"]
    assert confirmed(flow, run).state is RunState.DONE


def test_the_streaming_loop_of_a_workflow() -> None:
    flow = a_workflow(CONFIRM, gated(), AFTER)
    seen: list[Any] = []
    for event in flow.run("in", stream=True):
        seen.append(event)
        if event.is_paused:
            for requirement in event.active_requirements:
                requirement.confirm()
            seen += flow.continue_run(run_id=event.run_id, stream=True)
    names = [event.event for event in seen]
    assert names.count("RunPaused") == 1
    assert names[-1] == "RunCompleted"
    completed = [event for event in seen if event.event == "StepCompleted"]
    assert any("after" in str(event) for event in completed)
