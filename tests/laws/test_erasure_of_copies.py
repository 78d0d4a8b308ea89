"""What was said of a person is copied by forks and by later runs of a conversation: erasures and holds reach those."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
import pytest
from forgetting import DAY, contents_of, held_anywhere

from hitl_fsm import Agent, Engine, RunHandle, Subject, tool
from hitl_fsm.errors import ErasureRefused, RecordHeld, RunNotFound
from hitl_fsm.model.event import LateResult
from hitl_fsm.model.record import Record
from hitl_fsm.model.states import RunState
from hitl_fsm.ports import Commit
from hitl_fsm.runtime.late import keep_late
from hitl_fsm.runtime.loop import run_sync
from hitl_fsm.runtime.record.verifying import Asked, verified
from hitl_fsm.testing import ScriptedModel
from house import House, call, calls

CURE = "a-private-cure"


@tool
def treat(patient: Annotated[str, Subject], how: str) -> str:
    """Treat somebody."""
    return f"{how} for {patient}"


def doctor(house: House, engine: Engine, *replies: Any) -> Agent:
    return Agent("helper", ScriptedModel([*replies, {"say": "the end"}]), engine=engine, tools=[treat, *house.tools()])


def treated(house: House, engine: Engine, session: str = "") -> RunHandle:
    """A run of the doctor that is about Zoe, and that says so in its answer."""

    def treat_or_tell(request: Any) -> Any:
        done = request.messages[-1].role == "tool"
        return {"say": f"zoe had {CURE}"} if done else calls(call("treat", patient="zoe", how=CURE))

    agent = doctor(house, engine, *[treat_or_tell] * 9)
    run = agent.run("see who is next", user="doctor", session=session)
    run.active_requirements[0].confirm()
    run = agent.continue_run(run)
    assert run.state is RunState.DONE
    return run


def talked(house: House, engine: Engine, prompt: str, session: str = "rounds") -> RunHandle:
    run = doctor(house, engine, *[{"say": f"heard {prompt}"}] * 9).run(prompt, user="doctor", session=session)
    assert run.state is RunState.DONE
    return run


def left(engine: Engine) -> set[str]:
    return {row.run_id for row in engine.runs.list()}


def forked(house: House, engine: Engine, run_id: str) -> RunHandle:
    doctor(house, engine, *[{"say": "so be it"}] * 9)
    fork = engine.fork(run_id, 1)
    assert fork.state is RunState.DONE
    return fork


def copied(house: House, engine: Engine, kind: str) -> tuple[str, str, str]:
    """A run about Zoe, one that goes on from it, and one that goes on from that one."""
    run = treated(house, engine, "rounds")
    if kind == "fork":
        first = forked(house, engine, run.run_id)
        return run.run_id, first.run_id, forked(house, engine, first.run_id).run_id
    return run.run_id, talked(house, engine, "and then?").run_id, talked(house, engine, "what else?").run_id


@pytest.mark.parametrize("kind", ["fork", "session"])
def test_an_erasure_forgets_the_runs_that_go_on_from_one_about_the_person(keyed: House, kind: str) -> None:
    engine = keyed.engine()
    before = talked(keyed, engine, "good morning", "rounds")
    copied(keyed, engine, kind)
    beside = talked(keyed, engine, "good evening", "office")
    erased = engine.audit.erase("zoe", by="otto", reason="asked")
    assert held_anywhere(keyed, CURE) == []
    assert left(engine) == {before.run_id, beside.run_id}
    assert erased.runs == 3
    assert "and then?" in str(contents_of(engine)) or kind == "fork"
    assert engine.audit.verify().intact


@pytest.mark.parametrize("kind", ["fork", "session"])
@pytest.mark.parametrize("gone", [1, 2])
def test_an_erasure_finds_copies_of_runs_that_were_forgotten_before(keyed: House, kind: str, gone: int) -> None:
    """The record says from which run each goes on."""
    engine = keyed.engine()
    last = copied(keyed, engine, kind)[gone:]
    for run_id in last:  # so that these are younger
        keyed.sql("UPDATE run SET updated_at = updated_at + ? WHERE run_id = ?", 2 * DAY, run_id)
    keyed.clock.advance(DAY)
    assert engine.prune(before=keyed.clock.now(), by="otto").forgotten == gone
    assert held_anywhere(keyed, CURE)
    assert engine.audit.erase("zoe", by="otto", reason="asked").runs == 3 - gone
    assert held_anywhere(keyed, CURE) == []
    assert left(engine) == set()


def test_nothing_is_erased_while_a_run_that_goes_on_from_one_about_the_person_is_open(keyed: House) -> None:
    engine = keyed.engine()
    run = treated(keyed, engine)
    doctor(keyed, engine, {"say": "never used"}, calls(call("look", order_id="a")))
    fork = engine.fork(run.run_id, 1)
    assert fork.is_paused
    with pytest.raises(ErasureRefused, match=fork.run_id):
        engine.audit.erase("zoe", by="otto", reason="asked")
    assert left(engine) == {run.run_id, fork.run_id}
    assert "zoe" in str(contents_of(engine, run.run_id))
    engine.cancel(fork.run_id, by="doctor")
    assert engine.audit.erase("zoe", by="otto", reason="asked").runs == 2
    assert held_anywhere(keyed, CURE) == []


@pytest.mark.parametrize("kind", ["fork", "session"])
@pytest.mark.parametrize("about", ["subject", "run"])
def test_a_hold_covers_the_runs_that_have_a_copy(keyed: House, kind: str, about: str) -> None:
    engine = keyed.engine()
    run, first, second = copied(keyed, engine, kind)
    beside = talked(keyed, engine, "good evening", "office")
    held = {"subject": "zoe"} if about == "subject" else {"run": run}
    engine.audit.hold.place(by="otto", reason="a lawsuit", **held)
    keyed.clock.advance(DAY)
    pruned = engine.prune(before=keyed.clock.now(), by="otto")
    assert {one.run_id for one in pruned.kept} == {run, first, second}
    assert beside.run_id not in left(engine)


def test_a_hold_on_a_copy_keeps_what_it_is_a_copy_of_from_being_erased(keyed: House) -> None:
    engine = keyed.engine()
    run, fork, _ = copied(keyed, engine, "fork")
    hold = engine.audit.hold.place(by="otto", reason="a lawsuit", run=fork)
    with pytest.raises(RecordHeld, match=hold.hold_id):
        engine.audit.erase("zoe", by="otto", reason="asked")
    assert run in left(engine)
    assert "zoe" in str(contents_of(engine, run))


def test_a_fork_that_was_read_before_the_erasure_is_not_written_after_it(
    keyed: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, other = keyed.engine(), keyed.engine()
    run = treated(keyed, engine)
    doctor(keyed, engine, *[{"say": "so be it"}] * 9)
    commit = engine.store.commit

    async def late(step: Commit) -> int:
        if step.expected_version == 0:
            await other.audit.aerase("zoe", by="otto", reason="asked")
        return await commit(step)

    monkeypatch.setattr(engine.store, "commit", late)
    with pytest.raises(RunNotFound, match=f"{run.run_id}, from which .* was forgotten meanwhile"):
        engine.fork(run.run_id, 1)
    assert left(engine) == set()
    assert held_anywhere(keyed, CURE) == []


def test_of_a_fork_and_an_erasure_at_once_no_copy_is_left(keyed: House) -> None:
    engines = [keyed.engine(), keyed.engine()]
    doctor(keyed, engines[1], *[{"say": "so be it"}] * 9)
    outcomes = set()
    for _ in range(8):
        run = treated(keyed, engines[0])
        start = threading.Barrier(2)
        told: dict[str, Any] = {}

        def erase(told: dict[str, Any] = told, start: threading.Barrier = start) -> None:
            start.wait()
            try:
                told["erased"] = engines[0].audit.erase("zoe", by="otto", reason="asked", scrub=False).runs
            except ErasureRefused:
                told["refused"] = True

        def fork(told: dict[str, Any] = told, start: threading.Barrier = start, run_id: str = run.run_id) -> None:
            start.wait()
            try:
                told["forked"] = engines[1].fork(run_id, 1).run_id
            except RunNotFound:
                told["gone"] = True

        threads = [threading.Thread(target=one) for one in (erase, fork)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(told) == 2, told
        if "erased" in told:
            assert left(engines[0]) == set()
        else:
            assert left(engines[0]) == {run.run_id, told["forked"]}
            engines[0].audit.erase("zoe", by="otto", reason="asked", scrub=False)
        outcomes.add(tuple(sorted(told)))
    assert held_anywhere(keyed, CURE) == [] or not keyed.store_url
    assert engines[0].audit.verify().intact
    assert outcomes


def late(engine: Engine, run_id: str, call_id: str) -> None:
    run_sync(keep_late(engine.parts, run_id, LateResult(call_id, 1, f"{CURE} after all")))


def test_what_comes_late_of_a_forgotten_run_is_told_without_its_contents(keyed: House) -> None:
    engine = keyed.engine()
    run = treated(keyed, engine)
    (call_id,) = [row[0] for row in keyed.sql("SELECT call_id FROM call WHERE run_id = ?", run.run_id)]
    engine.audit.erase("zoe", by="otto", reason="asked")
    late(engine, run.run_id, call_id)
    told = [line.seq for line in engine.audit.records(run_id=run.run_id) if b'"late_result"' in line.body]
    assert len(told) == 1
    assert run_sync(engine.store.contents(told)) == {}
    assert "after all" not in str(contents_of(engine))
    assert keyed.sql("SELECT count(*) FROM subject_key WHERE subject = 'zoe'") == [(0,)]
    run_sync(engine.store.sign())
    report = verified(engine.store, Asked(contents=True))
    assert (report.intact, report.verdict) == (True, "intact"), report.findings


def test_what_comes_late_while_its_run_is_forgotten_is_told_without_its_contents(
    keyed: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, other = keyed.engine(), keyed.engine()
    run = treated(keyed, engine)
    (call_id,) = [row[0] for row in keyed.sql("SELECT call_id FROM call WHERE run_id = ?", run.run_id)]
    append = engine.store.append
    monkeypatch.setattr("hitl_fsm.runtime.late.LATE_ATTEMPTS", 0)
    monkeypatch.setattr("hitl_fsm.runtime.late.OUTLAST_ATTEMPTS", 0)

    async def after(records: Sequence[Record]) -> None:
        await other.audit.aerase("zoe", by="otto", reason="asked")
        await append(records)

    monkeypatch.setattr(engine.store, "append", after)
    late(engine, run.run_id, call_id)
    assert b'"late_result"' in b"".join(line.body for line in engine.audit.records(run_id=run.run_id))
    assert "after all" not in str(contents_of(engine))
    assert keyed.sql("SELECT count(*) FROM subject_key WHERE subject = 'zoe'") == [(0,)]


def test_a_later_run_of_a_session_that_does_not_say_whom_it_follows_is_found(keyed: House) -> None:
    """As an older version began them; a run that was told nothing, and one of another session, stay."""
    engine = keyed.engine()
    first = talked(keyed, engine, "hello")
    about = treated(keyed, engine, "rounds")
    later = talked(keyed, engine, "and then?")
    other = talked(keyed, engine, "hello", "another")
    old = keyed.sql("SELECT body FROM event WHERE seq = 1 AND run_id = ?", later.run_id)[0][0]
    told = msgspec.json.decode(old)
    assert told["event"].pop("follows") == [first.run_id, about.run_id]
    keyed.sql("UPDATE event SET body = ? WHERE seq = 1 AND run_id = ?", msgspec.json.encode(told), later.run_id)
    assert set(run_sync(engine.store.runs_about("zoe"))) == {about.run_id, later.run_id}
    hold = engine.audit.hold.place(by="otto", reason="x", run=about.run_id)
    assert run_sync(engine.store.held_runs([later.run_id, first.run_id])) == {later.run_id: hold.hold_id}
    engine.audit.hold.release(hold.hold_id, by="otto", reason="over")
    assert engine.audit.erase("zoe", by="otto", reason="asked for").runs == 2
    assert left(engine) == {first.run_id, other.run_id}
    assert held_anywhere(keyed, CURE) == []
