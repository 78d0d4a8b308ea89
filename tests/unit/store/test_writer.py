"""The writer over a database that conflicts, loses its connection, or does not answer a COMMIT."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
from places import whole
from steps import Story

from hitl_fsm.adapters.store import writer as writing
from hitl_fsm.adapters.store.batch import Job, Written
from hitl_fsm.adapters.store.database import Connection, Fate
from hitl_fsm.adapters.store.sqlite.database import SqliteDatabase
from hitl_fsm.adapters.store.store import SqlStore
from hitl_fsm.adapters.store.url import parse
from hitl_fsm.errors import Fenced, StoreError
from moments import HUNG_S


class Conflict(Exception):
    """What a server says of a deadlock."""


class Gone(Exception):
    """What a driver says of a lost connection."""


class Shaky(SqliteDatabase):
    """A real file whose connections fail as told. Which: `conflicts` statements to come, `unanswered` COMMITs."""

    def __init__(self, path: Path) -> None:
        super().__init__(parse(f"sqlite:///{path}?synchronous=normal"))
        self.reading = "threads"  # as of a server: only there connections are lost
        self.conflicts = 0
        self.lost = 0
        self.unanswered: list[bool] = []  # whether each such COMMIT lands
        self.knows = True
        self.opened = 0
        self.down = False
        self._last: bool | None = None

    def open_writer(self) -> Connection:
        if self.down:
            raise StoreError("the server cannot be reached")
        self.opened += 1
        return Wire(self, super().open_writer())

    def landed(self, connection: Connection, transaction: object, head: object) -> bool | None:
        return self._last if self.knows else None

    def fate(self, connection: Connection, error: Exception) -> Fate:
        if isinstance(error, Conflict):
            return "again"
        return "connection" if isinstance(error, Gone) else super().fate(connection, error)

    def explain(self, error: Exception) -> Exception:
        return StoreError(repr(error)) if isinstance(error, Conflict | Gone) else super().explain(error)


class Wire:
    def __init__(self, shaky: Shaky, inner: Connection) -> None:
        self._shaky, self._inner = shaky, inner

    @property
    def in_transaction(self) -> bool:
        return self._inner.in_transaction

    def execute(self, sql: str, parameters: tuple[object, ...] = ()) -> object:
        shaky = self._shaky
        if sql == "COMMIT" and shaky.unanswered:
            shaky._last = shaky.unanswered.pop(0)
            self._inner.execute("COMMIT" if shaky._last else "ROLLBACK")
            raise Gone
        if sql.startswith("INSERT INTO event"):
            if shaky.conflicts:
                shaky.conflicts -= 1
                raise Conflict
            if shaky.lost:
                shaky.lost -= 1
                self._inner.execute("ROLLBACK")
                raise Gone
        return self._inner.execute(sql, parameters)

    def close(self) -> None:
        self._inner.close()


@pytest.fixture
def shaky(path: Path) -> Shaky:
    return Shaky(path)


@pytest.fixture
async def store(shaky: Shaky) -> AsyncIterator[SqlStore]:
    made = SqlStore(shaky)
    await made.append([])
    yield made
    await made.close()


async def test_a_transaction_that_met_a_conflict_is_run_again(store: SqlStore, shaky: Shaky) -> None:
    shaky.conflicts = 3
    steps = [Story(f"r{number}").create() for number in range(4)]
    assert await asyncio.gather(*(store.commit(step) for step in steps)) == [1] * 4
    assert await whole(store) == len(await store.runs()) == 4
    assert shaky.opened == 1


async def test_conflicts_without_end_are_told_after_a_bounded_time(
    store: SqlStore, shaky: Shaky, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "AGAIN_S", 0.05)
    shaky.conflicts = 10**6
    with pytest.raises(StoreError, match="Conflict"):
        await store.commit(Story().create())
    shaky.conflicts = 0
    assert await store.load("r1") is None
    assert await store.commit(Story().create()) == 1


async def test_a_connection_lost_before_commit_wrote_nothing_and_is_made_anew(store: SqlStore, shaky: Shaky) -> None:
    shaky.lost = 1
    assert await store.commit(Story().create()) == 1
    assert shaky.opened == 2
    assert await whole(store) == len(await store.runs()) == 1


@pytest.mark.parametrize("landed", [True, False])
async def test_law03_a_commit_that_was_not_answered_is_looked_up(store: SqlStore, shaky: Shaky, landed: bool) -> None:
    story = Story()
    await store.commit(story.create())
    shaky.unanswered = [landed]
    step = story.pause()
    assert await store.commit(step) == 1
    assert shaky.opened == 2
    assert await whole(store) == 2  # once, whether the first or the second time
    with pytest.raises(Fenced):
        await store.commit(step)


async def test_law03_the_outcomes_of_an_unanswered_batch_are_those_of_its_jobs(store: SqlStore, shaky: Shaky) -> None:
    shaky.unanswered = [False, True]
    step = Story("r1").create()
    jobs = [Job("r1", _job(step, number)) for number in range(2)] + [Job("r2", _job(Story("r2").create(), 0))]
    outcomes = await asyncio.to_thread(store._writer._write, jobs)
    assert [outcome.value for outcome in outcomes] == [1, None, 1]
    assert isinstance(outcomes[1].error, Fenced)
    assert await whole(store) == len(await store.runs()) == 2


def _job(step: object, _: int) -> object:
    from hitl_fsm.adapters.store import commit as committing

    prepared = committing.prepare(step)  # type: ignore[arg-type]

    def work(connection: Connection) -> Written:
        return committing.apply(connection, prepared, 1)

    return work


async def test_an_outcome_that_cannot_be_known_is_told_as_such(store: SqlStore, shaky: Shaky) -> None:
    shaky.unanswered, shaky.knows = [True], False
    with pytest.raises(StoreError, match="whether it was written is not known") as caught:
        await store.commit(Story().create())
    assert "read the run again" in str(caught.value.help)
    assert await store.load("r1") is not None


async def test_an_outcome_that_nobody_could_be_asked_about_is_told_as_such(
    store: SqlStore, shaky: Shaky, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "AGAIN_S", 0.05)
    monkeypatch.setattr(shaky, "landed", _gone(shaky))
    shaky.unanswered = [True]
    with pytest.raises(StoreError, match="whether it was written is not known"):
        await store.commit(Story().create())


def _gone(shaky: Shaky) -> object:
    def landed(connection: Connection, transaction: object, head: object) -> bool | None:
        shaky.down = True
        raise Gone

    return landed


async def test_a_database_that_is_not_there_at_first_is_told_at_once(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "AGAIN_S", 10 * HUNG_S)
    shaky = Shaky(path)
    shaky.down = True
    store = SqlStore(shaky)
    with pytest.raises(StoreError, match="cannot be reached"):
        await asyncio.wait_for(store.commit(Story().create()), HUNG_S)
    await store.close()


async def test_jobs_are_done_in_order_of_their_runs_and_those_of_one_run_as_they_came(
    store: SqlStore, path: Path
) -> None:
    steps = [step for number in (3, 1, 2) for step in Story(f"r{number}").all()[:3]]
    assert await asyncio.gather(*(store.commit(step) for step in steps)) == [1] * 9
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT run_id, seq FROM event ORDER BY id").fetchall()
    first = rows.index(("r3", 1))  # whatever came into the first transaction beside it
    assert [seq for run, seq in rows if run == "r3"] == [1, 2, 3]
    later = [row for row in rows if row[0] != "r3"]
    assert later == sorted(later)
    assert first in {0, len(rows) - 3}
