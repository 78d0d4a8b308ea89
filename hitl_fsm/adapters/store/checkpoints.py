"""The part of the store that `ports_record.Checkpoints` describes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from hitl_fsm.adapters.store import log
from hitl_fsm.adapters.store.batch import Written, to_sign
from hitl_fsm.adapters.store.database import Connection
from hitl_fsm.adapters.store.ledger import Ledger, no_keys
from hitl_fsm.adapters.store.readers import Query
from hitl_fsm.adapters.store.reading import page_of
from hitl_fsm.model.actor import ENGINE, Actor
from hitl_fsm.ports_record import Checkpoint

T = TypeVar("T")

_SELECT = "SELECT size, at, note FROM checkpoint WHERE log = ?"
_NEWEST = f"{_SELECT} ORDER BY size DESC LIMIT 1"
_PAGE = f"{_SELECT} AND size > ? ORDER BY size LIMIT ?"


class CheckpointTable(ABC):
    """Signed checkpoints."""

    _ledger: Ledger

    async def sign(self, by: Actor | None = None) -> Checkpoint | None:
        """See `ports_record.Checkpoints`. Writes nothing while the newest one covers all."""
        if self._ledger.source is no_keys:
            return await self.newest_checkpoint()
        if by is None and await self._read(_is_covered):
            return await self.newest_checkpoint()
        await self._submit("", to_sign(self._ledger, by or ENGINE).work)
        return await self.newest_checkpoint()

    async def checkpoints(self, *, after: int = 0, limit: int = 100) -> Sequence[Checkpoint]:
        """See `ports_record.Checkpoints`."""
        return await self._read(
            lambda c: [Checkpoint(*row) for row in c.execute(_PAGE, (log.LOG, after, page_of(limit)))], long=True
        )

    async def newest_checkpoint(self) -> Checkpoint | None:
        """See `ports_record.Checkpoints`."""
        return await self._read(_newest)

    @abstractmethod
    async def _submit(self, run_id: str, work: Callable[[Connection], Written]) -> Any: ...

    @abstractmethod
    async def _read(self, query: Query[T], *, long: bool = False) -> T: ...


def _newest(connection: Connection) -> Checkpoint | None:
    row = connection.execute(_NEWEST, (log.LOG,)).fetchone()
    return None if row is None else Checkpoint(*row)


def _is_covered(connection: Connection) -> bool:
    newest, size = _newest(connection), log.read_head(connection)[0]
    return size == 0 if newest is None else newest.size >= size
