"""Deliveries: made with the cursor that was moved past their reason, claimed by one sender at a time, settled once.

A sender that dies leaves its claim, which ends by itself. A notice is then sent again under the same id; a dispatch
that cannot be repeated becomes `unknown`, since nobody knows how far it came.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from hitl_fsm.adapters.store import statements as sql
from hitl_fsm.adapters.store.columns import check
from hitl_fsm.adapters.store.database import Connection
from hitl_fsm.adapters.store.owner import may_be_alive
from hitl_fsm.adapters.store.reading import page_of
from hitl_fsm.model.delivery import Delivery, DeliveryKind, DeliveryState, Settled
from hitl_fsm.ports import LEASE_MS


class _Body(msgspec.Struct, omit_defaults=True):
    content: dict[str, Any] = {}
    repeatable: bool = False


_encode = msgspec.json.Encoder().encode
_body = msgspec.json.Decoder(_Body)


def cursor(connection: Connection, name: str) -> int | None:
    """How far this reader of the record has come; None before it began."""
    row = connection.execute(sql.CURSOR, (name,)).fetchone()
    return None if row is None else int(row[0])


def prepare(deliveries: Sequence[Delivery]) -> list[tuple[object, ...]]:
    """Their rows; StoreError for an id that no column can hold."""
    for one in deliveries:
        check("a delivery", one.delivery_id, one.target, one.about, one.run_id)
    return [_row(one) for one in deliveries]


def _row(one: Delivery) -> tuple[object, ...]:
    body = _encode(_Body(one.content, one.repeatable))
    return one.delivery_id, one.kind, one.target, one.about, one.run_id, one.state, one.attempts, one.due_at, body


def advance(
    connection: Connection, name: str, from_seq: int | None, to_seq: int, rows: Sequence[tuple[object, ...]]
) -> bool:
    """Move the cursor if it stands at `from_seq`, and add what is not there yet; else False, and nothing."""
    if from_seq is None:
        moved = connection.execute(sql.CURSOR_INSERT, (name, to_seq))
    else:
        moved = connection.execute(sql.CURSOR_MOVE, (to_seq, name, from_seq))
    if moved.rowcount != 1:
        return False
    for row in rows:
        connection.execute(sql.DELIVERY_INSERT, row)
    return True


class Wanted(NamedTuple):
    """What a sender can send: `kind`, for one of `targets`, due by then (ms), by the engine's clock."""

    kind: DeliveryKind
    targets: tuple[str, ...]
    due_by: int

    @property
    def of(self) -> tuple[str, ...]:
        return (self.kind, *self.targets)

    def query(self, text: str) -> str:
        """With a place for each target."""
        return text.format(marks=", ".join("?" * len(self.targets)))


def is_due(connection: Connection, wanted: Wanted, now: int) -> bool:
    """Whether `claim` would find anything; told without a transaction that writes."""
    if connection.execute(wanted.query(sql.DELIVERY_WAITS), (*wanted.of, wanted.due_by)).fetchone() is not None:
        return True
    held = connection.execute(wanted.query(sql.DELIVERY_HOLDERS), wanted.of).fetchall()
    return any(until <= now or not may_be_alive(owner) for owner, until in held)


def next_due(connection: Connection, wanted: Wanted) -> int | None:
    """When the earliest that waits is due, by then or later."""
    row = connection.execute(wanted.query(sql.DELIVERY_NEXT), wanted.of).fetchone()
    return None if row is None or row[0] is None else int(row[0])


def claim(connection: Connection, wanted: Wanted, owner: str, limit: int, now: int) -> Sequence[Delivery]:
    """Those that are due and that no live sender holds, earliest first. `now` is the database's clock."""
    kind = wanted.kind
    for holder, _ in connection.execute(wanted.query(sql.DELIVERY_HOLDERS), wanted.of).fetchall():
        if not may_be_alive(holder):
            connection.execute(sql.DELIVERIES_FREE, (holder, kind))
    claimed: list[Delivery] = []
    values = (*wanted.of, wanted.due_by, now, page_of(limit))
    for row in connection.execute(wanted.query(sql.DELIVERIES_DUE), values).fetchall():
        found = _read(row)
        if found.state == "sending" and not (kind == "notice" or found.repeatable):
            connection.execute(sql.DELIVERY_UNKNOWN, (found.delivery_id,))
            continue
        attempts = found.attempts + 1
        connection.execute(sql.DELIVERY_CLAIM, (owner, now + LEASE_MS, attempts, found.delivery_id))
        claimed.append(msgspec.structs.replace(found, state="sending", attempts=attempts))
    return claimed


def is_dispatch_due(connection: Connection, due_by: int, routes: Sequence[str], now: int) -> bool:
    """Whether `claim_dispatch` would find anything."""
    marks = ", ".join("?" * len(routes))
    if connection.execute(sql.DISPATCH_DUE.format(marks=marks), (due_by, now, *routes)).fetchone() is not None:
        return True
    return any(not may_be_alive(owner) for (owner,) in connection.execute(sql.DISPATCH_HOLDERS).fetchall())


def claim_dispatch(
    connection: Connection, due_by: int, owner: str, routes: Sequence[str], now: int
) -> tuple[Delivery | None, list[Delivery]]:
    """The earliest to one of these routes that is due and that no live sender holds; and those met before it that died
    under way and cannot be repeated, which are `unknown` now. `now` is the database's clock.
    """
    for (holder,) in connection.execute(sql.DISPATCH_HOLDERS).fetchall():
        if not may_be_alive(holder):
            connection.execute(sql.DELIVERIES_FREE, (holder, "dispatch"))
    lost: list[Delivery] = []
    query = sql.DISPATCH_FIRST.format(marks=", ".join("?" * len(routes)))
    while (row := connection.execute(query, (due_by, now, *routes)).fetchone()) is not None:
        found = _read(row)
        if found.state == "waiting" or found.repeatable:
            attempts = found.attempts + 1
            connection.execute(sql.DELIVERY_CLAIM, (owner, now + LEASE_MS, attempts, found.delivery_id))
            return msgspec.structs.replace(found, state="sending", attempts=attempts), lost
        connection.execute(sql.DELIVERY_UNKNOWN, (found.delivery_id,))
        lost.append(msgspec.structs.replace(found, state="unknown"))
    return None, lost


def renew(connection: Connection, delivery_id: str, owner: str, now: int) -> bool:
    """False when it is no longer ours."""
    return connection.execute(sql.DELIVERY_RENEW, (now + LEASE_MS, delivery_id, owner)).rowcount == 1


def settle(connection: Connection, told: Settled) -> bool:
    """False when it is no longer ours, or no longer in that state."""
    values = (told.state, told.attempts, told.due_at, told.delivery_id, told.owner, told.was)
    if connection.execute(sql.DELIVERY_SETTLE, values).rowcount != 1:
        return False
    if told.content is not None:
        (body,) = connection.execute(sql.DELIVERY_BODY, (told.delivery_id,)).fetchone()
        new = _Body(told.content, _body_of(body).repeatable)
        connection.execute(sql.DELIVERY_CONTENT, (_encode(new), told.delivery_id))
    return True


def page(
    connection: Connection,
    kind: DeliveryKind | None,
    state: DeliveryState | None,
    about: str | None,
    *,
    after: str,
    limit: int,
) -> Sequence[Delivery]:
    """In order of id."""
    where, values = ["delivery_id > ?"], [after]
    if state in {"unknown", "dead"}:
        where.append(sql.STRANDED)  # in these words, so that the partial index applies
    for column, value in (("kind", kind), ("state", state), ("about", about)):
        if value is not None:
            where.append(f"{column} = ?")
            values.append(value)
    query = f"{sql.DELIVERIES} WHERE {' AND '.join(where)} ORDER BY delivery_id LIMIT ?"
    return [_read(row) for row in connection.execute(query, (*values, page_of(limit)))]


def _read(row: Sequence[Any]) -> Delivery:
    """A body that somebody spoiled is empty: who sends it refuses that, and one bad row holds up no other."""
    delivery_id, kind, target, about, run_id, state, attempts, due_at, body = row
    read = _body_of(body)
    return Delivery(
        delivery_id, kind, target, about, run_id, due_at, read.content, state, attempts, repeatable=read.repeatable
    )


def _body_of(body: bytes) -> _Body:
    try:
        return _body.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, TypeError):
        return _Body()
