"""kill -9 of a worker after a real second copy took lines, before the store says so; and while a copy hangs.

Whoever goes on offers them again: no line is lost, what came twice is the same line, and nothing ran that it does not
have.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest
from kill_nursery import python_environ

from hitl_fsm.model.states import RunState
from hitl_fsm.runtime.loop import run_sync
from hitl_fsm.sinks import HTTP, File, Syslog
from house import House, call, calls
from receiver import desk
from sinks import Syslog as Received
from sinks import event_of, first_times, seqs, tcp_syslog

PAY = [calls(call("pay", to="bob", amount=5))]
HOUR = 3_600_000
INTENT, ANSWER = "call_started", "requirement_resolved"

PROGRAM = """
import asyncio, os, signal, sys
from pathlib import Path
from hitl_fsm.sinks import HTTP, File, Syslog
from house import House, call, calls
from sinks import event_of
folder, kind, where, run_id, event, how = sys.argv[1:]
sink = {"file": File, "syslog": Syslog, "http": HTTP}[kind](where, from_start=True)
real = sink.write

async def write(lines):
    here = event in [event_of(line.body) for line in lines]
    if here and how == "hangs":
        print("hangs", flush=True)
        await asyncio.sleep(3600)
    await real(lines)
    if here:
        os.kill(os.getpid(), signal.SIGKILL)

sink.write = write
house = House(Path(folder))
agent = house.agent(house.engine(sinks=[sink]), [calls(call("pay", to="bob", amount=5))])
effects = house.effects
try:
    agent.continue_run(run_id=run_id)
finally:
    print("ran" if effects else "", flush=True)
"""


class Copy(NamedTuple):
    """A real one; `lines` are those that arrived there."""

    kind: str
    where: str
    sink: File | Syslog | HTTP
    lines: Callable[[], Sequence[bytes]]


@pytest.fixture(params=["file", "syslog", "http"])
def copy(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Copy]:
    kind = request.param
    with ExitStack() as stack:
        if kind == "file":
            path = tmp_path / "copy.jsonl"
            yield Copy(kind, str(path), File(path, from_start=True), lambda: path.read_bytes().splitlines())
        elif kind == "syslog":
            told: Received = stack.enter_context(tcp_syslog())
            yield Copy(kind, told.url, Syslog(told.url, from_start=True), lambda: told.bodies)
        else:
            there = stack.enter_context(desk())
            yield Copy(
                kind,
                there.url,
                HTTP(there.url, from_start=True),
                lambda: [row for message in there.messages for row in message.body.splitlines()],
            )


def started(house: House, copy: Copy, run_id: str, event: str, how: str = "dies") -> subprocess.Popen[str]:
    program = [sys.executable, "-c", PROGRAM, str(house.folder), copy.kind, copy.where, run_id, event, how]
    return subprocess.Popen(program, stdout=subprocess.PIPE, text=True, env=python_environ())


@pytest.mark.parametrize("event", [pytest.param(ANSWER, marks=pytest.mark.slow), INTENT])
@pytest.mark.parametrize("how", ["dies", pytest.param("hangs", marks=pytest.mark.slow)])
def test_law06_a_worker_is_killed_between_what_a_copy_took_and_the_store(
    tmp_path: Path, copy: Copy, event: str, how: str
) -> None:
    house = House(tmp_path)
    run = house.agent(house.engine(), PAY).run("go", user="alice")
    run.active_requirements[0].confirm()
    worker = started(house, copy, run.run_id, event, how)
    assert worker.stdout is not None
    if how == "hangs":
        assert worker.stdout.readline() == "hangs\n"
        worker.kill()
    assert (worker.wait(60), worker.stdout.read()) == (-signal.SIGKILL, ""), "nothing ran"
    worker.stdout.close()
    taken = list(copy.lines()) if how == "dies" or event == INTENT else []
    assert (event in [event_of(line) for line in taken]) == (how == "dies")

    engine = house.engine(sinks=[copy.sink])
    after = house.agent(engine, PAY).continue_run(run_id=run.run_id)
    if event == INTENT:  # its worker may have begun
        (question,) = after.active_requirements
        assert question.is_outcome_unknown
        house.clock.advance(HOUR)
        question.it_did_not_happen()
        after = house.agent(engine, PAY).continue_run(run_id=run.run_id)
    assert after.state is RunState.DONE
    assert len(house.effects) == 1
    assert engine.audit.verify().verdict != "tampered"
    run_sync(engine.store.sign())
    assert engine.audit.verify().intact
    assert engine.parts.copies is not None
    run_sync(engine.parts.copies.until(60))
    lines = list(copy.lines())
    assert first_times(lines) == [line.body for line in engine.audit.records()], "none is lost, and none is another one"
    assert len(set(seqs(lines))) == len(first_times(lines)), "one number, one line"
    if how == "dies":
        assert (len(lines) > len(set(lines))) == (copy.kind != "file"), "a file is looked at before it is added to"
