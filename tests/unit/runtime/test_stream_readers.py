"""How somebody reads a stream, or leaves it, changes nothing in the run; what was missed is in the log."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest
from streamed import SCOUT, Held, Timed, a_team, a_workflow

from hitl_fsm import stream
from hitl_fsm.core.replay import replay
from hitl_fsm.errors import ModelError
from hitl_fsm.model.states import RunState
from hitl_fsm.runtime.streaming import channel as channel_module
from hitl_fsm.runtime.streaming.channel import Channel
from hitl_fsm.testing import ScriptedModel
from house import House, call, calls
from moments import HUNG_S


def settled(read: Callable[[], bool]) -> bool:
    """Whether it comes true at all."""
    return asyncio.run(asettled(read))


async def asettled(read: Callable[[], bool]) -> bool:
    with suppress(TimeoutError):
        async with asyncio.timeout(HUNG_S):
            while not read():  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.01)
            return True
    return False


# -- readers that leave, are slow, or come back


@pytest.mark.parametrize("leave", ["break", "close", "error", "collected"])
def test_a_synchronous_reader_of_a_tree_that_leaves_stops_nothing(house: House, leave: str) -> None:
    team = a_team(house, scout=[calls(call("look", order_id="1")), calls(call("note", text="x")), {"say": "seen"}])
    reader: Iterator[stream.StreamEvent] | None = team.run("go", user="alice", stream=True)
    assert reader is not None
    run_id = ""

    def read_some(reader: Iterator[stream.StreamEvent]) -> None:
        nonlocal run_id
        for event in reader:
            run_id = event.run_id
            if isinstance(event, stream.ToolCallStarted):
                if leave == "error":
                    raise LookupError
                return

    if leave == "error":
        with pytest.raises(LookupError):
            read_some(reader)
    else:
        read_some(reader)
    if leave == "close":
        reader.close()  # type: ignore[attr-defined]
    if leave == "collected":
        reader = None
        gc.collect()
    assert settled(lambda: team.engine.runs.get(run_id).is_paused)
    run = team.engine.runs.get(run_id)
    assert house.effects == [("look", "1"), ("note", "x")]
    run.active_requirements[0].confirm(by="alice")
    assert team.continue_run(run_id=run_id).output == "both are done"
    assert house.effects.count(("pay", "bob", 5, "-")) == 1


@pytest.mark.parametrize("leave", ["break", "aclose", "error"])
async def test_an_asynchronous_reader_that_leaves_stops_nothing(house: House, leave: str) -> None:
    held = Held()
    flow = a_workflow(house, held)
    events = flow.arun("go", user="alice", stream=True)
    run_id = (await anext(events)).run_id

    async def read() -> None:
        async for event in events:
            if isinstance(event, stream.ContentDelta):
                if leave == "error":
                    raise LookupError
                return

    if leave == "error":
        with pytest.raises(LookupError):
            await read()
    else:
        await read()
    if leave == "aclose":
        await events.aclose()  # type: ignore[attr-defined]
        with pytest.raises(StopAsyncIteration):
            await anext(events)
    held.go.set()
    assert await asettled(lambda: flow.engine.runs.get(run_id).output == "well done")


async def test_who_stops_waiting_for_an_event_may_ask_again(house: House) -> None:
    held = Held()
    events = a_workflow(house, held).arun("go", user="alice", stream=True)
    seen: list[str] = []
    quiet = 0
    while not seen or seen[-1] != "RunCompleted":
        try:
            seen.append((await asyncio.wait_for(anext(events), 0.05)).event)
        except TimeoutError:
            quiet += 1
            held.go.set()
    assert quiet >= 1
    inside = ["StepStarted", "ContentDelta", "StepCompleted"]
    assert seen == ["RunStarted", "StepStarted", *inside, "StepCompleted", "RunCompleted"]


def test_the_end_of_the_readers_loop_cuts_the_run_off_and_it_goes_on_elsewhere(house: House) -> None:
    flow = a_workflow(house, Timed("late", pause_s=30))

    async def leave() -> str:
        async for event in flow.arun("go", user="alice", stream=True):
            if event.is_nested:
                return event.run_id
        raise AssertionError

    run_id = asyncio.run(leave())
    again = a_workflow(house, ScriptedModel(SCOUT))
    assert again.engine.runs.get(run_id).state is RunState.RUNNING
    assert again.continue_run(run_id=run_id).output == "scout saw it"
    assert house.effects == [("look", "1")]


def test_a_stream_that_nobody_reads_begins_nothing(house: House) -> None:
    team = a_team(house)
    del_me = team.run("go", user="alice", stream=True)
    del del_me
    gc.collect()
    assert list(team.engine.runs.list()) == []


async def test_a_failing_run_says_so_in_the_stream(house: House) -> None:
    def down(request: Any) -> Any:
        raise ModelError("down")

    flow = a_workflow(house, ScriptedModel([down]))
    events = [event async for event in flow.arun("go", user="alice", stream=True)]
    assert isinstance(events[-1], stream.RunFailed)
    assert "down" in events[-1].error


async def test_a_slow_reader_loses_no_text(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel_module, "STREAM_BUFFER", 4)
    words = [f"w{number} " for number in range(200)]
    flow = a_workflow(house, Timed(*words, pause_s=0))
    events = flow.arun("go", user="alice", stream=True)
    first = await anext(events)
    assert await asettled(lambda: flow.engine.runs.get(first.run_id).output is not None)
    rest = [event async for event in events]
    deltas = [event for event in rest if isinstance(event, stream.ContentDelta)]
    assert "".join(event.text for event in deltas) == "".join(words)
    assert len(deltas) <= 4, "what waits is bounded"
    assert isinstance(rest[-1], stream.RunCompleted)


async def test_joined_text_stays_with_who_said_it_and_behind_what_came_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel_module, "STREAM_BUFFER", 2)
    one = Channel()
    for frame, text in (("1.0", "a"), ("1.1", "x"), ("1.0", "b"), ("1.1", "y")):
        one.publish(stream.ContentDelta(None, (), frame, text))
    one.publish(stream.RunContinued(None, (), ""))
    one.publish(stream.ContentDelta(None, (), "1.0", "c"))
    one.publish(stream.ContentDelta(None, (), "1.0", "d"))
    one.end()
    read = []
    while (event := await one.next()) is not None:
        read.append((event.frame, event.text) if isinstance(event, stream.ContentDelta) else event.event)
    assert read == [("1.0", "ab"), ("1.1", "xy"), "RunContinued", ("1.0", "cd")]


async def test_text_that_was_read_takes_no_more_and_another_speaker_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel_module, "STREAM_BUFFER", 0)
    one = Channel()

    async def read() -> tuple[str, str]:
        event = await one.next()
        assert isinstance(event, stream.ContentDelta)
        return event.frame, event.text

    one.publish(stream.ContentDelta(None, (), "1.0", "a"))
    assert await read() == ("1.0", "a")
    one.publish(stream.ContentDelta(None, (), "1.0", "b"))
    one.publish(stream.ContentDelta(None, (), "1.1", "x"))
    one.publish(stream.ContentDelta(None, (), "1.0", "c"))
    one.end()
    assert [await read(), await read()] == [("1.0", "bc"), ("1.1", "x")]


async def test_nothing_is_kept_for_a_reader_that_left() -> None:
    one = Channel()
    one.publish(stream.ContentDelta(None, (), "", "a"))
    one.leave()
    one.publish(stream.RunContinued(None, (), ""))
    assert await one.next() is None


@pytest.mark.parametrize("lost_after", range(13))
def test_a_stream_that_breaks_off_anywhere_is_made_whole_by_the_log(house: House, lost_after: int) -> None:
    """The run as of the last event that was read, and the lines after its `seq`, are the run as it is."""
    team = a_team(house)
    events = list(team.run("go", user="alice", stream=True))
    last = events[min(lost_after, len(events) - 1)]
    entries = team.engine.runs.events(last.run_id, after=last.seq)
    assert [entry.seq for entry in entries] == list(range(last.seq + 1, events[-1].seq + 1))
    whole = team.engine.runs.events(last.run_id)
    run, messages = replay(whole[: last.seq])
    assert run == last.run.value
    run, _ = replay(entries, run, messages)
    assert run == team.engine.runs.get(last.run_id).value


async def test_the_log_is_read_from_where_it_is_wanted(house: House) -> None:
    team = a_team(house)
    events = [event async for event in team.arun("go", user="alice", stream=True)]
    run_id, end = events[-1].run_id, events[-1].seq
    assert [event.seq for event in events] == sorted(event.seq for event in events)
    asked: list[int] = []
    load = team.engine.store.load

    class Watched:
        async def load(self, run_id: str, *, after: int = 0) -> Any:
            asked.append(after)
            return await load(run_id, after=after)

    parts = SimpleNamespace(store=Watched())
    runs = type(team.engine.runs)(SimpleNamespace(parts=parts))  # type: ignore[arg-type]
    assert [entry.seq for entry in await runs.aevents(run_id, after=end - 1)] == [end]
    assert list(await runs.aevents(run_id, after=end)) == []
    assert list(await runs.aevents(run_id, after=end + 100)) == []
    assert asked == [end - 1, end, end + 100], "nothing is read to be thrown away"
    assert list(await runs.aevents("run_nowhere")) == []
