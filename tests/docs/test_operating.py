"""The how-to pages on operating, followed line by line in a real project: what they say to type works, and says so."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from acceptance.shell import Shell
from forked import write_program
from moments import HUNG_S
from postgres import Server
from postgres_programs import backup_programs

ROOT = Path(__file__).parents[2]
HOW_TO = ROOT / "docs/how-to"
STAND_IN = '''\
"""What these pages need of the program `sqlite3`, where a machine has none: `sqlite3 [-readonly] FILE COMMAND`."""
import sqlite3, sys
*options, file, command = sys.argv[1:]
connection = sqlite3.connect(f"file:{file}?mode={'ro' if options else 'rwc'}", uri=True, isolation_level=None)
if command.startswith(".backup "):
    with sqlite3.connect(command.split()[1].strip("'")) as target:
        connection.backup(target)
else:
    for row in connection.execute(command):
        print("|".join(map(str, row)))
'''


def commands(page: str, kind: str = "bash") -> list[str]:
    """The lines of a page's blocks of one kind."""
    text = (HOW_TO / page).read_text(encoding="utf-8")
    blocks = re.findall(rf"^```{re.escape(kind)}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


class Reader:
    """Somebody who types what the page says, in the project's folder."""

    def __init__(self, shell: Shell, **environ: str) -> None:
        self.shell = shell
        self.typed: list[str] = []
        bin_folder = shell.folder / "bin"
        bin_folder.mkdir()
        write_program(bin_folder / "hitl-fsm")
        if shutil.which("sqlite3") is None:
            self._program(bin_folder / "sqlite3", STAND_IN)
        path = f"{bin_folder}:{environ.pop('BIN', '')}:{os.environ['PATH']}"
        self.environ = shell.environ(PATH=path, PYTHONPATH=str(ROOT), **environ)

    def _program(self, file: Path, code: str) -> None:
        file.write_text(f"#!{sys.executable}\n{code}", encoding="utf-8")
        file.chmod(0o755)

    def __call__(self, line: str, expected: int = 0, **names: str) -> str:
        """What it prints; RUN, REQ and SEQ in it stand for what the reader has before him."""
        for name, value in names.items():
            line = re.sub(rf"\b{name}\b", value, line)
        self.typed.append(line)
        done = subprocess.run(
            ["bash", "-c", line],
            cwd=self.shell.folder,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=HUNG_S,
            check=False,
        )
        assert done.returncode == expected, f"{line}: {done.returncode}\n{done.stdout}{done.stderr}"
        assert "Traceback" not in done.stderr
        return done.stdout + done.stderr


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell.in_new_project(tmp_path)


def test_operate_works_as_written(shell: Shell) -> None:
    reader = Reader(shell)
    lines = commands("operate.md")
    assert len(lines) == 8
    done, (question,) = shell.start("paying")
    assert shell("approve", question, "--as", "alice").code == 0
    once, doctor, stuck, go_on, inbox, show, wait, status = lines
    reader(once)
    assert shell.witness() == ["pay bob 5.0"]
    assert "everything is in place" in reader(doctor)

    crashed, (question,) = shell.start("crashing", user="alice")
    assert shell("approve", question, "--as", "alice").code == 0
    assert shell("runs", "continue", crashed, "--app", "app:engine").code == 9
    assert crashed in reader(stuck)
    assert f"waits for 1 answer: hitl-fsm inbox --run {crashed}" in reader(go_on)
    assert shell.witness() == ["pay bob 5.0", "pay crash 1.0"]
    assert "outcome" in reader(inbox)
    (found,) = shell("inbox", "--format", "json").lines
    assert "did it happen" in reader(show, REQ=found["id"]).lower()
    assert "all done: paid 5.0 to bob" in reader(wait, RUN=done)
    assert "as this program expects it" in reader(status)


def test_backup_and_restore_with_sqlite_work_as_written(shell: Shell) -> None:
    reader = Reader(shell)
    lines = commands("backup-and-restore.md")
    backup, compact, wal, check, verify, *restore, running, continuing, inbox, show_after, cancel = lines
    assert len(restore) == 6

    waiting, (question,) = shell.start("paying")
    reader(backup)
    reader(compact)
    assert reader(wal) == "wal\n"
    assert reader(check) == "ok\n"
    head = reader(verify)
    seq = re.findall(r"head (\d+) ", head)[0]

    assert shell("approve", question, "--as", "alice").code == 0
    assert shell("--app", "app:engine", "runs", "continue", waiting).code == 0
    for line in restore[:4]:
        reader(line)
    assert reader(restore[4]) == head, "the restored record ends where the backup was made"
    assert "everything is in place" in reader(restore[5])
    assert "no runs" in reader(running)
    assert "no runs" in reader(continuing)
    assert question in reader(inbox), "the answer is gone: the question is open again"
    after = reader(show_after, SEQ=seq)
    assert re.search(rf"call_started .* {waiting} ", after)
    reader(cancel, RUN=waiting)
    assert shell("runs", "continue", waiting, "--app", "app:engine").code == 5
    assert shell.witness() == ["pay bob 5.0"], "once, though the restored store had not heard of it"

    shutil.copy2(shell.folder / "hitl.db.keys", shell.folder / "compact.db.keys")
    assert shell("--store", "sqlite:///compact.db", "approve", question, "--as", "alice").code == 0
    assert shell("--store", "sqlite:///compact.db", "doctor").code == 0


def test_keep_it_small_works_as_written(shell: Shell) -> None:
    reader = Reader(shell)
    dry, prune, digest, vacuum = commands("keep-it-small.md")
    run, (question,) = shell.start("paying")
    assert shell("approve", question, "--as", "alice").code == 0
    assert shell("--app", "app:engine", "runs", "continue", run).code == 0
    waiting, _ = shell.start("refunding")
    assert "no runs" in reader(dry)
    reader(prune)
    assert {row["run"] for row in shell("runs", "list", "--format", "json").lines} == {run, waiting}
    with closing(sqlite3.connect(shell.folder / "hitl.db")) as connection, connection:
        connection.execute("UPDATE run SET updated_at = 0 WHERE run_id = ?", (run,))
    reader(commands("backup-and-restore.md")[0])
    assert run in reader(dry)
    assert "forgot 1 run" in reader(prune)
    (line,) = [line for line in shell("audit", "show", "--format", "json").lines if line["event"] == "runs_forgotten"]
    assert reader(digest, RUN=run).split()[0] == line["data"]["runs"][0]["sha256"]
    reader(vacuum)
    assert shell("audit", "verify").code == 0
    told = shell("runs", "show", run)
    assert (told.code, "was forgotten" in told.err) == (2, True)
    assert [row["run"] for row in shell("runs", "list", "--format", "json").lines] == [waiting]


def test_backup_and_restore_with_postgresql_work_as_written(
    shell: Shell, postgres_server: Server, postgres_database: str
) -> None:
    url, restored = postgres_server.url(postgres_database), postgres_server.url("restored")
    programs = backup_programs(postgres_server)
    keys = str(shell.folder / "record.keys")
    names = {"DATABASE": url, "RESTORED": restored, "HITL_FSM_STORE": url, "HITL_FSM_RECORD_KEYS": keys}
    reader = Reader(shell, BIN=str(programs), **names)
    dump, create, *restore = commands("backup-and-restore.md", "bash postgresql")
    assert [line.split()[0] for line in (dump, create, *restore)] == [
        *("pg_dump", "createdb", "pg_restore", "hitl-fsm", "hitl-fsm"),
    ]
    started = shell(
        "run", "app:paying", "go", "--user", "alice", "--format", "json", HITL_FSM_STORE=url, HITL_FSM_RECORD_KEYS=keys
    )
    assert started.code == 8, started.err
    run, question = started.json["run"], started.json["requirements"][0]["id"]
    reader(dump)
    head = reader("hitl-fsm audit verify")
    reader("hitl-fsm approve REQ --as alice", REQ=question)
    try:
        reader(create)
        reader(restore[0])
        assert reader(restore[1]) == head
        assert "everything is in place" in reader(restore[2])
        reader.environ["HITL_FSM_STORE"] = restored
        assert question in reader("hitl-fsm inbox"), "the answer is gone: the question is open again"
        reader("hitl-fsm approve REQ --as alice", REQ=question)
        assert "paid 5.0 to bob" in reader("hitl-fsm --app app:engine runs continue RUN", RUN=run)
        assert shell.witness() == ["pay bob 5.0"]
        assert "intact" in reader("hitl-fsm audit verify")
    finally:
        postgres_server.drop_database("restored")
