"""`notices` as processes: a worker tells, gives up, and tells again when asked to."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from acceptance.shell import APP, Shell
from receiver import SECRET, Desk, desk

WITHOUT = '"frank": ["finance"]})'
WITH = '"frank": ["finance"]}, channels=[Webhook("env:DESK_URL", "env:DESK_SECRET", name="desk")])'


@pytest.fixture
def told() -> Iterator[Desk]:
    with desk() as found:
        yield found


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    made = Shell.in_new_project(tmp_path)
    app = APP.replace(WITHOUT, WITH).replace(
        "from hitl_fsm.testing", "from hitl_fsm.notify import Webhook\nfrom hitl_fsm.testing"
    )
    (tmp_path / "app.py").write_text(app, encoding="utf-8")
    return made


def test_a_worker_tells_and_what_it_gave_up_is_told_again(shell: Shell, told: Desk) -> None:
    environ = {"DESK_URL": told.url, "DESK_SECRET": SECRET}
    _, (requirement,) = shell.start("refunding")
    told.answers = [410]
    assert shell("worker", "--once", "--app", "app:engine", **environ).code == 0
    (dead,) = shell("notices", "list", "--format", "json").lines
    assert {**dead, "due_at": ""} == {
        "notice": f"notice_{requirement}_opened_desk", "channel": "desk", "requirement": requirement,
        "run": dead["run"], "event": "requirement_opened", "state": "dead", "attempts": 1, "due_at": "",
        "who": "role:finance",
    }  # fmt: skip
    listed = shell("notices", "list")
    assert "role:finance" in listed.out
    assert "notices retry" in listed.err
    assert shell("notices", "list", "--state", "sent").err.strip() == "there is no such notice"
    doctor = shell("doctor")
    assert "1 notice could not be told" in doctor.out.replace("\n", " ")

    again = shell("notices", "retry", dead["notice"], "--as", "maria")
    assert (again.code, again.out.strip()) == (0, f"{dead['notice']} waits to be sent")
    assert shell("notices", "retry", dead["notice"]).code != 0
    assert shell("worker", "--once", "--app", "app:engine", **environ).code == 0
    assert [one.id for one in told.messages] == [dead["notice"]] * 2
    assert "no notice was given up" in shell("notices", "list").err
    (sent,) = shell("notices", "list", "--state", "all", "--about", requirement, "--format", "json").lines
    assert sent["state"] == "sent"
    assert "notice_sent" in shell("audit", "show").out


def test_the_doctor_tells_of_a_notice_that_fails_before_it_is_given_up(shell: Shell, told: Desk) -> None:
    environ = {"DESK_URL": told.url, "DESK_SECRET": SECRET}
    shell.start("refunding")
    told.answers = [500] * 3
    for _ in range(3):
        assert "late notices" not in shell("doctor").out
        assert shell("worker", "--once", "--app", "app:engine", **environ).code == 0
        with closing(sqlite3.connect(shell.folder / "hitl.db")) as store, store:
            store.execute("UPDATE delivery SET due_at = 0")
    doctor = shell("doctor", "--format", "json")
    (late,) = [one for one in doctor.json["checks"] if one["topic"] == "late notices"]
    assert (doctor.code, late["outcome"], late["told"].partition(" could")[0]) == (1, "problem", "1 notice")
    assert shell("notices", "list", "--state", "waiting", "--format", "json").lines[0]["attempts"] == 3


def test_a_state_that_there_is_not_is_refused(shell: Shell) -> None:
    assert shell("notices", "list", "--state", "lost").code == 2


def test_the_doctor_tells_which_channels_and_routes_an_engine_has(shell: Shell) -> None:
    def said() -> dict[str, tuple[str, str]]:
        checks = shell("--app", "app:engine", "doctor", "--format", "json").json["checks"]
        return {one["topic"]: (one["outcome"], one["told"]) for one in checks}

    found = said()
    assert found["channels"] == ("ok", "desk (Webhook)")
    assert found["routes"] == ("ok", "none: an external call waits until somebody reports its result")
    app = (shell.folder / "app.py").read_text(encoding="utf-8")
    routes = ", routes={'by-hand': Manual(), 'bank': Command(['/bin/true']), 'a-bank': Command(['/bin/true'])})"
    other = f"from hitl_fsm.routes import Command, Manual\n{app}".replace(WITH, WITHOUT.replace(")", routes))
    (shell.folder / "app.py").write_text(other, encoding="utf-8")
    found = said()
    assert found["channels"] == ("note", "none: nobody is told that a question waits")
    assert found["routes"] == ("ok", "a-bank (Command), bank (Command)"), "what is served by hand is no way out"
