"""A person is forgotten: nothing of them is left to read, and the record still verifies. Legal holds come first."""

from __future__ import annotations

import threading
from typing import Annotated

import msgspec
import pytest
from forgetting import DAY, WORDS, contents_of, held_anywhere, paid

from hitl_fsm import Engine, GrantTerms, Subject, tool
from hitl_fsm.adapters.store import open_store
from hitl_fsm.adapters.store.ledger import no_keys
from hitl_fsm.errors import ErasureRefused, InputRefused, RecordHeld, RunNotFound, SubjectUnknown
from hitl_fsm.model.actor import Actor
from hitl_fsm.model.record import Record
from hitl_fsm.model.states import RunState
from hitl_fsm.runtime.loop import run_sync
from house import House, call, calls, policies, policy_text


def what_is_left(engine: Engine, run_id: str) -> tuple[int, int]:
    """How many contents of a run's lines, and how many entries of its log."""
    return len(contents_of(engine, run_id)), len(engine.runs.events(run_id))


def test_law10_what_a_line_is_committed_to_is_kept_with_it_and_nowhere_in_the_line(keyed: House) -> None:
    engine = keyed.engine()
    run_id = paid(keyed, engine, "alice")
    lines = b"\n".join(line.body for line in engine.audit.records())
    assert not [word for word in WORDS if word.encode() in lines]
    kept = msgspec.json.encode(list(contents_of(engine, run_id).values()))
    assert all(word.encode() in kept for word in WORDS)


def test_a_person_who_is_erased_is_nowhere_and_the_record_verifies(keyed: House) -> None:
    engine = keyed.engine()
    run_id = paid(keyed, engine, "alice")
    other = paid(keyed, engine, "bob", ("bob-street", "bob-memo", "bob-note", "bob-prompt"))
    assert all(held_anywhere(keyed, word) for word in WORDS)
    erased = engine.audit.erase("alice", by="otto", reason="she asked for it")
    assert (erased.runs, erased.lines > 5) == (1, True)
    assert erased.scrubbed is (not keyed.store_url)
    assert {word: held_anywhere(keyed, word) for word in WORDS} == {word: [] for word in WORDS}
    assert contents_of(engine, run_id) == {}
    assert "bob-memo" in str(contents_of(engine, other))
    assert engine.audit.verify().intact
    with pytest.raises(RunNotFound, match="was forgotten"):
        engine.runs.get(run_id)
    line = msgspec.json.decode(next(one.body for one in engine.audit.records() if b"subject_erased" in one.body))
    assert line["by"]["id"] == "otto"
    assert line["data"] == {"subject": "alice", "lines": erased.lines, "runs": 1}
    assert "she asked for it" in str(contents_of(engine, ""))
    paid(keyed, keyed.engine(), "alice", ("new-street", "new-memo", "new-note", "new-prompt"))
    assert "new-memo" in str(contents_of(engine))


@pytest.mark.altered
def test_what_is_deleted_is_overwritten_also_where_the_files_are_not_written_anew(keyed: House) -> None:
    if keyed.store_url:
        pytest.skip("what a server leaves in its files is the operator's to see to")
    engine = keyed.engine()
    for _ in range(5):
        paid(keyed, engine, "alice")
        paid(keyed, engine, "bob", ("bob-street", "bob-memo", "bob-note", "bob-prompt"))
    assert not engine.audit.erase("alice", by="otto", reason="asked", scrub=False).scrubbed
    engine.close()
    assert {word: held_anywhere(keyed, word) for word in WORDS} == {word: [] for word in WORDS}


def test_a_key_that_was_erased_is_never_used_again(keyed: House) -> None:
    """Another process remembers the key; what it writes afterwards is under a new one."""
    first, second = keyed.engine(), keyed.engine()
    paid(keyed, first, "alice")
    before = keyed.sql("SELECT key_id FROM subject_key WHERE subject = ?", "alice")
    second.audit.erase("alice", by="otto", reason="asked")
    paid(keyed, first, "alice", ("a", "b", "c", "d"))
    after = keyed.sql("SELECT key_id FROM subject_key WHERE subject = ?", "alice")
    assert before != after
    assert len(after) == 1
    assert keyed.sql("SELECT count(*) FROM content WHERE subject_key = ?", before[0][0]) == [(0,)]


def test_nothing_is_erased_while_a_run_about_the_person_has_not_ended(keyed: House) -> None:
    engine = keyed.engine()
    ended = paid(keyed, engine, "alice")
    waiting = keyed.agent(engine, [calls(call("pay", to="x", amount=1))]).run("go", user="alice")
    with pytest.raises(ErasureRefused, match=waiting.run_id):
        engine.audit.erase("alice", by="otto", reason="asked")
    assert contents_of(engine, ended)
    assert engine.runs.get(ended).state is RunState.DONE
    engine.cancel(waiting.run_id, by="alice")
    assert engine.audit.erase("alice", by="otto", reason="asked").runs == 2


def test_what_is_missing_before_an_erasure_is_told_with_the_command_for_it(keyed: House) -> None:
    """A cancelled run is over, and yet may be kept by what somebody still has to look at."""
    engine = keyed.engine("- {id: all, gate: {approval: {of: [role:finance], quorum: 2, break_glass: [otto]}}}")
    agent = keyed.agent(engine, [calls(call("pay", to="x", amount=1)), calls(call("pay", to="y", amount=2))])
    run = agent.run("go", user="alice")
    asked = run.active_requirements[0]
    with pytest.raises(ErasureRefused, match=f"{run.run_id} is paused .*`hitl-fsm runs cancel {run.run_id}`"):
        engine.audit.erase("alice", by="zoe", reason="asked")
    asked.break_glass("otto", note="fire")
    assert agent.continue_run(run_id=run.run_id).is_paused, "it went on: what was passed is of an earlier turn"
    engine.cancel(run.run_id, by="alice")
    with pytest.raises(ErasureRefused, match=rf"looked at {asked.id} .*otto passed alone .*overrides review") as caught:
        engine.audit.erase("alice", by="zoe", reason="asked")
    assert "not ended" not in caught.value.message
    engine.overrides.review(asked.id, finding="it burned", by="zoe")
    assert engine.audit.erase("alice", by="zoe", reason="asked").runs == 1


def test_a_run_that_came_meanwhile_keeps_the_key(keyed: House) -> None:
    """It is looked for in the transaction that destroys the key, whatever was found before."""
    engine = keyed.engine()
    run_id = paid(keyed, engine, "alice")

    def told(lines: int) -> Record:
        return Record("subject_erased", 1, Actor("x"), data={"subject": "alice", "lines": lines, "runs": 0})

    with pytest.raises(ErasureRefused, match=run_id):
        run_sync(engine.store.erase("alice", told))
    assert contents_of(engine, run_id)


def test_whom_contents_are_about_is_erased_although_the_run_is_anothers(keyed: House) -> None:
    engine = keyed.engine()
    record = Record(
        "late_result", 1, Actor("x"), "run_gone", {"call": "c1", "attempt": 1}, {"result": "zoe-s-data"}, "zoe"
    )
    run_sync(engine.store.append([record]))
    assert "zoe-s-data" in str(contents_of(engine))
    assert engine.audit.erase("zoe", by="otto", reason="asked").lines == 1
    assert "zoe-s-data" not in str(contents_of(engine))
    again = engine.audit.erase("zoe", by="otto", reason="asked")
    assert (again.runs, again.lines, again.scrubbed) == (0, 0, not keyed.store_url)
    with pytest.raises(SubjectUnknown):
        engine.audit.erase("zo", by="otto", reason="asked")


def test_who_erases_and_why_must_be_said(keyed: House) -> None:
    engine = keyed.engine()
    paid(keyed, engine, "alice")
    for by, reason in (("", "asked"), ("otto", " ")):
        with pytest.raises(InputRefused):
            engine.audit.erase("alice", by=by, reason=reason)
    assert contents_of(engine)


def test_a_grant_that_came_of_an_erased_run_goes_with_it(keyed: House) -> None:
    rules = """
- id: all
  gate: {approval: {of: [role:finance], grant: {max: 10, for: 24h, scope: [agent], vary: [amount]}}}
"""
    engine = keyed.engine(rules)
    agent = keyed.agent(engine, [calls(call("pay", to=WORDS[0], amount=5))])
    run = agent.run("go", user="alice")
    run.active_requirements[0].confirm(by="maria", grant=GrantTerms(scope="agent", uses=3))
    agent.continue_run(run)
    assert run_sync(engine.store.grants())
    engine.audit.erase("alice", by="otto", reason="asked")
    assert run_sync(engine.store.grants()) == []
    assert held_anywhere(keyed, WORDS[0]) == []


@pytest.mark.parametrize("kind", ["subject", "run", "all"])
def test_what_a_hold_covers_is_neither_erased_nor_pruned(keyed: House, kind: str) -> None:
    engine = keyed.engine()
    run_id = paid(keyed, engine, "alice")
    bobs = paid(keyed, engine, "bob")
    about = {"subject": {"subject": "alice"}, "run": {"run": run_id}, "all": {}}[kind]
    hold = engine.audit.hold.place(by="otto", reason="a lawsuit", **about)
    keyed.clock.advance(10 * DAY)
    with pytest.raises(RecordHeld, match=hold.hold_id):
        engine.audit.erase("alice", by="otto", reason="asked")
    pruned = engine.prune(before=keyed.clock.now(), by="otto")
    assert run_id in {kept.run_id for kept in pruned.kept}
    assert (bobs in {kept.run_id for kept in pruned.kept}) is (kind == "all")
    assert engine.runs.get(run_id).state is RunState.DONE
    before = len(contents_of(engine, run_id))
    if kind == "all":
        with pytest.raises(RecordHeld):
            engine.audit.prune(before=keyed.clock.now(), by="otto")
    else:
        run_sync(engine.store.sign())
        engine.audit.prune(before=keyed.clock.now(), by="otto")
        assert all(line.body for line in engine.audit.records(run_id=run_id))
        assert not [line for line in engine.audit.records(run_id=bobs) if line.body]
    assert len(contents_of(engine, run_id)) == before
    engine.audit.hold.release(hold.hold_id, by="otto", reason="it is settled")
    assert [row.state for row in engine.audit.hold.list(released=True)] == ["released"]
    with pytest.raises(SubjectUnknown):
        engine.audit.hold.release(hold.hold_id, by="otto", reason="again")
    engine.audit.erase("alice", by="otto", reason="asked")
    assert contents_of(engine, run_id) == {}


def test_of_a_hold_and_an_erasure_at_once_one_wins(keyed: House) -> None:
    """Never a hold that is acknowledged, and the data gone after it."""
    engines = [keyed.engine(), keyed.engine()]
    outcomes = set()
    for number in range(12):
        user = f"user{number}"
        run_id = paid(keyed, engines[0], user)
        told: dict[str, object] = {}
        start = threading.Barrier(2)

        def erase(user: str = user, told: dict[str, object] = told, start: threading.Barrier = start) -> None:
            start.wait()
            try:
                told["erased"] = engines[0].audit.erase(user, by="otto", reason="asked", scrub=False)
            except RecordHeld as error:
                told["refused"] = error

        def hold(
            user: str = user, told: dict[str, object] = told, start: threading.Barrier = start, run_id: str = run_id
        ) -> None:
            start.wait()
            engines[1].audit.hold.place(by="otto", reason="a lawsuit", subject=user)
            told["left"] = what_is_left(engines[1], run_id)

        threads = [threading.Thread(target=one) for one in (erase, hold)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        after = what_is_left(engines[1], run_id)
        assert told["left"] == after, "data went after the hold was acknowledged"
        assert ("erased" in told) is (after == (0, 0))
        outcomes.add("erased" in told)
    assert engines[0].audit.verify().intact
    assert outcomes


def test_without_keys_the_runs_of_a_person_are_forgotten_and_it_is_on_the_record(house: House) -> None:
    engine = Engine(policies(policy_text("- {id: all, gate: confirm}")), open_store(house.url, None, no_keys))
    house.engines.append(engine)
    paid(house, engine, "alice")
    erased = engine.audit.erase("alice", by="otto", reason="asked")
    assert (erased.runs, erased.lines) == (1, 0)
    assert {word: held_anywhere(house, word) for word in WORDS} == {word: [] for word in WORDS}
    assert b"subject_erased" in b"".join(line.body for line in engine.audit.records())


def test_whom_a_call_is_about_can_be_erased_and_the_user_is_not(keyed: House) -> None:
    """The run of another user that is about the person goes, what the record keeps of that user stays."""

    @tool
    def treat(patient: Annotated[str, Subject], how: str) -> str:
        """Treat somebody."""
        return f"{how} for {patient}"

    engine = keyed.engine()
    agent = keyed.agent(engine, [calls(call("treat", patient="zoe", how="a-private-cure"))], tools=[treat])
    run = agent.run("see who is next", user="doctor")
    with pytest.raises(ErasureRefused, match=run.run_id):
        engine.audit.erase("zoe", by="otto", reason="asked")
    run.active_requirements[0].confirm()
    assert agent.continue_run(run).state is RunState.DONE
    assert "a-private-cure" in str(contents_of(engine))
    engine.audit.hold.place(by="otto", reason="a lawsuit", subject="zoe")
    keyed.clock.advance(DAY)
    assert [one.run_id for one in engine.prune(before=keyed.clock.now(), by="otto").kept] == [run.run_id]
    with pytest.raises(RecordHeld):
        engine.audit.erase("zoe", by="otto", reason="asked")
    engine.audit.hold.release(engine.audit.hold.list()[0].hold.hold_id, by="otto", reason="settled")
    assert engine.audit.erase("zoe", by="otto", reason="asked").runs == 1
    assert held_anywhere(keyed, "a-private-cure") == []
    assert "a-private-cure" not in str(contents_of(engine))
    assert "see who is next" in str(contents_of(engine))
    assert engine.audit.verify().intact


def test_what_is_worth_a_second_look_tells_no_field_that_has_people_in_its_name(keyed: House) -> None:
    """The names of an argument's fields come of a model; the line says in which argument, the picture has the rest."""

    @tool
    def send(to: dict[str, str]) -> str:
        """Send a message to each."""
        return f"sent {len(to)}"

    engine = keyed.engine()
    strange = {"zoe.private@example.org": "approved by maria", "Zoe Mueller": "п\u0430y"}
    run = keyed.agent(engine, [calls(call("send", to=strange))], tools=[send]).run("go", user="alice")
    (asked,) = run.active_requirements
    lines = [msgspec.json.decode(line.body) for line in engine.audit.records(run_id=run.run_id)]
    opened = next(line["data"] for line in lines if line["event"] == "requirement_opened")
    assert {flag["where"] for flag in opened["flags"]} == {"to"}
    assert not [line for line in engine.audit.records() if b"zoe" in line.body or b"Mueller" in line.body]
    assert any("example.org" in flag.where for flag in engine.view(asked.id, by="alice").flags)


def test_a_hold_covers_the_grants_that_came_of_a_run(keyed: House) -> None:
    rules = """
- id: all
  gate: {approval: {of: [role:finance], grant: {max: 10, for: 24h, scope: [agent], vary: [amount]}}}
"""
    engine = keyed.engine(rules)
    runs = {}
    for user in ("alice", "bob"):
        agent = keyed.agent(engine, [calls(call("pay", to=f"street-of-{user}", amount=5))])
        run = agent.run("go", user=user)
        run.active_requirements[0].confirm(by="maria", grant=GrantTerms(scope="agent", uses=3))
        agent.continue_run(run)
        runs[user] = run.run_id
    engine.audit.hold.place(by="otto", reason="a lawsuit", run=runs["alice"])
    keyed.clock.advance(10 * DAY)
    assert engine.prune(before=keyed.clock.now() - DAY, by="otto").forgotten == 1
    assert [row.grant.args["to"] for row in run_sync(engine.store.grants())] == ["street-of-alice"]


def test_a_person_is_forgotten_whole_or_not_at_all(keyed: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of several pages of runs none goes alone: a hold, or a run, that comes meanwhile stops all of it."""
    monkeypatch.setattr("hitl_fsm.runtime.record.keeping.PRUNE_PAGE", 2)
    engine, other = keyed.engine(), keyed.engine()
    runs = [paid(keyed, engine, "alice") for _ in range(5)]
    erase = engine.store.erase

    async def late(*given: object) -> object:
        if not other.audit.hold.list():
            await other.audit.hold.aplace(by="otto", reason="a lawsuit", run=runs[4])
        return await erase(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(engine.store, "erase", late)
    with pytest.raises(RecordHeld):
        engine.audit.erase("alice", by="otto", reason="asked")
    assert all(engine.runs.get(run_id).state is RunState.DONE for run_id in runs)
    assert all(contents_of(engine, run_id) for run_id in runs)
    monkeypatch.undo()
    other.audit.hold.release(other.audit.hold.list()[0].hold.hold_id, by="otto", reason="settled")
    assert engine.audit.erase("alice", by="otto", reason="asked").runs == 5
    assert {word: held_anywhere(keyed, word) for word in WORDS} == {word: [] for word in WORDS}
    assert engine.audit.verify().intact
