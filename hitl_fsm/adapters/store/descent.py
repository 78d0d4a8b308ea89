"""Which runs began with what was said in others: forks, and later runs of a conversation.

A run's first event says from which it goes on; of a run that was forgotten, its first line in the record says so. Of a
run that an older version began, only that it was told something: by whom is in its session, while those runs are there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

import msgspec

from hitl_fsm.adapters.store import statements as sql
from hitl_fsm.adapters.store.database import Connection
from hitl_fsm.errors import RunNotFound

PAGE_IDS = 500
"""Runs that one statement names."""

_EVERY = "SELECT run_id FROM run WHERE run_id > ? ORDER BY run_id LIMIT ?"
_FIRST_EVENTS = "SELECT run_id, body FROM event WHERE seq = 1 AND run_id IN ({marks})"
_FIRST_LINES = (
    "SELECT run_id, body FROM record WHERE seq IN"
    " (SELECT min(seq) FROM record WHERE run_id IN ({marks}) GROUP BY run_id)"
)
_EARLIER = (
    "SELECT later.run_id, before.run_id FROM session_run AS later JOIN session_run AS before"
    ' ON before.session = later.session AND before."user" = later."user" AND before.kind = later.kind'
    " AND before.name = later.name AND before.id < later.id WHERE later.run_id IN ({marks})"
)
THERE = f"SELECT run_id FROM run WHERE run_id IN ({{marks}}) ORDER BY run_id{sql.LOCK}"  # noqa: S608 - constants
"""Those of these runs that are there; they stay until the transaction ends."""

Sources = Mapping[str, Collection[str]]
"""Of each run those from which it goes on."""


class _Forked(msgspec.Struct, frozen=True):
    run: str = ""
    run_id: str = ""


class _Begun(msgspec.Struct, frozen=True):
    forked: _Forked | None = None
    follows: tuple[str, ...] = ()
    history: tuple[msgspec.Raw, ...] = ()


class _Entry(msgspec.Struct):
    event: _Begun


class _Line(msgspec.Struct):
    data: _Begun = _Begun()


_entry = msgspec.json.Decoder(_Entry)
_line = msgspec.json.Decoder(_Line)


def marked(connection: Connection, query: str, ids: Collection[str], *before: object) -> Iterator[tuple[Any, ...]]:
    """The rows of a query that names ids (`{marks}`), a page of them at a time."""
    wanted = sorted(ids)
    for start in range(0, len(wanted), PAGE_IDS):
        page = wanted[start : start + PAGE_IDS]
        yield from connection.execute(query.format(marks=", ".join("?" * len(page))), (*before, *page)).fetchall()


def check_there(connection: Connection, run_id: str, sources: Collection[str]) -> None:
    """RunNotFound where one was forgotten since it was read: no copy outlives it. The others are locked."""
    if not sources:
        return
    gone = sorted(set(sources) - {row[0] for row in marked(connection, THERE, sources)})
    if gone:
        message = f"{gone[0]}, from which {run_id} was to go on, was forgotten meanwhile"
        raise RunNotFound(message, help="nothing was written; start it again")


def ancestry(connection: Connection, run_ids: Iterable[str]) -> Sources:
    """Of these runs and of all from which they go on, over however many."""
    found: dict[str, Collection[str]] = {}
    wanted = set(run_ids)
    while wanted:
        found |= dict.fromkeys(wanted, ())
        told = _told(connection, wanted)
        found |= told
        wanted = {source for sources in told.values() for source in sources} - found.keys()
    return found


def descendants(sources: Sources, roots: Iterable[str]) -> set[str]:
    """Those that go on from one of the roots, over however many; and the roots."""
    after: dict[str, list[str]] = defaultdict(list)
    for run_id, begun_with in sources.items():
        for source in begun_with:
            after[source].append(run_id)
    found, waiting = set(roots), list(roots)
    while waiting:
        new = set(after[waiting.pop()]) - found
        found |= new
        waiting += new
    return found


def gone_on(connection: Connection, roots: Collection[str]) -> set[str]:
    """All runs in the store that go on from one of these, and these themselves: each first event is read."""
    if not roots:
        return set()
    there: list[str] = []
    while page := [row[0] for row in connection.execute(_EVERY, (there[-1] if there else "", PAGE_IDS))]:
        there += page
    return descendants(ancestry(connection, there), roots) & set(there)


def _told(connection: Connection, run_ids: Collection[str]) -> dict[str, frozenset[str]]:
    """What is said of each; nothing of one whose first line was pruned or cannot be read."""
    found: dict[str, frozenset[str]] = {}
    untold: set[str] = set()
    for run_id, body in marked(connection, _FIRST_EVENTS, run_ids):
        begun = _begun(_entry, body)
        found[run_id] = _sources(begun)
        if begun.history and not found[run_id]:
            untold.add(run_id)
    for run_id, before in marked(connection, _EARLIER, untold):
        found[run_id] |= {before}
    for run_id, body in marked(connection, _FIRST_LINES, set(run_ids) - found.keys()):
        found[run_id] = _sources(_begun(_line, body))
    return found


def _begun(decoder: msgspec.json.Decoder[_Entry] | msgspec.json.Decoder[_Line], body: bytes) -> _Begun:
    """Nothing is said by what cannot be read."""
    try:
        read = decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _Begun()
    return read.event if isinstance(read, _Entry) else read.data


def _sources(begun: _Begun) -> frozenset[str]:
    forked = begun.forked or _Forked()
    return frozenset((*begun.follows, forked.run, forked.run_id)) - {""}
