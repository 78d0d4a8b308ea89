"""Where the product reaches for the machine (threads, background loop, uptime, dead owners), the world stands in.

Everything else is the product as it is: engine, driver, core, store adapter, SQLite.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar
from unittest.mock import patch

from hitl_fsm.adapters.store import commit, reading, timers
from hitl_fsm.policy import load
from hitl_fsm.policy.evaluate import PolicySet
from hitl_fsm.runtime import hold, late, leases
from hitl_fsm.runtime import loop as runtime_loop
from hitl_fsm.runtime.tools import tool as tools
from simulation.loop import process

if TYPE_CHECKING:
    from simulation.world import World

T = TypeVar("T")


@contextmanager
def in_world(world: World) -> Iterator[None]:
    """Until it is left, the product's machine is the world's."""
    rounds = Rounds()
    stand_ins: list[tuple[Any, str, Any]] = [
        (leases, "background_loop", lambda: world.loop),
        (late, "background_loop", lambda: world.loop),
        (leases, "uptime", world.loop.time),
        (hold, "uptime", world.loop.time),
        (leases, "_rounds", rounds),
        (tools, "in_thread", world.in_thread),
        (runtime_loop, "in_thread", world.in_thread),
        (commit, "may_be_alive", world.may_be_alive),
        (reading, "may_be_alive", world.may_be_alive),
        (timers, "may_be_alive", world.may_be_alive),
        (load, "restore", _restored),
    ]
    with ExitStack() as stack:
        for where, name, stand_in in stand_ins:
            stack.enter_context(patch.object(where, name, stand_in))
        world.forget_rounds = rounds.forget
        yield


class Rounds:
    """The product has one timer a process that renews leases; the world has many processes."""

    def __init__(self) -> None:
        self._of: dict[str, Any] = {}

    def include(self, keeper: leases.LeaseKeeper) -> None:
        self._of.setdefault(process.get(), leases._Rounds()).include(keeper)

    def exclude(self, keeper: leases.LeaseKeeper) -> None:
        rounds = self._of.get(process.get())
        if rounds is not None:
            rounds.exclude(keeper)

    def forget(self, name: str) -> None:
        """That process is dead."""
        self._of.pop(name, None)


def later(world: World, function: Callable[[], T], begins: float, takes: float) -> Future[T]:
    """A thread of the process that asks: the function begins after a while, and its result is there after another."""
    future: Future[T] = Future()

    def begin() -> None:
        if not future.set_running_or_notify_cancel():
            return
        try:
            result = function()
        except Exception as error:  # noqa: BLE001 - handed to who waits for it
            world.loop.call_later(takes, future.set_exception, error)
        else:
            world.loop.call_later(takes, future.set_result, result)

    world.loop.call_later(begins, begin)
    return future


_restore = cache(load.restore)


def _restored(text: str, *, digest: str) -> PolicySet:
    """Read once: to do it in each history takes longer than the rest of the history."""
    return _restore(text, digest=digest)
