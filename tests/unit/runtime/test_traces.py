"""Traces of the runs, live: spans when they end, in whatever process, and none that a run waits for."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from hitl_fsm import Engine
from hitl_fsm.audit.export.lines import read_all
from hitl_fsm.audit.export.span import Span, run_span, trace_id
from hitl_fsm.audit.export.spans import spans
from hitl_fsm.errors import SettingsError
from hitl_fsm.otel import OpenTelemetry
from hitl_fsm.runtime.outgoing import traces
from house import House, call, calls
from moments import HUNG_S, in_time
from receiver import Desk, desk

SCRIPT = [calls(call("pay", to="bob", amount=5))]
CONFIRM = "- {match: {tool: pay}, gates: [confirm]}"
WEEKS_MS = 3 * 7 * 24 * 3_600_000


class Kept:
    """Takes spans; `down`: refuses them."""

    def __init__(self, name: str = "kept", *, down: bool = False) -> None:
        self.name = name
        self.down = down
        self.spans: list[Span] = []
        self.tries = 0

    async def send(self, given: Sequence[Span]) -> None:
        self.tries += 1
        if self.down:
            message = "nobody is there"
            raise ConnectionError(message)
        self.spans += given

    @property
    def names(self) -> list[str]:
        return [one.name for one in self.spans]


class Hangs(Kept):
    """A receiver that takes spans for ever."""

    async def send(self, given: Sequence[Span]) -> None:
        self.tries += 1
        await asyncio.Event().wait()


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traces, "SOON_S", 0.02)
    monkeypatch.setattr(traces, "AGAIN_S", 0.05)
    monkeypatch.setattr(traces, "LAST_S", 120.0)
    monkeypatch.setattr(traces, "SEND_S", 120.0)


def telling(house: House, telemetry: Any) -> Engine:
    return house.engine(telemetry=telemetry)


def begun(house: House, engine: Engine) -> str:
    return house.agent(engine, SCRIPT).run("go", user="alice").run_id


def ended(house: House, engine: Engine, run_id: str) -> None:
    agent = house.agent(engine, SCRIPT)
    run = engine.runs.get(run_id)
    run.active_requirements[0].confirm(by="alice")
    assert agent.continue_run(engine.runs.get(run_id)).state.value == "done"


def test_spans_are_sent_when_they_end_and_are_those_of_the_export(house: House) -> None:
    kept = Kept()
    engine = telling(house, kept)
    run_id = begun(house, engine)
    eventually(lambda: kept.names, lambda names: names == ["chat scripted/script"] or len(names) == 1)
    ended(house, engine, run_id)
    lines = read_all(engine.audit.records())
    wanted = list(spans(lines))
    engine.close()
    assert sorted(kept.spans, key=lambda one: one.span_id) == sorted(wanted, key=lambda one: one.span_id)
    assert {one.trace_id for one in kept.spans} == {trace_id(run_id)}
    assert kept.spans[-1].span_id == run_span(run_id)


def test_a_pause_of_weeks_is_one_span(house: House) -> None:
    kept = Kept()
    first = telling(house, kept)
    run_id = begun(house, first)
    first.close()
    house.clock.advance(WEEKS_MS)
    second = telling(house, Kept())
    third = telling(house, kept)
    ended(house, third, run_id)
    third.close()
    (wait,) = (one for one in kept.spans if one.name.startswith("hitl.wait"))
    assert wait.ended_ns is not None
    assert wait.ended_ns - wait.began_ns == WEEKS_MS * 1_000_000
    assert wait.attributes["hitl.requirement.state"] == "resolved"
    second.close()


def test_processes_share_the_work_and_no_span_is_sent_twice(house: House) -> None:
    one, other = Kept(), Kept()
    first, second = telling(house, one), telling(house, other)
    ids = [begun(house, engine) for engine in (first, second, first, second)]
    for engine, run_id in zip((second, first, second, first), ids, strict=True):
        ended(house, engine, run_id)
        time.sleep(0.05)
    wanted = {span.span_id for span in spans(read_all(first.audit.records()))}
    first.close()
    second.close()
    sent = [span.span_id for span in (*one.spans, *other.spans)]
    assert len(sent) == len(set(sent))
    assert set(sent) == wanted


def test_who_is_told_later_hears_of_what_ends_from_then_on(house: House) -> None:
    before = house.engine()
    run_id = begun(house, before)
    kept = Kept()
    engine = telling(house, kept)
    ended(house, engine, run_id)
    engine.close()
    assert {"hitl.wait confirm", "execute_tool pay"} <= set(kept.names)
    assert kept.spans[-1].span_id == run_span(run_id)
    began = kept.spans[-1].began_ns
    assert began == next(span for span in spans(read_all(before.audit.records())) if not span.parent_id).began_ns


def test_a_receiver_that_is_down_holds_up_nothing_and_gets_it_later(house: House) -> None:
    kept = Kept(down=True)
    engine = telling(house, kept)
    quiet = house.engine()
    run_id = begun(house, engine)
    ended(house, engine, run_id)
    eventually(lambda: kept.tries, lambda tries: tries > 1)
    assert quiet.runs.get(run_id).state.value == "done"
    assert kept.spans == []
    kept.down = False
    eventually(lambda: kept.names, lambda names: any(name.startswith("invoke_agent") for name in names))
    engine.close()


def test_what_a_closed_engine_could_not_send_the_next_one_sends(house: House) -> None:
    down, kept = Kept(down=True), Kept()
    engine = telling(house, down)
    run_id = begun(house, engine)
    ended(house, engine, run_id)
    engine.close()
    assert down.spans == []
    after = telling(house, kept)
    begun(house, after)
    after.close()
    assert run_span(run_id) in {span.span_id for span in kept.spans}


def test_a_receiver_that_hangs_does_not_hold_the_engine(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traces, "LAST_S", 0.2)
    monkeypatch.setattr(traces, "SEND_S", 10 * HUNG_S)
    engine = telling(house, Hangs())
    run_id = begun(house, engine)
    in_time(lambda: ended(house, engine, run_id))
    in_time(engine.close)


def test_closing_waits_once_for_a_receiver_that_hangs(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traces, "SOON_S", 0.2)
    monkeypatch.setattr(traces, "LAST_S", 0.6)
    monkeypatch.setattr(traces, "SEND_S", 10 * HUNG_S)
    hanging = Hangs()
    engine = telling(house, hanging)
    run_id = begun(house, engine)
    in_time(engine.close)  # the look that was due soon comes to its turn meanwhile
    assert hanging.tries <= 1, "none where even the first had no time to begin"
    after = telling(house, kept := Kept())
    ended(house, after, run_id)
    after.close()
    assert run_span(run_id) in {span.span_id for span in kept.spans}


def test_a_long_record_is_told_whole_with_little_memory(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traces, "PAGE_LINES", 3)
    monkeypatch.setattr(traces, "RUNS_KNOWN", 1)
    kept = Kept()
    engine = telling(house, kept)
    ids = [begun(house, engine) for _ in range(3)]
    for run_id in ids:
        ended(house, engine, run_id)
    wanted = list(spans(read_all(engine.audit.records())))
    engine.close()
    assert sorted(kept.spans, key=lambda one: one.span_id) == sorted(wanted, key=lambda one: one.span_id)


def test_what_takes_no_spans_is_refused(house: House) -> None:
    with pytest.raises(SettingsError, match="telemetry is of type object"):
        telling(house, object())
    with pytest.raises(SettingsError, match="no address"):
        OpenTelemetry("collector:4318")


# -- with the SDK of OpenTelemetry


def test_the_sdks_exporter_gets_spans_of_its_own_kind(house: House) -> None:
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
    from opentelemetry.trace import SpanKind, StatusCode

    memory = InMemorySpanExporter()
    engine = telling(house, OpenTelemetry(exporter=memory, service="clerk"))
    run_id = begun(house, engine)
    ended(house, engine, run_id)
    engine.close()
    found = {one.name: one for one in memory.get_finished_spans()}
    tool, wait = found["execute_tool pay"], found["hitl.wait confirm"]
    (root,) = (one for one in found.values() if one.parent is None)
    assert format(root.context.trace_id, "032x") == trace_id(run_id)
    assert tool.parent is not None
    assert tool.parent.span_id == root.context.span_id
    assert [link.context.span_id for link in tool.links] == [wait.context.span_id]
    assert (tool.status.status_code, tool.kind) == (StatusCode.OK, SpanKind.INTERNAL)
    assert tool.attributes is not None
    assert tool.attributes["gen_ai.tool.name"] == "pay"
    assert root.resource.attributes["service.name"] == "clerk"
    assert "bob" not in "".join(one.to_json() for one in found.values()), "arguments are nobody's telemetry"


@pytest.fixture
def collector() -> Iterator[Desk]:
    with desk() as found:
        found.usual = 200
        yield found


def received(collector: Desk) -> list[Any]:
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    found: list[Any] = []
    for message in collector.messages:
        body = message.body
        if message.headers.get("content-encoding") == "gzip":
            import gzip

            body = gzip.decompress(body)
        request = ExportTraceServiceRequest.FromString(body)
        assert message.path == "/v1/traces"
        for resource in request.resource_spans:
            for scope in resource.scope_spans:
                found.extend(scope.spans)
    return found


PROGRAM = """
import sys
from hitl_fsm import Agent, Engine, tool
from hitl_fsm.runtime.outgoing import traces
from hitl_fsm.testing import ScriptedModel

traces.LAST_S = traces.SEND_S = 120.0  # a busy machine takes longer to import what sends them

@tool
def pay(to: str) -> str:
    return "paid"

engine = Engine(None, "sqlite:///runs.db", default="confirm")
agent = Agent("clerk", ScriptedModel([{"calls": [{"tool": "pay", "args": {"to": "bob"}}]}, {"say": "end"}]),
    engine=engine, tools=[pay])
if len(sys.argv) == 1:
    print(agent.run("go").run_id)
else:
    run = engine.runs.get(sys.argv[1])
    run.active_requirements[0].confirm()
    print(agent.continue_run(engine.runs.get(sys.argv[1])).state.value)
engine.close()
"""


def process(folder: Path, collector: str, *args: str) -> str:
    """A process of its own, which knows the collector by its settings."""
    (folder / "program.py").write_text(PROGRAM, encoding="utf-8")
    environ = {**os.environ, "HITL_FSM_TELEMETRY": collector, "PYTHONPATH": str(Path(__file__).parents[3])}
    command = [sys.executable, "program.py", *args]
    done = subprocess.run(command, cwd=folder, env=environ, check=True, capture_output=True, timeout=600)
    return done.stdout.decode().strip()


def test_two_processes_tell_a_collector_one_trace(tmp_path: Path, collector: Desk) -> None:
    url = collector.url.removesuffix("/hook")
    run_id = process(tmp_path, url)
    before = [span.name for span in received(collector)]
    assert process(tmp_path, url, run_id) == "done"
    found = received(collector)
    assert len(before) == 1
    assert {span.trace_id.hex() for span in found} == {trace_id(run_id)}
    by_name = {span.name: span for span in found}
    assert {"invoke_agent clerk", "execute_tool pay", "hitl.wait confirm"} <= by_name.keys()
    root = by_name["invoke_agent clerk"]
    assert (root.span_id.hex(), root.parent_span_id) == (run_span(run_id), b"")
    assert len({span.span_id for span in found}) == len(found)


def test_a_collector_that_is_not_there_changes_nothing_of_the_run(tmp_path: Path) -> None:
    nowhere = "http://127.0.0.1:9"
    run_id = process(tmp_path, nowhere)
    assert process(tmp_path, nowhere, run_id) == "done"


def eventually(look: Any, good: Any) -> None:
    end = time.monotonic() + HUNG_S
    while not good(found := look()):
        assert time.monotonic() < end, found
        time.sleep(0.01)
