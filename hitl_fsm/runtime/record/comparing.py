"""Rows that the engine acts by, held against what the record says of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hitl_fsm.audit.moved import lost_runs, run_differs
from hitl_fsm.audit.signed_at_once import event_of
from hitl_fsm.audit.stated import EVENTS, TABLES, Key, difference, lost, stated
from hitl_fsm.audit.verify import Verification
from hitl_fsm.ports import Store
from hitl_fsm.runtime.loop import run_sync

PAGE = 1_000
"""Rows read at once."""

_LAST = 2**63 - 1


def check_states(store: Store, upto: int, verification: Verification) -> None:
    """Rows that differ are looked at again: what came after line `upto` may just have moved them."""
    there, suspect = set[Key](), list[tuple[str, int]]()
    for table, row in _rows(store):
        key = (table, str(row[1]))
        there.add(key)
        if _differs(table, row, verification):
            suspect.append((table, row[0]))
    missing = lost(verification.stated, there)
    again = [(table, row) for table, at in suspect for row in run_sync(store.raw_states(table, at - 1, 1))]
    moved = _moved(store, upto) if again or missing else set[Key]()
    for table, row in again:
        what = _differs(table, row, verification)
        if what and (table, str(row[1])) not in moved:
            verification.found(0, "answer", what)
    for key, said in missing:
        if key not in moved:
            verification.found(
                said.seq, "answer", f"the row of the hold {key[1]!r:.80}, which nobody released, is gone"
            )


def check_runs(store: Store, upto: int, verification: Verification) -> None:
    """How far each run has come, by its row; what came after line `upto` may just have moved it."""
    there, suspects = set[str](), list[tuple[str, str]]()
    for run_id, state in _runs(store):
        there.add(run_id)
        what = run_differs(run_id, state, verification.moves)
        if what:
            suspects.append((run_id, what))
    gone = [
        (run_id, f"the row of the run {run_id!r:.80}, which is not over, is gone")
        for run_id in lost_runs(verification.moves, there)
    ]
    for run_id, what in (*suspects, *gone):
        if not told_since(store, run_id, upto):
            verification.found(0, "answer", what)


def told_since(store: Store, run_id: str, upto: int) -> bool:
    """Whether a run has lines beyond one."""
    return bool(run_sync(store.records(after=upto, limit=1, run_id=run_id)))


def _runs(store: Store) -> Iterator[tuple[str, Any]]:
    after = 0
    while page := run_sync(store.raw_states("run", after, PAGE)):
        yield from ((str(run_id), state) for _, run_id, state, *_ in page)
        after = page[-1][0]


def _differs(table: str, row: tuple[Any, ...], verification: Verification) -> str:
    """What of it. Pruning leaves the lines about a row that is there."""
    told = verification.stated.get((table, str(row[1])))
    return difference(table, row[1:], told, whole=not verification.is_pruned)


def _rows(store: Store) -> Iterator[tuple[str, tuple[Any, ...]]]:
    for table in TABLES:
        after = 0
        while page := run_sync(store.raw_states(table, after, PAGE)):
            yield from ((table, row) for row in page)
            after = page[-1][0]


def _moved(store: Store, upto: int) -> set[Key]:
    """What lines beyond one are about."""
    found, after = set[Key](), upto
    while page := run_sync(store.raw_lines(after, _LAST, PAGE)):
        for seq, _, body, _ in page:
            said = stated(seq, body) if event_of(body) in EVENTS else None
            if said is not None:
                found.add(said[0])
        after = page[-1][0]
    return found
