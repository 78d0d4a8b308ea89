"""Law 10 with signatures: a decision, its record and its signed checkpoint are one transaction."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hitl_fsm import Engine
from hitl_fsm.adapters.keys import KeyFile
from hitl_fsm.audit.checkpoint import read_checkpoint
from hitl_fsm.audit.keys import Signer, verifier_of
from hitl_fsm.errors import HitlError, KeysError
from hitl_fsm.model.states import RunState
from hitl_fsm.runtime.record import anchoring
from house import House, call, calls
from receiver import wait_for

SCRIPT = [calls(call("pay", to="bob", amount=5.0))]


def keys_of(house: House) -> Path:
    return house.folder / "signed.keys"


def signing(house: House, **options: object) -> Engine:
    return house.engine(record_keys=keys_of(house), **options)


def covered(house: House) -> int:
    """Lines that a checkpoint of the store's own key covers, as another process sees it."""
    keys = KeyFile(keys_of(house))()
    assert keys is not None
    newest = house.sql("SELECT note FROM checkpoint ORDER BY size DESC LIMIT 1")
    first = house.sql("SELECT leaf FROM record WHERE seq = 1")[0][0]
    origin = f"hitl-fsm/default/{bytes(first).hex()[:16]}"
    tree, _ = read_checkpoint(bytes(newest[0][0]), [verifier_of(Signer(origin, keys.signers[-1].seed))])
    return tree.size


def line_of(house: House, event: str) -> int:
    return max(seq for seq, body in house.sql("SELECT seq, body FROM record") if _event(bytes(body)) == event)


def _event(body: bytes) -> str:
    return str(msgspec.json.decode(body)["event"])


def lines(house: House) -> int:
    return int(house.sql("SELECT count(*) FROM record")[0][0])


def test_law10_a_decision_that_was_acknowledged_is_covered_by_a_signed_checkpoint(house: House) -> None:
    engine = signing(house)
    agent = house.agent(engine, SCRIPT * 2)
    run = agent.run("go", user="alice")
    run.active_requirements[0].confirm(by="alice")
    assert covered(house) >= line_of(house, "requirement_resolved")
    run = agent.continue_run(run)
    run.active_requirements[0].reject(by="alice", note="no")
    assert covered(house) >= line_of(house, "requirement_rejected")
    assert covered(house) == lines(house)
    run = agent.run("again", user="alice")
    engine.cancel(run.run_id, by="alice")
    assert covered(house) >= line_of(house, "run_cancelled")


def test_law10_a_decision_that_cannot_be_signed_is_none(house: House) -> None:
    engine = signing(house)
    agent = house.agent(engine, SCRIPT)
    run = agent.run("go", user="alice")
    (question,) = run.active_requirements
    before = lines(house)
    keys_of(house).rename(keys_of(house).with_name("away"))
    for answer in (question.confirm, question.reject):
        with pytest.raises(KeysError):
            answer(by="alice")
    keys_of(house).with_name("away").rename(keys_of(house))
    house.jam("checkpoint")
    with pytest.raises(HitlError):
        question.confirm(by="alice")
    assert engine.runs.get(run.run_id).state is RunState.PAUSED
    assert lines(house) == before
    assert house.effects == []
    house.unjam("checkpoint")
    question.confirm(by="alice")
    agent.continue_run(run)
    assert house.effects == [("pay", "bob", 5.0, "-")]
    assert covered(house) >= line_of(house, "requirement_resolved")


def test_law10_nothing_happens_under_keys_that_are_not_there(house: House) -> None:
    house.agent(signing(house), SCRIPT).run("go", user="alice")
    before = lines(house)
    other = house.engine(record_keys=house.folder / "another.keys")
    with pytest.raises(KeysError, match="its keys are not there"):
        house.agent(other, SCRIPT).run("go", user="alice")
    assert not (house.folder / "another.keys").exists()
    assert lines(house) == before


def test_a_worker_signs_an_idle_record_and_anchors_it(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hitl_fsm.runtime.work.ANCHOR_S", 0.05)
    notes = house.folder / "anchor.notes"
    engine = signing(house, record_anchors=[f"file://{notes}"])
    house.agent(engine, SCRIPT).run("go", user="alice")

    rounds = [0]

    def anchored() -> list[bytes]:
        bodies = [bytes(body) for (body,) in house.sql("SELECT body FROM record")]
        return [body for body in bodies if _event(body) == anchoring.ANCHORED]

    async def counted(*what: Any) -> Any:
        kept = await anchoring.anchor(*what)
        rounds[0] += 1
        return kept

    monkeypatch.setattr("hitl_fsm.runtime.work.anchor", counted)

    async def work() -> None:
        stop = asyncio.Event()
        working = asyncio.ensure_future(engine.awork(stop, poll_s=0.05))
        await asyncio.to_thread(wait_for, lambda: bool(anchored()) and covered(house) == lines(house))
        before = rounds[0]
        await asyncio.to_thread(wait_for, lambda: rounds[0] > before + 5)
        stop.set()
        await working

    asyncio.run(work())
    assert covered(house) == lines(house)
    assert len(anchored()) == 1, "that something was anchored is nothing to anchor"
    data = msgspec.json.decode(anchored()[0])["data"]
    assert notes.read_bytes().split(b"\n")[1] == str(data["size"]).encode()
    assert data["where"] == f"file://{notes}"


@pytest.mark.altered
def test_an_anchor_that_knows_more_than_the_record_is_not_written(house: House) -> None:
    engine = signing(house)
    house.agent(engine, SCRIPT).run("go", user="alice")
    notes = f"file://{house.folder}/anchor.notes"

    def keep() -> list[anchoring.Kept]:
        from hitl_fsm.adapters.anchors.kinds import anchor_of

        return asyncio.run(anchoring.anchor(engine.store, [anchor_of(notes)], engine.parts.clock))

    assert [one.new for one in keep()] == [True]
    engine.close()
    house.engines.remove(engine)
    house.sql("DELETE FROM record WHERE seq > 3")
    house.sql("DELETE FROM checkpoint")
    house.sql("UPDATE log_head SET seq = 3, leaf = (SELECT leaf FROM record WHERE seq = 3)")
    engine = signing(house)
    (found,) = keep()
    assert not found.new
    assert "lines are gone" in str(found.error)
