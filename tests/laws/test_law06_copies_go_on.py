"""While a copy of the record is down, what needs no copy goes on, whatever stands beside it; a slow copy arrives."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from threading import Event

import pytest

from hitl_fsm import Agent, Engine, Team, tool
from hitl_fsm.errors import CopyBehind, SinkError
from hitl_fsm.model.states import RunState
from hitl_fsm.ports_out import Line
from hitl_fsm.runtime import work
from hitl_fsm.runtime.loop import run_sync
from hitl_fsm.runtime.outgoing import copied, copies
from hitl_fsm.testing import ScriptedModel
from house import House, call, calls, policies, policy_text
from moments import HUNG_S
from receiver import wait_for
from sinks import Mood, MoodySink, first_times, healthy_copies_take_their_time

PAY = [calls(call("pay", to="bob", amount=5))]
RULES = "- {id: paying, tools: pay, gate: confirm}\n- {id: noting, tools: note, gate: allow}"
AUDITED = policies(
    policy_text(
        "- {id: paying, tools: pay, gate: audit}\n- {id: noting, tools: note, gate: allow}", extra="batch: run_ungated"
    )
)


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    healthy_copies_take_their_time(monkeypatch)
    for module in (copied, copies):
        monkeypatch.setattr(module, "SHORT_S", 0.1)
    monkeypatch.setattr(copied, "WAIT_S", 0.5)
    monkeypatch.setattr(copies, "WRITE_S", 0.2)
    monkeypatch.setattr(copies, "PAUSE_S", 0.01)
    monkeypatch.setattr(copies, "PAUSE_MAX_S", 0.05)


def stored(engine: Engine) -> list[bytes]:
    return [line.body for line in run_sync(engine.store.records())]


async def works_until(engine: Engine, true: Callable[[], bool]) -> None:
    """A worker, until it is so."""
    working = asyncio.ensure_future(engine.awork(asyncio.Event(), 0.02))
    try:
        await asyncio.to_thread(wait_for, true)
    finally:
        working.cancel()
        await asyncio.wait([working])


def test_law06_a_question_that_a_model_asks_waits_for_no_copy(house: House) -> None:
    sink = MoodySink()
    agent = house.agent(house.engine(RULES, sinks=[sink]), [calls(call("ask_user", question="Where?"))])
    run = agent.run("go", user="alice")
    sink.mood = "refuses"
    run.active_requirements[0].provide_user_input({"answer": "there"})
    assert agent.continue_run(run).state is RunState.DONE


@pytest.mark.parametrize("mood", ["refuses", "hangs"])
def test_law06_what_needs_nobody_runs_beside_what_waits_in_one_turn(house: House, mood: Mood) -> None:
    sink = MoodySink()
    both = [calls(call("pay", to="bob", amount=5), call("note", text="x"))]
    engine = house.engine(AUDITED, sinks=[sink])
    agent = house.agent(engine, both)
    sink.before = lambda events: setattr(sink, "mood", mood) if "run_created" in events else None
    with pytest.raises(CopyBehind):
        agent.run("go", user="alice")
    assert house.effects == [("note", "x")]
    sink.mood, sink.before = "takes", lambda events: None
    engine.continue_ready()
    assert [effect[0] for effect in house.effects] == ["note", "pay"]
    assert first_times(sink.lines) == stored(engine)


def test_law06_a_member_of_a_team_goes_on_beside_one_that_waits(house: House) -> None:
    sink = MoodySink()
    engine = house.engine(AUDITED, sinks=[sink])
    three = [calls(call("note", text="x"))] * 3
    members = [
        Agent(name, ScriptedModel([*replies, {"say": name}]), engine=engine, tools=house.tools())
        for name, replies in (("payer", PAY), ("noter", three))
    ]
    team = Team("desk", members, engine=engine, mode="broadcast")
    sink.before = lambda events: setattr(sink, "mood", "refuses") if "run_created" in events else None
    with pytest.raises(CopyBehind):
        team.run("go", user="alice")
    assert house.effects == [("note", "x")] * 3


@pytest.mark.parametrize("mood", ["refuses", "raises"])
def test_law06_runs_that_wait_do_not_take_the_places_of_those_that_need_not(
    house: House, monkeypatch: pytest.MonkeyPatch, mood: Mood
) -> None:
    """With two at once, and the long wait of a real worker."""
    monkeypatch.setattr(copied, "WAIT_S", 10 * HUNG_S)
    monkeypatch.setattr(work, "SIDE_BY_SIDE", 2)
    sink = MoodySink()
    engine = house.engine(RULES, sinks=[sink])
    agent = house.agent(engine, PAY)
    for _ in range(8):
        agent.run("go", user="alice").active_requirements[0].confirm()
    replies = [calls(call("ask_user", question="What?")), calls(call("note", text="x")), {"say": "the end"}]
    other = Agent("clerk", ScriptedModel(replies), engine=engine, tools=house.tools())
    run = other.run("go", user="alice")
    sink.mood = mood
    run.active_requirements[0].provide_user_input({"answer": "x"})
    asyncio.run(works_until(engine, lambda: ("note", "x") in house.effects))
    assert house.effects == [("note", "x")]
    sink.mood = "takes"
    asyncio.run(works_until(engine, lambda: len(house.effects) == 9))


def test_law06_a_run_that_was_let_go_goes_on_as_soon_as_the_copy_has_the_lines(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not when its turn to be tried again comes, which is far away here."""
    monkeypatch.setattr(work, "AGAIN_S", 10 * HUNG_S)
    sink = MoodySink()
    engine = house.engine(RULES, sinks=[sink])
    house.agent(engine, PAY).run("go", user="alice").active_requirements[0].confirm()
    sink.mood = "refuses"
    let_go = Event()
    once = work.Worker._go_on

    async def go_on(self: work.Worker, run_id: str) -> None:
        await once(self, run_id)
        let_go.set()

    def paid() -> bool:
        if let_go.is_set():
            sink.mood = "takes"
        return len(house.effects) == 1

    monkeypatch.setattr(work.Worker, "_go_on", go_on)
    asyncio.run(works_until(engine, paid))
    assert [effect[0] for effect in house.effects] == ["pay"]


class SlowSink:
    """Takes a line each hundredth of a second, and never more than `most` at once."""

    name = "slow"
    from_start = True

    def __init__(self, most: int = 1000) -> None:
        self.lines: list[bytes] = []
        self._most = most

    async def write(self, lines: Sequence[Line]) -> None:
        if len(lines) > self._most:
            raise SinkError("413")
        for line in lines:
            await asyncio.sleep(0.01)
            self.lines.append(line.body)


@pytest.mark.parametrize("most", [1000, 3])
def test_law06_a_copy_that_takes_few_lines_at_once_comes_to_the_end(house: House, most: int) -> None:
    """More than it takes within the time of one write have come together."""
    before = house.agent(house.engine(RULES), PAY)
    for _ in range(10):
        before.run("go", user="alice")
    sink = SlowSink(most)
    engine = house.engine(RULES, sinks=[sink])
    head = len(stored(engine))
    asyncio.run(works_until(engine, lambda: len(set(sink.lines)) >= head))
    assert first_times(sink.lines)[:head] == stored(engine)[:head]


def test_a_tool_that_is_under_way_is_not_cut_off_by_one_that_waits(house: House) -> None:
    sink = MoodySink()

    async def note(text: str) -> str:
        """Keep a note."""
        await asyncio.sleep(1.0)
        house.effects.append(("note", text))
        return "noted"

    paying = next(one for one in house.tools() if one.name == "pay")
    both = [calls(call("pay", to="bob", amount=5), call("note", text="x"))]
    engine = house.engine(AUDITED, sinks=[sink])
    agent = house.agent(engine, both, tools=[paying, tool(note)])
    sink.before = lambda events: setattr(sink, "mood", "refuses") if "run_created" in events else None
    with pytest.raises(CopyBehind):
        agent.run("go", user="alice")
    told = house.records(engine, engine.runs.list()[0].run_id)
    assert told.count("call_succeeded") == 1
    assert house.effects == [("note", "x")]
