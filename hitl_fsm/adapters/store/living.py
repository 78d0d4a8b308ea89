"""Lines about rows that are still there: they keep their bodies, so that each such row can be held against the record.

Otherwise somebody could add a grant to a record of which something was pruned, and nobody could tell it from one whose
line is gone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from hitl_fsm.adapters.store.database import Connection
from hitl_fsm.audit.signed_at_once import event_of
from hitl_fsm.audit.stated import EVENTS, stated

IDS_AT_ONCE = 500
"""Ids that one statement names."""
_THERE = {
    "requirement": "SELECT requirement_id FROM requirement WHERE requirement_id IN ({marks})",
    "permission": "SELECT grant_id FROM permission WHERE grant_id IN ({marks})",
    "delegation": "SELECT delegation_id FROM delegation WHERE delegation_id IN ({marks})",
    "override": "SELECT requirement_id FROM override WHERE requirement_id IN ({marks})",
    "hold": "SELECT hold_id FROM hold WHERE hold_id IN ({marks})",
}


def lines_about_rows(connection: Connection, rows: Iterable[tuple[int, bytes]]) -> set[int]:
    """Those of some lines (number, body)."""
    about: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for seq, body in rows:
        said = stated(seq, body) if event_of(body) in EVENTS else None
        if said is not None:
            table, key = said[0]
            about[table][key].append(seq)
    return {seq for table, keys in about.items() for key in _there(connection, table, [*keys]) for seq in keys[key]}


def _there(connection: Connection, table: str, keys: Sequence[str]) -> Iterator[Any]:
    for start in range(0, len(keys), IDS_AT_ONCE):
        page = keys[start : start + IDS_AT_ONCE]
        marks = ", ".join("?" * len(page))
        yield from (key for (key,) in connection.execute(_THERE[table].format(marks=marks), page).fetchall())
