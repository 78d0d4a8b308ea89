"""Delegations that people gave at run time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

import msgspec

from hitl_fsm.adapters.store.batch import Written
from hitl_fsm.adapters.store.columns import check, holds
from hitl_fsm.adapters.store.database import Connection
from hitl_fsm.adapters.store.readers import Query
from hitl_fsm.adapters.store.reading import check_order, page_of
from hitl_fsm.adapters.store.recording import Recording
from hitl_fsm.errors import StoreError, Tampered
from hitl_fsm.model.delegation import Delegation, DelegationRow
from hitl_fsm.model.record import Record

T = TypeVar("T")

_FOREVER = 2**62
_COLUMNS = "delegation_id, giver, taker, state, until, body"
_INSERT = (
    f"INSERT INTO delegation ({_COLUMNS}) VALUES (?, ?, ?, 'active', ?, ?)"  # noqa: S608 - a constant list of columns
    " ON CONFLICT (delegation_id) DO NOTHING"
)
_COUNT = "SELECT count(*) FROM delegation WHERE giver = ? AND state = 'active' AND until > ?"
_END = "UPDATE delegation SET state = 'ended' WHERE delegation_id = ? AND state = 'active'"
_SELECT = f"SELECT {_COLUMNS} FROM delegation WHERE delegation_id > ?"  # noqa: S608 - a constant list of columns
_HELP = "nobody speaks for anybody by it; end it, and give it again"
_decoder = msgspec.json.Decoder(Delegation)


class Row(NamedTuple):
    """As it stands in the table."""

    delegation_id: str
    giver: str
    taker: str
    state: str
    until: int
    body: bytes


class PeopleTable(ABC):
    """The part of the store that `ports.Store` has for delegations."""

    _encoded: Recording

    async def add_delegation(self, delegation: Delegation, record: Record, *, most: int) -> bool:
        """See `ports.Store`."""
        check("a delegation", delegation.delegation_id, delegation.giver, delegation.taker, record.run)
        until = _FOREVER if delegation.until is None else delegation.until
        values = (
            delegation.delegation_id,
            delegation.giver,
            delegation.taker,
            until,
            msgspec.json.encode(delegation),
        )
        lines = [self._encoded(record)]

        def work(connection: Connection) -> Written:
            if connection.execute(_COUNT, (delegation.giver, delegation.at)).fetchone()[0] >= most:
                return Written(value=False)
            if connection.execute(_INSERT, values).rowcount != 1:
                message = f"there is a delegation {delegation.delegation_id} already"
                raise StoreError(message, help="nothing was written; try again")
            return Written(value=True, records=lines)

        added: bool = await self._submit("", work)
        return added

    async def end_delegation(self, delegation_id: str, record: Record) -> bool:
        """See `ports.Store`."""
        if not holds(delegation_id):
            return False
        lines = [self._encoded(record)]

        def work(connection: Connection) -> Written:
            ended = connection.execute(_END, (delegation_id,)).rowcount == 1
            return Written(value=ended, records=lines if ended else ())

        ended: bool = await self._submit("", work)
        return ended

    async def delegations(
        self,
        *,
        giver: str | None = None,
        taker: str | None = None,
        delegation_id: str | None = None,
        until_after: int | None = None,
        after: str = "",
        limit: int = 100,
    ) -> Sequence[DelegationRow]:
        """See `ports.Store`."""
        if not holds(giver, taker, delegation_id, after):
            return []
        where: list[str] = []
        values: list[object] = []
        for column, value in (("giver", giver), ("taker", taker), ("delegation_id", delegation_id)):
            if value is not None:
                where.append(f" AND {column} = ?")
                values.append(value)
        if until_after is not None:
            where.append(" AND state = 'active' AND until > ?")
            values.append(until_after)
        query = f"{_SELECT}{''.join(where)} ORDER BY delegation_id LIMIT ?"
        return await self._read(
            lambda connection: _page(connection, query, (after, *values, page_of(limit))), long=True
        )

    @abstractmethod
    async def _submit(self, run_id: str, work: Callable[[Connection], Written]) -> Any: ...

    @abstractmethod
    async def _read(self, query: Query[T], *, long: bool = False) -> T: ...


def _page(connection: Connection, query: str, values: Sequence[Any]) -> list[DelegationRow]:
    found = [_told(Row(*row)) for row in connection.execute(query, values)]
    check_order([values[0], *(one.delegation.delegation_id for one in found)])
    return found


def _told(row: Row) -> DelegationRow:
    """Tampered where the columns do not say what the body says: rights are not read out of such a row."""
    message = f"the delegation {row.delegation_id} contradicts itself"
    try:
        delegation = _decoder.decode(row.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, TypeError) as error:
        raise Tampered(message, help=_HELP) from error
    until = _FOREVER if delegation.until is None else delegation.until
    said = (delegation.delegation_id, delegation.giver, delegation.taker, until)
    if said != (row.delegation_id, row.giver, row.taker, row.until) or row.state not in {"active", "ended"}:
        raise Tampered(message, help=_HELP)
    return DelegationRow(delegation, "active" if row.state == "active" else "ended")
