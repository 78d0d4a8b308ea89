"""Writing that blocks, beside the event loop: in a thread that nobody waits for at the interpreter's end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress

from hitl_fsm.errors import SinkError

WRITE_S = 10.0
"""How long one write to a second copy may take before it is said not to have happened. It may still happen later."""


class Aside:
    """One sink's writing. What hangs (a file system that is away, say) keeps the next write from beginning."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._busy = threading.Lock()

    async def do(self, work: Callable[[], None], within_s: float = WRITE_S) -> None:
        """`work`, in a thread of its own; SinkError when it raises anything, or takes too long."""
        if not self._busy.acquire(blocking=False):
            msg = f"{self._what}: the write before has not come back"
            raise SinkError(msg, help="look whether its disk or its receiver hangs")
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()

        def run() -> None:
            error: Exception | None = None
            try:
                work()
            except Exception as raised:  # noqa: BLE001 - told to who waits: a host's name may be none, say
                error = raised
            finally:
                self._busy.release()
            with suppress(RuntimeError):  # that loop is closed: nobody waits any more
                loop.call_soon_threadsafe(_settle, done, error)

        try:
            threading.Thread(target=run, name="hitl-fsm-sink", daemon=True).start()
        except RuntimeError as error:  # no thread can be had now: the next attempt may find one
            self._busy.release()
            msg = f"{self._what}: {error}"
            raise SinkError(msg, help="the lines are offered again by themselves") from error
        try:
            async with asyncio.timeout(within_s):
                await done
        except TimeoutError:
            msg = f"{self._what} did not take the lines within {within_s:g} s"
            raise SinkError(msg, help="look whether its disk or its receiver hangs") from None
        except SinkError:
            raise
        except Exception as error:
            told = error.strerror if isinstance(error, OSError) else f"{type(error).__name__}: {error}"
            msg = f"{self._what}: {told or type(error).__name__}"
            raise SinkError(msg, help="put it right; the lines are offered again by themselves") from error


def _settle(done: asyncio.Future[None], error: Exception | None) -> None:
    if done.done():  # nobody waits any more
        return
    if error is None:
        done.set_result(None)
    else:
        done.set_exception(error)
