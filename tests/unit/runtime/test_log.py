"""The operational log: JSON lines with the ids bound, only when wanted; the application's structlog when it has one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hitl_fsm.adapters.log import FREE, LEVELS, LINE_BYTES, VALUE_CHARS, operational_log
from hitl_fsm.adapters.record_log import LEVEL_OF, telling
from hitl_fsm.audit.chain import encode_record
from hitl_fsm.audit.redact import FREE_TEXTS
from hitl_fsm.errors import SettingsError
from hitl_fsm.model.actor import Actor
from hitl_fsm.model.record import Record
from hitl_fsm.ports import Landed
from house import House, call, calls

SCRIPT = [calls(call("pay", to="bob", amount=5))]


def one_run(house: House) -> str:
    agent = house.agent(house.engine(), SCRIPT)
    run = agent.run("go", user="alice")
    run.active_requirements[0].confirm(by="alice")
    agent.continue_run(run)
    return run.run_id


def test_lines_on_stderr_carry_run_and_requirement(
    house: House, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HITL_FSM_LOG", "info")
    run_id = one_run(house)
    captured = capsys.readouterr()
    assert captured.out == ""
    lines = [json.loads(line) for line in captured.err.splitlines()]
    assert {line.get("run") for line in lines} == {None, run_id}
    resolved = next(line for line in lines if line["event"] == "requirement_resolved")
    assert resolved["requirement"].startswith("req_")
    assert (resolved["by"], resolved["level"]) == ("alice", "info")
    assert lines[-1]["event"] == "run_done"
    assert "bob" not in captured.err, "arguments do not belong into the log"


def test_a_higher_level_is_quiet(
    house: House, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HITL_FSM_LOG", "warning")
    one_run(house)
    assert capsys.readouterr().err == ""


def test_the_applications_structlog_is_used_when_it_is_configured(house: House) -> None:
    import structlog

    lines: list[structlog.typing.EventDict] = []

    def keep(_logger: object, _method: str, line: structlog.typing.EventDict) -> structlog.typing.EventDict:
        lines.append(dict(line))
        raise structlog.DropEvent

    structlog.configure(processors=[keep])
    try:
        run_id = one_run(house)
    finally:
        structlog.reset_defaults()
    assert "run_paused" in [line["event"] for line in lines]
    assert {line.get("run") for line in lines} == {None, run_id}


def test_nothing_is_written_without_being_asked(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    assert "structlog" not in sys.modules or not sys.modules["structlog"].is_configured()
    one_run(house)
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "")


def test_an_unknown_level_is_an_error() -> None:
    with pytest.raises(SettingsError, match="loud"):
        operational_log("loud")


# -- one line a record


def record_of(house: House) -> list[tuple[int, str]]:
    found = [json.loads(line.body) for line in house.engine().audit.records()]
    return [(line["seq"], line["event"]) for line in found]


def test_each_record_has_one_line_of_the_same_name_in_its_order(
    house: House, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HITL_FSM_LOG", "info")
    one_run(house)
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(line["seq"], line["event"]) for line in lines] == record_of(house)
    assert "call_succeeded" in {line["event"] for line in lines}


def test_a_line_is_bound_to_what_the_task_of_the_commit_has_bound(
    house: House, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import structlog

    monkeypatch.setenv("HITL_FSM_LOG", "info")
    with structlog.contextvars.bound_contextvars(request="r-1"):
        one_run(house)
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert {line["request"] for line in lines} == {"r-1"}


class Kept:
    """A log that keeps its lines."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str, dict[str, Any]]] = []

    def is_heard(self) -> bool:
        return True

    def __call__(self, event: str, /, *, level: str = "info", **fields: Any) -> None:
        self.lines.append((event, level, fields))


def landed(event: str, **data: Any) -> Landed:
    return Landed(7, event, encode_record(Record(event, 1, Actor(id="alice"), "run_1", data)))


@pytest.mark.parametrize(
    ("event", "data", "level"),
    [
        ("call_started", {}, "info"),
        ("call_lost", {}, "warning"),
        ("policies_refused", {}, "warning"),
        ("notice_failed", {}, "warning"),
        ("run_failed", {}, "error"),
        ("break_glass", {}, "error"),
        ("dispatch_not_begun", {"became": "waiting"}, "warning"),
        ("dispatch_not_begun", {"became": "dead"}, "error"),
    ],
)
def test_what_needs_somebody_is_an_error_and_what_went_wrong_a_warning(
    event: str, data: dict[str, Any], level: str
) -> None:
    kept = Kept()
    telling(kept)([landed(event, **data)])
    assert [(line[0], line[1]) for line in kept.lines] == [(event, level)]


def test_levels_are_words_of_the_log() -> None:
    assert set(LEVEL_OF.values()) <= set(LEVELS)


def test_only_ids_and_words_of_the_machines_are_told() -> None:
    kept = Kept()
    telling(kept)([landed("call_failed", call="1.0", tool="pay", note="for Bob", reasons=[{"rule": "r"}], attempt=2)])
    ((_, _, fields),) = kept.lines
    assert fields == {"seq": 7, "at": 1, "by": "alice", "run": "run_1", "call": "1.0", "tool": "pay", "attempt": 2}


# -- a log that is broken, or attacked


@pytest.mark.parametrize("text", ['x\n{"event": "run_done"}', "x\r\x1b[2Jy", "a\u2028b", "a\u202eb", "\x00", "\x85"])
def test_no_value_forges_a_line_or_moves_a_terminal(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    operational_log("info")("timer_failed", level="error", error=text, many=[text])
    written = capsys.readouterr().err
    assert written.count("\n") == 1
    assert written.strip().isprintable()
    assert written.isascii()
    assert text not in json.loads(written)["error"]


def test_the_applications_log_gets_no_such_value_either() -> None:
    import structlog

    with structlog.testing.capture_logs() as lines:
        structlog.configure()
        operational_log("")("timer_failed", level="error", error="x\nforged")
    structlog.reset_defaults()
    assert lines[0]["error"] == "x⟦U+000A⟧forged"


def test_what_the_record_would_hide_is_hidden_in_the_log_too(
    house: House, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HITL_FSM_LOG", "info")
    engine = house.engine()
    engine.parts.log(
        "work_failed", level="error", error="refused for bob@example.com", run="run_1", by="eve@example.com"
    )
    line = json.loads(capsys.readouterr().err)
    assert "bob" not in line["error"]
    assert set(FREE_TEXTS) <= FREE
    assert (line["run"], line["by"]) == ("run_1", "eve@example.com")


def test_a_line_is_short_whatever_is_in_it(capsys: pytest.CaptureFixture[str]) -> None:
    log = operational_log("info")
    log("timer_failed", error="é" * 10_000, run="run_1")
    log("timer_failed", **{f"name{number}": "\n" * 10_000 for number in range(50)})
    first, second = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    assert len(first["error"]) == VALUE_CHARS
    assert first["run"] == "run_1"
    assert second["cut"] is True
    assert len(json.dumps(second)) < LINE_BYTES


def test_a_value_that_refuses_to_be_shown_costs_its_line_alone(capsys: pytest.CaptureFixture[str]) -> None:
    class Mute:
        def __str__(self) -> str:
            raise ValueError

    log = operational_log("info")
    log("first", value=Mute())
    log("second", value=float("nan"), flag=True)
    (line,) = capsys.readouterr().err.splitlines()
    assert json.loads(line)["event"] == "second"
    assert json.loads(line)["value"] == "nan"


def test_a_processor_that_raises_changes_nothing_of_run_and_record(house: House) -> None:
    import structlog

    def broken(*_: object) -> structlog.typing.EventDict:
        raise RuntimeError

    structlog.configure(processors=[broken])
    try:
        run_id = one_run(house)
    finally:
        structlog.reset_defaults()
    engine = house.engine()
    assert engine.runs.get(run_id).state.value == "done"
    assert [event for _, event in record_of(house)][-1] == "run_done"


PROGRAM = """
import json, sys
from hitl_fsm import Agent, Engine, tool
from hitl_fsm.testing import ScriptedModel

@tool
def pay(to: str) -> str:
    return "paid"

engine = Engine(None, "sqlite:///" + sys.argv[1], default="confirm")
model = ScriptedModel([{"calls": [{"tool": "pay", "args": {"to": "bob"}}]}] * int(sys.argv[2]) + [{"say": "end"}])
agent = Agent("clerk", model, engine=engine, tools=[pay])
run = agent.run("go")
while run.active_requirements:
    run.active_requirements[0].confirm()
    run = agent.continue_run(run)
print(run.state.value, *(json.loads(line.body)["event"] for line in engine.audit.records()))
"""


def ran(folder: Path, name: str, level: str, how: str, times: int = 1) -> list[str]:
    """What a process with such a stderr came to: the run's state, and the events of the record."""
    program = folder / "program.py"
    program.write_text(PROGRAM, encoding="utf-8")
    command = f'"{sys.executable}" "{program}" "{folder / name}" {times} {how}'
    done = subprocess.run(
        ["/bin/bash", "-c", command],
        check=True,
        cwd=folder,
        stdout=subprocess.PIPE,
        env={**os.environ, "HITL_FSM_LOG": level, "PYTHONPATH": str(Path(__file__).parents[3])},
        timeout=60,
    )
    return done.stdout.decode().split()


@pytest.mark.parametrize(
    "how",
    [
        pytest.param("2>&-", id="closed"),
        pytest.param("2> >(true)", id="nobody reads any more"),
        pytest.param("2>/dev/full", id="full"),
    ],
)
def test_a_broken_stderr_changes_nothing_of_run_and_record(tmp_path: Path, how: str) -> None:
    quiet = ran(tmp_path, "quiet.db", "", "")
    assert quiet[0] == "done"
    assert ran(tmp_path, "broken.db", "info", how) == quiet


def test_a_reader_that_does_not_read_holds_up_no_run(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM, encoding="utf-8")
    command = [sys.executable, str(program), str(tmp_path / "stuck.db"), "60"]
    environ = {**os.environ, "HITL_FSM_LOG": "info", "PYTHONPATH": str(Path(__file__).parents[3])}
    with (tmp_path / "out").open("wb") as out:
        process = subprocess.Popen(command, cwd=tmp_path, stdout=out, stderr=subprocess.PIPE, env=environ)
        assert process.stderr is not None
        with process.stderr:
            try:
                assert process.wait(timeout=60) == 0
            finally:
                process.kill()
            taken = process.stderr.read()
    assert (tmp_path / "out").read_text(encoding="utf-8").startswith("done ")
    assert len(taken) > 50_000, "there was more to tell than a pipe takes"


def test_lines_that_nobody_took_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb", buffering=0) as reader, os.fdopen(writing, "w") as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        log = operational_log("info")
        for number in range(2_000):
            log("timer_failed", number=number, error="x" * 200)
        taken = reader.read(1 << 20)
        log("timer_failed", number=2_000)
        monkeypatch.undo()
        last = json.loads(reader.read(1 << 16))
    lines = [json.loads(line) for line in taken.splitlines()]
    assert [line["number"] for line in lines] == list(range(len(lines)))
    assert last["left_out"] == 2_000 - len(lines) > 0
