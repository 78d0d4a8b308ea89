"""Many short-lived workers from one prepared process, which imported everything and opened nothing.

`Nursery` starts this file as a program and talks to it in lines of JSON: `begin` forks a worker and tells what became
of it (it exited, was killed, or stands still), `wake` lets one that stands still go on.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from worker import Orders, live, scenario_policies

WORKER_LIMIT_S = 120.0
"""How long one worker may take; it is killed then, and called stuck."""

ALSO = (
    "psycopg",
    "hitl_fsm.adapters.store.postgres.database",
    "hitl_fsm.adapters.store.postgres.migrating",
    "hitl_fsm.adapters.store.sqlite.migrating",
)
"""What a worker on another database, or on an older one, imports besides."""


class Ended(msgspec.Struct, frozen=True):
    """What became of a worker: `exited` (with `code`), `killed`, `stopped` (it stands still), or `stuck`."""

    pid: int
    how: str
    code: int = 0


def python_environ() -> dict[str, str]:
    """For a program that imports what this process can import."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)}


class Nursery:
    """The program's other side. One worker at a time, but for those that stand still."""

    def __init__(self) -> None:
        self._program = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=python_environ(),
        )

    def begin(self, orders: Orders, kill_after: float | None = None) -> Ended:
        """Fork a worker and wait until it ends or stands still; killed from outside after so many seconds."""
        return self._ask({"begin": msgspec.to_builtins(orders), "kill_after": kill_after})

    def wake(self, pid: int) -> Ended:
        """Let a worker that stands still go on, and wait for its end."""
        return self._ask({"wake": pid})

    def close(self) -> None:
        assert self._program.stdin is not None
        self._program.stdin.close()
        self._program.wait(WORKER_LIMIT_S)
        assert self._program.stdout is not None
        self._program.stdout.close()

    def _ask(self, question: dict[str, Any]) -> Ended:
        assert self._program.stdin is not None
        assert self._program.stdout is not None
        self._program.stdin.write(json.dumps(question).encode() + b"\n")
        self._program.stdin.flush()
        return msgspec.json.decode(self._program.stdout.readline(), type=Ended)


@contextlib.contextmanager
def nursery() -> Iterator[Nursery]:
    made = Nursery()
    try:
        yield made
    finally:
        made.close()


def serve() -> None:
    """The program: questions on stdin, answers on stdout. It must stay without threads and without a store."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    prepare()
    still: set[int] = set()
    for line in sys.stdin:
        question = json.loads(line)
        if "wake" in question:
            pid = question["wake"]
            still.discard(pid)
            os.kill(pid, signal.SIGCONT)
            ended = wait(pid, None)
        else:
            pid = begin(msgspec.convert(question["begin"], Orders))
            ended = wait(pid, question["kill_after"])
        if ended.how == "stopped":
            still.add(pid)
        os.write(1, msgspec.json.encode(ended) + b"\n")
    for pid in still:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def prepare() -> None:
    """Import whatever a worker imports: one goes ahead and leaves the list."""
    scenario_policies()
    with tempfile.TemporaryDirectory() as folder:
        wait(begin(Orders(folder, f"sqlite:///{folder}/hitl.db", stream=True)), None)
        for name in [*json.loads((Path(folder) / "modules.json").read_text()), *ALSO]:
            with contextlib.suppress(ImportError):  # some modules exist only as a side effect of others
                importlib.import_module(name)
    gc.freeze()


def begin(orders: Orders) -> int:
    """Fork; the child lives as a worker and ends without returning here."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, 0)
        os.dup2(null, 1)
        live(orders)
        (Path(orders.folder) / "modules.json").write_text(json.dumps(sorted(sys.modules)))
        code = 0
    except BaseException:  # noqa: BLE001 - the test that looks at this folder tells it
        with (Path(orders.folder) / "errors.txt").open("a") as file:
            traceback.print_exc(file=file)
    finally:
        os._exit(code)


def wait(pid: int, kill_after: float | None) -> Ended:
    """Until the worker has ended or stands still."""
    begun = time.monotonic()
    limit = WORKER_LIMIT_S if kill_after is None else kill_after
    while True:
        found, result = os.waitpid(pid, os.WNOHANG | os.WUNTRACED)
        if found:
            return _ended(pid, result)
        left = begun + limit - time.monotonic()
        if left <= 0:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return Ended(pid, "stuck" if kill_after is None else "killed")
        signal.sigtimedwait({signal.SIGCHLD}, left)


def _ended(pid: int, result: int) -> Ended:
    if os.WIFSTOPPED(result):
        return Ended(pid, "stopped")
    if os.WIFSIGNALED(result):
        return Ended(pid, "killed", os.WTERMSIG(result))
    return Ended(pid, "exited", os.WEXITSTATUS(result))


if __name__ == "__main__":
    serve()
