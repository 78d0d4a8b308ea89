"""A reader of the record that nobody has any more is retired, on the record, and keeps nothing from being pruned."""

from __future__ import annotations

import threading

import msgspec
import pytest

from hitl_fsm import Engine
from hitl_fsm.errors import HitlError, InputRefused, RecordKept, SubjectUnknown
from hitl_fsm.model.delivery import Delivery
from hitl_fsm.runtime.loop import run_sync
from house import House, call, calls
from sinks import MoodySink

DAY = 86_400_000


def paid(house: House, engine: Engine) -> None:
    agent = house.agent(engine, [calls(call("pay", to="bob", amount=5))])
    run = agent.run("go", user="alice")
    run.active_requirements[0].confirm()
    agent.continue_run(run)
    run_sync(engine.store.sign())


def lines_of(engine: Engine, event: str) -> list[dict[str, object]]:
    found = [msgspec.json.decode(line.body) for line in engine.audit.records() if line.body]
    return [line for line in found if line["event"] == event]


def test_a_copy_that_is_gone_blocks_pruning_until_it_is_retired(keyed: House) -> None:
    engine = keyed.engine(sinks=[MoodySink("gone")])
    paid(keyed, engine)
    engine.close()
    later = keyed.engine()
    keyed.clock.advance(DAY)
    paid(keyed, later)
    (reader,) = later.audit.readers()
    assert (reader.name, reader.kind, reader.here) == ("sink:gone", "second copy", False)
    assert reader.behind > 0
    run_sync(later.store.advance("route:older", None, 0, []))
    with pytest.raises(RecordKept, match="route:older") as kept:
        later.audit.prune(before=keyed.clock.now(), by="otto")
    assert "audit readers retire" in str(kept.value.help)
    assert later.audit.retire_reader("route:older", by="otto", reason="never used") == ("route:older", 0, 0)
    retired = later.audit.retire_reader("sink:gone", by="otto", reason="the archive was given up")
    assert (retired.name, retired.seq) == ("sink:gone", reader.seq)
    assert later.audit.readers() == []
    line = lines_of(later, "reader_retired")[-1]
    assert line["data"] == {"reader": "sink:gone", "seq": reader.seq, "notices": 0}
    assert line["by"]["id"] == "otto"  # type: ignore[index]
    opened = run_sync(later.store.contents([int(str(line["seq"]))]))
    assert list(opened.values()) == [{"reason": "the archive was given up"}]
    run_sync(later.store.sign())
    keyed.clock.advance(DAY)
    assert later.audit.prune(before=keyed.clock.now(), by="otto").lines > 0
    assert len(lines_of(later, "reader_retired")) == 2, "what says why pruning went on keeps its body"
    assert later.audit.verify().intact


def test_a_reader_that_the_application_has_is_not_retired(keyed: House) -> None:
    engine = keyed.engine(sinks=[MoodySink("here")])
    paid(keyed, engine)
    assert [one.here for one in engine.audit.readers()] == [True]
    with pytest.raises(InputRefused, match="this application has"):
        engine.audit.retire_reader("sink:here", by="otto", reason="x")
    assert [one.name for one in engine.audit.readers()] == ["sink:here"]
    assert lines_of(engine, "reader_retired") == []


@pytest.mark.parametrize("name", ["holds", "people", "policies", "sink:nobody", "sink:\x00", ""])
def test_what_is_no_reader_is_not_retired(keyed: House, name: str) -> None:
    engine = keyed.engine()
    paid(keyed, engine)
    engine.audit.hold.release(engine.audit.hold.place(by="otto", reason="x").hold_id, by="otto", reason="x")
    before = [run_sync(engine.store.cursor(one)) for one in ("holds", "people", "policies")]
    with pytest.raises((SubjectUnknown, InputRefused)):
        engine.audit.retire_reader(name, by="otto", reason="x")
    assert [run_sync(engine.store.cursor(one)) for one in ("holds", "people", "policies")] == before
    assert engine.audit.readers() == []
    assert lines_of(engine, "reader_retired") == []


@pytest.mark.parametrize(("by", "reason"), [("", "x"), ("otto", ""), ("otto", "  ")])
def test_nobody_retires_a_reader_without_saying_who_and_why(keyed: House, by: str, reason: str) -> None:
    engine = keyed.engine()
    run_sync(engine.store.advance("sink:gone", None, 0, []))
    with pytest.raises(InputRefused):
        engine.audit.retire_reader("sink:gone", by=by, reason=reason)
    assert [one.name for one in engine.audit.readers()] == ["sink:gone"]


def test_notices_that_wait_for_a_retired_channel_go_with_it_and_calls_for_a_route_stay(keyed: House) -> None:
    engine = keyed.engine()
    paid(keyed, engine)
    for reader, kind in (("notices:mail", "notice"), ("notices:pager", "notice"), ("route:bank", "dispatch")):
        target = reader.partition(":")[2]
        waiting = Delivery(f"d_{target}", kind, target, "req_1", "run_1", 0, {})  # type: ignore[arg-type]
        run_sync(engine.store.advance(reader, None, 0, [waiting]))
    assert engine.audit.retire_reader("notices:mail", by="otto", reason="x").notices == 1
    assert engine.audit.retire_reader("route:bank", by="otto", reason="x").notices == 0
    left = run_sync(engine.store.deliveries())
    assert {one.target for one in left} == {"pager", "bank"}


def test_of_two_who_retire_a_reader_at_once_one_does(keyed: House) -> None:
    engines = [keyed.engine(), keyed.engine()]
    paid(keyed, engines[0])
    for round_ in range(5):
        run_sync(engines[0].store.advance(f"sink:{round_}", None, 3, []))
        done: list[object] = []

        def retire(engine: Engine, name: str = f"sink:{round_}", done: list[object] = done) -> None:
            try:
                done.append(engine.audit.retire_reader(name, by="otto", reason="x").seq)
            except HitlError as error:
                done.append(type(error))

        threads = [threading.Thread(target=retire, args=(one,)) for one in engines]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        assert sorted(map(str, done)) == sorted(map(str, (3, SubjectUnknown)))
    assert len(lines_of(engines[0], "reader_retired")) == 5
