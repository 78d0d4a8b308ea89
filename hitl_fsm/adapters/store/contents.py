"""The part of the store that `ports_record.Contents` describes."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from hitl_fsm.adapters.store import erasing, holding, reached, retention
from hitl_fsm.adapters.store.batch import Written
from hitl_fsm.adapters.store.columns import check, holds
from hitl_fsm.adapters.store.database import Connection
from hitl_fsm.adapters.store.ledger import KeySource
from hitl_fsm.adapters.store.readers import Query
from hitl_fsm.adapters.store.reading import page_of
from hitl_fsm.adapters.store.recording import Recording
from hitl_fsm.adapters.store.retention import FORGET_LIMIT
from hitl_fsm.adapters.store.unsealing import openings
from hitl_fsm.adapters.store.writer import Writer
from hitl_fsm.audit.contents import Opened
from hitl_fsm.errors import StoreError
from hitl_fsm.model.hold import Hold, HoldRow
from hitl_fsm.model.record import Record
from hitl_fsm.ports import RunRow
from hitl_fsm.ports_record import Forgetting, PrunedLines, PrunedPage, ReaderAt, Retired

T = TypeVar("T")


class ContentTable(ABC):
    """Contents, keys of subjects, holds, and what is forgotten."""

    _keys: KeySource
    _encoded: Recording
    _writer: Writer

    async def contents(self, seqs: Sequence[int]) -> Mapping[int, dict[str, Any]]:
        """See `ports_record.Contents`."""
        return {seq: one.values for seq, one in (await self.openings(seqs)).items()}

    async def openings(self, seqs: Sequence[int]) -> Mapping[int, Opened]:
        """See `ports_record.Contents`."""
        keys = self._keys()
        if keys is None or not seqs:
            return {}
        return await self._read(lambda connection: openings(connection, keys, seqs), long=True)

    async def runs_about(self, subject: str) -> Sequence[str]:
        """See `ports.Store`."""
        if not holds(subject):
            return []
        return await self._read(lambda c: erasing.runs_about(c, subject), long=True)

    async def unready(self, subject: str, *, limit: int = 100) -> Sequence[str]:
        """See `ports_record.Contents`."""
        if not holds(subject):
            return []
        return await self._read(lambda c: erasing.unready(c, subject, page_of(limit)), long=True)

    async def forget(self, run_ids: Sequence[str], record: Record, *, wholly: bool = False) -> int:
        """See `ports.Store`. StoreError beyond FORGET_LIMIT runs."""
        if len(run_ids) > FORGET_LIMIT:
            message = f"{len(run_ids)} runs are too many to forget at once"
            raise StoreError(message, help=f"forget at most {FORGET_LIMIT} at a time")
        if not run_ids:
            return 0
        line = self._encoded(record)
        count: int = await self._submit(
            "", lambda connection: retention.forget(connection, run_ids, line, record.at, wholly=wholly)
        )
        return count

    async def ended(self, *, before: int, limit: int = 100) -> Sequence[RunRow]:
        """See `ports.Store`."""
        return await self._read(lambda connection: retention.ended(connection, before, limit), long=True)

    async def scrub(self) -> bool:
        """See `ports_record.Contents`."""
        self._check_usable()
        return await asyncio.to_thread(self._writer.scrub)

    async def erase(
        self, subject: str, told: Callable[[int], Record], forgetting: Sequence[Forgetting] = ()
    ) -> int | None:
        """See `ports_record.Contents`."""
        if not holds(subject):
            return None
        pages = [erasing.Page(one.run_ids, self._encoded(one.record), one.record.at) for one in forgetting]

        def work(connection: Connection) -> Written:
            return erasing.erase(connection, subject, lambda lines: self._encoded(told(lines)), pages)

        erased: int | None = await self._submit("", work)
        return erased

    async def place_hold(self, hold: Hold, record: Record) -> None:
        """See `ports_record.Contents`."""
        check("a hold", hold.hold_id, hold.about)
        lines = [self._encoded(record)]

        def work(connection: Connection) -> Written:
            holding.place(connection, hold)
            return Written(None, lines)

        await self._submit("", work)

    async def release_hold(self, hold_id: str, record: Record) -> bool:
        """See `ports_record.Contents`."""
        if not holds(hold_id):
            return False
        lines = [self._encoded(record)]

        def work(connection: Connection) -> Written:
            done = holding.release(connection, hold_id)
            return Written(done, lines if done else ())

        done: bool = await self._submit("", work)
        return done

    async def holds(self, *, active: bool = True, after: str = "", limit: int = 100) -> Sequence[HoldRow]:
        """See `ports_record.Contents`."""
        if not holds(after):
            return []
        return await self._read(lambda c: holding.page(c, after, page_of(limit), active=active), long=True)

    async def held_runs(self, run_ids: Sequence[str]) -> Mapping[str, str]:
        """See `ports_record.Contents`."""
        return await self._read(lambda connection: holding.held_runs(connection, run_ids), long=True)

    async def holding(self, subject: str) -> Hold | None:
        """See `ports_record.Contents`."""
        return await self._read(lambda c: holding.holding(c, subject), long=True) if holds(subject) else None

    async def prune_record(
        self, after: int, upto: int, before: int, told: Callable[[PrunedLines], Record], *, contents_only: bool = False
    ) -> PrunedPage | None:
        """See `ports_record.Contents`."""
        wanted = erasing.Wanted(after, upto, before, contents_only)
        pruned: PrunedPage | None = await self._submit(
            "", lambda connection: erasing.prune(connection, wanted, lambda one: self._encoded(told(one)))
        )
        return pruned

    async def readers(self) -> Sequence[ReaderAt]:
        """See `ports_record.Contents`."""
        return await self._read(reached.readers)

    async def retire_reader(self, name: str, told: Callable[[Retired], Record]) -> Retired | None:
        """See `ports_record.Contents`."""
        if not holds(name):
            return None
        retired: Retired | None = await self._submit(
            "", lambda connection: reached.retire(connection, name, lambda one: self._encoded(told(one)))
        )
        return retired

    @abstractmethod
    def _check_usable(self) -> None: ...

    @abstractmethod
    async def _submit(self, run_id: str, work: Callable[[Connection], Written]) -> Any: ...

    @abstractmethod
    async def _read(self, query: Query[T], *, long: bool = False) -> T: ...
