"""Pages of the store, one after the other. Nothing of the engine is needed for that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hitl_fsm.runtime.loop import run_sync

if TYPE_CHECKING:
    from hitl_fsm.model.requirement import Requirement
    from hitl_fsm.ports import Store

PAGE = 1_000
"""Rows asked of the store at once."""


def open_requirements(store: Store) -> list[Requirement]:
    """All open questions, oldest first."""
    found: list[Requirement] = []
    after = ""
    while True:
        page = run_sync(store.requirements(after=after, limit=PAGE))
        found.extend(page)
        if len(page) < PAGE:
            return found
        after = page[-1].requirement_id


def record_lines(
    store: Store, run_id: str | None = None, after: int = 0, limit: int | None = None
) -> list[dict[str, Any]]:
    """Lines of the record, decoded; a line that cannot be read comes as {"seq", "damaged"}."""
    import msgspec  # noqa: PLC0415 - only for the record

    lines: list[dict[str, Any]] = []
    while limit is None or len(lines) < limit:
        wanted = PAGE if limit is None else min(PAGE, limit - len(lines))
        page = run_sync(store.records(after=after, limit=wanted, run_id=run_id))
        for line in page:
            try:
                body = msgspec.json.decode(line.body)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                body = None
            lines.append(body if isinstance(body, dict) else {"seq": line.seq, "damaged": True})
        if len(page) < wanted:
            break
        after = page[-1].seq
    return lines
