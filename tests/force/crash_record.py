"""Workers that live until they are killed, and write down what they were told: a program that forks them on request.

Each line on its standard input is `live MS`, `finish` or `end`. To `live`, a worker makes runs, answers and goes on,
and is killed MS milliseconds after its first run is there; to `finish`, one brings to an end what is open.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hitl_fsm import Agent, CallContext, Engine, tool
from hitl_fsm.errors import HitlError
from hitl_fsm.model.answer import Answer, Approve, Happened, NotHappened
from hitl_fsm.model.requirement import OutcomeUnknown
from hitl_fsm.runtime.loop import run_sync
from hitl_fsm.sinks import File
from hitl_fsm.testing import ScriptedModel
from house import call, calls, policies, policy_text

RULES = "- {id: paying, tools: pay, gate: confirm}\n- {id: noting, tools: note, gate: allow}"
SCRIPT = [calls(call("pay", to="bob", amount=5), call("note", text="x")), {"say": "the end"}]
FINISH_S = 120.0


class Notes:
    """Lines of JSON that are on the disk when they are said to be; a piece of one, at a death, is none."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, **told: Any) -> None:
        file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(file, json.dumps(told).encode() + b"\n")
        os.fsync(file)
        os.close(file)

    def all(self) -> list[dict[str, Any]]:
        text = self.path.read_text() if self.path.exists() else ""
        return [json.loads(line) for line in text.splitlines() if line.endswith("}")]


def engine_at(url: str, folder: Path) -> Engine:
    keys = "" if url.startswith("sqlite") else folder / "record.keys"
    return Engine(
        policies(policy_text(RULES)), url, record_keys=keys, sinks=[File(folder / "copy.jsonl", from_start=True)]
    )


class Life:
    """One worker; `told` are what it was told by the store, `effects` what its tools did."""

    def __init__(self, url: str, folder: Path) -> None:
        self.told = Notes(folder / "told.jsonl")
        self.effects = Notes(folder / "effects.jsonl")
        self.copy = folder / "copy.jsonl"
        self.engine = engine_at(url, folder)

        def pay(to: str, amount: float, context: CallContext) -> str:
            """Send money."""
            self._act(context)
            return f"paid {amount} to {to}"

        def note(text: str) -> str:
            """Keep a note."""
            return "noted"

        self.agent = Agent("helper", ScriptedModel(SCRIPT), engine=self.engine, tools=[tool(pay), tool(note)])

    def _act(self, context: CallContext) -> None:
        start = ("call_started", context.run_id, context.call_id, context.attempt)
        lines = [json.loads(line) for line in self.copy.read_bytes().split(b"\n") if line.endswith(b"}")]
        copied = any(
            start == (line["event"], line["run"], line["data"]["call"], line["data"]["attempt"])
            for line in lines
            if line["event"] == "call_started"
        )
        self.effects.add(run=context.run_id, call=context.call_id, attempt=context.attempt, copied=copied)

    def answer(self) -> None:
        for asked in self.engine.inbox.list():
            answer: Answer = Approve()
            if isinstance(asked.question, OutcomeUnknown):
                about = (asked.run_id, asked.call_id)
                happened = any((one["run"], one["call"]) == about for one in self.effects.all())
                answer = Happened("paid") if happened else NotHappened()
            self.engine.resolve(asked.requirement_id, answer)
            self.told.add(answered=asked.requirement_id)

    def go_on(self) -> None:
        for one in self.engine.continue_ready():
            if one.run is not None and one.run.is_ended:
                self.told.add(done=one.run_id)

    def live(self, ready: int) -> None:
        """Until somebody kills it."""
        while True:
            run = self.agent.run("go", user="alice")
            self.told.add(created=run.run_id)
            os.write(ready, b".")
            self.answer()
            self.go_on()

    def finish(self) -> None:
        """What is open comes to its end."""
        deadline = time.monotonic() + FINISH_S
        while any(row.state not in {"done", "failed", "cancelled"} for row in self.engine.runs.list(limit=1000)):
            assert time.monotonic() < deadline, "runs do not end"
            self.answer()
            self.go_on()
        self.engine.sweep()
        run_sync(self.engine.store.sign())  # a worker does so each second; who wrote nothing does not when it closes
        self.engine.close()


def _forked(url: str, folder: Path, order: list[str]) -> str:
    said, ready = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(said)
        code = 1
        try:
            life = Life(url, folder)
            life.finish() if order[0] == "finish" else life.live(ready)
            code = 0
        except HitlError as error:
            sys.stderr.write(f"{error}\n")
        finally:
            os._exit(code)
    os.close(ready)
    if order[0] == "live":
        os.read(said, 1)
        time.sleep(float(order[1]) / 1000)
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    os.close(said)
    return f"signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else f"exit {os.WEXITSTATUS(status)}"


def serve(url: str, folder: Path) -> None:
    """Nothing is opened here: each worker opens what it needs."""
    for line in sys.stdin:
        order = line.split()
        if order[0] == "end":
            return
        sys.stdout.write(f"{_forked(url, folder, order)}\n")
        sys.stdout.flush()


class Program:
    """The other side."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def ask(self, order: str) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{order}\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().strip()


@contextmanager
def program(url: str, folder: Path) -> Iterator[Program]:
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)}
    process = subprocess.Popen(
        [sys.executable, __file__, url, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environ,
    )
    try:
        yield Program(process)
    finally:
        assert process.stdin is not None
        process.stdin.write("end\n")
        process.stdin.close()
        assert process.stdout is not None
        process.stdout.close()
        process.wait(FINISH_S)


if __name__ == "__main__":
    serve(sys.argv[1], Path(sys.argv[2]))
