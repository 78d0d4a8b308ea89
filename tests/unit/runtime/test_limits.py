"""Limits of a run: what they count, when they stop it, and that the sentence names the one that did."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from hitl_fsm import Agent, Limits, RunHandle, tool
from hitl_fsm.core.replay import replay
from hitl_fsm.errors import SettingsError
from hitl_fsm.model.message import COUNT_MAX, ChatRequest, ModelReply, Spent, Usage
from hitl_fsm.model.states import RunState
from hitl_fsm.runtime.limits import USUAL, left_s, over
from hitl_fsm.testing import ScriptedModel
from house import House, call, calls

ALLOW = "- {id: all, tools: [look, note], gate: allow}\n- {id: pay, tools: pay, gate: confirm}"
LOOK = calls(call("look", order_id="1"))


def looks(count: int, **usage: int) -> list[dict[str, Any]]:
    return [{**LOOK, "usage": usage} for _ in range(count)]


@pytest.mark.parametrize(
    ("limits", "turn", "spent", "active_ms", "names"),
    [
        (Limits(), 100, Spent(), 10**9, None),
        (Limits(), 101, Spent(), 0, "100 turns and needs more (limits.turns)"),
        (Limits(turns=None), 10**6, Spent(), 0, None),
        (Limits(turns=0), 1, Spent(), 0, "limits.turns"),
        (Limits(tokens=100), 1, Spent(prompt=90, completion=9), 0, None),
        (Limits(tokens=100), 1, Spent(prompt=90, completion=10), 0, "used 100 tokens; it may use 100 (limits.tokens)"),
        (Limits(cost=Decimal("0.50")), 1, Spent(cost=499_999), 0, None),
        (
            Limits(cost=Decimal("0.50")),
            1,
            Spent(cost=500_000),
            0,
            "cost $0.500000; it may cost $0.500000 (limits.cost)",
        ),
        (Limits(cost=2), 1, Spent(cost=1_999_999), 0, None),
        (Limits(cost=2), 1, Spent(cost=2_000_001), 0, "limits.cost"),
        (Limits(cost=2), 1, Spent(cost=1, unpriced=1), 0, "price of one reply is not known"),
        (Limits(cost=2), 1, Spent(cost=1, unpriced=3), 0, "price of 3 replies is not known"),
        (Limits(), 1, Spent(unpriced=3), 0, None),
        (Limits(seconds=1.5), 1, Spent(), 1_499, None),
        (
            Limits(seconds=1.5),
            1,
            Spent(),
            1_500,
            "took 1.5 seconds without its waits, which is all it may (limits.secon",
        ),
    ],
)
def test_each_limit_to_the_unit(limits: Limits, turn: int, spent: Spent, active_ms: int, names: str | None) -> None:
    told = over(limits, turn, spent, active_ms)
    assert told is None if names is None else names in (told or "")


def test_seconds_left() -> None:
    assert left_s(USUAL, 10**9) is None
    assert left_s(Limits(seconds=2), 500) == 1.5
    assert left_s(Limits(seconds=2), 2_500) == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"turns": -1},
        {"turns": 1.0},
        {"turns": True},
        {"tokens": "100"},
        {"tokens": COUNT_MAX + 1},
        {"cost": 0.5},
        {"cost": Decimal("NaN")},
        {"cost": Decimal("Infinity")},
        {"cost": Decimal(-1)},
        {"seconds": float("nan")},
        {"seconds": float("inf")},
        {"seconds": "60"},
    ],
)
def test_what_is_no_such_number_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(SettingsError) as caught:
        Limits(**wrong)
    assert f"limits.{next(iter(wrong))}" in caught.value.message
    assert "None for no limit" in (caught.value.help or "")


def test_what_replies_took_is_added_up_and_an_unknown_price_is_not_nothing(house: House) -> None:
    known = {"prompt": 900, "completion": 40, "cached": 800, "reasoning": 30, "cost": 1_250}
    engine = house.engine(ALLOW)
    run = house.agent(engine, [{**LOOK, "usage": known}, {"say": "done", "usage": {**known, "cost": 0}}]).run("go")
    assert run.usage == Spent(2, 1_800, 80, 1_600, 60, 1_250)
    assert run.usage.tokens == 1_880
    assert run.cost == Decimal("0.00125")
    unknown = house.agent(engine, [{**LOOK, "usage": known}]).run("go")
    assert (unknown.usage.cost, unknown.usage.unpriced, unknown.cost) == (1_250, 1, None)
    assert engine.runs.get(run.run_id).usage == run.usage
    events = [e.event for e in engine.runs.events(unknown.run_id) if hasattr(e.event, "usage")]
    assert [e.usage.cost for e in events] == [1_250, None]
    told = [line["data"].get("micro_dollars") for line in engine.runs.timeline(unknown.run_id)]
    assert told.count(1_250) == 1


@pytest.mark.parametrize(
    ("limits", "replies", "names", "asked"),
    [
        (Limits(turns=3), looks(9), "limits.turns", 3),
        (Limits(tokens=250), looks(9, prompt=90, completion=10), "limits.tokens", 3),
        (Limits(cost=Decimal("0.002")), looks(9, cost=999), "limits.cost", 3),
        (Limits(cost=1), looks(9), "not known", 1),
    ],
    ids=["turns", "tokens", "cost", "price unknown"],
)
def test_a_limit_ends_the_run_in_a_clear_state(
    house: House, limits: Limits, replies: list[Any], names: str, asked: int
) -> None:
    engine = house.engine(ALLOW)
    run = house.agent(engine, replies, limits=limits).run("go")
    assert run.state is RunState.FAILED
    assert names in (run.error or "")
    assert (run.usage.replies, len(house.effects)) == (asked, asked), "the turn that went past it was not left half"
    assert engine.runs.timeline(run.run_id)[-1]["event"] == "run_failed"
    again = house.agent(engine, replies, limits=limits).continue_run(run_id=run.run_id)
    assert (again.state, again.usage) == (RunState.FAILED, run.usage), "it went on with nothing more to spend"
    more = house.agent(engine, replies, limits=Limits(turns=None)).continue_run(run_id=run.run_id)
    assert (more.state, more.output) == (RunState.DONE, "the end")


def test_the_last_answer_counts_even_when_it_goes_past_a_limit(house: House) -> None:
    agent = house.agent(house.engine(ALLOW), [{"say": "done", "usage": {"prompt": 500}}], limits=Limits(tokens=10))
    assert agent.run("go").output == "done"


def after(house: House, ms: int, reply: Any = LOOK) -> Callable[[ChatRequest], Any]:
    """A reply that takes so long."""

    def scripted(_: ChatRequest) -> Any:
        house.clock.advance(ms)
        return reply

    return scripted


def test_time_counts_where_nobody_is_waited_for(house: House) -> None:
    engine = house.engine(ALLOW)
    pay = after(house, 4_000, calls(call("pay", to="x", amount=1)))
    agent = house.agent(engine, [pay, after(house, 5_000), after(house, 5_000)], limits=Limits(seconds=10))
    run = agent.run("go", user="alice")
    assert run.is_paused
    house.clock.advance(10**9)
    run.active_requirements[0].confirm(by="alice")
    house.clock.advance(10**9)  # nobody has taken it up yet
    after_all = agent.continue_run(run)
    assert after_all.state is RunState.FAILED
    assert "limits.seconds" in (after_all.error or "")
    assert (after_all.usage.replies, after_all.value.active_ms) == (3, 14_000)


def test_the_time_is_the_same_when_it_is_read_from_the_log(house: House) -> None:
    engine = house.engine(ALLOW)
    pay = after(house, 4_000, calls(call("pay", to="x", amount=1)))
    agent = house.agent(engine, [after(house, 700), pay])
    run = agent.run("go", user="alice")
    house.clock.advance(-60_000)  # a clock that is put back takes nothing away
    run.active_requirements[0].confirm(by="alice")
    ended = agent.continue_run(run)
    again, _ = replay(engine.runs.events(run.run_id))
    assert again == ended.value
    assert ended.value.active_ms == 4_700


class Hangs:
    """A model that answers the first so many times, then never."""

    def __init__(self, before: list[Any]) -> None:
        self.script, self.left, self.cut = ScriptedModel(before), len(before), 0

    async def reply(self, request: ChatRequest, on_text: Callable[[str], None] | None = None) -> ModelReply:
        if self.left:
            self.left -= 1
            return await self.script.reply(request, on_text)
        if on_text is not None:
            on_text("half a sen")
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            self.cut += 1
            raise
        raise AssertionError


@pytest.mark.parametrize("streamed", [False, True])
def test_time_also_ends_a_model_call_that_hangs(house: House, streamed: bool) -> None:
    model = Hangs([LOOK])
    agent = Agent(
        "helper", model, engine=house.engine(ALLOW), tools=house.tools(), limits=Limits(seconds=0.2), fallbacks=[model]
    )
    run: RunHandle = list(agent.run("go", stream=True))[-1].run if streamed else agent.run("go")
    assert run.state is RunState.FAILED
    assert "limits.seconds" in (run.error or "")
    assert model.cut == 1, "cut off once, and nobody asked in its place"


def test_a_tool_is_not_cut_off_by_the_time_of_the_run(house: House) -> None:
    @tool
    async def note(text: str) -> str:
        """Take longer than the run may."""
        await asyncio.sleep(0.3)
        house.clock.advance(300)
        house.effects.append(("note", text))
        return "noted"

    engine = house.engine(ALLOW)
    agent = house.agent(engine, [calls(call("note", text="a"))], tools=[note], limits=Limits(seconds=0.1))
    run = agent.run("go")
    assert house.effects == [("note", "a")]
    assert "call_succeeded" in house.records(engine, run.run_id)
    assert "limits.seconds" in (run.error or "")


def test_counts_stand_still_at_what_the_log_can_hold() -> None:
    most = Usage(COUNT_MAX, COUNT_MAX, COUNT_MAX, COUNT_MAX, COUNT_MAX)
    assert Spent().plus(most).plus(most) == Spent(2, *[COUNT_MAX] * 5)
