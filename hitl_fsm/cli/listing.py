"""Pages of the store, one after the other. Nothing of the engine is needed for that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hitl_fsm.runtime.loop import run_sync

if TYPE_CHECKING:
    from hitl_fsm.cli.session import Session
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
    """Lines of the record, decoded; {"seq", "damaged"} for one that cannot be read, {"seq", "pruned"} without body."""
    import msgspec  # noqa: PLC0415 - only for the record

    lines: list[dict[str, Any]] = []
    while limit is None or len(lines) < limit:
        wanted = PAGE if limit is None else min(PAGE, limit - len(lines))
        page = run_sync(store.records(after=after, limit=wanted, run_id=run_id))
        for line in page:
            if not line.body:
                lines.append({"seq": line.seq, "pruned": True})
                continue
            try:
                body = msgspec.json.decode(line.body)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                body = None
            lines.append(body if isinstance(body, dict) else {"seq": line.seq, "damaged": True})
        if len(page) < wanted:
            break
        after = page[-1].seq
    return lines


def open_contents(session: Session, store: Store, lines: list[dict[str, Any]], run_id: str = "") -> None:
    """Put beside each line, as `opened`, what is kept of its contents. It is on the record that somebody reads them."""
    from hitl_fsm.cli.answers.identity import typist  # noqa: PLC0415 - only for contents
    from hitl_fsm.runtime.parts import SystemClock  # noqa: PLC0415 - as above
    from hitl_fsm.runtime.record.reading import told_read  # noqa: PLC0415 - as above

    by = typist(session)
    run_sync(told_read(store, SystemClock(), by, "audit show", about=run_id, lines=len(lines), contents=True))
    committed = [line for line in lines if line.get("contents") and isinstance(line.get("seq"), int)]
    for start in range(0, len(committed), PAGE):
        page = committed[start : start + PAGE]
        found = run_sync(store.contents([line["seq"] for line in page]))
        for line in page:
            line["opened"] = found.get(line["seq"], {})
