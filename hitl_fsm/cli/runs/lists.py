"""Runs in a list: all of them, or those that are stuck."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hitl_fsm.adapters.store.owner import describe, may_be_alive
from hitl_fsm.cli.output import json_line, say, show
from hitl_fsm.cli.page import Grid, Page
from hitl_fsm.cli.when import now_ms, relative, stamp
from hitl_fsm.model.instant import iso
from hitl_fsm.ports import LEASE_MS
from hitl_fsm.runtime.loop import run_sync

if TYPE_CHECKING:
    from hitl_fsm.cli.session import Session
    from hitl_fsm.model.states import RunState
    from hitl_fsm.ports import RunRow, Store

PAGE = 1_000
"""Rows asked of the store at once."""
HEAD = ("run", "agent", "state", "for", "created", "last step", "open")


def list_all(session: Session, state: RunState | None, limit: int) -> None:
    """Newest first."""
    found = run_sync(session.open_store().runs(state=state.value if state else None, limit=limit + 1))
    rows = found[:limit]
    if session.json:
        for row in rows:
            json_line(run_values(row))
    else:
        show_rows(session, rows)
    if len(found) > limit:
        say(session, f"there are more; --limit shows more than {limit}")


def show_rows(session: Session, rows: Sequence[RunRow]) -> None:
    """A table, or the words that there is nothing to show."""
    if not rows:
        say(session, "no runs")
        return
    now = now_ms()
    cells = tuple(
        (
            row.run_id,
            row.name,
            row.state,
            row.user,
            stamp(row.created_at, now),
            relative(row.updated_at, now),
            str(row.open_requirements or ""),
        )
        for row in rows
    )
    show(session, Page((Grid(HEAD, cells),)))


def run_values(row: RunRow) -> dict[str, Any]:
    """A run as `--format json` prints it."""
    return {
        "run": row.run_id,
        "kind": row.kind,
        "name": row.name,
        "state": row.state,
        "user": row.user,
        "created_at": iso(row.created_at),
        "updated_at": iso(row.updated_at),
        "open_requirements": row.open_requirements,
    }


def list_stuck(session: Session, state: RunState | None, limit: int) -> None:
    """Those that a worker took up and that no live worker holds, oldest first."""
    store = session.open_store()
    found = _stuck(store, state, limit + 1)
    rows = found[:limit]
    clock = run_sync(store.health(now_ms())).clock
    told = [(row, describe(row.owner), row.leased_until - LEASE_MS, _why(row, clock)) for row in rows]
    if session.json:
        for row, holder, seen, why in told:
            json_line({**run_values(row), "held_by": holder, "last_sign_of_life": iso(seen), "why": why})
    elif told:
        cells = tuple(
            (row.run_id, row.name, row.state, holder, stamp(seen, clock), why) for row, holder, seen, why in told
        )
        head = ("run", "agent", "state", "held by", "last sign of life", "why it is stuck")
        show(session, Page((Grid(head, cells),)))
        say(session, "`hitl-fsm runs continue --all-ready` goes on with them; nothing that began is run again unasked")
    else:
        say(session, "no run is stuck")
    if len(found) > limit:
        say(session, f"there are more; --limit shows more than {limit}")


def _stuck(store: Store, state: RunState | None, limit: int) -> list[RunRow]:
    found: list[RunRow] = []
    after = ""
    while len(found) < limit:
        page = run_sync(store.ready(after=after, limit=PAGE))
        found += [row for row in page if row.owner and (state is None or row.state == state.value)]
        if len(page) < PAGE:
            break
        after = page[-1].run_id
    return found[:limit]


def _why(row: RunRow, clock: int) -> str:
    if not may_be_alive(row.owner):
        return "its process has ended"
    return f"no sign of life: its lease ended {relative(row.leased_until, clock)}"
