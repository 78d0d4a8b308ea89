"""Ways around a gate that were tried once and worked. None of them may ever work again."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from hitl_fsm import Agent, tool
from hitl_fsm.errors import AnswerRefused, HitlError, Tampered
from hitl_fsm.model.event import LateResult
from hitl_fsm.model.states import CallState, RunState
from hitl_fsm.runtime.streaming import stream
from hitl_fsm.testing import ScriptedModel
from house import House, call, calls, policies, policy_text
from moments import HUNG_S

SCRIPT = [calls(call("pay", to="bob", amount=5, memo="MODEL"))]
FORM = "user_input: {schema: {type: object, properties: {memo: {type: string}}, required: [memo]}}"
FINANCE = "approval: {of: ['role:finance'], not: [requester]}"


def test_law09_a_form_that_an_edit_adds_reaches_the_call(house: House) -> None:
    engine = house.engine(
        "- {id: small, when: args.amount < 100, gate: confirm}\n- {id: large, when: args.amount >= 100, gate: {"
        + FORM
        + "}}"
    )
    agent = house.agent(engine, SCRIPT)
    run = agent.run("go", user="alice")
    run.active_requirements[0].confirm(args={"to": "bob", "amount": 500, "memo": "MODEL"})
    run.active_requirements[0].provide_user_input({"memo": "HUMAN"})
    assert agent.continue_run(run).state is RunState.DONE
    assert house.effects == [("pay", "bob", 500, "HUMAN")]


def test_law09_a_form_that_a_new_policy_adds_reaches_the_call(house: House) -> None:
    agent = house.agent(house.engine(), SCRIPT)
    run = agent.run("go", user="alice")
    run.active_requirements[0].confirm()
    strict = house.agent(house.engine("- {id: all, gate: [{" + FORM + "}, confirm]}"), SCRIPT)
    again = strict.continue_run(run_id=run.run_id)
    while again.is_paused:
        (requirement,) = again.active_requirements
        if requirement.needs_user_input:
            requirement.provide_user_input({"memo": "HUMAN"})
        else:
            requirement.confirm()
    strict.continue_run(again)
    assert house.effects == [("pay", "bob", 5, "HUMAN")]


def two_policies_then_an_edit(house: House) -> tuple[Any, Any]:
    agent = house.agent(house.engine("- {id: all, gate: {" + FINANCE + "}}"), SCRIPT)
    run = agent.run("go", user="alice")
    run.active_requirements[0].confirm(by="maria")
    later = house.agent(house.engine("- {id: all, gate: confirm}"), SCRIPT)
    return later, later.continue_run(run_id=run.run_id)


def test_law15_an_edit_after_a_change_still_meets_the_older_policy(house: House) -> None:
    later, run = two_policies_then_an_edit(house)
    run.active_requirements[0].confirm(by="alice", args={"to": "alice", "amount": 99999, "memo": "m"})
    assert later.continue_run(run).is_paused
    assert [r.kind for r in run.refresh().active_requirements] == ["approval"]
    assert house.effects == []


@pytest.mark.altered
def test_law06_policies_that_are_gone_from_the_store_stop_an_edit(house: House) -> None:
    _later, run = two_policies_then_an_edit(house)
    house.sql("DELETE FROM policy_set")
    with pytest.raises(Tampered):
        run.active_requirements[0].confirm(by="alice", args={"to": "alice", "amount": 99999, "memo": "m"})


class Crash(BaseException):
    """As hard as a process that dies."""


@pytest.mark.parametrize(("version", "rules"), [("2", "- {id: all, gate: confirm}"), ("1", "- {id: all, gate: deny}")])
def test_law05_a_retry_of_a_lost_call_is_judged_like_a_first_start(house: House, version: str, rules: str) -> None:
    def payer(version: str, *, crash: bool) -> Any:
        @tool(version=version, idempotent=True)
        async def pay(to: str, amount: float, memo: str = "-") -> str:
            """Send money."""
            house.effects.append((version, to))
            if crash:
                raise Crash
            return "paid"

        return pay

    agent = house.agent(house.engine(), SCRIPT, tools=[payer("1", crash=True)])
    run = agent.run("go")
    run.active_requirements[0].confirm()
    with pytest.raises(Crash):
        asyncio.run(agent.acontinue_run(run))
    again = house.agent(house.engine(rules), SCRIPT, tools=[payer(version, crash=False)])
    asked = again.continue_run(run_id=run.run_id)
    assert [requirement.kind for requirement in asked.active_requirements] == ["outcome"]
    assert house.effects == [("1", "bob")]


EXTERNAL = "- {id: all, gate: [{approval: {of: ['role:finance']}}, {external: {route: bank}}]}"


def test_law15_an_outside_system_is_asked_under_the_policies_of_that_moment(house: House) -> None:
    agent = house.agent(house.engine(EXTERNAL), SCRIPT)
    run = agent.run("go", user="alice")
    run.active_requirements[0].confirm(by="maria")
    assert run.active_requirements == [], "an answer alone starts nothing, also not outside"
    denying = house.agent(house.engine("- {id: all, gate: deny}"), SCRIPT)
    assert denying.continue_run(run_id=run.run_id).state is RunState.DONE
    assert engine_records(house, run.run_id).count("requirement_opened") == 1


def test_an_outside_system_is_asked_once_the_run_goes_on(house: House) -> None:
    agent = house.agent(house.engine(EXTERNAL), SCRIPT)
    run = agent.run("go", user="alice")
    run.active_requirements[0].confirm(by="maria")
    paused = agent.continue_run(run)
    (requirement,) = paused.active_requirements
    assert (requirement.kind, requirement.value.stage, requirement.value.stages) == ("external", 2, 2)
    requirement.set_external_execution_result("sent", by="bank")
    assert agent.continue_run(paused).state is RunState.DONE
    assert house.effects == []


def engine_records(house: House, run_id: str) -> list[str]:
    return house.records(house.engines[-1], run_id)


def test_law15_an_answer_reaches_the_model_only_if_asking_is_still_allowed(house: House) -> None:
    script = [calls(call("ask_user", question="Your password?"))]
    agent = house.agent(house.engine(), script)
    run = agent.run("go", user="alice")
    run.active_requirements[0].provide_user_input({"answer": "hunter2"})
    denying = house.engine(policies(policy_text("- {id: all, gate: deny}", tools="[ask_user]")))
    again = house.agent(denying, script)
    assert again.continue_run(run_id=run.run_id).state is RunState.DONE
    assert "hunter2" not in house.said_to_model(denying, run.run_id)[0]


def test_law05_a_reader_that_changes_what_it_reads_changes_nothing_that_runs(house: House) -> None:
    engine = house.engine(
        "- {id: ok, when: args.amount <= 10, gate: allow}\n- {id: no, when: args.amount > 10, gate: deny}"
    )
    agent = house.agent(engine, SCRIPT)
    for event in agent.run("go", user="alice", stream=True):
        for one in event.run.calls:
            if one.args:
                one.args["amount"] = 1_000_000.0
        if isinstance(event, stream.ToolCallStarted):
            event.tool_args["to"] = "EVIL"
    assert house.effects in ([], [("pay", "bob", 5, "MODEL")])


def test_law09_a_form_changed_by_a_reader_is_still_the_policys(house: House) -> None:
    engine = house.engine("- {id: all, gate: {" + FORM + "}}")
    agent = house.agent(engine, [*SCRIPT, *SCRIPT])
    run = agent.run("go", user="alice")
    schema = run.active_requirements[0].schema
    assert schema is not None
    schema["required"] = []
    run.active_requirements[0].value.question.schema["required"] = []  # type: ignore[union-attr]
    with pytest.raises(HitlError):
        run.active_requirements[0].provide_user_input({})
    other = agent.run("again", user="alice")
    with pytest.raises(AnswerRefused):
        other.active_requirements[0].provide_user_input({})


def test_law05_an_edit_voids_what_a_form_had_answered(house: House) -> None:
    seen: list[dict[str, Any]] = []

    @tool
    def pay(to: str, amount: float) -> str:
        """Send money."""
        from hitl_fsm import current_call

        seen.append(current_call().answers)
        return "paid"

    rules = (
        "- {id: small, when: args.amount < 10, gate: [{user_input: {schema: {type: object, properties: "
        "{ticket: {type: string}}}}}, {approval: {of: ['role:finance']}}]}\n"
        "- {id: other, when: args.amount >= 10, gate: {approval: {of: ['role:finance']}}}"
    )
    agent = house.agent(house.engine(rules), [calls(call("pay", to="bob", amount=5))], tools=[pay])
    run = agent.run("go", user="alice")
    run.active_requirements[0].provide_user_input({"ticket": "T-1"})
    run.active_requirements[0].confirm(by="maria", args={"to": "bob", "amount": 50})
    agent.continue_run(run)
    assert seen == [{}]


def test_law05_an_edited_question_is_asked_again(house: House) -> None:
    both = policies(policy_text("- {id: all, gate: {approval: {of: ['role:finance']}}}", tools="[ask_user]"))
    engine = house.engine(both)
    agent = house.agent(engine, [calls(call("ask_user", question="May I see your address?"))])
    run = agent.run("go", user="alice")
    run.active_requirements[0].provide_user_input({"answer": "yes"})
    run.active_requirements[0].confirm(by="maria", args={"question": "May I delete your account?"})
    (again,) = run.active_requirements
    assert again.kind == "user_input"
    assert again.schema is not None
    assert again.schema["description"] == "May I delete your account?"


def test_law05_false_is_another_argument_than_zero(house: House) -> None:
    seen: list[Any] = []

    @tool
    def pay(force: bool | int) -> str:
        """Send money."""
        seen.append(force)
        return "paid"

    agent = house.agent(house.engine(), [calls(call("pay", force=0))], tools=[pay])
    run = agent.run("go")
    run.active_requirements[0].confirm(args={"force": False})
    agent.continue_run(run)
    assert seen == [False]
    assert seen[0] is False


@pytest.mark.parametrize("result", ["\ud800", float("nan"), 10**400, {1: "x"}, {"deep"}])
def test_law09_a_result_that_the_log_could_not_hold_is_refused(house: House, result: Any) -> None:
    agent = house.agent(house.engine("- {id: all, gate: {external: {route: bank}}}"), SCRIPT)
    run = agent.run("go", user="alice")
    before = len(agent.engine.runs.events(run.run_id))
    if isinstance(result, dict) and 1 in result:  # JSON has text keys only; that is what is kept
        run.active_requirements[0].set_external_execution_result(result, by="bank")
        assert agent.continue_run(run).state is RunState.DONE
        return
    with pytest.raises(AnswerRefused):
        run.active_requirements[0].set_external_execution_result(result, by="bank")
    assert len(agent.engine.runs.events(run.run_id)) == before


def test_law09_a_result_is_not_nested_without_end(house: House) -> None:
    agent = house.agent(house.engine("- {id: all, gate: {external: {route: bank}}}"), SCRIPT)
    run = agent.run("go", user="alice")
    deep: Any = "x"
    for _ in range(900):
        deep = [deep]
    with pytest.raises(AnswerRefused):
        run.active_requirements[0].set_external_execution_result(deep, by="bank")
    run.active_requirements[0].set_external_execution_result("ok", by="bank")
    assert agent.continue_run(run).state is RunState.DONE


def test_law03_the_results_of_all_calls_that_a_cancellation_overtook_are_kept(house: House) -> None:
    begun, cancelled = threading.Barrier(3, timeout=HUNG_S), threading.Event()

    @tool
    def slow(name: str) -> str:
        """Take a moment."""
        begun.wait()
        cancelled.wait(HUNG_S)
        house.effects.append((name,))
        return f"did {name}"

    rules = policies(policy_text("- {id: all, gate: allow}", tools="[slow]", extra="batch: run_ungated"))
    engine = house.engine(rules)
    model = ScriptedModel([calls(call("slow", name="a"), call("slow", name="b")), {"say": "end"}])
    agent = Agent("helper", model, engine=engine, tools=[slow])
    worker = threading.Thread(target=agent.run, args=("go",))
    worker.start()
    begun.wait()
    (row,) = engine.runs.list()
    engine.cancel(row.run_id)
    cancelled.set()
    worker.join()
    assert sorted(house.effects) == [("a",), ("b",)]
    late = [entry.event.result for entry in engine.runs.events(row.run_id) if isinstance(entry.event, LateResult)]
    assert sorted(late) == ["did a", "did b"]


def test_law04_a_failed_run_can_be_cancelled_for_good(house: House) -> None:
    def down(_request: Any) -> Any:
        from hitl_fsm.errors import ModelError

        raise ModelError("down")

    engine = house.engine()
    agent = house.agent(engine, [down])
    run = agent.run("go")
    assert run.state is RunState.FAILED
    engine.cancel(run.run_id)
    assert agent.continue_run(run).state is RunState.CANCELLED


def test_law15_the_engines_default_is_held_against_todays(house: House) -> None:
    other = policies(policy_text("- {id: ok, gate: allow}", tools="[other]"))
    agent = house.agent(house.engine(other, default="confirm"), SCRIPT)
    run = agent.run("go")
    run.active_requirements[0].confirm()
    denying = house.agent(house.engine(other, default="deny"), SCRIPT)
    done = denying.continue_run(run_id=run.run_id)
    assert done.calls[0].state is CallState.DENIED
    assert house.effects == []


def test_law15_a_stricter_batch_holds_too(house: House) -> None:
    allow = "- {id: look, tools: [look], gate: allow}\n- {id: pay, tools: [pay], gate: GATE}"
    script = [calls(call("pay", to="a", amount=1), call("look", order_id="1"), call("pay", to="b", amount=2))]
    first = house.engine(policies(policy_text(allow.replace("GATE", "confirm"))))
    run = house.agent(first, script).run("go", user="alice")
    for requirement in run.active_requirements:
        requirement.confirm()
    strict = allow.replace("GATE", "[confirm, {approval: {of: ['role:finance']}}]")
    holding = house.agent(house.engine(policies(policy_text(strict, extra="batch: hold_all"))), script)
    again = holding.continue_run(run_id=run.run_id)
    assert again.is_paused
    assert house.effects == []
    assert [r.kind for r in again.active_requirements] == ["approval", "approval"]
