"""The places of the protocol where a worker may be killed or frozen, all of them outside the product.

They lie at the ports: around each write of the store, inside the model's call and its stream, inside the tools; and,
for a closer look, at each statement that goes to the database.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Any, Literal

import msgspec

from hitl_fsm.model.record import Record
from hitl_fsm.ports import Commit as Step
from hitl_fsm.ports import Lease, Store

Act = Literal["kill", "stop", "none"]
ANYWHERE = "*"
"""As `at`: the n-th place of any name."""


class Plan(msgspec.Struct, frozen=True):
    """What is to happen to one process: `act` at the `nth` time that it comes to `at`."""

    act: Act = "none"
    at: str = ""
    nth: int = 1

    def __str__(self) -> str:
        return f"{self.act} at {self.at} #{self.nth}"


class Points:
    """Counts the places that this process comes to, and carries the plan out at one of them."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._counts: Counter[str] = Counter()
        self._turn = threading.Lock()
        self.passed: list[str] = []

    def reach(self, name: str) -> None:
        """This process is now at that place."""
        with self._turn:
            self.passed.append(name)
            self._counts[name] += 1
            plan = self._plan
            here = len(self.passed) if plan.at == ANYWHERE else self._counts[name] if plan.at == name else 0
        if plan.act != "none" and here == plan.nth:
            end_here(plan.act)


def end_here(act: Act) -> None:
    """Kill, or freeze, this process at this very instruction: the signal goes to the thread that asks for it."""
    if act == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)


def plans(passed: Sequence[str], act: Act) -> list[Plan]:
    """One plan for each place that a process passed which was left in peace."""
    counts: Counter[str] = Counter()
    made: list[Plan] = []
    for name in passed:
        counts[name] += 1
        made.append(Plan(act, name, counts[name]))
    return made


class WatchedStore:
    """A store with a place before and after each of its writes; reading goes through as it is."""

    def __init__(self, inner: Store, points: Points) -> None:
        self._inner = inner
        self._points = points

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def commit(self, commit: Step) -> int:
        what = "+".join(entry.event.__struct_config__.tag for entry in commit.entries)
        self._points.reach(f"before the commit of {what}")
        fence = await self._inner.commit(commit)
        self._points.reach(f"after the commit of {what}")
        return fence

    async def append(self, records: Sequence[Record]) -> None:
        what = "+".join(record.event for record in records)
        self._points.reach(f"before the record of {what}")
        await self._inner.append(records)
        self._points.reach(f"after the record of {what}")

    async def save_policies(self, digest: str, text: str, record: Record) -> bool:
        self._points.reach("before the policies are kept")
        saved = await self._inner.save_policies(digest, text, record)
        self._points.reach("after the policies are kept")
        return saved

    async def renew(self, run_id: str, lease: Lease) -> bool:
        held = await self._inner.renew(run_id, lease)
        self._points.reach("after a lease was renewed")
        return held

    async def release(self, run_id: str, lease: Lease) -> None:
        self._points.reach("before a lease is given up")
        await self._inner.release(run_id, lease)


STATEMENT = "a statement"
COMMIT = "the end of a transaction"


def watch_statements(points: Points) -> None:
    """From now on each statement of this process that changes a database is a place: the moment before it is sent."""
    _watch_sqlite(points)
    if find_spec("psycopg") is not None:
        _watch_postgres(points)


def _begins(points: Points, statement: str) -> None:
    if statement == "COMMIT":
        points.reach(COMMIT)
    if not statement.startswith(("SELECT", "PRAGMA busy", "--")):
        points.reach(STATEMENT)


def _watch_sqlite(points: Points) -> None:
    real: Callable[..., sqlite3.Connection] = sqlite3.connect

    class Watched(sqlite3.Connection):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self.set_trace_callback(lambda statement: _begins(points, statement))

    def connect(*args: Any, **options: Any) -> sqlite3.Connection:
        return real(*args, **{"factory": Watched, **options})

    sqlite3.connect = connect  # type: ignore[assignment]


def _watch_postgres(points: Points) -> None:
    import psycopg

    real = psycopg.Cursor.execute

    def execute(self: Any, query: Any, *args: Any, **options: Any) -> Any:
        _begins(points, query.decode() if isinstance(query, bytes) else str(query))
        return real(self, query, *args, **options)

    psycopg.Cursor.execute = execute  # type: ignore[method-assign]
