"""The command as a process that need not import anything: forked from a server that has imported it all.

A command costs half a second of CPU, nearly all of it imports, and the tests use a thousand. The server
(`forked_server.py`) has imported the program, has run none of it and has no thread; for each command it forks. The
child is a process: its own id, memory, database connections, working directory, environment, files and exit code. What
starts it is a small program (`forked_client.py`) in its place, so that `subprocess` is used as ever.

Not for tests of what a start is: imports, start-up time, signals, kills, the installed program. They use `REAL`. A
command whose environment Python reads at its start (PYTHONHASHSEED, a locale, …) becomes a real process by itself. What
is given up: all forked commands of one session share the hash seed of the server, and a module that forgets an import
may find it made. `HITL_FSM_TEST_PROCESSES=real` makes each a real process; other systems than Linux always do, and
`test_cli_start.py` runs every command so.
"""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

TESTS = Path(__file__).parent
CODE = "from hitl_fsm.cli.main import main; main()"
REAL = [sys.executable, "-c", CODE]
SERVER = "import sys; sys.path.insert(1, sys.argv[1]); from forked_server import serve; serve(sys.argv[2])"
START_S = 120
FORKING = sys.platform == "linux" and os.environ.get("HITL_FSM_TEST_PROCESSES", "forked") != "real"


def program() -> list[str]:
    """What stands before a command's arguments."""
    return [*_client(), "-c", CODE] if FORKING else REAL


def write_program(file: Path) -> None:
    """An executable `hitl-fsm` for a shell's PATH, as an installation would put it there."""
    file.parent.mkdir(parents=True, exist_ok=True)
    code = f"#!{sys.executable}\nfrom hitl_fsm.cli.main import main\nmain()\n"
    if FORKING:
        real = file.with_name(f".{file.name}.py")
        real.write_text(code, encoding="utf-8")
        first = " ".join(f"'{part}'" for part in _client())
        code = f"#!/bin/sh\nexec {first} '{real}' '' \"$@\"\n"
    file.write_text(code, encoding="utf-8")
    file.chmod(0o755)


def _client() -> list[str]:
    return [sys.executable, "-I", "-S", str(TESTS / "forked_client.py"), _server()]


@cache
def _server() -> str:
    """The socket of this session's server, started by the first command; it goes when this process does."""
    folder = Path(tempfile.mkdtemp(prefix="hitl-fork-"))  # short: a socket's path has 107 bytes at most; for us alone
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(TESTS), str(folder / "s")],
        cwd="/", stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert server.stdin is not None
    assert server.stdout is not None

    def stop() -> None:
        assert server.stdin is not None
        server.stdin.close()
        server.wait(START_S)
        shutil.rmtree(folder, ignore_errors=True)

    atexit.register(stop)
    with server.stdout:
        assert server.stdout.readline() == b"ready\n", "the fork server did not start; its words are on stderr"
    return str(folder / "s")
