"""What the benches share: the floor, the product over the same work, counters, and a table of goal and measured.

The work is a run whose model asks for the gated tool `transfer`, `rounds` times, and then says "end". The floor is the
least that keeps the promise by hand: sqlite3 and json, WAL, three commits a cycle (asked and paused; claimed by
compare-and-set; result and next reply); no policy, no record, no lease, no intent. Figures of the product mean
something only beside the floor's of the same run: machines differ, ratios less so.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import queue
import sqlite3
import statistics
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from hitl_fsm import Agent, Engine, Limits, tool
from hitl_fsm.model.answer import Approve
from hitl_fsm.model.requirement import Requirement
from hitl_fsm.model.run import Run
from hitl_fsm.ports import AskedBefore, Commit, RecordLine, Store, StoredRun
from hitl_fsm.testing import ScriptedModel

POLICY = Path(__file__).with_name("peer.policy.yaml")
APPROVE = Approve()
KIB, MIB = 1024, 1024 * 1024
BATCH = 256
"""Transactions that the floor's writer thread commits together at most."""

Message = dict[str, Any]


def _send(to: str, amount: int) -> str:
    """Transfer an amount to someone."""
    return f"sent {amount} to {to}"


async def _asend(to: str, amount: int) -> str:
    """Transfer an amount to someone."""
    return f"sent {amount} to {to}"


transfer = tool(name="transfer")(_send)
atransfer = tool(name="transfer")(_asend)


def script(rounds: int = 1, latency: float = 0) -> ScriptedModel:
    """A model that asks for `transfer` as often, then ends."""
    asked = [{"calls": [{"tool": "transfer", "args": {"to": "bob", "amount": n}}]} for n in range(rounds)]
    return ScriptedModel([*asked, {"say": "end"}], latency)


# -- the floor


class Floor:
    """One connection, used from one thread. A row a run, a row a message."""

    def __init__(self, path: Path, sync: str, rounds: int = 1, latency: float = 0) -> None:
        self._path, self._sync, self._rounds, self._latency = path, sync, rounds, latency
        self._connection = self._connect()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, isolation_level=None, timeout=30, check_same_thread=False)
        connection.execute("pragma journal_mode=WAL")
        connection.execute(f"pragma synchronous={self._sync}")
        connection.executescript(
            "create table if not exists runs(id text primary key, status text not null) without rowid;"
            "create table if not exists msgs(run text, seq integer, body text, primary key(run, seq)) without rowid"
        )
        return connection

    def close(self) -> None:
        self._connection.close()

    # -- synchronous

    def start(self, run: str) -> None:
        new = [{"role": "user", "content": "go"}]
        new.append(self._reply(new))
        self._alone(_save, run, 0, new, "paused")

    def resume(self, run: str) -> str:
        assert _claim(self._connection, run) == 1
        messages = self._load(run)
        base = len(messages)
        messages.append(_executed(messages[-1]))
        messages.append(self._reply(messages))
        status = "paused" if "calls" in messages[-1] else "done"
        self._alone(_save, run, base, messages[base:], status)
        return status

    def transition(self, run: str, seq: int) -> None:
        """One durable step: the run's row and one message."""
        self._alone(_save, run, seq, [{"role": "tool", "content": "x" * 200}], "running")

    # -- asynchronous

    async def astart(self, run: str) -> None:
        new = [{"role": "user", "content": "go"}]
        await asyncio.sleep(self._latency)
        new.append(self._reply(new))
        await self._write(_save, run, 0, new, "paused")

    async def aresume(self, run: str) -> str:
        assert await self._write(_claim, run) == 1
        messages = self._load(run)
        base = len(messages)
        messages.append(_executed(messages[-1]))
        await asyncio.sleep(self._latency)
        messages.append(self._reply(messages))
        status = "paused" if "calls" in messages[-1] else "done"
        await self._write(_save, run, base, messages[base:], status)
        return status

    async def atransition(self, run: str, seq: int) -> None:
        await self._write(_save, run, seq, [{"role": "tool", "content": "x" * 200}], "running")

    async def aclose(self) -> None:
        self.close()

    # -- parts

    async def _write(self, work: Callable[..., Any], *args: Any) -> Any:
        return self._alone(work, *args)

    def _alone(self, work: Callable[..., Any], *args: Any) -> Any:
        self._connection.execute("begin immediate")
        value = work(self._connection, *args)
        self._connection.execute("commit")
        return value

    def _load(self, run: str) -> list[Message]:
        rows = self._connection.execute("select body from msgs where run = ? order by seq", (run,))
        return [json.loads(row[0]) for row in rows]

    def _reply(self, messages: list[Message]) -> Message:
        done = sum(1 for message in messages if message["role"] == "assistant")
        if done >= self._rounds:
            return {"role": "assistant", "content": "end"}
        call = {"id": f"c{done}", "name": "transfer", "args": {"to": "bob", "amount": done}}
        return {"role": "assistant", "calls": [call]}


class GroupFloor(Floor):
    """The floor with group commit: a thread runs all that waits in one transaction."""

    def __init__(self, path: Path, sync: str, rounds: int = 1, latency: float = 0) -> None:
        super().__init__(path, sync, rounds, latency)
        self._queue: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._loop, daemon=True)
        self._thread.start()

    async def _write(self, work: Callable[..., Any], *args: Any) -> Any:
        done = asyncio.get_running_loop().create_future()
        self._queue.put((work, args, done))
        return await done

    def _loop(self) -> None:
        connection = self._connect()
        while (first := self._queue.get()) is not None:
            batch = [first]
            while len(batch) < BATCH and not self._queue.empty():
                batch.append(self._queue.get())
            ending = batch[-1] is None
            jobs = [job for job in batch if job is not None]
            connection.execute("begin immediate")
            values = [work(connection, *args) for work, args, _ in jobs]
            connection.execute("commit")
            jobs[0][2].get_loop().call_soon_threadsafe(_hand_out, jobs, values)
            if ending:
                break
        connection.close()

    async def aclose(self) -> None:
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)
        self.close()


def _hand_out(jobs: list[Any], values: list[Any]) -> None:
    for (_, _, done), value in zip(jobs, values, strict=True):
        done.set_result(value)


def _save(connection: sqlite3.Connection, run: str, base: int, messages: list[Message], status: str) -> None:
    if base == 0:
        connection.execute("insert into runs values(?, ?)", (run, status))
    else:
        connection.execute("update runs set status = ? where id = ?", (status, run))
    rows = [(run, base + i, json.dumps(message)) for i, message in enumerate(messages)]
    connection.executemany("insert into msgs values(?, ?, ?)", rows)


def _claim(connection: sqlite3.Connection, run: str) -> int:
    return connection.execute("update runs set status = 'running' where id = ? and status = 'paused'", (run,)).rowcount


def _executed(asked: Message) -> Message:
    return {"role": "tool", "content": _send(**asked["calls"][0]["args"])}


# -- the product


def url(path: Path, sync: str) -> str:
    return f"sqlite:///{path}?synchronous={sync.lower()}"


class Ours:
    """The whole product: policies from a file, record, leases, intent. As an application holds it: engine and agent."""

    def __init__(self, store: str | Store, model: ScriptedModel, *, is_async: bool = False) -> None:
        self.engine = Engine(POLICY, store)
        tools = [atransfer if is_async else transfer]
        self.agent = Agent("bench", model, engine=self.engine, tools=tools, limits=Limits(turns=None))

    def start(self) -> str:
        return self.agent.run("go").run_id

    def resume(self, run_id: str) -> str:
        """As an application that holds nothing but the id: look, answer what waits, continue."""
        run = self.engine.runs.get(run_id)
        for requirement in run.active_requirements:
            run = requirement.confirm()
        return self.agent.continue_run(run).state.value

    async def astart(self) -> str:
        return (await self.agent.arun("go")).run_id

    async def aresume(self, run_id: str) -> str:
        run = await self.engine.runs.aget(run_id)
        for requirement in run.active_requirements:
            run = await self.engine.aresolve(requirement.id, APPROVE, digest=requirement.digest)
        return (await self.agent.acontinue_run(run)).state.value

    def close(self) -> None:
        self.engine.close()


class Recorder:
    """A store that keeps every commit in a list: rows for another store, as real runs write them."""

    def __init__(self) -> None:
        self.commits: list[Commit] = []
        self._requirements: dict[str, Requirement] = {}
        self._runs: dict[str, tuple[Run, int, str, list[Any]]] = {}

    async def commit(self, commit: Commit) -> int:
        self.commits.append(commit)
        fence = commit.fence + (commit.lease == "take")
        _, _, _, entries = self._runs.setdefault(commit.run.run_id, (commit.run, 0, "", []))
        entries.extend(commit.entries)
        self._runs[commit.run.run_id] = (commit.run, fence, commit.owner, entries)
        self._requirements.update((each.requirement_id, each) for each in commit.requirements)
        return fence

    async def load(self, run_id: str, *, after: int = 0) -> StoredRun:
        run, fence, owner, entries = self._runs[run_id]
        return StoredRun(run_id, run.state.value, run.version, fence, owner, 0, tuple(entries[after:]))

    async def requirement(self, requirement_id: str) -> Requirement:
        return self._requirements[requirement_id]

    async def open_of(self, *_: object) -> int:
        return 0

    async def asked_before(self, *_: object, **__: object) -> Sequence[AskedBefore]:
        return ()

    async def save_policies(self, *_: object) -> bool:
        return True

    async def cursor(self, *_: object) -> int | None:
        """No reader has been here."""

    async def head(self) -> tuple[int, str]:
        return 0, ""

    async def records(self, **_: object) -> Sequence[RecordLine]:
        return ()

    async def release(self, *_: object) -> None:
        """Nobody else is there."""

    def watch(self, *_: object) -> None:
        """Nobody is told."""

    async def renew(self, *_: object) -> bool:
        return True

    def drop(self) -> list[Commit]:
        """What was recorded since; forget the runs, too."""
        commits, self.commits = self.commits, []
        self._runs.clear()
        self._requirements.clear()
        return commits


# -- counters and tables


def written() -> int:
    """Bytes handed to write(2) by this process."""
    return _proc("/proc/self/io", "wchar")


def rss_mib(pid: int | str = "self", field: str = "VmRSS") -> float:
    """Memory of a process, in MiB; `VmHWM` is the most it ever had."""
    return _proc(f"/proc/{pid}/status", field) / KIB


def _proc(path: str, field: str) -> int:
    for line in Path(path).read_text(encoding="ascii").splitlines():
        if line.startswith(field):
            return int(line.split(":")[1].split()[0])
    return 0


def database_bytes(path: Path) -> int:
    """The pages in use, as a reader sees them."""
    connection = sqlite3.connect(path)
    try:
        pages, size = (connection.execute(f"pragma {name}").fetchone()[0] for name in ("page_count", "page_size"))
        return int(pages * size)
    finally:
        connection.close()


def percentile(values: Iterable[float], part: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


def ratio(ours: Sequence[float], beside: Sequence[float]) -> float:
    """The median of the ratios of figures taken next to each other."""
    return statistics.median(a / b for a, b in zip(ours, beside, strict=True))


class Line(NamedTuple):
    """One measured figure; `limit` None where there is no goal."""

    name: str
    measured: float
    limit: float | None = None
    at_least: bool = False


def show(title: str, lines: Sequence[Line]) -> None:
    """A table of goal and measured."""
    width = max(len(line.name) for line in lines)
    print(f"\n{title}\n{'':{width + 2}}{'measured':>10}{'goal':>12}")
    for line in lines:
        goal, verdict = "", ""
        if line.limit is not None:
            met = line.measured >= line.limit if line.at_least else line.measured <= line.limit
            goal, verdict = f"{'>=' if line.at_least else '<='} {line.limit:g}", "" if met else "  missed"
        print(f"  {line.name:{width}}{line.measured:10.2f}{goal:>12}{verdict}")


def options(doc: str | None, **defaults: int | str) -> argparse.Namespace:
    """Command line options, most of them whole numbers, so that a small run can show that a bench works."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in defaults.items():
        parser.add_argument(f"--{name}", type=type(default), default=default, help=f"default {default or 'none'}")
    return parser.parse_args()
