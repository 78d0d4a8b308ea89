"""What is acted on next, held against the record: runs that are not over, and those whose grants still hold.

Their logs are replayed. What that comes to has to be what the rows say, down to the arguments, and each question has
to be about the action of which the record has the digest. So no row and no log can have other arguments than those
that the lines are about; nor can a call have come further than they say.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from hitl_fsm.audit.moved import OVER, Moves, call_differs
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
from hitl_fsm.runtime.record.comparing import told_since

PAGE = 500
"""Rows read at once."""
TRIES = 5
"""Looks at a run that moves meanwhile."""
_LIVE = ("running", "paused", "resolving", "continuing", "failed")
"""One that failed can be taken up again."""
_grant = msgspec.json.Decoder(Grant).decode
_BROKEN = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, TypeError)
_UNREADABLE = (HitlError, *_BROKEN)


class _Log(NamedTuple):
    """What a log comes to; `state` is what the row of the run says, `calls` has the state and digest of each by id."""

    run: Run
    version: int
    state: str
    calls: dict[str, tuple[str, str]]
    grants: dict[str, Grant]


def check_replayed(store: Store, upto: int, verification: Verification) -> None:
    """Each of these runs by itself."""
    granted = _granted(store)
    for run_id in dict.fromkeys((*_live(store), *granted)):
        what = _difference(store, run_id, granted.get(run_id, []), verification, upto)
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


def _difference(store: Store, run_id: str, granted: list[Grant], verification: Verification, upto: int) -> str:
    """What of it; empty where there is nothing, or where the run never stood still."""
    unread = ""
    for _ in range(TRIES):
        try:
            log = _replayed(store, run_id)
            if log is None:
                return ""
            what = (
                _of_calls(log, run_sync(store.raw_calls(run_id)))
                or _of_questions(log, _rows(store, run_id), verification.stated)
                or _of_grants(log, granted)
            )
            if what and _version(store, run_id) != log.version:
                continue
            return what or _ahead(store, log, verification.moves, upto)
        except _UNREADABLE as error:
            why = error.message if isinstance(error, HitlError) else "what is kept of it cannot be read"
            unread = f"the run {run_id:.80} is not as its log tells: {why}"
    run_sync(store.raw_head())  # StoreError where nothing can be read any more
    return unread


def _replayed(store: Store, run_id: str) -> _Log | None:
    stored = run_sync(store.load(run_id))
    run: Run | None = None
    grants, calls = dict[str, Grant](), dict[str, tuple[str, str]]()
    for entry in () if stored is None else stored.entries:
        before = () if run is None else run.calls
        draft = apply(run, entry, telling=False)
        run = draft.run
        grants |= {grant.grant_id: grant for grant in draft.grants}
        if run.calls is not before:
            calls |= {call.call_id: (call.state.value, call.digest) for call in run.calls}
    return None if run is None or stored is None else _Log(run, stored.version, stored.state, calls, grants)


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


def _of_calls(log: _Log, rows: Sequence[tuple[Any, ...]]) -> str:
    run, state = log.run.run_id, log.run.state.value
    if state != log.state:
        return f"the row of the run {run:.80} says {log.state!r:.20}, and its log {state!r}"
    there = {str(call): (found, digest) for call, found, digest in rows}
    for call, told in log.calls.items():
        found = there.pop(call, None)
        if found is None:
            return f"the row of the call {call!r:.80} of run {run:.80} is gone"
        if found != told:
            what = f"says {found[0]!r:.20}, and its log {told[0]!r}" if found[0] != told[0] else "is another action"
            return f"the row of the call {call!r:.80} of run {run:.80} {what}"
    other = next(iter(there), None)
    return "" if other is None else f"the row of the call {other!r:.80} of run {run:.80} is of no call in its log"


def _ahead(store: Store, log: _Log, moves: Moves, upto: int) -> str:
    """How a run that is not over has come further than its lines say; those beyond `upto` may say so."""
    if log.state in OVER:
        return ""
    told = moves.calls.get(log.run.run_id, {})
    for call, (state, _) in log.calls.items():
        what = call_differs(call, state, told)
        if what and not told_since(store, log.run.run_id, upto):
            return f"the log of run {log.run.run_id:.80} has {what}"
    return ""


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
