"""A tool that asks in the middle of its call, and one whose end nobody hears of, under the laws and on every store."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import pytest

from hitl_fsm.errors import AlreadyResolved, AnswerRefused, ToolLost
from hitl_fsm.model.asked import question_key
from hitl_fsm.model.context import CallContext
from hitl_fsm.model.states import CallState, RunState
from hitl_fsm.runtime import execute
from hitl_fsm.runtime.tools.remote import RemoteTool, ToolAsked, remote_tool
from hitl_fsm.runtime.tools.tool import Begin, Declaration
from house import House, call, calls
from moments import HUNG_S, background_is_done

FORM = {"type": "object", "properties": {"amount": {"type": "number"}}, "required": ["amount"]}
KEY = question_key("How much?", FORM)
SCHEMA = {"properties": {"to": {"type": "string"}, "amount": {"type": "number"}}, "required": ["to", "amount"]}
SCRIPT = [calls(call("pay", to="bob", amount=5))]
CONFIRM = "- {id: all, gate: confirm}"
ALLOW = "- {id: all, gate: allow}"

Work = Callable[[dict[str, Any], CallContext], Any]


def elsewhere(work: Work, **declared: Any) -> RemoteTool:
    """`pay`, whose `work` is done in a thread of its own; what it raises is the call's error."""

    def start(args: dict[str, Any], context: CallContext, begin: Begin) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()  # it has begun: a short time cannot be over before

        def run() -> None:
            try:
                begin()
                future.set_result(work(args, context))
            except Exception as error:  # noqa: BLE001 - handed to who waits for it
                future.set_exception(error)

        threading.Thread(target=run, daemon=True).start()
        return future

    return remote_tool(Declaration("pay", **declared), SCHEMA, start)


def asking(house: House, **declared: Any) -> RemoteTool:
    """It asks how much, although that is an argument of it, too."""

    def work(args: dict[str, Any], context: CallContext) -> str:
        if KEY not in context.told:
            raise ToolAsked("How much?", FORM, "let go")
        house.effects.append((args["to"], args["amount"], context.told[KEY]["amount"], context.attempt))
        return "paid"

    return elsewhere(work, **declared)


def test_law05_what_was_approved_is_what_runs_whatever_the_form_calls_its_fields(house: House) -> None:
    first = house.engine(CONFIRM)
    run = house.agent(first, SCRIPT, tools=[asking(house)]).run("go", user="alice")
    run.active_requirements[0].confirm(by="alice")
    run = house.agent(first, SCRIPT, tools=[asking(house)]).continue_run(run_id=run.run_id)
    (asked,) = run.active_requirements
    assert (asked.kind, asked.tool.tool_args, house.effects) == ("user_input", {"to": "bob", "amount": 5}, [])
    with pytest.raises(AnswerRefused):
        asked.provide_user_input({"to": "eve", "amount": 900}, by="alice")
    asked.provide_user_input({"amount": 900}, by="alice")
    with pytest.raises(AlreadyResolved):
        asked.provide_user_input({"amount": 901}, by="alice")

    second = house.engine(CONFIRM)  # a process that knows the run from the store alone
    done = house.agent(second, SCRIPT, tools=[asking(house)]).continue_run(run_id=run.run_id)
    assert (done.state, house.effects) == (RunState.DONE, [("bob", 5, 900, 2)])
    assert second.audit.verify().intact


def test_law04_a_no_runs_nothing_again_and_is_not_told_as_if_nothing_had_begun(house: House) -> None:
    engine = house.engine(ALLOW)
    agent = house.agent(engine, SCRIPT, tools=[asking(house)])
    run = agent.run("go", user="alice")
    run.active_requirements[0].reject(by="alice")
    done = agent.continue_run(run)
    assert (done.state, done.calls, house.effects) == (RunState.DONE, done.calls, [])
    (read,) = house.said_to_model(engine, run.run_id)
    assert "It had begun" in read
    assert "not executed" not in read


def test_law15_a_policy_that_became_stricter_meanwhile_asks_before_it_begins_again(house: House) -> None:
    run = house.agent(house.engine(ALLOW), SCRIPT, tools=[asking(house)]).run("go", user="alice")
    run.active_requirements[0].provide_user_input({"amount": 900}, by="alice")
    later = house.engine(CONFIRM)
    agent = house.agent(later, SCRIPT, tools=[asking(house)])
    again = agent.continue_run(run_id=run.run_id)
    (confirm,) = again.active_requirements
    assert (confirm.kind, house.effects) == ("confirm", [])
    confirm.confirm(by="alice")
    assert agent.continue_run(again).state is RunState.DONE
    assert house.effects == [("bob", 5, 900, 2)]


def test_law05_other_arguments_are_another_action_and_it_asks_anew(house: House) -> None:
    run = house.agent(house.engine(ALLOW), SCRIPT, tools=[asking(house)]).run("go", user="alice")
    run.active_requirements[0].provide_user_input({"amount": 900}, by="alice")
    later = house.engine(CONFIRM)
    agent = house.agent(later, SCRIPT, tools=[asking(house)])
    again = agent.continue_run(run_id=run.run_id)
    again.active_requirements[0].confirm(by="alice", args={"to": "eve", "amount": 6})
    while (again := agent.continue_run(again)).is_paused:
        (asked,) = again.active_requirements
        if asked.kind == "confirm":
            asked.confirm(by="alice")
        else:
            assert asked.tool.tool_args == {"to": "eve", "amount": 6}
            asked.provide_user_input({"amount": 7}, by="alice")
    assert [effect[:3] for effect in house.effects] == [("eve", 6, 7)]


def test_law03_to_ask_uses_up_no_try_of_an_idempotent_tool(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = house.engine(ALLOW)
    agent = house.agent(engine, SCRIPT, tools=[asking(house, idempotent=True)])
    run = agent.run("go", user="alice")
    run.active_requirements[0].provide_user_input({"amount": 900}, by="alice")
    monkeypatch.delattr(execute, "RETRY_BACKOFF_S")  # to wait, as if it had failed before, is an error
    assert agent.continue_run(run).state is RunState.DONE
    assert [effect[:3] for effect in house.effects] == [("bob", 5, 900)]


@pytest.mark.parametrize("may_act", [True, False])
def test_law03_a_call_that_is_lost_elsewhere_is_a_question_and_never_tried_again(house: House, may_act: bool) -> None:
    def work(args: dict[str, Any], context: CallContext) -> str:
        house.effects.append(("begun", context.attempt))
        raise ToolLost("the line is dead", may_act=may_act)

    engine = house.engine(ALLOW)
    agent = house.agent(engine, SCRIPT, tools=[elsewhere(work)])
    run = agent.run("go", user="alice")
    (asked,) = run.active_requirements
    assert (asked.kind, run.calls[0].state, asked.value.answerable_from is not None) == (
        "outcome",
        CallState.OUTCOME_UNKNOWN,
        may_act,
    )
    assert agent.continue_run(run).is_paused
    assert house.effects == [("begun", 1)]


@pytest.mark.parametrize("end", [ToolLost("the line is dead"), ToolAsked("How much?", FORM)])
def test_law03_what_is_lost_after_its_time_answers_nothing(house: House, end: Exception) -> None:
    over = threading.Event()
    doing: list[threading.Thread] = []

    def work(args: dict[str, Any], context: CallContext) -> str:
        doing.append(threading.current_thread())
        over.wait(HUNG_S)
        raise end

    engine = house.engine(ALLOW)
    run = house.agent(engine, SCRIPT, tools=[elsewhere(work, timeout_s=0.1)]).run("go", user="alice")
    over.set()
    doing[0].join(HUNG_S)
    background_is_done()
    again = engine.runs.get(run.run_id)
    assert [one.kind for one in again.active_requirements] == ["outcome"]
    assert "late_result" not in house.records(engine, run.run_id)
