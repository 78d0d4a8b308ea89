"""A forked command is what a real one is: exit code, streams, environment, folder; and real where it must be."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import forked
from moments import HUNG_S

pytestmark = pytest.mark.skipif(not forked.FORKING, reason="every command is a real process here")

APP = """
import json, os, signal, sys, time
from hitl_fsm.testing import ScriptedModel

what = os.environ["WHAT"]
if what == "tell":
    told = {
        "argv": sys.argv, "path": sys.path[0], "cwd": os.getcwd(),
        "environ": dict(os.environ), "umask": os.umask(0), "random": os.getpid() and __import__("random").random(),
        "tz": __import__("time").tzname, "stdin": sys.stdin.read(), "preloaded": "forked_server" in sys.modules,
        "streams": [[s.name, s.mode, s.encoding, s.errors, s.line_buffering, s.write_through, s.newlines, s.isatty()]
                    for s in (sys.stdin, sys.stdout, sys.stderr)],
        "open": sorted(set(os.listdir("/proc/self/fd")) - {"3"}), "threads": len(os.listdir("/proc/self/task")),
        "hash": hash("a"), "signals": [str(signal.getsignal(n)) for n in (2, 13, 15)],
    }
    print(json.dumps(told))
elif what == "atexit":
    import atexit, threading
    atexit.register(print, "at the end")
    threading.Thread(target=lambda: (time.sleep(0.2), print("the thread"))).start()
elif what == "hang":
    print(os.getpid(), flush=True)
    time.sleep(60)
elif what == "abort":
    os.kill(os.getpid(), signal.SIGKILL)
elif what == "leave":
    os._exit(7)
engine = 1
"""
COMMAND = ["--app", "app:engine", "worker", "--once"]  # imports the module, and finds no engine there


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "app.py").write_text(APP, encoding="utf-8")
    (tmp_path / "pyproject.toml").touch()
    return tmp_path


def begin(program: list[str], folder: Path, what: str, **environ: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*program, *COMMAND], cwd=folder, env={**os.environ, "WHAT": what, **environ}, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def run(program: list[str], folder: Path, what: str, **environ: str) -> tuple[int, str, str]:
    process = begin(program, folder, what, **environ)
    out, err = process.communicate("some\r\ninput", timeout=HUNG_S)
    return process.returncode, out, err


def told(program: list[str], folder: Path, **environ: str) -> dict[str, Any]:
    code, out, err = run(program, folder, "tell", **environ)
    assert code == 2, err
    found: dict[str, Any] = json.loads(out.splitlines()[0])
    return found


SAME = ("argv", "path", "cwd", "environ", "umask", "tz", "stdin", "streams", "open", "threads", "signals")


@pytest.mark.parametrize("environ", [{}, {"ONE": "\udcff=\n"}, {"PYTHONPATH": str(forked.TESTS.parent)}], ids=str)
def test_it_is_what_a_real_one_is(folder: Path, environ: dict[str, str]) -> None:
    real, fork = told(forked.REAL, folder, **environ), told(forked.program(), folder, **environ)
    assert (real["preloaded"], fork["preloaded"]) == (False, True)
    assert {name: fork[name] for name in SAME} == {name: real[name] for name in SAME}
    assert fork["random"] != told(forked.program(), folder, **environ)["random"], "each is seeded anew"


@pytest.mark.parametrize("what", ["atexit", "abort", "leave"])
def test_it_ends_as_a_real_one_ends(folder: Path, what: str) -> None:
    assert run(forked.program(), folder, what) == run(forked.REAL, folder, what)


@pytest.mark.parametrize(
    "environ",
    [{"PYTHONHASHSEED": "1"}, {"LC_ALL": "C", "LANG": "C"}, {"TZ": "Asia/Tokyo"}, {"PYTHONPATH": "/nowhere"}],
    ids=str,
)
def test_what_only_a_start_reads_makes_a_real_process(folder: Path, environ: dict[str, str]) -> None:
    real, found = told(forked.REAL, folder, **environ), told(forked.program(), folder, **environ)
    assert found["preloaded"] is False
    assert {name: found[name] for name in SAME} == {name: real[name] for name in SAME}
    if "PYTHONHASHSEED" in environ:
        assert found["hash"] == real["hash"]


def test_killed_it_takes_the_command_along_and_several_go_at_once(folder: Path) -> None:
    several = [begin(forked.program(), folder, "hang") for _ in range(3)]
    numbers = []
    for process in several:
        assert process.stdout is not None
        numbers.append(int(process.stdout.readline()))
    assert len(set(numbers)) == 3
    assert run(forked.program(), folder, "leave")[0] == 7, "others are served meanwhile"
    for process in several:
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=HUNG_S)
    deadline = time.monotonic() + HUNG_S
    while any(Path(f"/proc/{number}").exists() for number in numbers):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert run(forked.program(), folder, "leave")[0] == 7


def test_a_reader_who_leaves_is_met_as_ever(folder: Path) -> None:
    line = "{} schema | head -c 1; echo ${{PIPESTATUS[0]}}"
    found = []
    for program in (forked.REAL, forked.program()):
        shell = ["bash", "-c", line.format(shlex.join(program))]
        found.append(subprocess.run(shell, cwd=folder, capture_output=True, text=True, check=True))
    assert (found[0].stdout, found[0].stderr) == (found[1].stdout, found[1].stderr)


@pytest.mark.parametrize("environ", [{}, {"PYTHONHASHSEED": "1"}], ids=["forked", "real"])
def test_a_program_for_a_path_does_not_see_the_current_folder(folder: Path, environ: dict[str, str]) -> None:
    """A script's first path is its own folder: what only `-c` would find is not found."""
    forked.write_program(folder / "bin/hitl-fsm")
    plain = folder / "bin/plain"
    plain.write_text(f"#!{sys.executable}\nfrom hitl_fsm.cli.main import main\nmain()\n", encoding="utf-8")
    plain.chmod(0o755)
    real, found = told([str(plain)], folder, **environ), told([str(folder / "bin/hitl-fsm")], folder, **environ)
    assert found["preloaded"] is not bool(environ)
    assert found["path"] == real["path"]
    assert found["argv"][1:] == real["argv"][1:]


def test_the_server_goes_with_the_tests(tmp_path: Path) -> None:
    code = "import forked, sys; print(forked.program()[-3], flush=True); sys.stdin.read()"
    victim = subprocess.Popen(
        [sys.executable, "-c", code], cwd=forked.TESTS, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert victim.stdout is not None
    socket = Path(victim.stdout.readline().strip())
    assert socket.exists()
    victim.kill()
    victim.communicate()
    deadline = time.monotonic() + HUNG_S
    while socket.parent.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
