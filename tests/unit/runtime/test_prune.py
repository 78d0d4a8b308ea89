"""Forgetting: only what ended long ago and is certain, page by page, each on the record."""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from typing import Any

import msgspec
import pytest

from hitl_fsm import Limits, tool
from hitl_fsm.errors import Fenced, InputRefused, RunNotFound, Tampered
from hitl_fsm.model.actor import ENGINE
from hitl_fsm.model.instant import iso
from hitl_fsm.model.record import Record
from hitl_fsm.runtime import prune as pruning
from hitl_fsm.runtime.loop import run_sync
from hitl_fsm.runtime.prune import forgotten, log_digest
from house import House, call, calls

HOUR = 3_600_000


def all_done(house: House, engine: Any, count: int) -> list[str]:
    agent = house.agent(engine, [calls(call("look", order_id="1"))])
    ids = [agent.run("go", user="alice").run_id for _ in range(count)]
    assert {engine.runs.get(run_id).state for run_id in ids} == {"done"}
    return ids


def ids_of(engine: Any) -> set[str]:
    return {row.run_id for row in engine.runs.list(limit=10_000)}


def lines(engine: Any) -> list[dict[str, Any]]:
    found = [msgspec.json.decode(line.body) for line in engine.audit.records()]
    return [line for line in found if line["event"] == "runs_forgotten"]


def body_digest(house: House, run_id: str) -> str:
    """As `sqlite3 FILE "SELECT CAST(body AS TEXT) … ORDER BY seq" | sha256sum` prints it."""
    with closing(sqlite3.connect(house.folder / "hitl.db")) as connection:
        rows = connection.execute("SELECT body FROM event WHERE run_id = ? ORDER BY seq", (run_id,)).fetchall()
    assert rows
    return hashlib.sha256(b"".join(body + b"\n" for (body,) in rows)).hexdigest()


def test_what_ended_before_goes_and_the_rest_stays(house: House) -> None:
    engine = house.engine("- {id: look, tools: look, gate: allow}\n- {id: pay, tools: pay, gate: confirm}")
    (old,) = all_done(house, engine, 1)
    waiting = house.agent(engine, [calls(call("pay", to="bob", amount=5))]).run("go", user="alice").run_id
    house.clock.advance(2 * HOUR)
    (young,) = all_done(house, engine, 1)
    kept_digest = body_digest(house, old)
    before = house.clock.now() - HOUR
    done = engine.prune(before=before, by="maria")
    assert (done.forgotten, done.kept) == (1, ())
    assert ids_of(engine) == {waiting, young}
    (line,) = lines(engine)
    assert line["by"]["id"] == "maria"
    assert line["at"] == house.clock.now()
    (told,) = line["data"]["runs"]
    assert line["data"]["before"] == before
    assert (told["run"], told["sha256"]) == (old, kept_digest)
    assert told["entries"] > 1
    assert engine.audit.verify().intact


def test_the_record_still_tells_the_story_and_who_forgot_it(house: House) -> None:
    engine = house.engine("- {id: look, tools: look, gate: allow}")
    (run_id,) = all_done(house, engine, 1)
    story = [line.body for line in engine.audit.records(run_id=run_id)]
    engine.prune(before=house.clock.now(), by="maria")  # nothing is older than now
    assert ids_of(engine) == {run_id}
    house.clock.advance(1)
    engine.prune(before=house.clock.now(), by="maria")
    assert [line.body for line in engine.audit.records(run_id=run_id)] == story
    with pytest.raises(RunNotFound):
        engine.runs.get(run_id)
    found = run_sync(forgotten(engine.store, run_id))
    assert found is not None
    assert (found.run_id, found.by, found.at) == (run_id, "maria", house.clock.now())
    assert "by maria" in found.told()
    assert run_sync(forgotten(engine.store, "run_never")) is None
    assert run_sync(forgotten(engine.store, run_id[:-1])) is None


@pytest.mark.any_line
def test_a_line_that_names_no_run_tells_of_none(house: House) -> None:
    engine = house.engine("- {id: look, tools: look, gate: allow}")
    first, second = all_done(house, engine, 2)
    house.clock.advance(1)
    run_sync(engine.store.forget([first], Record("runs_forgotten", 1, ENGINE, data={"note": first})))
    run_sync(engine.store.append([Record("note", 1, ENGINE, data={"runs": [], "text": f"runs_forgotten {first}"})]))
    assert run_sync(forgotten(engine.store, first)) is None
    assert run_sync(forgotten(engine.store, second)) is None


def test_a_failed_a_waiting_and_an_uncertain_run_are_never_forgotten(house: House) -> None:
    class Crash(BaseException):
        pass

    @tool
    async def pay(to: str, amount: float) -> str:
        """Send money."""
        raise Crash

    engine = house.engine("- {id: pay, tools: pay, gate: confirm}\n- {id: look, tools: look, gate: allow}")
    waiting = house.agent(engine, [calls(call("pay", to="a", amount=1))]).run("go", user="alice").run_id
    failed = house.agent(engine, [calls(call("look", order_id="1"))], limits=Limits(turns=1)).run("go", user="alice")
    assert failed.state == "failed"
    uncertain = house.agent(engine, [calls(call("pay", to="b", amount=1))], tools=[pay])
    run = uncertain.run("go", user="alice")
    run.active_requirements[0].confirm()
    with pytest.raises(Crash):
        asyncio.run(uncertain.acontinue_run(run))
    house.engine().cancel(run.run_id, by="alice")
    turned_down = house.agent(engine, [calls(call("pay", to="c", amount=1))]).run("go", user="alice")
    engine.cancel(turned_down.run_id, by="alice")
    house.clock.advance(HOUR)
    assert engine.prune(before=house.clock.now()).forgotten == 1, "the cancelled one whose call never began"
    assert ids_of(engine) == {waiting, run.run_id, failed.run_id}


def test_pages_follow_each_other_to_the_end(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "PRUNE_PAGE", 3)
    engine = house.engine("- {id: look, tools: look, gate: allow}")
    ids = all_done(house, engine, 7)
    house.clock.advance(1)
    assert engine.prune(before=house.clock.now()).forgotten == 7
    assert ids_of(engine) == set()
    pages = [[one["run"] for one in line["data"]["runs"]] for line in lines(engine)]
    assert [len(page) for page in pages] == [3, 3, 1]
    assert sorted(run_id for page in pages for run_id in page) == sorted(ids)
    assert all(run_sync(forgotten(engine.store, run_id)) for run_id in ids)
    assert engine.audit.verify().intact


def test_what_cannot_be_read_is_kept_and_told_and_holds_up_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pruning, "PRUNE_PAGE", 2)
    engine = house.engine("- {id: look, tools: look, gate: allow}")
    ids = sorted(all_done(house, engine, 6))
    with closing(sqlite3.connect(house.folder / "hitl.db")) as connection, connection:
        for run_id in ids[:3]:
            connection.execute("UPDATE event SET body = 'spoilt' WHERE run_id = ? AND seq = 2", (run_id,))
    house.clock.advance(1)
    done = engine.prune(before=house.clock.now())
    assert done.forgotten == 3
    assert [one.run_id for one in done.kept] == ids[:3]
    assert all(isinstance(one.error, Tampered) for one in done.kept)
    assert ids_of(engine) == set(ids[:3])


@pytest.mark.parametrize("before", [-1, True, 1.5, "90d", None, 2**53])
def test_the_instant_is_one_of_the_past(house: House, before: Any) -> None:
    engine = house.engine()
    with pytest.raises(InputRefused, match="`before` is"):
        engine.prune(before=before)


def test_who_cannot_forget_a_page_gives_up_in_the_end(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = house.engine("- {id: look, tools: look, gate: allow}")
    ids = all_done(house, engine, 1)
    house.clock.advance(1)
    tried = []

    async def lost(run_ids: Sequence[str], record: Record) -> int:
        tried.append(tuple(run_ids))
        return 0

    monkeypatch.setattr(engine.store, "forget", lost)
    with pytest.raises(Fenced, match="somebody else forgets"):
        engine.prune(before=house.clock.now())
    assert tried == [tuple(ids)] * pruning.PRUNE_ATTEMPTS


async def test_two_that_forget_at_once_forget_each_run_once(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "PRUNE_PAGE", 5)
    one, other = (house.engine("- {id: look, tools: look, gate: allow}") for _ in range(2))
    ids = await asyncio.to_thread(all_done, house, one, 40)
    house.clock.advance(1)
    done = await asyncio.gather(
        one.aprune(before=house.clock.now(), by="a"), other.aprune(before=house.clock.now(), by="b")
    )
    assert sum(each.forgotten for each in done) == 40
    told = [run["run"] for line in await asyncio.to_thread(lines, one) for run in line["data"]["runs"]]
    assert sorted(told) == sorted(ids)


def test_the_digest_is_of_what_is_stored(house: House) -> None:
    engine = house.engine("- {id: pay, tools: pay, gate: confirm}")
    agent = house.agent(engine, [calls(call("pay", to="bób \u202e", amount=5.25))])
    run = agent.run("gö", user="alice")
    run.active_requirements[0].confirm(note="ja")
    run = agent.continue_run(run)
    stored = run_sync(engine.store.load(run.run_id))
    assert stored is not None
    assert log_digest(stored) == body_digest(house, run.run_id)


def test_python_tells_that_a_run_was_forgotten_when_and_by_whom(house: House) -> None:
    engine = house.engine("- {id: all, gate: allow}")
    (run_id,) = all_done(house, engine, 1)
    house.clock.advance(HOUR)
    engine.prune(before=house.clock.now(), by="maria")
    (line,) = lines(engine)
    told = f"{run_id} was forgotten at {iso(house.clock.now())} by maria .line {line['seq']} of the record"
    with pytest.raises(RunNotFound, match=told):
        engine.runs.get(run_id)
    with pytest.raises(RunNotFound, match="no run 'run_never' in this store"):
        engine.runs.get("run_never")
