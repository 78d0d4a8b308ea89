"""Hooks by themselves: what each is given, what its answer does, what its failure does."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from hitl_fsm.errors import ToolError, ToolNotBegun
from hitl_fsm.model.actor import Actor
from hitl_fsm.model.context import CallContext
from hitl_fsm.runtime.agents import callback
from hitl_fsm.runtime.agents.hooks import HookFailed, HookRefused, Hooks

CONTEXT = CallContext("r1", "1.0", "r1:1.0:1", 1, Actor("alice"), {"reason": "late"})


async def test_before_hooks_are_asked_in_order_sync_and_async() -> None:
    seen: list[Any] = []

    def first(context: CallContext, tool: str, args: dict[str, Any]) -> None:
        seen.append((context.run_id, tool, args))

    async def second(context: CallContext, tool: str, args: dict[str, Any]) -> None:
        seen.append(context.user.id)

    class Third:
        async def __call__(self, context: CallContext, tool: str, args: dict[str, Any]) -> None:
            seen.append("third")

    await Hooks(before=[first, second, Third()]).allow(CONTEXT, "pay", {"amount": 1})
    assert seen == [("r1", "pay", {"amount": 1}), "alice", "third"]


async def test_a_before_hook_that_raises_refuses_and_those_after_it_are_not_asked() -> None:
    asked: list[str] = []

    def no(context: CallContext, tool: str, args: dict[str, Any]) -> None:
        raise PermissionError("not on Sundays")

    def later(context: CallContext, tool: str, args: dict[str, Any]) -> None:
        asked.append("later")

    with pytest.raises(HookRefused) as refused:
        await Hooks(before=[no, later]).allow(CONTEXT, "pay", {})
    assert str(refused.value) == "The hook no refused it: PermissionError: not on Sundays. It was not executed."
    assert asked == []


async def test_each_hook_has_its_own_copy() -> None:
    args = {"to": {"name": "bob"}}
    result = {"paid": [1]}
    seen: list[Any] = []

    def spoil(context: CallContext, tool: str, given: dict[str, Any]) -> None:
        given["to"]["name"] = "eve"
        context.answers["reason"] = "spoilt"

    def spoil_result(context: CallContext, tool: str, given: Any) -> None:
        given["paid"].append(2)
        context.answers.clear()

    def look(context: CallContext, tool: str, given: Any) -> None:
        seen.append((given, context.answers))

    hooks = Hooks(before=[spoil, look], after=[spoil_result, look])
    await hooks.allow(CONTEXT, "pay", args)
    assert await hooks.result_of(CONTEXT, "pay", result) == {"paid": [1]}
    assert seen == [({"to": {"name": "bob"}}, {"reason": "late"}), ({"paid": [1]}, {"reason": "late"})]
    assert (args, result, CONTEXT.answers) == ({"to": {"name": "bob"}}, {"paid": [1]}, {"reason": "late"})


async def test_after_hooks_hand_the_result_on() -> None:
    def mask(context: CallContext, tool: str, result: Any) -> Any:
        return result.replace("4242", "····")

    async def watch(context: CallContext, tool: str, result: Any) -> None:
        assert result == "card ····"

    class Odd:
        def __str__(self) -> str:
            return "as text"

    def objects(context: CallContext, tool: str, result: Any) -> Any:
        return {"was": result, "odd": Odd()}

    hooks = Hooks(after=[mask, watch, objects])
    assert await hooks.result_of(CONTEXT, "pay", "card 4242") == {"was": "card ····", "odd": "as text"}


async def test_an_after_hook_that_raises_withholds_the_result_and_its_own_words() -> None:
    def mask(context: CallContext, tool: str, result: Any) -> Any:
        raise ValueError(f"cannot mask {result}")

    with pytest.raises(HookFailed) as failed:
        await Hooks(after=[mask]).result_of(CONTEXT, "pay", "card 4242")
    assert str(failed.value) == (
        "The hook mask failed on its result: ValueError. It was executed, and its result is withheld. Do not repeat it."
    )


async def test_a_hook_has_a_bounded_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(callback, "CALLBACK_TIME_S", 0.05)

    def slow(context: CallContext, tool: str, args: Any) -> None:
        time.sleep(0.3)

    async def slow_too(context: CallContext, tool: str, args: Any) -> None:
        await asyncio.sleep(5)

    for hook in (slow, slow_too):
        with pytest.raises(HookRefused, match="did not come back within"):
            await Hooks(before=[hook]).allow(CONTEXT, "pay", {})
        with pytest.raises(HookFailed, match="CallbackTimedOut"):
            await Hooks(after=[hook]).result_of(CONTEXT, "pay", 1)


async def test_a_hook_cannot_end_the_process() -> None:
    def leave(context: CallContext, tool: str, args: Any) -> None:
        raise SystemExit(3)

    async def leave_too(context: CallContext, tool: str, args: Any) -> None:
        raise SystemExit(3)

    for hook in (leave, leave_too):
        with pytest.raises(HookRefused, match="it tried to end the process"):
            await Hooks(before=[hook]).allow(CONTEXT, "pay", {})


async def test_a_worker_that_is_stopped_in_a_hook() -> None:
    async def wait(context: CallContext, tool: str, args: Any) -> None:
        await asyncio.sleep(60)

    asked = asyncio.ensure_future(Hooks(before=[wait]).allow(CONTEXT, "pay", {}))
    looked = asyncio.ensure_future(Hooks(after=[wait]).result_of(CONTEXT, "pay", 1))
    await asyncio.sleep(0.01)
    asked.cancel()
    looked.cancel()
    with pytest.raises(ToolNotBegun, match="pay did not begin"):
        await asked
    with pytest.raises(HookFailed, match="It was executed"):
        await looked


@pytest.mark.parametrize("given", [print, ["print"], "print", None])
def test_what_is_no_list_of_functions_is_refused_at_once(given: Any) -> None:
    with pytest.raises(ToolError, match="before"):
        Hooks(before=given)
