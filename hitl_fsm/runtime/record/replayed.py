"""What is acted on next, held against the record: runs that are not over, and those whose grants still hold.

Their logs are replayed. What that comes to has to be what the rows say, down to the arguments, and each question has
to be about the action of which the record has the digest. So no row and no log can have other arguments than those
that the lines are about.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import msgspec

from hitl_fsm.audit.stated import Key, Stated
from hitl_fsm.audit.verify import Verification
from hitl_fsm.core.decide import apply
from hitl_fsm.core.stored import is_as_told
from hitl_fsm.errors import HitlError
from hitl_fsm.model.grant import Grant
from hitl_fsm.model.requirement import Requirement
from hitl_fsm.model.run import Run
from hitl_fsm.ports import Store
from hitl_fsm.runtime.loop import run_sync

PAGE = 500
"""Rows read at once."""
TRIES = 5
"""Looks at a run that moves meanwhile."""
_LIVE = ("running", "paused", "resolving", "continuing")
_grant = msgspec.json.Decoder(Grant).decode
_BROKEN = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, TypeError)
_UNREADABLE = (HitlError, *_BROKEN)


class _Log(NamedTuple):
    run: Run
    version: int
    grants: dict[str, Grant]


def check_replayed(store: Store, verification: Verification) -> None:
    """Each of these runs by itself."""
    granted = _granted(store)
    for run_id in dict.fromkeys((*_live(store), *granted)):
        what = _difference(store, run_id, granted.get(run_id, []), verification.stated)
        if what:
            verification.found(0, "answer", what)


def _live(store: Store) -> Iterator[str]:
    after = 0
    while page := run_sync(store.raw_states("run", after, PAGE)):
        yield from (str(run_id) for _, run_id, state, _ in page if state in _LIVE)
        after = page[-1][0]


def _granted(store: Store) -> dict[str, list[Grant]]:
    """Grants that were not revoked, by the run in which they were made, where that is still there."""
    found: dict[str, list[Grant]] = defaultdict(list)
    after = 0
    while page := run_sync(store.raw_states("permission", after, PAGE)):
        for _, _, state, body, *_ in page:
            try:
                grant = _grant(body) if state == "active" else None
            except _BROKEN:  # that is told by whoever compares the row itself
                grant = None
            if grant is not None and (run_id := _run_of(store, grant)):
                found[run_id].append(grant)
        after = page[-1][0]
    return found


def _run_of(store: Store, grant: Grant) -> str:
    try:
        asked = run_sync(store.requirement(grant.requirement_id))
    except _UNREADABLE:  # that is told by whoever compares the row itself
        return ""
    return "" if asked is None else asked.run_id


def _difference(store: Store, run_id: str, granted: list[Grant], told: Mapping[Key, Stated]) -> str:
    """What of it; empty where there is nothing, or where the run never stood still."""
    unread = ""
    for _ in range(TRIES):
        try:
            log = _replayed(store, run_id)
            what = "" if log is None else _of_questions(log, _rows(store, run_id), told) or _of_grants(log, granted)
            if log is None or not what or _version(store, run_id) == log.version:
                return what
        except _UNREADABLE as error:
            why = error.message if isinstance(error, HitlError) else "what is kept of it cannot be read"
            unread = f"the run {run_id:.80} is not as its log tells: {why}"
    run_sync(store.raw_head())  # StoreError where nothing can be read any more
    return unread


def _replayed(store: Store, run_id: str) -> _Log | None:
    stored = run_sync(store.load(run_id))
    run: Run | None = None
    grants: dict[str, Grant] = {}
    for entry in () if stored is None else stored.entries:
        draft = apply(run, entry, telling=False)
        run = draft.run
        grants |= {grant.grant_id: grant for grant in draft.grants}
    return None if run is None or stored is None else _Log(run, stored.version, grants)


def _version(store: Store, run_id: str) -> int:
    stored = run_sync(store.load(run_id))
    return -1 if stored is None else stored.version


def _rows(store: Store, run_id: str) -> dict[str, Requirement]:
    found: dict[str, Requirement] = {}
    after = ""
    while page := run_sync(store.requirements(run_id=run_id, state=None, after=after, limit=PAGE)):
        found |= {row.requirement_id: row for row in page}
        after = page[-1].requirement_id
    return found


def _of_questions(log: _Log, rows: Mapping[str, Requirement], told: Mapping[Key, Stated]) -> str:
    for asked in log.run.requirements:
        row, line = rows.get(asked.requirement_id), told.get(("requirement", asked.requirement_id))
        name = f"the requirement {asked.requirement_id!r:.80}"
        if row is None:
            return f"the row of {name} is gone"
        if not is_as_told(row, asked):
            return f"the row of {name} is not what its run's log says: {_first_other(row, asked)} differs"
        if line is not None and line.digest and line.digest.hex() != asked.digest:
            return f"the log of run {log.run.run_id} has {name} about another action than the record"
    return ""


def _first_other(row: Requirement, asked: Requirement) -> str:
    names = Requirement.__struct_fields__
    return next((name for name in names if getattr(row, name) != getattr(asked, name)), "its text")


def _of_grants(log: _Log, granted: list[Grant]) -> str:
    """What the record has no word of: the arguments with which calls must be called."""
    for grant in granted:
        if log.grants.get(grant.grant_id) != grant:
            return f"the row of the grant {grant.grant_id!r:.80} is not what the log of the run says that made it"
    return ""
