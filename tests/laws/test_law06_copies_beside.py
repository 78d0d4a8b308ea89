"""Copies of the record behind routes, real receivers, and workers that are killed between the intent and the copy."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hitl_fsm.adapters.sinks import syslog
from hitl_fsm.cli.doctor.recording import recording
from hitl_fsm.cli.session import Session
from hitl_fsm.errors import CopyBehind
from hitl_fsm.model.dispatch import Handover, Outcome, Returned
from hitl_fsm.model.states import RunState
from hitl_fsm.ports_out import Sink
from hitl_fsm.runtime.loop import run_sync
from hitl_fsm.runtime.outgoing import copied, copies, dispatch
from hitl_fsm.runtime.outgoing.dispatch import AGAIN_MS
from hitl_fsm.sinks import HTTP, File, Syslog
from house import House, call, calls
from moments import HUNG_S
from receiver import desk
from sinks import MoodySink, first_times, healthy_copies_take_their_time, tcp_syslog

PAY = [calls(call("pay", to="bob", amount=5))]
OUT = "- {id: out, tools: [pay], gate: {external: {route: bank, timeout: 1h}}}"


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    healthy_copies_take_their_time(monkeypatch)
    for module in (copied, copies, dispatch):
        monkeypatch.setattr(module, "SHORT_S", 0.3)
    monkeypatch.setattr(dispatch, "HELD_S", 0.3)
    monkeypatch.setattr(copied, "HELD_S", 1.0)
    monkeypatch.setattr(copied, "WAIT_S", 1.0)
    monkeypatch.setattr(copies, "PAUSE_S", 0.01)
    monkeypatch.setattr(syslog, "SEND_S", 0.2)


class Bank:
    """Keeps what it was given."""

    idempotent = False

    def __init__(self) -> None:
        self.given: list[Handover] = []

    async def hand_over(self, handover: Handover) -> Outcome:
        self.given.append(handover)
        return Returned("sent")


@pytest.mark.parametrize("when", ["before", "after the intent"])
def test_law06_nothing_is_handed_over_before_its_lines_are_in_the_copy(house: House, when: str) -> None:
    bank, sink = Bank(), MoodySink()
    engine = house.engine(OUT, sinks=[sink], routes={"bank": bank})
    agent = house.agent(engine, PAY)
    run = agent.run("go", user="alice")

    def block(events: list[str]) -> None:
        if when == "before" or "dispatch_begun" in events:
            sink.mood = "refuses"

    sink.before = block
    engine.routes.dispatch()
    assert bank.given == []
    sink.mood, sink.before = "takes", lambda events: None
    house.clock.advance(2 * AGAIN_MS)
    engine.routes.dispatch()
    assert len(bank.given) == 1
    assert "dispatch_begun" in sink.events
    assert agent.continue_run(run).state is RunState.DONE


def goes_on(house: House, sink: Sink, block: Any, unblock: Any) -> None:
    agent = house.agent(house.engine(sinks=[sink]), PAY)
    run = agent.run("go", user="alice")
    run.active_requirements[0].confirm()
    block()
    with pytest.raises(CopyBehind):
        agent.continue_run(run)
    assert house.effects == []
    unblock()
    with pytest.MonkeyPatch.context() as patient:  # what takes lines again may be slow about it
        for module, name in ((copied, "WAIT_S"), (copied, "SHORT_S"), (copies, "SHORT_S"), (syslog, "SEND_S")):
            patient.setattr(module, name, HUNG_S)
        assert agent.continue_run(run).state is RunState.DONE
    assert len(house.effects) == 1


def stored(house: House) -> list[bytes]:
    return [line.body for line in run_sync(house.engines[0].store.records())]


def test_law06_a_real_syslog_receiver_that_hangs_and_comes_back(house: House) -> None:
    with tcp_syslog() as told:
        goes_on(
            house,
            Syslog(told.url, from_start=True),
            lambda: setattr(told, "mood", "hangs"),
            lambda: setattr(told, "mood", "takes"),
        )
        assert first_times(told.bodies) == stored(house)


def test_law06_a_real_http_receiver_that_refuses_and_comes_back(house: House) -> None:
    with desk() as told:
        goes_on(
            house,
            HTTP(told.url, from_start=True),
            lambda: setattr(told, "usual", 503),
            lambda: setattr(told, "usual", 204),
        )
        taken = [line for one in told.messages for line in one.body.splitlines()]
        assert first_times(taken) == stored(house)


def test_law06_a_real_file_that_cannot_be_appended_to_and_can_again(house: House, tmp_path: Path) -> None:
    path = tmp_path / "copy.jsonl"
    goes_on(
        house,
        File(path, from_start=True),
        lambda: (path.rename(tmp_path / "first"), path.mkdir()),
        path.rmdir,
    )
    both = (tmp_path / "first").read_bytes() + path.read_bytes()
    assert both.splitlines() == stored(house)


DIES = """
import os, signal, sys
sys.path[:0] = ["tests", "."]
from pathlib import Path
from house import House, call, calls
from sinks import MoodySink
house = House(Path(sys.argv[1]), store_url=sys.argv[2])
sink = MoodySink()
sink.before = lambda events: os.kill(os.getpid(), signal.SIGKILL) if "call_started" in events else None
agent = house.agent(house.engine(sinks=[sink]), [calls(call("pay", to="bob", amount=5))])
agent.continue_run(run_id=sys.argv[3])
"""


def test_law03_killed_between_the_intent_and_the_copy_nothing_happened_and_a_person_says_so(house: House) -> None:
    agent = house.agent(house.engine(), PAY)
    run = agent.run("go", user="alice")
    run.active_requirements[0].confirm()
    program = [sys.executable, "-c", DIES, str(house.folder), house.store_url, run.run_id]
    done = subprocess.run(program, capture_output=True, text=True, timeout=60, check=False, env={**os.environ})
    assert done.returncode == -signal.SIGKILL, done.stderr
    sink = MoodySink()
    other = house.agent(house.engine(sinks=[sink]), PAY)
    after = other.continue_run(run_id=run.run_id)
    (question,) = after.active_requirements
    assert question.is_outcome_unknown
    house.clock.advance(3_600_000)
    question.it_did_not_happen()
    assert other.continue_run(run_id=run.run_id).state is RunState.DONE
    assert len(house.effects) == 1
    assert sink.events[0] == "call_started"  # what the dead one could not ship
    assert sink.lines == stored(house)[-len(sink.lines) :]


def test_what_doctor_says_of_copies_and_headroom(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    if house.store_url:
        pytest.skip("the same on every store")
    copy = house.folder / "copy.jsonl"
    monkeypatch.setenv("HITL_FSM_RECORD_SINKS", f"file://{copy}#name=disk")
    monkeypatch.setenv("HITL_FSM_STORE", house.url)
    monkeypatch.chdir(house.folder)

    def said() -> dict[str, tuple[str, str]]:
        return {check.topic: (check.outcome, check.told) for check in recording(Session())}

    assert said() == {}
    agent = house.agent(house.engine(), PAY)
    run = agent.run("go", user="alice")
    head = len(stored(house))
    assert said()["copy disk"] == ("ok", f"took every line since it began, up to {head}")
    assert said()["headroom"][0] == "ok"
    run.active_requirements[0].confirm()
    outcome, told = said()["copy disk"]
    assert outcome == "problem"
    assert "lines behind, since 2025-06-15T" in told
    os.truncate(house.folder / "hitl.db.reserve", 10)
    assert said()["headroom"][0] == "problem"
    monkeypatch.setenv("HITL_FSM_RECORD_SINKS", "nothing")
    outcome, told = said()["copies"]
    assert (outcome, "is not the URL of a second copy" in told) == ("problem", True)
