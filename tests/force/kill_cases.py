"""Cases of the kill tests, each in a folder and a database of its own, and many of them side by side."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import TypeVar

from kill_checks import complaints
from kill_databases import Database
from kill_nursery import Ended, Nursery
from kill_points import Plan
from witness import Witness
from worker import Orders

from share import some_of

T = TypeVar("T")

PEACE = Plan()


class Case:
    """One run in one fresh database, and the workers that are sent to it."""

    def __init__(self, folder: Path, database: Database, workers: Nursery) -> None:
        folder.mkdir()
        self.folder = folder
        self.url = database.fresh(folder)
        self._workers = workers

    def send(self, plan: Plan = PEACE, *, kill_after: float | None = None, **modes: bool) -> Ended:
        """A new worker, to its end or its stand-still."""
        return self._workers.begin(Orders(str(self.folder), self.url, plan, **modes), kill_after)

    def shift_clock(self, ms: int) -> None:
        """From now on all workers of this case, those that stand still too, have a later clock."""
        (self.folder / "clock").write_text(str(ms))

    def ends(self) -> list[str]:
        """How the workers ended that were not killed: `done`, or the code of an error."""
        return [line["end"] for line in Witness(self.folder / "ends.jsonl").lines()]

    def wake(self, still: Ended) -> Ended:
        """A worker that stands still goes on to its end."""
        return self._workers.wake(still.pid)

    def passed(self) -> list[str]:
        """The places that the last worker passed which lived to its end."""
        return list(json.loads((self.folder / "passed.json").read_text()))

    def complaints(self) -> list[str]:
        return complaints(self.folder, self.url)

    def finished(self, **modes: bool) -> list[str]:
        """The last worker, left in peace; and all that is wrong after it."""
        last = self.send(**modes)
        found = self.complaints()
        return found if (last.how, last.code) == ("exited", 0) else [f"the last worker: {last}", *found]

    def killed_and_finished(self, plan: Plan, *, stream: bool = False, statements: bool = False) -> list[str]:
        """One worker dies at a place; the next one finds what it left, and finishes."""
        first = self.send(plan, stream=stream, statements=statements)
        if first.how != "killed":
            return [f"it was not killed: {first}"]
        return self.finished(stream=stream)


class Site:
    """Where cases are tried, as many at a time as there are nurseries."""

    def __init__(self, folder: Path, database: Database, nurseries: list[Nursery]) -> None:
        self._folder = folder
        self._database = database
        self._count = len(nurseries)
        self._free: SimpleQueue[Nursery] = SimpleQueue()
        for one in nurseries:
            self._free.put(one)

    @contextmanager
    def case(self, name: str) -> Iterator[Case]:
        workers = self._free.get()
        try:
            yield Case(self._folder / name, self._database, workers)
        finally:
            self._free.put(workers)

    def some(self, several: Sequence[T], **steps: int) -> Sequence[T]:
        """Each n-th of them, by the kind of database: `postgres=4`; all where nothing is said."""
        return several[:: steps.get(self._database.name, 1)]

    def tried(self, trials: Iterable[T], trial: Callable[[Case, T], list[str]]) -> str:
        """What is wrong, a paragraph for each trial in which something is; "" is as it should be."""

        def one(number: int, this: T) -> str:
            with self.case(f"{number}") as case:
                return "".join(f"\n    {wrong}" for wrong in trial(case, this))

        several = some_of(list(trials))
        with ThreadPoolExecutor(self._count) as pool:
            found = zip(several, pool.map(one, range(len(several)), several), strict=True)
            return "".join(f"\n{this}:{wrong}" for this, wrong in found if wrong)
