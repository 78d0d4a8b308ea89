"""Facts that change while the record is read: kept at hand by key, written to their table when a page is over."""

from __future__ import annotations

import sqlite3
from typing import Any, ClassVar, Generic, TypeVar

import msgspec


class Fact(msgspec.Struct):
    """Its fields are the columns of its table; those of `json` hold lists and tables. The first `keys` name it."""

    table: ClassVar[str] = ""
    keys: ClassVar[int] = 1
    json: ClassVar[tuple[str, ...]] = ()


class RunFact(Fact):
    """A run. `lines` and `seal` are of all its lines: how many, and the hash of the leaves one after the other."""

    table: ClassVar[str] = "run"
    run: str
    id: int
    kind: str = ""
    agent: str = ""
    requester: str = ""
    begun_by: str = ""
    model: str = ""
    policies: str = ""
    created_at: int = 0
    state: str = ""
    lines: int = 0
    seal: bytes = b""


class CallFact(Fact):
    """A call: as it was judged last, who voted and said yes at which gate, whether it may begin, and what became of it.

    `editor` made it of the action `was`. `voters` has the votes that count, by gate (see `hearing.Voice`), `risen` to
    whom a gate's question was passed on last, `doubts` why a yes at a gate does not count, `ways` how it was passed.
    `yes` has who let it pass, by gate and by the digest of the action that they said it of; `grants` by id the gate
    that each use is for, and what is wrong with it. `external`: an outside system carries it out; `answered`: what a
    person or an outside system said is its result. `before`: an older release let it begin (see `older.py`), and
    `older` is the start that was judged by its lines.
    """

    table: ClassVar[str] = "call"
    keys: ClassVar[int] = 2
    json: ClassVar[tuple[str, ...]] = ("gates", "voters", "risen", "doubts", "ways", "yes", "grants", "passes")
    run: int
    call: str
    tool: str = ""
    agent: str = ""
    requester: str = ""
    digest: str = ""
    was: str = ""
    editor: str = ""
    outcome: str = ""
    gates: list[str] = []
    policies: str = ""
    judged_seq: int = 0
    judged_at: int = 0
    voters: dict[str, list[list[Any]]] = {}
    risen: dict[str, list[Any]] = {}
    doubts: dict[str, str] = {}
    ways: dict[str, list[Any]] = {}
    yes: dict[str, list[str]] = {}
    grants: dict[str, list[str]] = {}
    external: int = 0
    answered: int = 0
    approved_seq: int = 0
    approved_at: int = 0
    approved_by: str = ""
    auth_seq: int = 0
    auth_digest: str = ""
    passes: list[Any] = []
    started_seq: int = 0
    started_at: int = 0
    attempts: int = 0
    state: str = ""
    ended_seq: int = 0
    ended_at: int = 0
    lost_seq: int = 0
    lost_at: int = 0
    before: int = 0
    older: int = 0


class AskFact(Fact):
    """A question: `of` whom, who is `excluded`; `broken`: one person passed its gate alone.

    `viewed` has when somebody first looked at it, by person and by what was shown; `said` the ids whose yes closed it.
    """

    table: ClassVar[str] = "ask"
    json: ClassVar[tuple[str, ...]] = ("of", "excluded", "viewed", "said")
    requirement: str
    run: int
    call: str = ""
    tool: str = ""
    kind: str = ""
    gate: str = ""
    digest: str = ""
    agent: str = ""
    requester: str = ""
    severity: str = "low"
    of: list[str] = []
    excluded: list[str] = []
    broken: int = 0
    flags: str = ""
    opened_seq: int = 0
    opened_at: int = 0
    expires_at: int = 0
    state: str = "open"
    closed_seq: int = 0
    closed_at: int = 0
    answer: str = ""
    escalated: int = 0
    viewed: dict[str, int] = {}
    said: list[str] = []


class OverrideFact(Fact):
    """A gate that one person passed alone, and who looked at it."""

    table: ClassVar[str] = "override"
    requirement: str
    seq: int = 0
    at: int = 0
    run: int = 0
    tool: str = ""
    agent: str = ""
    person: str = ""
    reviewed_seq: int = 0
    reviewed_at: int = 0
    reviewed_by: str = ""


class GrantFact(Fact):
    """A yes that is remembered: for how long (ms), how far, and how often it was used.

    `doubt` is why the record does not show that somebody gave it.
    """

    table: ClassVar[str] = "grant_made"
    json: ClassVar[tuple[str, ...]] = ("vary",)
    grant_id: str
    seq: int = 0
    gate: str = ""
    tool: str = ""
    uses: int = 0
    until: int = 0
    kind: str = ""
    used: int = 0
    revoked_seq: int = 0
    span: int = 0
    scope: str = ""
    vary: list[str] = []
    budget_of: str = ""
    budget: str = ""
    doubt: str = ""


F = TypeVar("F", bound=Fact)
_encode = msgspec.json.Encoder().encode


class Shelf(Generic[F]):
    """The facts of one table. `find` gives one to read, `change` one that will be written."""

    def __init__(self, connection: sqlite3.Connection, kind: type[F]) -> None:
        names = kind.__struct_fields__
        where = " AND ".join(f"{name} = ?" for name in names[: kind.keys])
        self._connection = connection
        self._kind = kind
        self._json = tuple(names.index(name) for name in kind.json)
        self._select = f"SELECT {', '.join(names)} FROM {kind.table} WHERE {where}"  # noqa: S608 - names of ours
        self._insert = f"INSERT OR REPLACE INTO {kind.table} VALUES ({', '.join('?' * len(names))})"  # noqa: S608
        self._known: dict[tuple[Any, ...], F | None] = {}
        self._changed: dict[tuple[Any, ...], F] = {}

    def find(self, *key: Any) -> F | None:
        """None: there is none."""
        try:
            return self._known[key]
        except KeyError:
            found = self._known[key] = self._read(key)
            return found

    def change(self, *key: Any) -> F | None:
        """As `find`; what is done to it will be kept."""
        found = self.find(*key)
        if found is not None:
            self._changed[key] = found
        return found

    def made(self, key: tuple[Any, ...], *more: Any, fresh: bool = False) -> F:
        """The one that is there, or a new one with `more`; what is done to it will be kept.

        `fresh`: it is at hand, or nowhere.
        """
        found = self._known.get(key) if fresh else self.find(*key)
        if found is not None:
            self._changed[key] = found
        else:
            found = self._known[key] = self._changed[key] = self._kind(*key, *more)
        return found

    def flush(self) -> None:
        """Write what was changed."""
        rows = [self._row(fact) for fact in self._changed.values()]
        self._connection.executemany(self._insert, rows)
        self._changed.clear()

    def __len__(self) -> int:
        return len(self._known)

    def forget(self) -> None:
        """Let go of what is at hand; it was flushed."""
        self._known.clear()

    def _row(self, fact: F) -> list[Any]:
        row = list(msgspec.structs.astuple(fact))
        for at in self._json:
            row[at] = _encode(row[at]).decode() if row[at] else ""
        return row

    def _read(self, key: tuple[Any, ...]) -> F | None:
        row = self._connection.execute(self._select, key).fetchone()
        if row is None:
            return None
        fields = dict(zip(self._kind.__struct_fields__, row, strict=True))
        for name in self._kind.json:
            if fields[name]:
                fields[name] = msgspec.json.decode(fields[name])
            else:
                del fields[name]
        return self._kind(**fields)
