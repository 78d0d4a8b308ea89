"""What is old goes from the record: what the settings, a hold, a reader or an open run needs stays, and hashes stay."""

from __future__ import annotations

from typing import Annotated

import msgspec
import pytest
from forgetting import DAY, contents_of, held_anywhere, paid

from hitl_fsm import Engine, Subject, tool
from hitl_fsm.adapters.store import open_store
from hitl_fsm.adapters.store.ledger import no_keys
from hitl_fsm.audit.signed_at_once import event_of
from hitl_fsm.audit.stated import EVENTS
from hitl_fsm.errors import RecordKept
from hitl_fsm.model.actor import Actor
from hitl_fsm.model.record import Record
from hitl_fsm.model.states import RunState
from hitl_fsm.runtime.loop import run_sync
from house import House, call, calls, policies, policy_text


def telling(engine: Engine, run_id: str) -> list[str]:
    """Events of the lines that still have bodies, but for those about rows that are there, which keep theirs."""
    events = [event_of(line.body) for line in engine.audit.records(run_id=run_id) if line.body]
    return [event for event in events if event not in EVENTS]


def test_a_hold_of_a_person_covers_runs_that_were_forgotten_before_it(keyed: House) -> None:
    engine = keyed.engine()
    run_id = paid(keyed, engine, "alice")
    keyed.clock.advance(DAY)
    assert engine.prune(before=keyed.clock.now(), by="otto").forgotten == 1
    engine.audit.hold.place(by="otto", reason="a lawsuit", subject="alice")
    run_sync(engine.store.sign())
    keyed.clock.advance(DAY)
    engine.audit.prune(before=keyed.clock.now(), by="otto")
    assert all(line.body for line in engine.audit.records(run_id=run_id))
    assert contents_of(engine, run_id)


def test_what_the_settings_keep_is_not_pruned(keyed: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HITL_FSM_RECORD_RETENTION", "90d")
    engine = keyed.engine()
    paid(keyed, engine, "alice")
    run_sync(engine.store.sign())
    keyed.clock.advance(100 * DAY)
    young = keyed.clock.now() - 89 * DAY
    for prune in (engine.prune, engine.audit.prune):
        with pytest.raises(RecordKept, match="is kept"):
            prune(before=young, by="otto")
    assert engine.prune(before=keyed.clock.now() - 91 * DAY, by="otto").forgotten == 1


def test_lines_of_a_clock_that_was_a_year_ahead_stay_until_they_are_old_by_what_they_say(
    keyed: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once it is set right they are minutes old, and nobody knows better than they say."""
    monkeypatch.setenv("HITL_FSM_RECORD_RETENTION", "1d")
    engine = keyed.engine()
    keyed.clock.advance(365 * DAY)
    run_id = paid(keyed, engine, "alice")
    keyed.clock.advance(DAY + 1)
    assert engine.prune(before=keyed.clock.now() - DAY, by="otto").forgotten == 1
    keyed.clock.advance(-366 * DAY)
    run_sync(engine.store.sign())
    told = telling(engine, run_id)
    for _ in range(2):
        assert engine.audit.prune(before=keyed.clock.now() - DAY, by="otto").lines == 0
        engine.audit.hold.place(by="otto", reason="a line by the right clock", run="another")
        run_sync(engine.store.sign())
    assert told == telling(engine, run_id) != []
    keyed.clock.advance(368 * DAY)
    assert engine.audit.prune(before=keyed.clock.now() - DAY, by="otto").lines > 0
    assert not telling(engine, run_id)
    assert engine.audit.verify().intact


def test_a_pruned_line_keeps_its_place_and_hash(keyed: House) -> None:
    engine = keyed.engine()
    run_id = paid(keyed, engine, "alice")
    keyed.clock.advance(DAY)
    run_sync(engine.store.sign())
    leaves = [(line.seq, line.leaf) for line in engine.audit.records()]
    only = engine.audit.prune(before=keyed.clock.now(), by="otto", contents_only=True)
    assert (only.lines, only.contents > 5) == (0, True)
    assert contents_of(engine, run_id) == {}
    assert all(line.body for line in engine.audit.records())
    run_sync(engine.store.sign())
    pruned = engine.audit.prune(before=keyed.clock.now(), by="otto")
    assert (pruned.lines > 5, pruned.contents) == (True, 0)
    after = engine.audit.records()
    assert [(line.seq, line.leaf) for line in after[: len(leaves)]] == leaves
    assert telling(engine, run_id) == []
    assert all(event in b"".join(line.body for line in after) for event in (b"key_added", b"policies_activated"))
    line = msgspec.json.decode(after[-1].body if b"record_pruned" in after[-1].body else after[-2].body)
    assert line["data"]["lines"] == pruned.lines
    assert line["data"]["leaf"] == dict(leaves)[line["data"]["last"]]
    assert paid(keyed, keyed.engine(), "carol") in {row.run_id for row in engine.runs.list()}
    assert engine.runs.timeline(run_id)


def test_what_a_reader_of_the_record_has_not_read_is_not_pruned(keyed: House) -> None:
    engine = keyed.engine()
    run_id = paid(keyed, engine, "alice")
    run_sync(engine.store.sign())
    keyed.clock.advance(DAY)
    run_sync(engine.store.advance("channel:slow", None, 0, []))
    with pytest.raises(RecordKept, match="channel:slow"):
        engine.audit.prune(before=keyed.clock.now(), by="otto")
    run_sync(engine.store.advance("channel:slow", 0, 5, []))
    upto = engine.audit.records()[-1].seq
    pruned = engine.audit.prune(before=keyed.clock.now(), by="otto")
    assert (pruned.last, pruned.upto, pruned.stopped_by) == (5, upto, "reader channel:slow")
    bare = [line.seq for line in engine.audit.records(run_id=run_id) if not line.body]
    assert bare
    assert max(bare) <= 5


def test_who_prunes_is_told_what_stays_for_now_and_why(keyed: House) -> None:
    engine = keyed.engine()
    held, free = paid(keyed, engine, "alice"), paid(keyed, engine, "bob")
    run_sync(engine.store.sign())
    keyed.clock.advance(DAY)
    engine.audit.hold.place(by="otto", reason="a lawsuit", run=held)
    upto = engine.audit.records(run_id=free)[-1].seq
    pruned = engine.audit.prune(before=keyed.clock.now() - 1, by="otto")
    assert (pruned.last, pruned.upto, pruned.stopped_by) == (upto, upto, "")
    questions = [line for line in engine.audit.records(run_id=free) if line.body]
    assert pruned.kept == (len(engine.audit.records(run_id=held)), 0, len(questions))
    assert questions


def test_without_a_signed_checkpoint_nothing_is_pruned(keyed: House) -> None:
    engine = Engine(policies(policy_text("- {id: all, gate: confirm}")), open_store(keyed.url, None, no_keys))
    keyed.engines.append(engine)
    run_sync(engine.store.append([Record("runs_forgotten", 1, Actor("x"), data={"before": 1, "count": 0, "runs": []})]))
    with pytest.raises(RecordKept, match="no signed checkpoint"):
        engine.audit.prune(before=2, by="otto")


def test_what_led_to_a_run_that_goes_on_is_not_pruned(keyed: House) -> None:
    """However old: who answers, and who checks what came of it, needs to know what was asked."""
    engine = keyed.engine()
    agent = keyed.agent(engine, [calls(call("pay", to="x", amount=5))])
    waiting = agent.run("go", user="alice")
    ended = paid(keyed, engine, "bob")
    run_sync(engine.store.sign())
    keyed.clock.advance(40 * DAY)
    for contents_only in (True, False):
        run_sync(engine.store.sign())
        pruned = engine.audit.prune(before=keyed.clock.now() - DAY, by="otto", contents_only=contents_only)
        assert (pruned.lines > 0, pruned.contents > 0) == (not contents_only, contents_only)
        assert pruned.kept.run == len(engine.audit.records(run_id=waiting.run_id))
        assert pruned.kept.hold == 0
    assert contents_of(engine, ended) == {}
    assert telling(engine, ended) == []
    assert contents_of(engine, waiting.run_id)
    assert all(line.body for line in engine.audit.records(run_id=waiting.run_id))
    waiting.active_requirements[0].confirm()
    assert agent.continue_run(waiting).state is RunState.DONE
    run_sync(engine.store.sign())
    keyed.clock.advance(40 * DAY)
    engine.audit.prune(before=keyed.clock.now() - DAY, by="otto")
    assert telling(engine, waiting.run_id) == []
    assert engine.audit.verify().intact


def test_a_hold_of_a_person_covers_what_they_said_outside_of_runs(keyed: House) -> None:
    engine = keyed.engine()
    made = {"delegation": "d1", "giver": "maria", "taker": "otto", "roles": ["finance"], "since": 1, "until": 2}
    lines = [
        Record("delegation_made", keyed.clock.now(), Actor(name), "", {**made, "giver": name}, {"note": why}, name)
        for name, why in (("maria", "her-operation"), ("frank", "his-holiday"))
    ]
    run_sync(engine.store.append(lines))
    engine.audit.hold.place(by="otto", reason="a lawsuit", subject="maria")
    keyed.clock.advance(2 * DAY)
    run_sync(engine.store.sign())
    assert engine.audit.prune(before=keyed.clock.now() - DAY, by="otto").lines == 1
    assert "her-operation" in str(contents_of(engine))
    assert "his-holiday" not in str(contents_of(engine))
    assert b'"giver":"maria"' in b"".join(line.body for line in engine.audit.records())


def test_lines_that_were_written_while_the_clock_was_set_back_are_not_older_than_those_before_them(
    keyed: House,
) -> None:
    engine = keyed.engine()
    old = paid(keyed, engine, "alice")
    keyed.clock.advance(100 * DAY)
    before = keyed.clock.now() - DAY
    paid(keyed, engine, "bob")
    keyed.clock.advance(-90 * DAY)
    young = paid(keyed, engine, "carol")
    keyed.clock.advance(91 * DAY)
    run_sync(engine.store.sign())
    for contents_only in (True, False):
        engine.audit.prune(before=before, by="otto", contents_only=contents_only)
        run_sync(engine.store.sign())
    assert contents_of(engine, old) == {}
    assert contents_of(engine, young)
    assert all(line.body for line in engine.audit.records(run_id=young))


def test_whose_contents_were_pruned_is_still_found_while_a_run_about_them_is_there(keyed: House) -> None:
    """What an argument names is in the run's log, too: only the contents say whom the run is about."""

    @tool
    def treat(patient: Annotated[str, Subject], how: str) -> str:
        """Treat somebody."""
        return f"{how} for {patient}"

    engine = keyed.engine()
    agent = keyed.agent(engine, [calls(call("treat", patient="zoe", how="a-private-cure"))], tools=[treat])
    run = agent.run("see who is next", user="doctor")
    run.active_requirements[0].confirm()
    assert agent.continue_run(run).state is RunState.DONE
    run_sync(engine.store.sign())
    keyed.clock.advance(DAY)
    engine.audit.prune(before=keyed.clock.now(), by="otto", contents_only=True)
    assert engine.audit.erase("zoe", by="otto", reason="asked").runs == 1
    assert held_anywhere(keyed, "a-private-cure") == []
