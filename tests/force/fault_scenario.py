"""The run of the kill tests, lived through in this process, with a trouble that comes at a place of the protocol."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from kill_checks import complaints
from kill_points import Plan, Points
from kill_scenario import scenario_tools
from witness import Witness
from worker import Orders, Worker, the_run

from hitl_fsm.errors import HitlError

LIVES = 8
"""Workers that may follow each other until the run has ended."""
LONG_MS = 15 * 60_000
"""Longer than a lease, and than a lost call is taken to act."""


class Trouble(Points):
    """Something befalls this process at the nth time that it comes to a place."""

    def __init__(self, at: Plan, befall: Callable[[], object]) -> None:
        super().__init__(Plan())
        self._at = at
        self._befall = befall
        self._came = Counter[str]()
        self._one = threading.Lock()
        self.came = False

    def reach(self, name: str) -> None:
        super().reach(name)
        with self._one:
            self._came[name] += 1
            here = not self.came and name == self._at.at and self._came[name] == self._at.nth
            self.came = self.came or here
        if here:
            self._befall()


class _OneLife(Witness):
    """Lines as if each worker were a process of its own."""

    def __init__(self, path: Path, life: int) -> None:
        super().__init__(path)
        self._life = life

    def leave(self, **facts: object) -> None:
        super().leave(**{**facts, "pid": self._life})


class _Life(Worker):
    """One worker in this process."""

    def __init__(self, orders: Orders, points: Points, number: int) -> None:
        super().__init__(orders)
        self.points = points
        self.tools = scenario_tools(self.effects, points)
        self.asked = _OneLife(Path(orders.folder) / "model.jsonl", number)

    def live(self) -> str:
        """How it ended: `done`, or the code of an error. Any other error comes through."""
        try:
            with self.agent() as agent:
                run = the_run(agent.engine)
                self.asked.leave(found=run.value.turn if run else 0)
            return self._rounds()
        except HitlError as error:
            assert error.help, f"{error!r} does not say what to do next"
            return error.code


class World:
    """A folder of witnesses, a store, and the workers that follow each other there."""

    def __init__(self, folder: Path, url: str) -> None:
        folder.mkdir(exist_ok=True)
        self.folder, self.url = folder, url
        self.ends: list[str] = []

    def live(self, points: Points | None = None) -> str:
        """One worker, to its end."""
        life = _Life(Orders(str(self.folder), self.url), points or Points(Plan()), len(self.ends) + 1)
        self.ends.append(life.live())
        return self.ends[-1]

    def pass_time(self, ms: int = LONG_MS) -> None:
        """For every clock there is: the workers' and the database's."""
        file = self.folder / "clock"
        file.write_text(str(int(file.read_text() if file.exists() else "0") + ms))

    def finish(self) -> list[str]:
        """Workers, each long after the one before, until the run has ended; and all that is wrong then."""
        while self.live() != "done" and len(self.ends) < LIVES:
            self.pass_time()
        found = complaints(self.folder, self.url)
        return found if self.ends[-1] == "done" else [f"no end: {self.ends}", *found]

    def effects(self) -> int:
        return len(Witness(self.folder / "effects.jsonl").lines())


def places(passed: Sequence[str], *beginnings: str) -> list[Plan]:
    """Each of these places of a run that was left in peace, as often as it came."""
    counts = Counter[str]()
    made = []
    for name in passed:
        counts[name] += 1
        if name.startswith(beginnings):
            made.append(Plan("none", name, counts[name]))
    return made


def passed_in_peace(folder: Path, url: str) -> list[str]:
    """Every place, in order, of a run that nothing befalls; and nothing is wrong with it."""
    world, points = World(folder, url), Points(Plan())
    assert world.live(points) == "done"
    assert complaints(folder, url) == []
    return points.passed
