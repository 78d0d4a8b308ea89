"""A store on which a process dies at any write: a run's step, a claim, what became of a delivery, a hold, erasing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from dying import Died
from hitl_fsm.core.replay import replay
from hitl_fsm.ports import Commit, Store
from stateful.through import Through
from whole import broken

T = TypeVar("T")
WRITES = {
    *("append", "save_policies", "claim_timers", "revoke_grant", "close_override", "add_delegation", "end_delegation"),
    *("advance", "claim_deliveries", "claim_dispatch", "settle_delivery"),
    *("place_hold", "release_hold", "forget", "erase", "scrub", "prune_record", "retire_reader", "sign"),
}
"""Beside the steps of runs. Leases are left out: when they are renewed depends on how fast a test is."""


SILENT = {"append", "place_hold"}
"""Of these, those that answer nothing, and always write."""


class MortalStore(Through):
    """It lets `lives` writes through (-1: all), then nothing at all.

    `heard`: who made the last of them hears of it and goes on, up to the next word with the store; else it dies there.
    `writes` are those that changed something. What is wrong with a step as it was written is in `wrong`.
    """

    def __init__(self, inner: Store, lives: int, *, heard: bool) -> None:
        self._inner = inner
        self._lives = lives
        self.heard = heard
        self.is_dead = False
        self.writes: list[str] = []
        self.wrong: list[str] = []

    async def commit(self, commit: Commit) -> int:
        fence = await super().commit(commit)
        stored = await self._inner.load(commit.run.run_id)
        if stored is not None and commit.entries:
            run, messages = replay(stored.entries)
            found = broken(commit.run, messages) + ([] if run == commit.run else ["the log tells of another run"])
            self.wrong += [f"write {len(self.writes)}: {one}" for one in found]
        return fence

    async def _do(self, what: str, work: Callable[[Store], Awaitable[T]]) -> T:
        word, *more = what.split()
        writes = word in WRITES or (len(more) > 1 and more[1].startswith("v"))  # a step tells its run's version
        if self.is_dead or (writes and len(self.writes) == self._lives):
            self.is_dead = True
            raise Died
        result = await work(self._inner)
        if writes and (result or word in SILENT):
            self.writes.append(word)
            if len(self.writes) == self._lives and not self.heard:
                self.is_dead = True
                raise Died
        return result
