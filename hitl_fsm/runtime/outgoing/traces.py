"""Traces of the runs, live: what the record says is made into spans, behind the writers, and sent when they end.

A page of lines is taken by moving a cursor in the store, so that of all processes one sends it; then its spans are
sent, and tried again while nobody takes them. Their ids come from the record's: a span that is sent twice is the same
span. Best effort: no run waits for it or fails by it, and a process that is killed may take one page of spans along.
"""

from __future__ import annotations

import asyncio
import math
import os
import time
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

from hitl_fsm.audit.export.lines import Entry, read
from hitl_fsm.audit.export.span import Span
from hitl_fsm.audit.export.spans import Tracing
from hitl_fsm.errors import HitlError, Tampered
from hitl_fsm.model.reader import TRACE
from hitl_fsm.ports import Landed, Log, RecordLine, Store
from hitl_fsm.ports_out import Telemetry
from hitl_fsm.runtime.loop import background_loop

T = TypeVar("T")

PAGE_LINES = 500
"""Lines that one process takes at once."""
RUNS_KNOWN = 1_000
"""Runs of which it is remembered what goes on in them; of others it is read again."""
SOON_S = 0.2
"""How long after a commit its lines are looked at, together with those that follow it."""
SEND_S = 15.0
"""How long sending a page's spans may take."""
AGAIN_S = 1.0
"""Wait before spans that nobody took are sent again; doubled each time."""
AGAIN_MAX_S = 60.0
"""The longest such wait."""
LAST_S = 3.0
"""How long closing an engine waits for its last spans."""


class Traces:
    """Those of one engine. All of it is done on the background loop, one round at a time."""

    def __init__(self, store: Store, telemetry: Telemetry, log: Log) -> None:
        self._store = store
        self._telemetry = telemetry
        self._log = log
        self._name = f"{TRACE}{telemetry.name}"
        self._first: int | None = None
        self._reached: int | None = None
        self._tracing = Tracing()
        self._known: set[str] = set()
        self._left: list[Span] = []
        self._from = 0
        self._pause_s = 0.0
        self._again_at = 0.0
        self._turn = asyncio.Lock()
        self._sending: asyncio.Future[None] | None = None
        self._waiting = 0

    @property
    def name(self) -> str:
        """Under which the store keeps how far it has come."""
        return self._name

    def soon(self, landed: Sequence[Landed]) -> None:
        """Look at these lines, and whatever follows at once. Waits for nothing; called from any thread."""
        if self._first is None:
            self._first = landed[0].seq - 1
        pid = os.getpid()
        if self._waiting != pid:  # a forked child has a background loop of its own, in which nobody waits
            self._waiting = pid
            asyncio.run_coroutine_threadsafe(self._later(SOON_S), background_loop())

    async def look(self) -> None:
        """One round, from whatever event loop."""
        await _aside(self._round())

    async def last(self) -> None:
        """What there is to tell before the engine is closed; what cannot be sent is left to the next process."""
        try:
            async with asyncio.timeout(LAST_S):
                await _aside(self._round())
        except TimeoutError:
            pass
        self._again_at = math.inf  # who waited for the turn would begin to send anew
        await _aside(self._give_back())

    # -- on the background loop

    async def _later(self, pause_s: float) -> None:
        while True:
            await asyncio.sleep(pause_s)
            self._waiting = 0
            await self._round()
            if not self._left or self._waiting:
                return
            self._waiting, pause_s = os.getpid(), self._pause_s

    async def _round(self) -> None:
        """Take pages and send their spans until there are no more, or nobody takes them."""
        async with self._turn:
            try:
                while await self._sent() and await self._take():
                    pass
            except HitlError as error:  # the store is away, or closed; the lines stay where they are
                self._log("traces_failed", level="warning", telemetry=self._telemetry.name, error=str(error))

    async def _take(self) -> bool:
        """Whether there was a page, and this process got it: its spans wait to be sent then."""
        cursor = await self._store.cursor(self._name)
        if cursor is None:
            cursor = await self._begin()
        lines = await self._store.records(after=cursor, limit=PAGE_LINES)
        if not lines:
            return False
        if not await self._store.advance(self._name, cursor, lines[-1].seq, ()):
            return True  # another process was faster: on from where it came to
        if cursor != self._reached or len(self._known) > RUNS_KNOWN:
            self._tracing, self._known = Tracing(), set()
        self._from, self._reached = cursor, lines[-1].seq
        for line in lines:
            self._left += await self._spans(line)
        return True

    async def _begin(self) -> int:
        """Who is new to the store is told what happens from now on."""
        first = self._first
        if first is None:
            first, _ = await self._store.head()
        await self._store.advance(self._name, None, first, ())
        return await self._store.cursor(self._name) or 0

    async def _spans(self, line: RecordLine) -> list[Span]:
        entry = _read(line)
        if entry is None or not entry.run:
            return []
        if entry.run not in self._known:
            self._known.add(entry.run)
            if entry.event != "run_created":
                await self._remember(entry)
        return self._tracing.take(entry)

    async def _remember(self, entry: Entry) -> None:
        """What went before in its run, of which it has been told already."""
        after = 0
        while True:
            page = await self._store.records(after=after, limit=PAGE_LINES, run_id=entry.run)
            for line in page:
                if line.seq >= entry.seq:
                    return
                before = _read(line)
                if before is not None:
                    self._tracing.take(before)
            if len(page) < PAGE_LINES:
                return
            after = page[-1].seq

    async def _sent(self) -> bool:
        """Whether nothing waits to be sent any more."""
        if not self._left:
            return True
        if time.monotonic() < self._again_at:
            return False
        why = await self._refused(self._left)
        if why:
            if not self._pause_s:
                self._log("spans_not_sent", level="warning", telemetry=self._telemetry.name, error=why)
            self._pause_s = min(AGAIN_MAX_S, 2 * self._pause_s or AGAIN_S)
            self._again_at = time.monotonic() + self._pause_s
            return False
        self._left, self._pause_s = [], 0.0
        return True

    async def _refused(self, spans: Sequence[Span]) -> str:
        """Why they were not taken; "" when they were. An exporter of the application may raise anything."""
        self._sending = sending = asyncio.ensure_future(self._telemetry.send(spans))
        try:
            await asyncio.wait([sending], timeout=SEND_S)
        finally:
            overdue = sending.cancel()
        if overdue:
            return f"it took longer than {SEND_S:g} s"
        if sending.cancelled():
            return "it was cut off"
        error = sending.exception()
        return "" if error is None else f"{type(error).__name__}: {error}"

    async def _give_back(self) -> None:
        """Let the next process send what this one took and did not send, if no other one has gone on meanwhile."""
        if self._sending is not None:
            self._sending.cancel()
        async with self._turn:
            if self._left and self._reached is not None:
                reached, self._left, self._reached = self._reached, [], None
                try:
                    await self._store.advance(self._name, reached, self._from, ())
                except HitlError as error:
                    self._log("traces_failed", level="warning", telemetry=self._telemetry.name, error=str(error))


def _read(line: RecordLine) -> Entry | None:
    """A line that cannot be read is in no trace; `audit verify` tells that it is there."""
    try:
        return read(line)
    except Tampered:
        return None


async def _aside(work: Coroutine[Any, Any, T]) -> T:
    return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, background_loop()))
