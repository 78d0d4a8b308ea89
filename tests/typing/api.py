"""The types that users see, checked by mypy and pyright (`.ci/run`), never run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from datetime import date
from typing import Any, assert_type

from hitl_fsm import (
    Actor,
    Agent,
    CallContext,
    Engine,
    GrantTerms,
    RequirementHandle,
    RunHandle,
    Tool,
    current_call,
    tool,
)
from hitl_fsm.runtime.streaming.stream import StreamEvent


@tool
def bare(order_id: str, amount: float = 1.0) -> str:
    """Pay."""
    return f"{order_id} {amount}"


@tool(version="2", idempotent=True, timeout_s=3)
async def later(order_id: str) -> dict[str, Any]:
    """Look up."""
    return {"id": order_id}


def test_a_tool_is_called_like_its_function() -> None:
    assert_type(bare("o1", 2.0), str)
    bare("o1", "2")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    bare(1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    bare()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


async def test_an_async_tool_is_awaited() -> None:
    assert_type(await later("o1"), dict[str, Any])


def test_values() -> None:
    called: Callable[[str], Any] = later
    tools: list[Tool[..., Any]] = [bare, later]
    assert_type(current_call(), CallContext)
    assert_type(current_call().user, Actor)
    del called, tools


async def test_runs_and_streams(agent: Agent) -> None:
    run = agent.run("Refund order 42", user="alice")
    assert_type(run, RunHandle)
    assert_type(run.run_id, str)
    assert_type(run.is_paused, bool)
    assert_type(run.output, str | None)
    assert_type(agent.run("Refund order 42", stream=True), Iterator[StreamEvent])
    assert_type(await agent.arun("Refund order 42", user=Actor("alice")), RunHandle)
    assert_type(agent.arun("Refund order 42", stream=True), AsyncIterator[StreamEvent])
    assert_type(agent.continue_run(run_id=run.run_id), RunHandle)
    assert_type(await agent.acontinue_run(run_response=run), RunHandle)
    agent.run({42})  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]


def test_answers(asked: RequirementHandle) -> None:
    assert_type(asked.confirm(by="maria", grant=GrantTerms("agent", uses=3)), RunHandle)
    assert_type(asked.confirm(by=Actor("maria"), args={"amount": 1}), RunHandle)
    assert_type(asked.advise("approve", by="bot"), RunHandle)
    assert_type(asked.set_external_execution_error("the account is closed", by="bank"), RunHandle)
    GrantTerms("everywhere")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    asked.confirm(grant=3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    asked.advise("no")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    asked.break_glass(by="otto")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


def test_an_engine_is_closed_at_the_end_of_its_block() -> None:
    with Engine("policies/") as engine:
        assert_type(engine, Engine)
        assert_type(engine.gate(bare)("o1", 2.0), str)


async def test_a_gated_callable_is_called_like_its_function(engine: Engine) -> None:
    @engine.gate
    def pay(order_id: str, amount: float = 1.0) -> str:
        return f"{order_id} {amount}"

    @engine.gate
    @tool(version="2")
    async def look(order_id: str) -> dict[str, Any]:
        return {"id": order_id}

    @engine.gate
    def due(order_id: str) -> date:
        return date.fromisoformat(order_id)

    @engine.gate
    async def both(order_id: str) -> tuple[str, int]:
        return order_id, 1

    @engine.gate
    def told(call: CallContext, order_id: str) -> list[str]:
        return [call.run_id, order_id]

    assert_type(told("o1"), list[str])
    assert_type(pay("o1", amount=2.0), str)
    assert_type(pay.for_user("alice")("o1"), str)
    assert_type(pay.resume("run_1"), str)
    assert_type(await pay.aresume("run_1"), str)
    assert_type(await look("o1"), dict[str, Any])
    assert_type(look.for_user(Actor("alice")).resume("run_1"), dict[str, Any])
    assert_type(await look.aresume("run_1"), dict[str, Any])
    assert_type(due("o1"), Any)
    assert_type(await both("o1"), Any)
    assert_type(both.resume("run_1"), Any)
    pay("o1", "2")  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
    pay()  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    pay.for_user("alice")(1)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
    await look(1)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
