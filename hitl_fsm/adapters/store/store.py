"""`ports.Store` over SQL: reads on connections of their own, writes through the one writer thread."""

from __future__ import annotations

import asyncio
import os
import weakref
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

from hitl_fsm.adapters.keys import KeyFile
from hitl_fsm.adapters.store import commit as committing
from hitl_fsm.adapters.store import deliveries as delivering
from hitl_fsm.adapters.store import grants as granting
from hitl_fsm.adapters.store import log, reading, retention, timers
from hitl_fsm.adapters.store import statements as sql
from hitl_fsm.adapters.store.batch import Job, Room, Written
from hitl_fsm.adapters.store.checkpoints import CheckpointTable
from hitl_fsm.adapters.store.columns import check, fitted, holds
from hitl_fsm.adapters.store.contents import ContentTable
from hitl_fsm.adapters.store.database import Connection, Database
from hitl_fsm.adapters.store.lately import Lately
from hitl_fsm.adapters.store.ledger import KeySource, Ledger, no_keys
from hitl_fsm.adapters.store.people import PeopleTable
from hitl_fsm.adapters.store.raw import RawTable
from hitl_fsm.adapters.store.readers import NotReadyError, Query, Readers
from hitl_fsm.adapters.store.recording import Recording, RedactorSource
from hitl_fsm.adapters.store.revisions import HEAD
from hitl_fsm.adapters.store.writer import Writer, never
from hitl_fsm.errors import StoreError
from hitl_fsm.model.delivery import Delivery, DeliveryKind, DeliveryState, Settled
from hitl_fsm.model.grant import GrantRow
from hitl_fsm.model.override import Override, OverrideState
from hitl_fsm.model.owner import Owner
from hitl_fsm.model.record import Record
from hitl_fsm.model.requirement import Requirement
from hitl_fsm.model.run import Run
from hitl_fsm.model.timer import Timer
from hitl_fsm.ports import AskedBefore, Commit, Lease, RecordLine, RunRow, StoredRun, StoreHealth, StoreInfo, Watcher

T = TypeVar("T")


class SqlStore(PeopleTable, ContentTable, CheckpointTable, RawTable):
    """Opening is lazy: the first use makes or migrates the database, `info` never does. Usable from any event loop.

    `may_block`: whether the calling thread, at that moment, may itself wait for the database.
    """

    def __init__(
        self,
        database: Database,
        may_block: Callable[[], bool] = never,
        keys: KeySource = no_keys,
        redactor: RedactorSource | None = None,
    ) -> None:
        self._database = database
        self._clock: Callable[[Connection], int] = database.clock_ms
        self._pid = os.getpid()
        self._readers = None if database.reading == "writer" else Readers(database, may_block)
        self._closed = False
        self._keys = keys
        self._encoded = Recording(redactor)
        self._lately = Lately()
        self._ledger = Ledger(keys)
        self._writer = Writer(database, self._ledger, may_block)
        self._finalizer = weakref.finalize(self, _stop, self._writer, self._readers, self._pid)

    url = property(lambda self: self._database.url, doc="Where it is, without a password.")

    async def commit(self, commit: Commit) -> int:
        """See `ports.Store`."""
        prepared = committing.prepare(commit, self._encoded)
        fence: int = await self._submit(*committing.work(prepared, self._clock))
        return fence

    async def renew(self, run_id: str, lease: Lease) -> bool:
        """See `ports.Store`."""
        if not holds(run_id, lease.owner):
            return False
        return await self._write(
            lambda connection: committing.renew(connection, run_id, lease.owner, lease.fence, self._clock(connection)),
            run_id,
        )

    async def release(self, run_id: str, lease: Lease) -> None:
        """See `ports.Store`."""
        if not holds(run_id, lease.owner):
            return
        await self._write(lambda connection: committing.release(connection, run_id, lease.owner, lease.fence), run_id)

    async def load(self, run_id: str, *, after: int = 0) -> StoredRun | None:
        """See `ports.Store`. Tampered when the log is not whole."""
        if not holds(run_id):
            return None
        return await self._read(lambda connection: reading.load(connection, run_id, after))

    async def requirement(self, requirement_id: str) -> Requirement | None:
        """See `ports.Store`."""
        if not holds(requirement_id):
            return None
        return await self._read(lambda connection: reading.requirement(connection, requirement_id))

    async def requirements(
        self, *, run_id: str | None = None, state: str | None = "open", after: str = "", limit: int = 100
    ) -> Sequence[Requirement]:
        """See `ports.Store`."""
        if not holds(run_id, state, after):
            return []
        return await self._read(
            lambda connection: reading.requirements(connection, run_id, state, after, limit), long=True
        )

    async def asked_before(self, agent: str, *, limit: int) -> Sequence[AskedBefore]:
        """See `ports.Store`."""
        return await self._read(lambda c: self._lately.asked_before(c, agent, reading.page_of(limit)), long=True)

    async def open_of(self, agent: str) -> int:
        """See `ports.Store`."""
        return await self._read(lambda connection: reading.open_of(connection, fitted(agent)))

    async def runs(self, *, state: str | None = None, after: str = "", limit: int = 100) -> Sequence[RunRow]:
        """See `ports.Store`."""
        if not holds(state, after):
            return []
        return await self._read(lambda connection: reading.runs(connection, state, after, limit), long=True)

    async def session_runs(self, of: Run, *, limit: int) -> Sequence[str]:
        """See `ports.Store`."""
        if not holds(of.session, of.user.id, of.kind, of.name):
            return []
        return await self._read(lambda connection: reading.session_runs(connection, of, limit))

    async def ready(self, *, after: str = "", limit: int = 100) -> Sequence[RunRow]:
        """See `ports.Store`."""
        return await self._read(
            lambda connection: reading.ready(connection, after, limit, self._clock(connection)), long=True
        )

    async def claim_timers(self, due_by: int, owner: str, *, limit: int = 100) -> Sequence[Timer]:
        """See `ports.Store`. Writes nothing, and waits for no writer, while nothing is due."""
        due = await self.next_timer()
        if due is None or due > due_by or limit < 1:
            return []
        return await self._write(
            lambda connection: timers.claim(connection, due_by, owner, reading.page_of(limit), self._clock(connection))
        )

    async def next_timer(self) -> int | None:
        """See `ports.Store`."""
        return await self._read(timers.next_due)

    async def grant(self, grant_id: str) -> GrantRow | None:
        """See `ports.Store`."""
        return await self._read(lambda c: granting.one(c, grant_id)) if holds(grant_id) else None

    async def grants(
        self,
        *,
        tool: str | None = None,
        agent: str | None = None,
        active_at: int | None = None,
        after: str = "",
        limit: int = 100,
    ) -> Sequence[GrantRow]:
        """See `ports.Store`."""
        if not holds(tool, agent, after):
            return []
        wanted = granting.Wanted(tool, agent, active_at)
        return await self._read(lambda c: granting.page(c, wanted, after, reading.page_of(limit)), long=True)

    async def revoke_grant(self, grant_id: str, record: Record) -> bool:
        """See `ports.Store`."""
        return holds(grant_id) and await self._recorded(lambda c: granting.revoke(c, grant_id), record)

    async def override(self, requirement_id: str) -> Override | None:
        """See `ports.Store`."""
        return await self._read(lambda c: granting.override(c, requirement_id)) if holds(requirement_id) else None

    async def overrides(
        self, *, state: OverrideState | None = "open", after: str = "", limit: int = 100
    ) -> Sequence[Override]:
        """See `ports.Store`."""
        if not holds(after):
            return []
        return await self._read(lambda c: granting.overrides(c, state, after, reading.page_of(limit)), long=True)

    async def close_override(self, reviewed: Override, record: Record) -> bool:
        """See `ports.Store`."""
        return await self._recorded(lambda c: granting.close_override(c, reviewed), record)

    async def cursor(self, name: str) -> int | None:
        """See `ports.Store`."""
        return await self._read(lambda connection: delivering.cursor(connection, name)) if holds(name) else None

    async def advance(self, name: str, from_seq: int | None, to_seq: int, deliveries: Sequence[Delivery]) -> bool:
        """See `ports.Store`."""
        check("a cursor", name)
        rows = delivering.prepare(deliveries)
        return await self._write(lambda connection: delivering.advance(connection, name, from_seq, to_seq, rows))

    async def claim_deliveries(
        self, due_by: int, owner: str, kind: DeliveryKind, *, targets: Sequence[str], limit: int = 100
    ) -> Sequence[Delivery]:
        """See `ports.Store`. Writes nothing, and waits for no writer, while nothing is due."""
        clock, wanted = self._clock, delivering.Wanted(kind, tuple(filter(holds, targets)), due_by)
        if not wanted.targets or limit < 1 or not await self._read(lambda c: delivering.is_due(c, wanted, clock(c))):
            return []
        return await self._write(lambda c: delivering.claim(c, wanted, owner, limit, clock(c)))

    async def claim_dispatch(
        self, due_by: int, owner: str, routes: Sequence[str], told: Callable[[Delivery], Record]
    ) -> Delivery | None:
        """See `ports.Store`. Writes nothing, and waits for no writer, while nothing is due."""
        clock, names = self._clock, [name for name in routes if holds(name)]
        if not names or not await self._read(lambda c: delivering.is_dispatch_due(c, due_by, names, clock(c))):
            return None

        def work(connection: Connection) -> Written:
            claimed, lost = delivering.claim_dispatch(connection, due_by, owner, names, clock(connection))
            records = [told(one) for one in (*lost, *(() if claimed is None else (claimed,)))]
            return Written(claimed, [self._encoded(record) for record in records])

        claimed: Delivery | None = await self._submit("", work, "begins")
        return claimed

    async def renew_delivery(self, delivery_id: str, owner: str) -> bool:
        """See `ports.Store`."""
        if not holds(delivery_id, owner):
            return False
        return await self._write(lambda c: delivering.renew(c, delivery_id, owner, self._clock(c)))

    async def settle_delivery(self, settled: Settled, records: Sequence[Record] = ()) -> bool:
        """See `ports.Store`."""
        if not holds(settled.delivery_id, settled.owner):
            return False
        lines = [self._encoded(record) for record in records]
        check("a record", *(line.run_id for line in lines))

        def work(connection: Connection) -> Written:
            done = delivering.settle(connection, settled)
            return Written(done, lines if done else ())

        done: bool = await self._submit("", work, "ends")
        return done

    async def next_delivery(self, kind: DeliveryKind, targets: Sequence[str]) -> int | None:
        """See `ports.Store`."""
        wanted = delivering.Wanted(kind, tuple(filter(holds, targets)), 0)
        if not wanted.targets:
            return None
        return await self._read(lambda connection: delivering.next_due(connection, wanted))

    async def deliveries(
        self,
        *,
        kind: DeliveryKind | None = None,
        state: DeliveryState | None = None,
        about: str | None = None,
        after: str = "",
        limit: int = 100,
    ) -> Sequence[Delivery]:
        """See `ports.Store`."""
        if not holds(about, after):
            return []
        return await self._read(lambda c: delivering.page(c, kind, state, about, after=after, limit=limit), long=True)

    async def health(self, now: int) -> StoreHealth:
        """See `ports.Store`."""
        database = self._database
        return await self._read(lambda c: reading.health(c, self._clock(c), now, database.facts(c)), long=True)

    async def append(self, records: Sequence[Record]) -> None:
        """See `ports.Store`."""
        lines = [self._encoded(record) for record in records]
        check("a record", *(runs := [line.run_id for line in lines]))
        work = partial(retention.append, records=records, lines=lines, encoded=self._encoded)
        await self._submit(min(runs, default=""), work, committing.room_of_lines(lines))

    def watch(self, watcher: Watcher) -> None:
        """See `ports.Store`."""
        self._writer.watcher = watcher

    async def records(self, *, after: int = 0, limit: int = 1000, run_id: str | None = None) -> Sequence[RecordLine]:
        """See `ports.Store`."""
        if not holds(run_id):
            return []
        return await self._read(lambda connection: reading.records(connection, after, limit, run_id), long=True)

    async def head(self) -> tuple[int, str]:
        """Number and leaf of the last record, as kept apart from the records: what `verify` should reach."""
        return await self._read(log.read_head)

    async def save_policies(self, digest: str, text: str, record: Record) -> bool:
        """See `ports.Store`."""
        check("the policy set", digest, text)
        lines = [self._encoded(record)]

        def work(connection: Connection) -> Written:
            if connection.execute(sql.POLICIES_INSERT, (digest, text, record.at)).rowcount != 1:
                return Written(value=False)
            return Written(value=True, records=lines)

        saved: bool = await self._submit("", work)
        return saved

    async def policies(self, digest: str) -> str | None:
        """See `ports.Store`."""
        if not holds(digest):
            return None
        return await self._read(lambda connection: reading.policies(connection, digest))

    async def info(self) -> StoreInfo:
        """See `ports.Store`. Makes nothing: on a missing or foreign file `schema` is None and the counts are 0."""
        if self._readers is None:
            return await self._write(self._info)
        self._check_usable()
        return await self._readers.look(self._info)

    async def owner(self) -> Owner:
        """See `ports.Store`."""
        return await self._read(self._database.owner)

    async def close(self) -> None:
        """Finish what waits and let go of the file. Repeatable; a later use is an error."""
        self._closed = True
        if os.getpid() != self._pid:
            return
        if self._readers is not None:
            await asyncio.to_thread(self._readers.close)
        await asyncio.to_thread(self._writer.stop)

    async def _submit(self, run_id: str, work: Callable[[Connection], Written], room: Room = "") -> Any:
        self._check_usable()
        return await self._writer.submit(Job(run_id, work, room))

    async def _recorded(self, change: Query[bool], record: Record) -> bool:
        """A change and its record, in one transaction; where it changes nothing, there is no record."""
        lines = [self._encoded(record)]
        check("a record", record.run)

        def work(connection: Connection) -> Written:
            done = change(connection)
            return Written(done, lines if done else ())

        done: bool = await self._submit("", work)
        return done

    async def _write(self, query: Query[T], run_id: str = "") -> T:
        """On the writing connection, in a transaction, without records."""
        value: T = await self._submit(run_id, lambda connection: Written(query(connection)))
        return value

    async def _read(self, query: Query[T], *, long: bool = False) -> T:
        self._check_usable()
        readers = self._readers
        if readers is None:
            return await self._write(query)
        read = readers.long if long else readers.short
        try:
            return await read(query)
        except NotReadyError:
            await self._write(_nothing)
        try:
            return await read(query)
        except NotReadyError as error:
            message = f"the store {self._database.shown} was removed while it was in use"
            raise StoreError(message, help="restore it from a backup, with all workers stopped") from error

    def _info(self, connection: Connection | None) -> StoreInfo:
        database = self._database
        schema = None if connection is None else database.schema(connection)
        counts = reading.counts(connection) if connection is not None and schema == HEAD else (0, 0, 0)
        facts = database.facts(connection)
        keys = str(self._keys.path) if isinstance(self._keys, KeyFile) else ""
        return StoreInfo(database.url, schema, HEAD, facts.synchronous, *counts, facts.bytes, keys)

    def _check_usable(self) -> None:
        if os.getpid() != self._pid:
            message = f"the store {self._database.shown} was opened before this process was forked"
            raise StoreError(message, help="open a store (an Engine) of its own in each process")
        if self._closed:
            message = f"the store {self._database.shown} is closed"
            raise StoreError(message, help="open it again")


def _nothing(connection: Connection) -> None:
    """Write nothing; opening for writing makes or migrates the database."""


def _stop(writer: Writer, readers: Readers | None, pid: int) -> None:
    """When the store is forgotten, or at the interpreter's end; a forked child has no such thread to stop."""
    if os.getpid() != pid:
        return
    if readers is not None:
        readers.let_go()
    writer.stop()
