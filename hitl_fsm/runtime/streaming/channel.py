"""Between the driver and the one reader of a stream: how somebody reads, or that nobody does, changes nothing."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable

from msgspec.structs import replace

from hitl_fsm.runtime.streaming.stream import ContentDelta, Publish, StreamEvent

STREAM_BUFFER = 10_000
"""Events that wait for a slow reader before further text is joined to text that waits; no text is lost."""

_background: set[asyncio.Task[None]] = set()  # a reader that leaves must not let its run be collected


class Channel:
    """Events in the order in which they happened. Beyond STREAM_BUFFER only the run's own steps add up."""

    __slots__ = ("_error", "_growing", "_is_over", "_there", "_waiting")

    def __init__(self) -> None:
        self._waiting: deque[tuple[StreamEvent, list[str]]] = deque()
        self._growing: dict[str, list[str]] = {}  # by frame: the text that waits, with nothing but text behind it
        self._there = asyncio.Event()
        self._error: BaseException | None = None
        self._is_over = False

    def publish(self, event: StreamEvent) -> None:
        if self._is_over:
            return
        pieces: list[str] = []
        if not isinstance(event, ContentDelta):
            self._growing.clear()
        elif len(self._waiting) >= STREAM_BUFFER and event.frame in self._growing:
            self._growing[event.frame].append(event.text)
            return
        else:
            pieces.append(event.text)
            self._growing[event.frame] = pieces
        self._waiting.append((event, pieces))
        self._there.set()

    def end(self, error: BaseException | None = None) -> None:
        """The driver is done; `error` is raised when all before it was read."""
        self._is_over, self._error = True, error
        self._there.set()

    def leave(self) -> None:
        """Nobody reads any more."""
        self._is_over = True
        self._waiting.clear()
        self._growing.clear()

    async def next(self) -> StreamEvent | None:
        """The next one; None at the end."""
        while not self._waiting:
            if self._is_over:
                error, self._error = self._error, None
                if error is not None:
                    raise error
                return None
            self._there.clear()
            await self._there.wait()
        event, pieces = self._waiting.popleft()
        if not isinstance(event, ContentDelta):
            return event
        if self._growing.get(event.frame) is pieces:
            del self._growing[event.frame]
        return event if len(pieces) == 1 else replace(event, text="".join(pieces))


class Stream(AsyncIterator[StreamEvent]):
    """The events of some work, which begins when the first is asked for, and goes on whether or not somebody reads.

    Whoever stops waiting for an event (`asyncio.wait_for`) may ask again; whoever is done may leave, or `aclose`.
    """

    __slots__ = ("_channel", "_is_begun", "_work")

    def __init__(self, work: Callable[[Publish], Awaitable[object]]) -> None:
        self._work = work
        self._channel = Channel()
        self._is_begun = False

    async def __anext__(self) -> StreamEvent:
        if not self._is_begun:
            self._is_begun = True
            task = asyncio.create_task(_produce(self._work, self._channel))
            _background.add(task)
            task.add_done_callback(_background.discard)
        event = await self._channel.next()
        if event is None:
            raise StopAsyncIteration
        return event

    async def aclose(self) -> None:
        """Read no more; the run goes on."""
        self._is_begun = True
        self._channel.leave()
        self._channel.end()

    def __del__(self) -> None:
        self._channel.leave()


async def _produce(work: Callable[[Publish], Awaitable[object]], channel: Channel) -> None:
    try:
        await work(channel.publish)
    except BaseException as error:
        channel.end(error)
        if not isinstance(error, Exception):
            raise
    else:
        channel.end()
