"""The pure step: each path of the run machine, and a replay that tells the same as the live run."""

from __future__ import annotations

import pytest

from hitl_fsm.core.decide import SAID_LIMIT, decide, due
from hitl_fsm.core.replay import replay
from hitl_fsm.errors import IllegalTransition
from hitl_fsm.model import event as events
from hitl_fsm.model.actor import Actor
from hitl_fsm.model.effect import CallModel
from hitl_fsm.model.event import Entry
from hitl_fsm.model.states import RunState
from house import House, call, calls

ALICE = Actor("alice")
LADDER = """
- {id: small, when: args.amount <= 100, gate: confirm}
- {id: large, when: args.amount > 100, gate: {approval: {of: ['role:finance']}}}
"""


def states(house: House, run_id: str) -> list[str]:
    """The states that the run went through, from its record."""
    engine = house.engines[0]
    return [line["event"].removeprefix("run_") for line in engine.runs.timeline(run_id) if line["event"] in RUN_LINES]


RUN_LINES = {f"run_{state.value}" for state in RunState}


def test_a_new_run_wants_its_model() -> None:
    step = decide(None, Entry(1, 1, ALICE, events.RunCreated("run_r", "agent", "a", "hi", ALICE)))
    assert step.effects == (CallModel(1),)
    assert [message.content for message in step.messages] == ["hi"]
    assert [record.event for record in step.records] == ["run_created"]
    assert step.run.version == 1


def test_a_log_that_does_not_begin_with_a_creation_is_an_error() -> None:
    with pytest.raises(IllegalTransition):
        decide(None, Entry(1, 1, ALICE, events.RunRetried()))


def test_an_edit_that_voids_every_answer_pauses_again(house: House) -> None:
    agent = house.agent(house.engine(LADDER), [calls(call("pay", to="bob", amount=5))])
    run = agent.run("go", user="alice")
    run.active_requirements[0].confirm(by="alice", args={"to": "bob", "amount": 500})
    assert run.state is RunState.PAUSED
    assert states(house, run.run_id) == ["paused", "resolving", "paused"]
    run.active_requirements[0].confirm(by="maria")
    assert agent.continue_run(run).state is RunState.DONE
    assert house.effects == [("pay", "bob", 500, "-")]


def test_an_answer_beside_a_voided_one_still_holds(house: House) -> None:
    agent = house.agent(house.engine(LADDER), [calls(call("pay", to="bob", amount=5), call("pay", to="eve", amount=6))])
    run = agent.run("go", user="alice")
    first, second = run.active_requirements
    second.confirm(by="alice")
    first.confirm(by="alice", args={"to": "bob", "amount": 500})
    assert run.state is RunState.RESOLVING
    assert [r.kind for r in run.active_requirements] == ["approval"]


@pytest.mark.parametrize("end", ["done", "rejected", "cancelled", "edited", "waiting"])
def test_a_replay_tells_what_the_live_run_told(house: House, end: str) -> None:
    engine = house.engine(LADDER)
    agent = house.agent(
        engine,
        [calls(call("pay", to="bob", amount=5), call("ask_user", question="Why?")), calls(call("look", order_id="1"))],
    )
    run = agent.run("go", user="alice")
    pay, ask = run.active_requirements
    match end:
        case "rejected":
            pay.reject(note="no")
        case "edited":
            pay.confirm(args={"to": "eve", "amount": 7})
        case "cancelled":
            engine.cancel(run.run_id)
        case _:
            pay.confirm()
    if end not in {"cancelled", "waiting"}:
        ask.provide_user_input({"answer": "because"})
        run = agent.continue_run(run)
    else:
        run = run.refresh()
    live = run.value
    replayed, messages = replay(engine.runs.events(run.run_id))
    assert replayed == live
    assert due(live) == ()
    results = [message for message in messages if message.role == "tool"]
    assert len(results) == {"waiting": 0, "cancelled": 2}.get(end, 3)
    entries = engine.runs.events(run.run_id)
    for cut in range(1, len(entries) + 1):
        earlier, _ = replay(entries[:cut])
        assert earlier is not None
        assert earlier.version == cut


def test_what_a_model_says_beside_its_calls_is_kept_with_how_much_of_it_is_left_out(house: House) -> None:
    said = {**calls(call("pay", to="bob", amount=5)), "say": "x" * (SAID_LIMIT + 3)}
    (question,) = house.agent(house.engine(), [said]).run("go", user="alice").value.open_requirements
    assert (question.said, question.said_cut) == ("x" * SAID_LIMIT, 3)
