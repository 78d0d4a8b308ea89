"""The operator's commands, as real processes: what is stuck, who goes on with it, and what is forgotten."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from acceptance.shell import PROGRAM, Shell
from hitl_fsm import Engine
from hitl_fsm.model.answer import Approve
from hitl_fsm.policy.evaluate import PolicySet
from moments import HUNG_S

SLOW_APP = """
import os
import time
from pathlib import Path

from hitl_fsm import Agent, Engine, tool
from hitl_fsm.testing import ScriptedModel

HERE = Path(__file__).parent


def witness(line):
    with (HERE / "witness.txt").open("a") as file:
        file.write(line + "\\n")


def until(name):
    while not (HERE / name).exists():
        time.sleep(0.01)


@tool
def pay(to: str, amount: float) -> str:
    \"\"\"Pay.\"\"\"
    witness(f"begun {to}")
    until("go")
    witness(f"paid {to}")
    return "paid"


@tool
def look(order: str) -> str:
    \"\"\"Look.\"\"\"
    witness(f"looked {order}")
    return order


engine = Engine(policies=HERE / "house.policy.yaml")


def agent(name, *calls):
    replies = [{"calls": [{"tool": t, "args": a} for t, a in turn]} for turn in calls]
    return Agent(name, ScriptedModel([*replies, {"say": "done"}]), engine=engine, tools=[pay, look])


slow = agent("slow", [("pay", {"to": "bob", "amount": 1})])
quick = agent("quick", [("pay", {"to": "ann", "amount": 1})])
failing = Agent("failing", ScriptedModel([{"calls": [{"tool": "pay", "args": {"to": "eve", "amount": 1}}]}]),
                engine=engine, tools=[pay])
"""


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell.in_new_project(tmp_path)


@pytest.fixture
def slow(shell: Shell) -> Shell:
    """A project whose tool says that it has begun, and ends when the file `go` is there."""
    (shell.folder / "app.py").write_text(SLOW_APP, encoding="utf-8")
    return shell


def approved(shell: Shell, agent: str) -> str:
    """A run that is ready to go on."""
    run, (question,) = shell.start(agent)
    engine = Engine(PolicySet((), "", "", ()), f"sqlite:///{shell.folder}/hitl.db")
    engine.resolve(question, Approve(), by="alice")
    engine.close()
    return run


def crashed(shell: Shell) -> str:
    """A run whose worker died inside its tool."""
    run = approved(shell, "crashing")
    assert shell("--app", "app:engine", "runs", "continue", run).code == 9
    return run


@contextmanager
def worker(shell: Shell, *args: str) -> Iterator[subprocess.Popen[str]]:
    """Its output comes to light when the test fails."""
    process = subprocess.Popen(
        [*PROGRAM, "--app", "app:engine", "worker", "--poll", "0.05", *args],
        cwd=shell.folder,
        env=shell.environ(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        if not process.stdout.closed:
            sys.stderr.write("".join(process.communicate()))


def eventually(shell: Shell, line: str, times: int = 1) -> None:
    deadline = time.monotonic() + HUNG_S
    while shell.witness().count(line) < times:
        assert time.monotonic() < deadline, (line, shell.witness())
        time.sleep(0.01)


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=HUNG_S)
    assert "Traceback" not in err, err
    return process.returncode, out, err


# -- stuck, ready, unknown


def test_what_is_stuck_is_told_and_gone_on_with(shell: Shell) -> None:
    run = crashed(shell)
    (row,) = shell("runs", "list", "--stuck", "--format", "json").lines
    assert (row["run"], row["state"], row["why"]) == (run, "continuing", "its process has ended")
    assert row["held_by"].startswith("process ")
    assert row["last_sign_of_life"] >= row["created_at"]
    assert shell("runs", "list", "--stuck", "--state", "running", "--format", "json").lines == []
    sick = shell("doctor")
    assert (sick.code, "1 run: the worker is gone" in sick.out) == (1, True)

    again = shell("--app", "app:engine", "runs", "continue", "--all-ready", "--format", "json")
    assert again.code == 0, "waiting for a person is what a run may do"
    assert [(one["run"], one["state"], one["open_requirements"]) for one in again.lines] == [(run, "paused", 1)]
    assert shell.witness() == ["pay crash 1.0"], "what had begun is not begun again"
    assert shell("runs", "list", "--stuck").err == "no run is stuck\n"
    assert "nobody knows whether it happened" in shell("doctor").out


@pytest.mark.slow
def test_a_lease_that_ended_counts_as_gone_though_its_process_may_live(shell: Shell) -> None:
    run = approved(shell, "paying")
    with closing(sqlite3.connect(shell.folder / "hitl.db")) as connection, connection:
        connection.execute(
            "UPDATE run SET owner = 'elsewhere/1/2:7:8:abcd', leased_until = 1000 WHERE run_id = ?", (run,)
        )
    told = shell("runs", "list", "--stuck")
    assert "process 7 on elsewhere" in told.out
    assert "no sign of life: its lease ended" in told.out


def test_all_that_is_ready_goes_on_and_each_failure_is_told(slow: Shell) -> None:
    (slow.folder / "go").touch()
    fine, bad = approved(slow, "quick"), approved(slow, "failing")
    waiting, _ = slow.start("slow")
    stranger = approved(slow, "slow")
    with closing(sqlite3.connect(slow.folder / "hitl.db")) as connection, connection:
        (body,) = connection.execute("SELECT body FROM event WHERE run_id = ? AND seq = 1", (stranger,)).fetchone()
        connection.execute(
            "UPDATE event SET body = ? WHERE run_id = ? AND seq = 1", (body.replace(b'"slow"', b'"lost"'), stranger)
        )
    went = slow("--app", "app:engine", "runs", "continue", "--all-ready", "--format", "json")
    assert went.code == 3
    became = {one["run"]: one for one in went.lines}
    assert set(became) == {fine, bad, stranger}
    assert (became[fine]["state"], became[fine]["error"]) == ("done", None)
    assert became[bad]["state"] == "failed"
    assert became[bad]["error"]["message"]
    assert (became[stranger]["state"], became[stranger]["error"]["code"]) == (None, "HF403")
    assert sorted(slow.witness()) == ["begun ann", "begun eve", "paid ann", "paid eve"]

    text = slow("--app", "app:engine", "runs", "continue", "--all-ready")
    assert (text.code, "HF403" in text.out, "did not go on" in text.out) == (3, True, True)
    assert bad not in text.out, "what failed is left alone"
    assert slow("runs", "show", waiting, "--format", "json").json["state"] == "paused"


@pytest.mark.parametrize("args", [(), ("run_x", "--all-ready"), ("--all-ready", "--stream")])
def test_continue_takes_a_run_or_all(shell: Shell, args: tuple[str, ...]) -> None:
    assert shell("--app", "app:engine", "runs", "continue", *args).code == 2


# -- the worker


def test_a_worker_takes_up_what_becomes_ready_and_leaves_when_told(slow: Shell) -> None:
    slow.start("slow")
    with worker(slow, "-v", "--format", "json") as one:
        run = approved(slow, "slow")
        eventually(slow, "begun bob")
        quick = approved(slow, "quick")
        eventually(slow, "begun ann")
        one.send_signal(signal.SIGTERM)
        late = approved(slow, "quick")
        assert one.poll() is None, "it waits for what is under way"
        (slow.folder / "go").touch()
        code, out, err = ended(one)
    assert code == 0
    assert f'"run":"{run}"' in out
    assert f'"run":"{quick}"' in out
    assert late not in out
    assert f"{run} ToolCallStarted pay" in err
    assert sorted(slow.witness()) == ["begun ann", "begun bob", "paid ann", "paid bob"]
    assert slow("runs", "show", late, "--format", "json").json["state"] == "continuing"
    assert slow("runs", "list", "--stuck").err == "no run is stuck\n"


def test_a_second_signal_cuts_off_and_a_person_is_asked(slow: Shell) -> None:
    run = approved(slow, "slow")
    with worker(slow) as one:
        eventually(slow, "begun bob")
        one.send_signal(signal.SIGTERM)
        assert one.stderr is not None
        told = [one.stderr.readline(), one.stderr.readline()]
        assert "waiting for 1 under way" in told[1]
        one.send_signal(signal.SIGINT)
        code, _, err = ended(one)
    assert (code, "cutting 1 off" in err) == (130, True)
    again = slow("--app", "app:engine", "runs", "continue", "--all-ready", "--format", "json")
    assert [(row["run"], row["state"], row["open_requirements"]) for row in again.lines] in ([], [(run, "paused", 1)])
    assert slow("runs", "show", run, "--format", "json").json["state"] == "paused"
    assert slow.witness() == ["begun bob"], "nobody began it again"


@pytest.mark.slow
def test_several_workers_do_each_thing_once(slow: Shell) -> None:
    (slow.folder / "go").touch()
    with worker(slow), worker(slow), worker(slow):
        runs = [approved(slow, "quick") for _ in range(6)]
        eventually(slow, "paid ann", times=6)
        for run in runs:
            assert slow("wait", run, "--timeout", "60").out == "done\n"
    assert slow.witness().count("begun ann") == 6


@pytest.mark.slow
def test_a_worker_sweeps_and_goes_on_though_it_does_not_know_some_runs(slow: Shell) -> None:
    (slow.folder / "go").touch()
    expiring, _ = slow.start("slow")
    with closing(sqlite3.connect(slow.folder / "hitl.db")) as connection, connection:
        connection.execute("UPDATE run SET name = 'lost' WHERE run_id = ?", (expiring,))
    stranger = approved(slow, "quick")
    with closing(sqlite3.connect(slow.folder / "hitl.db")) as connection, connection:
        (body,) = connection.execute("SELECT body FROM event WHERE run_id = ? AND seq = 1", (stranger,)).fetchone()
        connection.execute(
            "UPDATE event SET body = ? WHERE run_id = ? AND seq = 1", (body.replace(b'"quick"', b'"gone"'), stranger)
        )
    with worker(slow) as one:
        approved(slow, "quick")
        eventually(slow, "paid ann")
        one.send_signal(signal.SIGTERM)
        code, _, err = ended(one)
    assert code == 0
    assert f"{stranger} did not go on: HF403" in err
    assert 1 <= err.count(stranger) <= 5, "ever less often"


def test_once_does_what_there_is_and_ends(shell: Shell) -> None:
    run = approved(shell, "paying")
    once = shell("--app", "app:engine", "worker", "--once", "--format", "json")
    assert (once.code, [(row["run"], row["state"]) for row in once.lines]) == (0, [(run, "done")])
    assert shell("worker", "--once").code == 2, "without an application nothing can go on"


# -- wait


def test_wait_ends_with_the_run_and_times_out_before(shell: Shell) -> None:
    run, (question,) = shell.start("paying")
    late = shell("wait", run, "--timeout", "0.2")
    assert (late.code, late.out) == (124, "")
    assert "is still paused" in late.err
    waiting = subprocess.Popen(
        [*PROGRAM, "wait", run], cwd=shell.folder, env=shell.environ(), stdout=subprocess.PIPE, text=True
    )
    assert shell("approve", question, "--as", "alice").code == 0
    assert shell("--app", "app:engine", "runs", "continue", run).code == 0
    out, _ = waiting.communicate(timeout=HUNG_S)
    assert (waiting.returncode, out) == (0, "all done: paid 5.0 to bob\n")
    cancelled, _ = shell.start("paying")
    assert shell("runs", "cancel", cancelled).code == 0
    assert shell("wait", cancelled).code == 5
    assert shell("wait", "run_nope").code == 2
    assert shell("wait", run[:-1]).code == 2, "a part of an id is no id"


# -- prune


def test_prune_asks_first_and_says_what_it_did(shell: Shell) -> None:
    run = approved(shell, "paying")
    assert shell("--app", "app:engine", "runs", "continue", run).code == 0
    waiting, (question,) = shell.start("paying")
    dry = shell("runs", "prune", "--older-than", "0d", "--dry-run", "--format", "json").json
    assert (dry["dry_run"], dry["count"], [row["run"] for row in dry["runs"]]) == (True, 1, [run])
    refused = shell("runs", "prune", "--older-than", "0d")
    assert (refused.code, "--yes" in refused.err) == (2, True)
    said_no = shell.at_terminal("runs", "prune", "--older-than", "0d", answers=[(r"\[y/N\]", "n")])
    assert (said_no.code, "nothing was forgotten" in said_no.out) == (1, True)
    assert shell("runs", "show", run).code == 0
    said_yes = shell.at_terminal("runs", "prune", "--older-than", "0d", "--as", "maria", answers=[(r"\[y/N\]", "y")])
    assert (said_yes.code, "forgot 1 run" in said_yes.out) == (0, True)
    for gone in (shell("runs", "show", run), shell("show", f"{run.replace('run_', 'req_')}-0001"), shell("wait", run)):
        assert gone.code == 2
        assert f"{run} was forgotten at " in gone.err
        assert "by maria" in gone.err
    assert "was forgotten" not in shell("runs", "show", "run_never").err
    assert run in shell("audit", "show", "--run", run).out
    assert shell("audit", "verify").code == 0
    assert shell("approve", question, "--as", "alice").code == 0, "what waits is still there"
    assert shell("--app", "app:engine", "runs", "continue", waiting).code == 0


def test_what_cannot_be_read_is_kept(shell: Shell) -> None:
    run = approved(shell, "paying")
    assert shell("--app", "app:engine", "runs", "continue", run).code == 0
    with closing(sqlite3.connect(shell.folder / "hitl.db")) as connection, connection:
        connection.execute("UPDATE event SET body = 'spoilt' WHERE seq = 2")
    kept = shell("runs", "prune", "--older-than", "0d", "--yes", "--format", "json")
    assert (kept.code, kept.json["count"], [one["run"] for one in kept.json["kept"]]) == (3, 0, [run])


# -- the schema


def test_the_schema_is_told_and_upgraded(shell: Shell) -> None:
    shell.start("paying")
    assert shell("db", "status").code == 0
    assert "already" in shell("db", "upgrade").out
    with closing(sqlite3.connect(shell.folder / "hitl.db")) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    newer = shell("db", "status", "--format", "json")
    assert (newer.code, newer.json["schema"], newer.json["current"]) == (1, "9999", False)
    refused = shell("db", "upgrade")
    assert (refused.code, "HF502" in refused.err) == (3, True)
    assert shell("doctor").code == 1
