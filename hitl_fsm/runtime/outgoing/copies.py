"""Second copies of the record: each line goes to each sink, in order, and what a line allows waits until it is there.

A copy that does not take lines holds up what needs a person's word, never anything else: outcomes are written, answers
are taken, and no run fails. How far a copy has come stands in the store; whoever ships lines may die at any moment, and
the next one offers them again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple, TypeVar

from hitl_fsm.errors import CopyBehind, HitlError, SinkError
from hitl_fsm.model.instant import iso
from hitl_fsm.model.reader import COPY
from hitl_fsm.ports import Clock, Log, RecordLine, Store
from hitl_fsm.ports_out import Sink
from hitl_fsm.runtime.loop import background_loop
from hitl_fsm.runtime.outgoing.named import Kind

T = TypeVar("T")

SINKS_MAX = 20
"""Second copies of one engine."""
PAGE_LINES = 500
"""Lines that are offered to a sink at once, fewer for one that does not take so many,"""
PAGE_BYTES = 1024 * 1024
"""and their bytes together; a single line may be longer."""
WRITE_S = 15.0
"""How long a sink may take for them."""
PAUSE_S = 0.1
"""Wait before a sink that took nothing is asked again, while somebody waits for it; doubled each time."""
PAUSE_MAX_S = 2.0
"""The longest such wait."""
WAIT_S = 30.0
"""How long a worker waits with an action that may begin, before it lets go of the run."""
HELD_S = 10.0
"""How long it waits with one whose intent is on disk, before that is taken back."""
SHORT_S = 1.0
"""How long it waits for what delays nothing: at the end of a run's turn, and in the rounds of a worker."""
SINKS = Kind(
    one="copy",
    several="copies of the record",
    method="write",
    most=SINKS_MAX,
    lacks="keeps no copy of the record",
    see="`hitl_fsm.sinks`; one of your own is a `ports_out.Sink`",
    fewer="what has one can pass it on",
)


class Standing(NamedTuple):
    """A copy that does not take lines: since when (ms), and why."""

    name: str
    since: int
    why: str


class Copies:
    """Those of one engine. All shipping is done on the background loop, whichever loop waits for it."""

    def __init__(self, store: Store, sinks: Sequence[Sink], clock: Clock, log: Log) -> None:
        self._store = store
        self._copies = tuple(_Copy(store, sink, clock, log) for sink in sinks)
        self._begun = False
        self._in_place: set[object] = set()

    @property
    def sinks(self) -> tuple[Sink, ...]:
        return tuple(one.sink for one in self._copies)

    @property
    def blocked(self) -> tuple[Standing, ...]:
        """Those that did not take lines when they were last offered some."""
        return tuple(one.standing for one in self._copies if one.standing is not None)

    def require_place(self) -> None:
        """Before a long wait. CopyBehind while a copy takes nothing, and somebody waits for it.

        A worker goes on with so many runs at once, and one that waits is one of them: those that need no copy would
        stand behind those that do.
        """
        if self._in_place:
            for standing in self.blocked:
                raise behind(standing)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """For as long as somebody waits."""
        mark = object()
        self._in_place.add(mark)
        try:
            yield
        finally:
            self._in_place.discard(mark)

    async def begin(self) -> None:
        """Before anything is written: a copy that is new to the store begins here, or with the record's first line."""
        if not self._begun:
            await asyncio.gather(*(_aside(one.begin) for one in self._copies))
            self._begun = True

    async def until(self, within_s: float) -> None:
        """Wait until every line that is in the store now is with every sink; CopyBehind when it is not in time."""
        await self.begin()
        head, _ = await self._store.head()
        await asyncio.gather(*(_aside(partial(one.reach, head, within_s)) for one in self._copies))

    async def soon(self) -> None:
        """Offer what there is, without waiting long, and not at all for a sink that took nothing lately."""
        if self.blocked:
            return
        try:
            await self.until(SHORT_S)
        except HitlError:  # who needs it waits for it
            return


def behind(standing: Standing) -> CopyBehind:
    """For who may not begin what they are at."""
    msg = f"the record's copy {standing.name!r} is behind since {iso(standing.since)}: {standing.why}"
    return CopyBehind(msg, help="what needs it has not begun, and goes on once the copy has the lines")


async def _aside(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work(), background_loop()))


class _Copy:
    """One sink, on the background loop: one task ships, for as long as anybody waits."""

    def __init__(self, store: Store, sink: Sink, clock: Clock, log: Log) -> None:
        self.sink = sink
        self.standing: Standing | None = None
        self._store = store
        self._clock = clock
        self._log = log
        self._name = f"{COPY}{sink.name}"
        self._seen = 0
        self._page_lines = PAGE_LINES
        self._wanted: dict[asyncio.Future[None], int] = {}
        self._shipping: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        if await self._store.cursor(self._name) is None:
            head, _ = await self._store.head()
            await self._store.advance(self._name, None, 0 if getattr(self.sink, "from_start", False) else head, ())

    async def reach(self, seq: int, within_s: float) -> None:
        if self._seen >= seq:
            return
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._wanted[done] = seq
        if self._shipping is None or self._shipping.done():
            self._shipping = asyncio.create_task(self._ship())
        try:
            async with asyncio.timeout(within_s):
                await done
        except TimeoutError:
            standing = self.standing or Standing(self.sink.name, self._clock.now(), "it is being written to")
            raise behind(standing) from None
        finally:
            self._wanted.pop(done, None)

    async def _ship(self) -> None:
        """Until everybody has what they wait for, or nobody waits any more."""
        pause = PAUSE_S
        try:
            self._seen = max(self._seen, await self._store.cursor(self._name) or 0)  # another worker ships, too
            while self._settled():
                if await self._page():
                    pause = PAUSE_S
                    continue
                await asyncio.sleep(pause)
                pause = min(2 * pause, PAUSE_MAX_S)
        except HitlError as error:  # the store is away
            for waiting in self._wanted:
                if not waiting.done():
                    waiting.set_exception(error)

    def _settled(self) -> bool:
        """Tell those who have what they wait for; whether somebody is left."""
        for waiting, seq in self._wanted.items():
            if self._seen >= seq and not waiting.done():
                waiting.set_result(None)
        return any(not waiting.done() for waiting in self._wanted)

    async def _page(self) -> bool:
        """Offer the next lines; whether they were taken.

        One that is slow, or takes no more at once than so many, comes to its end all the same: after each refusal it is
        offered half as much, after each success twice as much.
        """
        lines = _bounded(await self._store.records(after=self._seen, limit=self._page_lines))
        if not lines:  # they were there when somebody began to wait for them
            return False
        error = await self._refused(lines)
        self._page_lines = max(1, len(lines) // 2) if error is not None else min(PAGE_LINES, 2 * self._page_lines)
        if error is not None:
            if self.standing is None:
                self._log("copy_behind", level="warning", sink=self.sink.name, line=lines[0].seq, error=error.message)
            since = self._clock.now() if self.standing is None else self.standing.since
            self.standing = Standing(self.sink.name, since, error.message)
            return False
        if self.standing is not None:
            self._log("copy_goes_on", sink=self.sink.name, line=lines[-1].seq)
            self.standing = None
        self._seen = lines[-1].seq
        await self._keep()
        return True

    async def _refused(self, lines: Sequence[RecordLine]) -> SinkError | None:
        try:
            async with asyncio.timeout(WRITE_S):
                await self.sink.write(lines)
        except TimeoutError:
            return SinkError(f"it took longer than {WRITE_S:g} s")
        except SinkError as error:
            return error
        except Exception as error:  # noqa: BLE001 - a sink of the application may raise anything; it is offered again
            return SinkError(f"the sink failed: {type(error).__name__}")
        return None

    async def _keep(self) -> None:
        """How far it is, for whoever ships next; another worker may have come further."""
        at = await self._store.cursor(self._name)
        if at is None or at < self._seen:
            await self._store.advance(self._name, at, self._seen, ())


def _bounded(lines: Sequence[RecordLine]) -> Sequence[RecordLine]:
    size = 0
    for index, line in enumerate(lines):
        size += len(line.body)
        if size > PAGE_BYTES and index:
            return lines[:index]
    return lines
