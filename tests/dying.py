"""A disk on which a process dies at one commit: it hears no word of it any more, and only the store is left."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hitl_fsm.adapters.store import open_store
from hitl_fsm.adapters.store.store import SqlStore
from hitl_fsm.core.replay import replay
from hitl_fsm.ports import Clock, Commit, Store
from whole import broken

LATER = 3_600_000
"""How long a new process comes after the one that died (ms): leases are over, and nobody acts any more."""


def memory(clock: Clock) -> Store:
    """A database in memory, by whose clock leases end with the test's."""
    store = open_store("sqlite:///:memory:")
    assert isinstance(store, SqlStore)
    store._clock = lambda _: clock.now()
    return store


class Died(BaseException):
    """Nothing catches it, as nothing catches a death."""


@dataclass
class Disk:
    """A store that lets `lives` commits through (-1: all), then nothing at all.

    `heard`: who wrote the last of them hears of it and goes on, up to the next word with the store: what was begun has
    acted by then. Else it dies right after that commit, between an intent and its effect.
    """

    inner: Store
    lives: int
    heard: bool = True
    commits: int = 0
    is_dead: bool = False
    wrong: list[str] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        if self.is_dead:
            raise Died
        return getattr(self.inner, name)

    async def commit(self, commit: Commit) -> int:
        if self.is_dead or self.commits == self.lives:
            self.is_dead = True
            raise Died
        fence = await self.inner.commit(commit)
        self.commits += 1
        await self._look(commit)
        if self.commits == self.lives and not self.heard:
            self.is_dead = True
            raise Died
        return fence

    async def _look(self, commit: Commit) -> None:
        """The log, replayed, is the run that was committed, and that one is whole."""
        stored = await self.inner.load(commit.run.run_id)
        if stored is None or not commit.entries:
            return
        run, messages = replay(stored.entries)
        if run != commit.run:
            self.wrong.append(f"commit {self.commits}: the log tells of another run")
        self.wrong += [f"commit {self.commits}: {one}" for one in broken(commit.run, messages)]
