"""A process that dies at any write of what keeps the record: holds, erasing, pruning, another key, a checkpoint.

Whoever does it again brings it to its end: the record verifies after each death, with its keys and what it is committed
to, each thing is told once, and nothing of the erased person is left in the files.
"""

from __future__ import annotations

from collections import Counter
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
from crash_disk import MortalStore
from kill_databases import Database, Sqlite

from dying import LATER, Died
from hitl_fsm import Engine
from hitl_fsm.adapters.keys import KeyFile, new_signer
from hitl_fsm.adapters.store import open_store
from hitl_fsm.errors import RecordHeld, SubjectUnknown
from hitl_fsm.model.actor import Actor
from hitl_fsm.ports import Store
from hitl_fsm.runtime.loop import loop_is_private, run_sync
from house import House, call, calls, policies, policy_text

pytest_plugins = ["kill_fixtures"]

OTTO = Actor("otto")
RULES = policies(policy_text("- {id: all, tools: '*', gate: confirm}", tools="'*'"))
WORDS = ("ottoline-lives-here", "a-private-memo", "because-of-her-illness")
ONCE = ("hold_placed", "hold_released", "subject_erased", "key_rotated")
DEATHS = 12
"""More than anybody needs."""


class Kept:
    """A record with runs of two people; each process keeps it, and the first dies at its own `after`-th write."""

    def __init__(self, url: str, folder: Path) -> None:
        self.house, self.url = House(folder), url
        self.keys = KeyFile(folder / "the.keys")
        self.wrong: list[str] = []
        self.writes: list[str] = []
        engine = self.engine(self.store())
        for user, (to, memo, note) in {"alice": WORDS, "bob": ("bob-street", "bob-memo", "bob-note")}.items():
            agent = self.house.agent(engine, [calls(call("pay", to=to, amount=5, memo=memo))])
            run = agent.run("go", user=user)
            run.active_requirements[0].confirm(note=note)
            agent.continue_run(run)
        engine.close()
        self.house.clock.advance(LATER)
        self.since = self.house.clock.now()

    def store(self) -> Store:
        return open_store(self.url, loop_is_private, self.keys)

    def engine(self, store: Store) -> Engine:
        return Engine(RULES, store, actors=self.house.actors, clock=self.house.clock)

    def lives(self, after: int, *, heard: bool) -> bool:
        """One process; whether it did all there was to do."""
        inner = self.store()
        disk = MortalStore(inner, after, heard=heard)
        try:
            self.keep(self.engine(disk))
        except Died:
            return False
        finally:
            self.writes = disk.writes
            run_sync(inner.close())
            self.house.clock.advance(LATER)
        return True

    def keep(self, engine: Engine) -> None:
        """What is not done yet, one after the other, by what the record says."""
        told = self.told()
        if not told["hold_placed"]:
            engine.audit.hold.place(by=OTTO, reason="a lawsuit", subject="alice")
        for row in engine.audit.hold.list():
            with pytest.raises(RecordHeld):
                engine.audit.erase("alice", by=OTTO, reason="she asked")
            engine.audit.hold.release(row.hold.hold_id, by=OTTO, reason="it is over")
        try:
            engine.audit.erase("alice", by=OTTO, reason="she asked")
        except SubjectUnknown:
            assert told["subject_erased"]
        if not told["key_rotated"]:
            run_sync(engine.store.sign(OTTO))
            if len(self.signers()) == 1:
                self.keys.add(new_signer())
            run_sync(engine.store.sign(OTTO))
        engine.prune(before=self.since, by=OTTO)
        engine.audit.prune(before=self.since, by=OTTO)
        run_sync(engine.store.sign())

    def signers(self) -> tuple[object, ...]:
        found = self.keys()
        assert found is not None
        return found.signers

    def told(self) -> Counter[str]:
        store = self.store()
        try:
            bodies = [line.body for line in run_sync(store.records()) if line.body]
            return Counter(msgspec.json.decode(body)["event"] for body in bodies)
        finally:
            run_sync(store.close())

    def is_whole(self) -> bool:
        engine = self.engine(self.store())
        try:
            return engine.audit.verify().intact
        finally:
            engine.close()

    def left_of_alice(self) -> list[str]:
        """In the files of SQLite, which are closed; or whose runs and contents there are."""
        if self.url.startswith("postgres"):
            engine = self.engine(self.store())
            try:
                seqs = [line.seq for line in engine.audit.records()]
                kept = str(run_sync(engine.store.contents(seqs))) + str(engine.runs.list())
            finally:
                engine.close()
            return [word for word in (*WORDS, "alice") if word in kept]
        files = [one.read_bytes() for one in self.house.folder.rglob("*") if one.is_file()]
        return [word for word in WORDS if any(word.encode() in body for body in files)]


def played(url: str, folder: Path, after: int, *, heard: bool) -> list[str]:
    """All that is wrong after a death at that write, and others that finish it."""
    kept = Kept(url, folder)
    wrong: list[str] = []
    for lives in (after, *[-1] * DEATHS):
        done = kept.lives(lives, heard=heard)
        if not kept.is_whole():
            wrong.append("the record does not verify")
        if done:
            break
    told = kept.told()
    wrong += [f"{told[event]} x {event}" for event in ONCE if told[event] != 1]
    wrong += [f"{word} is left" for word in kept.left_of_alice()]
    return [f"after write {after}, {heard=}: {one}" for one in wrong]


@cache
def writes() -> tuple[str, ...]:
    """Those of a process that does not die."""
    with TemporaryDirectory() as folder:
        kept = Kept(Sqlite().fresh(Path(folder)), Path(folder))
        assert kept.lives(-1, heard=True)
        return tuple(kept.writes)


def test_law10_each_way_of_keeping_the_record_writes() -> None:
    assert {"place_hold", "release_hold", "forget", "erase", "scrub", "prune_record", "sign"} <= set(writes())


@pytest.mark.parametrize("heard", [True, False])
def test_law10_the_record_outlives_a_death_at_each_write_of_who_keeps_it(
    database: Database, tmp_path: Path, heard: bool
) -> None:
    wrong = []
    for after in range(0 if heard else 1, len(writes())):
        folder = tmp_path / str(after)
        folder.mkdir()
        wrong += played(database.fresh(folder), folder, after, heard=heard)
    assert wrong == []
