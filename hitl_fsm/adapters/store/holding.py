"""Legal holds: placed, released, and asked by whatever forgets, in the same transaction.

Who places one and who forgets take one lock first, so that either the hold is there before the other looks, or what it
is about is gone before it is acknowledged.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec

from hitl_fsm.adapters.store import descent
from hitl_fsm.adapters.store import statements as sql
from hitl_fsm.adapters.store.database import Connection
from hitl_fsm.adapters.store.reading import check_order
from hitl_fsm.adapters.store.sealing import subject_of
from hitl_fsm.errors import RecordHeld, StoreError, Tampered
from hitl_fsm.model.hold import Hold, HoldRow

LOCKED = "holds"
"""The cursor that is locked; its number counts the changes of holds."""

_decoder = msgspec.json.Decoder(Hold)
_COLUMNS = "hold_id, kind, about, state, body"
_INSERT = "INSERT INTO hold (hold_id, kind, about, state, body) VALUES (?, ?, ?, 'active', ?) ON CONFLICT DO NOTHING"
_RELEASE = "UPDATE hold SET state = 'released' WHERE hold_id = ? AND state = 'active'"
_PAGE = f"SELECT {_COLUMNS} FROM hold WHERE hold_id > ?"  # noqa: S608 - a constant list of columns
_ACTIVE = f"SELECT {_COLUMNS} FROM hold WHERE state = 'active' ORDER BY hold_id"  # noqa: S608 - as above
# Of whom a run is, and whom what its lines are committed to is about.
_RUNS_OF = 'SELECT run_id FROM run WHERE "user" = ? AND run_id IN ({marks})'
_RUNS_ABOUT = (
    "SELECT DISTINCT record.run_id FROM content JOIN record ON record.seq = content.seq"
    " JOIN subject_key ON subject_key.key_id = content.subject_key"
    " WHERE subject_key.subject = ? AND record.run_id IN ({marks})"
)
_SEQS_ABOUT = (
    "SELECT content.seq FROM content JOIN subject_key ON subject_key.key_id = content.subject_key"
    " WHERE subject_key.subject = ? AND content.seq >= ? AND content.seq <= ?"
)
_SEQS_TELLING = (
    "SELECT content.seq FROM content JOIN record ON record.seq = content.seq JOIN run ON run.run_id = record.run_id"
    " JOIN subject_key ON subject_key.key_id = content.subject_key"
    " WHERE content.seq >= ? AND content.seq <= ? AND subject_key.subject <> '' AND subject_key.subject <> run.\"user\""
)


def lock(connection: Connection) -> None:
    """Until the transaction ends, no other one forgets anything or changes a hold."""
    connection.execute(sql.CURSOR_INSERT, (LOCKED, 0))
    connection.execute(sql.CURSOR + sql.LOCK, (LOCKED,)).fetchone()


def place(connection: Connection, hold: Hold) -> None:
    """StoreError where there is one of this id."""
    lock(connection)
    about = subject_of(hold.about) if hold.kind == "subject" else hold.about
    if connection.execute(_INSERT, (hold.hold_id, hold.kind, about, msgspec.json.encode(hold))).rowcount != 1:
        message = f"there is a hold {hold.hold_id} already"
        raise StoreError(message, help="nothing was written; try again")


def release(connection: Connection, hold_id: str) -> bool:
    """Whether it was active."""
    lock(connection)
    return connection.execute(_RELEASE, (hold_id,)).rowcount == 1


def page(connection: Connection, after: str, limit: int, *, active: bool) -> list[HoldRow]:
    """In order of id; Tampered for a row that contradicts itself."""
    where = " AND state = 'active'" if active else ""
    found = [_told(row) for row in connection.execute(f"{_PAGE}{where} ORDER BY hold_id LIMIT ?", (after, limit))]
    check_order([after, *(one.hold.hold_id for one in found)])
    return found


def active(connection: Connection) -> list[HoldRow]:
    """All of them: holds are few."""
    return [_told(row) for row in connection.execute(_ACTIVE)]


def held_runs(connection: Connection, run_ids: Sequence[str]) -> dict[str, str]:
    """Those of these runs that must stay, each with the id of a hold that says so.

    One that goes on from a run which a hold covers has a copy of what was said there, and stays, too.
    """
    found: dict[str, str] = {}
    wanted, holds = set(run_ids), active(connection)
    sources = descent.ancestry(connection, wanted) if any(row.hold.kind != "all" for row in holds) else {}
    for hold in (row.hold for row in holds):
        roots: Collection[str] = wanted
        if hold.kind == "run":
            roots = {hold.about}
        elif hold.kind == "subject":
            roots = _about(connection, sources, hold.about)
        for run_id in wanted & descent.descendants(sources, roots):
            found.setdefault(run_id, hold.hold_id)
    return found


def held_lines(connection: Connection, first: int, last: int) -> set[int]:
    """Numbers of the lines from `first` to `last` whose contents are about somebody whom a hold covers."""
    found: set[int] = set()
    for hold in (row.hold for row in active(connection) if row.hold.kind == "subject"):
        found |= {row[0] for row in connection.execute(_SEQS_ABOUT, (subject_of(hold.about), first, last))}
    return found


def telling_lines(connection: Connection, first: int, last: int) -> set[int]:
    """Of those that alone tell whom a run is about that is still there: without them no erasure would find it."""
    return {row[0] for row in connection.execute(_SEQS_TELLING, (first, last))}


def holding(connection: Connection, subject: str) -> Hold | None:
    """A hold that keeps what is known of a person: on them, on a run that is about them, or on everything."""
    for hold in (row.hold for row in active(connection)):
        if hold.kind == "all" or (hold.kind == "subject" and subject_of(hold.about) == subject_of(subject)):
            return hold
        if hold.kind == "run" and _is_about(connection, hold.about, subject):
            return hold
    return None


def refuse(connection: Connection, run_ids: Sequence[str]) -> None:
    """RecordHeld where one of these runs must stay."""
    found = held_runs(connection, run_ids)
    if found:
        run_id, hold_id = next(iter(sorted(found.items())))
        message = f"{run_id} must not be forgotten: the hold {hold_id} covers it"
        raise RecordHeld(message)


def _is_about(connection: Connection, run_id: str, subject: str) -> bool:
    return bool(_about(connection, [run_id], subject))


def _about(connection: Connection, run_ids: Collection[str], subject: str) -> set[str]:
    own = descent.marked(connection, _RUNS_OF, run_ids, subject)
    about = descent.marked(connection, _RUNS_ABOUT, run_ids, subject_of(subject))
    return {row[0] for row in (*own, *about)}


def _told(row: tuple[str, str, str, str, bytes]) -> HoldRow:
    """Tampered where the columns do not say what the body says: nothing is forgotten then."""
    hold_id, kind, about, state, body = row
    message = f"the hold {hold_id} contradicts itself"
    try:
        hold = _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, TypeError) as error:
        raise Tampered(message, help="restore the database from a backup") from error
    said = (hold.hold_id, hold.kind, subject_of(hold.about) if hold.kind == "subject" else hold.about)
    if said != (hold_id, kind, about) or state not in {"active", "released"}:
        raise Tampered(message, help="restore the database from a backup")
    return HoldRow(hold, "active" if state == "active" else "released")
