"""Workflows on the real engine: who is asked where, and what follows from each answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flows import add, engine_of, policy, step

from hitl_fsm import Agent, Condition, Engine, Loop, Parallel, Retry, Router, Step, Steps, Workflow, tool
from hitl_fsm.errors import AnswerRefused, InputRefused, WorkflowChanged
from hitl_fsm.model.states import RunState
from hitl_fsm.runtime.streaming.stream import StepStarted, ToolCallCompleted, ToolCallStarted
from hitl_fsm.testing import ScriptedModel
from house import House, call, calls, policies


def asked(run: Any) -> list[tuple[str, str]]:
    return [(one.tool.tool_name, one.kind) for one in run.active_requirements]


def test_a_workflow_runs_its_steps(house: House) -> None:
    run = Workflow("flow", [step("a"), step("b")], engine=engine_of(house)).run("-", user="alice")
    assert (run.state, run.output) == (RunState.DONE, "-ab")


def test_a_function_that_no_policy_covers_is_denied(house: House) -> None:
    engine = house.engine(policies(policy("other", "tools: [x]")))
    run = Workflow("flow", [step("a")], engine=engine).run("-", user="alice")
    assert run.state is RunState.FAILED
    assert "a: Denied" in (run.value.error or "")


@pytest.mark.parametrize(
    ("node", "gated"),
    [
        (lambda: step("a"), "a"),
        (lambda: Steps("n", [step("a")]), "n"),
        (lambda: Steps([Steps([step("a")])]), "a"),
        (lambda: Parallel(Steps("n", [step("a")]), step("x")), "a"),
        (lambda: Parallel(step("a"), name="n"), "n"),
        (lambda: Condition("n", lambda text: True, step("a")), "n"),
        (lambda: Condition("n", lambda text: False, step("x"), step("a")), "a"),
        (lambda: Loop("n", Parallel(Steps("m", [step("a")])), max_iterations=1), "a"),
        (lambda: Loop("n", [step("a")], max_iterations=1), "n"),
        (lambda: Router("n", [step("a")], lambda text: "a"), "n"),
    ],
)
def test_law08_nothing_gated_begins_before_the_answer_wherever_it_stands(
    house: House, node: Callable[[], Any], gated: str
) -> None:
    ran: list[str] = []

    def witness(text: Any) -> str:
        ran.append("a")
        return "done"

    def build(engine: Engine) -> Workflow:
        return Workflow("flow", [_with(node(), "a", witness)], engine=engine)

    rules = f"{{id: g, steps: [{gated}], gate: confirm}}"
    flow = build(engine_of(house, rules))
    run = flow.run("-", user="alice")
    assert (asked(run), ran) == ([(gated, "confirm")], [])
    assert flow.continue_run(run).is_paused
    assert ran == []
    run.active_requirements[0].confirm(by="alice")
    later = build(engine_of(house, rules)).continue_run(run_id=run.run_id)
    assert (later.state, ran) == (RunState.DONE, ["a"])


def _with(node: Any, name: str, function: Callable[..., Any]) -> Any:
    """The same tree, where the step of that name runs the function."""
    match node:
        case Step():
            return Step(name, function) if node.name == name else node
        case Parallel():
            return Parallel(*(_with(one, name, function) for one in node.steps), name=node.name)
        case Steps():
            return Steps(node.name, [_with(one, name, function) for one in node.steps])
        case Condition():
            then, rest = ([_with(one, name, function) for one in part] for part in (node.then, node.otherwise))
            return Condition(node.name, node.when, then, rest)
        case Loop():
            return Loop(node.name, [_with(one, name, function) for one in node.steps], None, node.max_iterations)
        case _:
            return Router(node.name, [_with(one, name, function) for one in node.choices], node.choose)


def test_a_workflow_inside_a_workflow_asks_at_the_top_with_its_way(house: House) -> None:
    engine = engine_of(house, "{id: g, steps: [payout], gate: confirm}", "{id: t, tools: [look], gate: confirm}")
    clerk = Agent(
        "clerk", ScriptedModel([calls(call("look", order_id="1")), {"say": "seen"}]), engine=engine, tools=house.tools()
    )
    inner = Workflow("inner", [Step("payout", clerk)], engine=engine)
    flow = Workflow("refunds", [Parallel(Steps("g", [Step("pay", inner)]), step("b"))], engine=engine)
    run = flow.run("-", user="alice")
    (first,) = run.active_requirements
    way = ("workflow refunds", "branch g", "step pay", "workflow inner", "step payout", "agent clerk")
    assert first.value.path == way
    first.confirm(by="alice")
    run = flow.continue_run(run)
    (second,) = run.active_requirements
    assert (second.tool.tool_name, second.value.path) == ("look", way)
    second.confirm(by="alice")
    run = flow.continue_run(run)
    assert (run.state, run.value.result) == (RunState.DONE, {"g": "seen", "b": "-b"})


def test_branches_wait_for_nobody(house: House) -> None:
    ran: list[str] = []

    def note(name: str) -> Step:
        def run(text: str) -> str:
            ran.append(name)
            return name

        return Step(name, run)

    engine = engine_of(house, "{id: g, steps: [a, c], gate: confirm}")
    flow = Workflow("flow", [Parallel(note("a"), Steps("g", [note("b"), note("c")]), note("d"))], engine=engine)
    run = flow.run("-", user="alice")
    assert sorted(ran) == ["b", "d"]
    assert sorted(asked(run)) == [("a", "confirm"), ("c", "confirm")]


@pytest.mark.parametrize(
    ("on_reject", "state", "output"),
    [
        ("cancel", RunState.FAILED, None),
        ("skip", RunState.DONE, "-b"),
        (Retry(1, then="skip"), RunState.DONE, "-b"),
        (Step("x", add("x")), RunState.DONE, "-xb"),
    ],
)
def test_what_follows_a_rejection(house: House, on_reject: Any, state: RunState, output: str | None) -> None:
    flow = Workflow(
        "flow",
        [step("a", on_reject=on_reject), step("b")],
        engine=engine_of(house, "{id: g, steps: [a], gate: confirm}"),
    )
    run = flow.run("-", user="alice")
    while run.is_paused:
        run.active_requirements[0].reject(by="alice", note="too much")
        run = flow.continue_run(run)
    assert (run.state, run.output) == (state, output)
    if state is RunState.FAILED:
        assert "too much" in (run.value.error or "")
        assert flow.continue_run(run).state is RunState.FAILED


def test_a_reviewer_sends_back_with_a_word_and_then_edits(house: House) -> None:
    said: list[str] = []

    def write(topic: str, feedback: str) -> str:
        said.append(feedback)
        return f"{topic}, draft {len(said)}"

    engine = engine_of(house, "{id: g, steps: [write], gate: {review: {retries: 1}}}")
    flow = Workflow("flow", [write, Step("up", lambda text: text.upper())], engine=engine)
    run = flow.run("tea", user="alice")
    run.active_requirements[0].retry(by="alice", note="shorter")
    run = flow.continue_run(run)
    run.active_requirements[0].edit_result("tea", by="alice")
    assert flow.continue_run(run).output == "TEA"
    assert said == ["", "shorter"]


def test_a_rejected_result_is_written_again_with_the_note(house: House) -> None:
    said: list[str] = []

    def write(topic: str, feedback: str) -> str:
        said.append(feedback)
        return "draft"

    engine = engine_of(house, "{id: g, steps: [write], gate: review}")
    flow = Workflow("flow", [Step("write", write, on_reject="retry")], engine=engine)
    run = flow.run("tea", user="alice")
    run.active_requirements[0].reject(by="alice", note="no jokes")
    run = flow.continue_run(run)
    assert "no jokes" in said[1]
    run.active_requirements[0].accept(by="alice")
    assert flow.continue_run(run).output == "draft"


def test_a_person_chooses_the_route_and_an_unknown_one_is_refused(house: House) -> None:
    flow = Workflow("flow", [Router("r", [step("a"), step("b")])], engine=engine_of(house))
    run = flow.run("-", user="alice")
    (question,) = run.active_requirements
    assert (question.kind, question.tool.tool_args) == ("user_input", {"input": "-"})
    with pytest.raises(AnswerRefused, match="route"):
        question.provide_user_input({"route": "c"}, by="alice")
    question.provide_user_input({"route": "b"}, by="alice")
    assert flow.continue_run(run).output == "-b"


def test_who_lets_a_router_begin_may_choose_otherwise_but_no_unknown_route(house: House) -> None:
    engine = engine_of(house, "{id: g, steps: [r], gate: confirm}")
    flow = Workflow("flow", [Router("r", [step("a"), step("b")], lambda text: "a")], engine=engine)
    run = flow.run("-", user="alice")
    (question,) = run.active_requirements
    with pytest.raises(AnswerRefused, match="route"):
        question.confirm(by="alice", args={"route": "c", "input": "-"})
    question.confirm(by="alice", args={"route": "b", "input": "!"})
    run = flow.continue_run(run)
    while run.is_paused:  # an edit is another action
        run.active_requirements[0].confirm(by="alice")
        run = flow.continue_run(run)
    assert run.output == "!b"


def test_an_edit_cannot_shake_off_the_question_of_a_router(house: House) -> None:
    engine = engine_of(house, "{id: g, steps: [r], gate: confirm}")
    flow = Workflow("flow", [Router("r", [step("a"), step("b")])], engine=engine)
    run = flow.run("-", user="alice")
    kinds: list[str] = []
    while run.is_paused:
        (question,) = run.active_requirements
        kinds.append(question.kind)
        if question.needs_user_input:
            question.provide_user_input({"route": "b"}, by="alice")
        elif "!" in str(question.tool):
            question.confirm(by="alice")
        else:
            question.confirm(by="alice", args={"route": "a", "input": "!"})
        run = flow.continue_run(run)
    assert kinds[-2:] in (["user_input", "confirm"], ["confirm", "user_input"])
    assert run.output == "!b"


@pytest.mark.parametrize(
    ("decision", "state"), [("retry", RunState.DONE), ("skip", RunState.DONE), ("fail", RunState.FAILED)]
)
def test_a_person_decides_after_an_error(house: House, decision: str, state: RunState) -> None:
    tries: list[str] = []

    def ship(text: str) -> str:
        tries.append(text)
        if len(tries) == 1:
            raise RuntimeError("no truck")
        return "shipped"

    flow = Workflow("flow", [Step("ship", ship, on_error="ask")], engine=engine_of(house))
    run = flow.run("-", user="alice")
    (question,) = run.active_requirements
    assert question.tool.tool_args == {"error": "RuntimeError: no truck", "input": "-"}
    question.provide_user_input({"decision": decision}, by="alice")
    run = flow.continue_run(run)
    assert (run.state, run.output) == (state, {"retry": "shipped", "skip": "-", "fail": None}[decision])


def test_a_tool_as_a_step_is_also_held_by_the_policies_of_the_tool(house: House) -> None:
    paid: list[Any] = []

    @tool(name="payments.refund", version="7")
    def refund(order_id: str, amount: float) -> dict[str, Any]:
        paid.append((order_id, amount))
        return {"paid": amount}

    rule = "{id: large, tools: [payments.refund], when: args.amount > 100, gate: confirm}"
    flow = Workflow("flow", [Step("payout", refund)], engine=engine_of(house, "", rule))
    assert flow.run({"order_id": "1", "amount": 5}, user="alice").value.result == {"paid": 5}
    run = flow.run({"order_id": "2", "amount": 500}, user="alice")
    assert (asked(run), len(paid)) == ([("payout", "confirm")], 1)
    run.active_requirements[0].confirm(by="alice")
    assert flow.continue_run(run).value.result == {"paid": 500}


def test_a_condition_sees_the_workflow_and_the_step(house: House) -> None:
    rule = "{id: g, steps: ['*'], when: \"workflow == 'flow' && step == 'b' && args.input == '-a'\", gate: confirm}"
    flow = Workflow("flow", [Parallel(Steps("g", [step("a"), step("b")]))], engine=engine_of(house, rule))
    assert asked(flow.run("-", user="alice")) == [("b", "confirm")]


@pytest.mark.parametrize("given", [{"a": [1, 2.5, None]}, [1, "x"], 7, True, None, ""])
def test_any_json_value_goes_in_and_comes_out(house: House, given: Any) -> None:
    run = Workflow("flow", [Step("same", lambda value: value)], engine=engine_of(house)).run(given, user="alice")
    assert run.state is RunState.DONE
    assert (run.output if isinstance(given, str) else run.value.result) == (given or ("" if given == "" else given))


@pytest.mark.parametrize("given", [{1, 2}, float("nan"), {"a": 2**60}, b"x", object()])
def test_what_is_no_json_is_refused_before_there_is_a_run(house: House, given: Any) -> None:
    engine = engine_of(house)
    with pytest.raises(InputRefused):
        Workflow("flow", [step("a")], engine=engine).run(given)
    assert engine.runs.list() == []


def test_another_workflow_in_the_next_process_is_told_and_the_answer_is_kept(house: House) -> None:
    rules = "{id: g, steps: [b], gate: confirm}"

    def build(*names: str) -> Workflow:
        return Workflow("flow", [step(name) for name in names], engine=engine_of(house, rules))

    run = build("a", "b", "c").run("-", user="alice")
    run.active_requirements[0].confirm(by="alice")
    with pytest.raises(WorkflowChanged, match="it had called a where it now calls x"):
        build("x", "b", "c").continue_run(run_id=run.run_id)
    assert build("a", "b", "c").continue_run(run_id=run.run_id).output == "-abc"


def test_a_stream_tells_of_steps_and_not_of_the_calls_that_lead_into_branches(house: House) -> None:
    flow = Workflow("flow", [Parallel(Steps("g", [step("a")]), step("b"))], engine=engine_of(house))
    events = list(flow.run("-", user="alice", stream=True))
    assert [one for one in events if isinstance(one, ToolCallStarted | ToolCallCompleted)] == []
    begun = {one.path[-1] for one in events if isinstance(one, StepStarted)}
    assert begun >= {"step g", "step a", "step b"}
