"""From the lines of the record to facts: what each event changes in the tables, and what does not fit together."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from hitl_fsm.adapters.questions import lines as line_of
from hitl_fsm.adapters.questions.lines import By, Line
from hitl_fsm.adapters.questions.older import NEWER
from hitl_fsm.adapters.questions.shelves import AskFact, CallFact, GrantFact, OverrideFact, RunFact, Shelf

_INSERTS = {
    "decision": 20,
    "unapproved": 7,
    "passed": 7,
    "by_grant": 7,
    "assumed": 3,
    "edit": 10,
    "activation": 7,
    "role_change": 9,
    "reading": 7,
    "upkeep": 7,
    "money": 11,
    "model_change": 7,
    "unread": 3,
    "grant_use": 11,
    "lent": 10,
    "away": 4,
    "people_line": 2,
}
_COUNTED = {
    "rule_day": "INSERT INTO rule_day VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
    " looked = looked + excluded.looked, fired = fired + excluded.fired, failed = failed + excluded.failed",
    "tool_day": "INSERT INTO tool_day VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET calls = calls +"
    " excluded.calls, allowed = allowed + excluded.allowed, gated = gated + excluded.gated,"
    " denied = denied + excluded.denied",
}
_SEEN = (
    "INSERT INTO role_seen VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET last_at = max(last_at, excluded.last_at)"
)


Handler = Callable[["Fold", Any, RunFact], None]
Reader = tuple[msgspec.json.Decoder[Any], Handler]
Handlers = Mapping[str, Reader]


class Fold:
    """What a page of lines comes to; `flush` writes it, in the caller's transaction."""

    def __init__(self, connection: sqlite3.Connection, handlers: Handlers) -> None:
        self._connection = connection
        self._handlers = handlers
        self.runs = Shelf(connection, RunFact)
        self.calls = Shelf(connection, CallFact)
        self.asks = Shelf(connection, AskFact)
        self.overrides = Shelf(connection, OverrideFact)
        self.grants = Shelf(connection, GrantFact)
        self._shelves = (self.runs, self.calls, self.asks, self.overrides, self.grants)
        (self.next_run,) = connection.execute("SELECT coalesce(max(id), 0) + 1 FROM run").fetchone()
        self.fresh_from = self.next_run
        self.models: dict[str, str] = dict(connection.execute("SELECT agent, model FROM model_last"))
        self.rows: dict[str, list[tuple[Any, ...]]] = {name: [] for name in _INSERTS}
        self.rules: dict[tuple[str, str, int], list[int]] = {}
        self.tools: dict[tuple[str, str, int], list[int]] = {}
        self.people: dict[str, str] = dict(connection.execute("SELECT id, person FROM person"))
        self.roles: dict[tuple[str, str], list[int]] = {}
        self.has_role: dict[tuple[str, str], str] = {
            (person, role): times for person, role, times in connection.execute("SELECT * FROM role_now")
        }
        self.listed = {person for person, _ in self.has_role}
        self.ways: dict[tuple[str, str], int] = {
            (gate, way): number for gate, way, number in connection.execute("SELECT * FROM way")
        }
        self.ended: list[tuple[int, str]] = []
        self.pruned_to = 0
        found = connection.execute("SELECT value FROM meta WHERE key = 'newer'").fetchone()
        self.newer: int = found[0] if found else 0
        self.bare = 0

    def line(self, seq: int, event: str, body: bytes, leaf: bytes) -> bool:
        """Take up one line, whose place in the chain was checked; False where it cannot be read."""
        known = self._handlers.get(event)
        try:
            found = _bare.decode(body) if known is None else known[0].decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            self.rows["unread"].append((seq, event, str(error)[:200]))
            return False
        if (found.seq, found.event) != (seq, event):  # it says so twice, and other readers take the other
            self.rows["unread"].append((seq, event, "its number or its event stands in it twice"))
            return False
        if not self.newer and event in NEWER:
            self.newer = seq
        run = self.run(found.run) if found.run else None
        if run is not None:
            run.lines += 1
            run.seal = hashlib.sha256(run.seal + leaf).digest()
        if known is not None:
            known[1](self, found, run or NO_RUN)
        return True

    def run(self, run_id: str) -> RunFact:
        """The run of a line; one that is not known yet is new."""
        found = self.runs.change(run_id)
        if found is None:
            found = self.runs.made((run_id,), self.next_run)
            self.next_run += 1
        return found

    def call(self, run: RunFact, call_id: str) -> CallFact:
        """The call of a line."""
        found = self.calls.made((run.id, call_id), fresh=run.id >= self.fresh_from)
        if not found.agent:
            found.agent, found.requester = run.agent, run.requester
        return found

    def tells(self, run: RunFact) -> bool:
        """Whether the record still has what a run began with: after pruning that may be gone."""
        return bool(run.created_at) or not self.bare

    def add(self, table: str, *row: Any) -> None:
        """One more row."""
        self.rows[table].append(row)

    def began(self, line: Line[Any], run: RunFact, call: CallFact, why: str, gates: Iterable[str]) -> None:
        """A call began: why the record does not show that it might, or in which of few ways it had passed its gates,
        and by which grants.
        """
        if why:
            self.object(line, run, call, why)
            return
        for grant in call.grants:
            self.add("by_grant", grant, line.seq, line.at, run.id, call.call, call.tool, call.agent)
        for gate in gates:
            if gate in call.ways:
                number = self.ways.setdefault((gate, _text(call.ways[gate])), len(self.ways) + 1)
                self.add("passed", number, line.seq, line.at, run.id, call.call, call.tool, call.agent)

    def object(self, line: Line[Any], run: RunFact, call: CallFact, why: str) -> None:
        """What the record does not show might happen; of a run whose beginning was pruned nothing is said."""
        if self.tells(run):
            tool = line.data.tool or call.tool
            self.add("unapproved", line.seq, line.at, run.id, call.call, tool, call.agent, why)

    def heard(self, by: By, seq: int, at: int) -> None:
        """A person acted: whose the id is, and which roles they had then."""
        if self.people.get(by.id) != by.own:
            self.people[by.id] = by.own
        for role in by.roles if by.kind == "human" and by.on_behalf_of is None else ():
            seen = self.roles.setdefault((by.own, role), [seq, at, at])
            seen[2] = at

    def flush(self) -> None:
        """Write everything that is new."""
        execute = self._connection.executemany
        for shelf in self._shelves:
            shelf.flush()
        for table, rows in self.rows.items():
            if rows:
                marks = ", ".join("?" * _INSERTS[table])
                execute(f"INSERT OR REPLACE INTO {table} VALUES ({marks})", rows)  # noqa: S608 - names of ours
                rows.clear()
        execute(_COUNTED["rule_day"], [(*key, *counts) for key, counts in self.rules.items()])
        execute(_COUNTED["tool_day"], [(*key, *counts) for key, counts in self.tools.items()])
        execute(_SEEN, [(*key, *seen) for key, seen in self.roles.items()])
        execute("INSERT OR REPLACE INTO person VALUES (?, ?)", self.people.items())
        execute("INSERT OR REPLACE INTO way VALUES (?, ?, ?)", [(*key, number) for key, number in self.ways.items()])
        execute("INSERT OR REPLACE INTO model_last VALUES (?, ?)", self.models.items())
        self._connection.execute("DELETE FROM role_now")
        execute("INSERT INTO role_now VALUES (?, ?, ?)", [(*key, times) for key, times in self.has_role.items()])
        execute("INSERT OR REPLACE INTO meta VALUES ('newer', ?)", [(self.newer,)])
        execute("UPDATE lent SET ended_at = ? WHERE id = ? AND id <> ''", self.ended)
        for counted in (self.rules, self.tools, self.roles, self.ended):
            counted.clear()

    def forget(self) -> None:
        """Let go of what is at hand, once it was flushed."""
        for shelf in self._shelves:
            shelf.forget()
        self.fresh_from = self.next_run

    def __len__(self) -> int:
        return len(self.runs) + len(self.calls) + len(self.asks)


def _text(value: Any) -> str:
    return msgspec.json.encode(value).decode()


NO_RUN = RunFact("", 0)
"""Of a line that belongs to none."""


# -- runs and models


def _created(fold: Fold, line: Line[line_of.Created], run: RunFact) -> None:
    data = line.data
    run.kind, run.agent, run.requester, run.begun_by = data.kind, data.name, data.user, line.by.own
    run.model, run.policies, run.created_at, run.state = data.model, data.policies, line.at, "running"
    fold.heard(line.by, line.seq, line.at)


def _moved(fold: Fold, line: Line[line_of.Nothing], run: RunFact) -> None:
    del fold
    run.state = line.event.removeprefix("run_")


def _replied(fold: Fold, line: Line[line_of.Replied], run: RunFact) -> None:
    model = f"{line.data.provider}/{line.data.model}" if line.data.provider else line.data.model
    was = fold.models.get(run.agent)
    if was != model:
        fold.models[run.agent] = model
        row = (line.seq, line.at, run.id, run.agent, was or "", model, ", ".join(line.data.instead_of))
        fold.add("model_change", *row)


def reader(data: Any, handler: Handler) -> Reader:
    """How the lines of an event are read, and what is done with them."""
    return msgspec.json.Decoder(Line[data]), handler


_bare = msgspec.json.Decoder(line_of.Bare)
_STATES = ("running", "paused", "resolving", "continuing", "done", "failed", "cancelled")
RUNS: dict[str, Reader] = {
    "run_created": reader(line_of.Created, _created),
    **{f"run_{state}": reader(line_of.Nothing, _moved) for state in _STATES},
    "model_replied": reader(line_of.Replied, _replied),
}
"""Those about runs and models; `fold_calls`, `fold_asks` and `fold_around` have the others."""
