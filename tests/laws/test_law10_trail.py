"""The trail: each line has who and when, no step changes what stands before it, and an edit keeps both values."""

from __future__ import annotations

from typing import Any

import msgspec

from hitl_fsm.audit.export.lines import read
from hitl_fsm.audit.export.spans import spans
from hitl_fsm.model.actor import Actor
from hitl_fsm.runtime.loop import run_sync
from house import House, call, calls

TWO = "- {id: all, gate: {approval: {of: [role:finance], quorum: 2}}}"
DAY = 24 * 3_600_000
PAY = [calls(call("pay", to="bob", amount=5)), calls(call("pay", to="eve", amount=7)), {"say": "done"}]


def test_law10_no_step_changes_what_was_recorded_and_each_line_has_who_and_when(keyed: House) -> None:
    engine = keyed.engine(TWO)
    agent = keyed.agent(engine, PAY)
    bodies: list[bytes] = []

    def grown(by: str) -> list[dict[str, Any]]:
        """What a step added: all that was there before is there still, byte for byte."""
        found = [line.body for line in engine.audit.records()]
        assert found[: len(bodies)] == bodies
        added = [msgspec.json.decode(body) for body in found[len(bodies) :]]
        bodies[:] = found
        assert added
        assert {one["at"] for one in added if one["event"] != "key_added"} == {keyed.clock.now()}
        assert by in {one["by"]["id"] for one in added}
        keyed.clock.advance(DAY)
        return added

    run = agent.run("go", user="alice")
    grown("alice")
    run.active_requirements[0].confirm(by="maria")
    grown("maria")
    run.active_requirements[0].withdraw(by="maria")
    grown("maria")
    run.active_requirements[0].confirm(by="maria", args={"to": "bob", "amount": 3})
    assert "call_edited" in {one["event"] for one in grown("maria")}
    run.active_requirements[0].confirm(by="frank")
    grown("frank")
    run = agent.continue_run(run)
    grown("hitl-fsm")
    run.active_requirements[0].reject(by="frank", note="no")
    grown("frank")
    engine.cancel(run.run_id, by="alice")
    grown("alice")
    engine.audit.erase("alice", by="otto", reason="case 7")
    assert "subject_erased" in {one["event"] for one in grown("otto")}


def test_law10_an_edit_keeps_what_was_and_what_is(keyed: House) -> None:
    engine = keyed.engine(TWO)
    run = keyed.agent(engine, PAY).run("go", user="alice")
    run.active_requirements[0].confirm(by="maria", args={"to": "bob", "amount": 3})
    (edited,) = [line for line in engine.audit.records() if b'"event":"call_edited"' in line.body]
    kept = run_sync(engine.store.contents([edited.seq]))[edited.seq]
    assert kept["was"] == {"to": "bob", "amount": 5, "memo": "-"}
    assert kept["args"] == {"to": "bob", "amount": 3, "memo": "-"}
    assert {"was", "args"} <= set(read(edited).contents), "the line is committed to both"
    assert read(edited).actor == "maria"


def test_law10_each_vote_has_who_gave_it_and_how_that_was_known(keyed: House) -> None:
    engine = keyed.engine(TWO)
    run = keyed.agent(engine, PAY).run("go", user="alice")
    run.active_requirements[0].confirm(by="maria")
    run.active_requirements[0].confirm(by=Actor("frank", ("finance",), authenticated_by="oidc:corp", person="f.ort"))
    closed = next(one for one in engine.runs.timeline(run.run_id) if one["event"] == "requirement_resolved")
    votes = [(one["voter"], one["persons"], one["authenticated_by"]) for one in closed["data"]["votes"]]
    assert votes == [("maria", ["maria"], "application"), ("frank", ["f.ort"], "oidc:corp")]


def test_law10_a_use_has_its_beginning_and_its_end(keyed: House) -> None:
    engine = keyed.engine("- {id: all, gate: confirm}")
    agent = keyed.agent(engine, [PAY[0], {"say": "done"}])
    began = keyed.clock.now()
    run = agent.run("go", user="alice")
    keyed.clock.advance(DAY)
    run.active_requirements[0].confirm(by="alice")
    keyed.clock.advance(DAY)
    agent.continue_run(run)
    told = [(one["event"], one["at"]) for one in engine.runs.timeline(run.run_id)]
    assert (told[0], told[-1]) == (("run_created", began), ("run_done", began + 2 * DAY))
    (root,) = (one for one in spans(map(read, engine.audit.records(run_id=run.run_id))) if not one.parent_id)
    assert (root.began_ns, root.ended_ns) == (began * 1_000_000, (began + 2 * DAY) * 1_000_000)
