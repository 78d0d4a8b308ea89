"""The operational log: JSON lines with the ids bound, only when wanted; the application's structlog when it has one."""

from __future__ import annotations

import json
import sys

import pytest

from hitl_fsm.adapters.log import operational_log
from hitl_fsm.errors import SettingsError
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
    assert {line["run"] for line in lines} == {run_id}
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
    assert {line["run"] for line in lines} == {run_id}


def test_nothing_is_written_without_being_asked(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    assert "structlog" not in sys.modules or not sys.modules["structlog"].is_configured()
    one_run(house)
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "")


def test_an_unknown_level_is_an_error() -> None:
    with pytest.raises(SettingsError, match="loud"):
        operational_log("loud")
