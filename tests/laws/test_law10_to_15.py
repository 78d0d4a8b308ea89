"""Laws 10 to 15: one transaction, one error, time, identity, one door, changing policies."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

import hitl_fsm
from hitl_fsm.core.decide import decide
from hitl_fsm.errors import HitlError, IllegalTransition, NotAuthorised, RequirementExpired
from hitl_fsm.model import event as events
from hitl_fsm.model.actor import Actor
from hitl_fsm.model.event import Entry
from hitl_fsm.model.states import RunState
from house import House, call, calls, policies, policy_text

SCRIPT = [calls(call("pay", to="bob", amount=5))]
PACKAGE = Path(hitl_fsm.__file__).parent


def test_law10_each_step_of_the_log_has_its_records_and_the_chain_is_whole(house: House) -> None:
    engine = house.engine()
    agent = house.agent(engine, SCRIPT)
    run = agent.run("go", user="alice")
    run.active_requirements[0].confirm(note="fine")
    agent.continue_run(run)
    assert house.records(engine, run.run_id) == [
        "run_created",
        "model_replied",
        "call_judged",
        "requirement_opened",
        "run_paused",
        "requirement_presented",
        "requirement_resolved",
        "call_authorised",
        "run_resolving",
        "run_continuing",
        "call_started",
        "call_succeeded",
        "model_replied",
        "run_done",
    ]
    assert engine.audit.verify().intact


def test_law10_a_record_that_cannot_be_written_undoes_the_answer(house: House) -> None:
    engine = house.engine()
    run = house.agent(engine, SCRIPT).run("go", user="alice")
    house.jam("record")
    with pytest.raises(HitlError):
        run.active_requirements[0].confirm(by="alice")
    assert engine.runs.get(run.run_id).state is RunState.PAUSED
    house.unjam("record")
    run.active_requirements[0].confirm(by="alice")
    assert engine.runs.get(run.run_id).state is RunState.CONTINUING


ALICE = Actor("alice")
EVENTS = [
    events.ModelReplied("x"),
    events.ModelFailed("x"),
    events.CallsStarted(("1.0",)),
    events.CallReturned("1.0", "x"),
    events.CallRaised("1.0", "x"),
    events.CallLost("1.0"),
    events.AnswerRecorded("req_x", hitl_fsm.model.answer.Approve(), "d"),
    events.VerdictsRevised("d"),
    events.RequirementTimedOut("req_x"),
    events.RunCancelled(),
    events.RunRetried(),
    events.RunStopped("x"),
    events.RunCreated("r", "agent", "a", "x", ALICE),
]


@pytest.mark.parametrize("state", list(RunState))
@pytest.mark.parametrize("event", EVENTS, ids=lambda e: type(e).__name__)
def test_law11_an_event_either_fits_or_is_one_error_and_the_run_is_unchanged(
    state: RunState, event: events.Event
) -> None:
    run = decide(None, Entry(1, 1, ALICE, events.RunCreated("run_r", "agent", "a", "hi", ALICE))).run
    run = msgspec.structs.replace(run, state=state)
    before = msgspec.json.encode(run)
    try:
        step = decide(run, Entry(2, 2, ALICE, event))
    except IllegalTransition as error:
        assert error.code == "HF301"
    else:
        assert step.run.version == 2
        assert step.records
        assert state not in {RunState.DONE, RunState.CANCELLED}, "what ended stays ended"
    assert msgspec.json.encode(run) == before


EXPIRING = "- {id: all, gate: {confirm: {expires: 1h}}}"


def test_law12_time_never_says_yes(house: House) -> None:
    engine = house.engine(EXPIRING)
    agent = house.agent(engine, SCRIPT)
    run = agent.run("go", user="alice")
    house.clock.advance(3_600_000)
    with pytest.raises(RequirementExpired):
        run.active_requirements[0].confirm(by="alice")
    assert agent.continue_run(run).state is RunState.DONE
    assert house.effects == []
    assert "in time" in house.said_to_model(engine, run.run_id)[0]


def test_law12_an_overdue_question_is_denied_at_the_next_look(house: House) -> None:
    engine = house.engine(EXPIRING)
    agent = house.agent(engine, SCRIPT)
    run = agent.run("go", user="alice")
    assert agent.continue_run(run).is_paused
    house.clock.advance(3_600_000)
    assert agent.continue_run(run).state is RunState.DONE
    assert house.effects == []
    assert "requirement_expired" in house.records(engine, run.run_id)


def test_law12_an_answer_before_the_timer_holds_after_it(house: House) -> None:
    engine = house.engine(EXPIRING)
    agent = house.agent(engine, SCRIPT)
    run = agent.run("go", user="alice")
    house.clock.advance(3_599_999)
    run.active_requirements[0].confirm(by="alice")
    house.clock.advance(10_000_000)
    assert agent.continue_run(run).state is RunState.DONE
    assert len(house.effects) == 1


def test_law12_a_clock_that_steps_back_expires_nothing_early(house: House) -> None:
    engine = house.engine(EXPIRING)
    agent = house.agent(engine, SCRIPT)
    run = agent.run("go", user="alice")
    house.clock.advance(-86_400_000)
    assert agent.continue_run(run).is_paused


@pytest.mark.parametrize(
    ("gate", "by", "allowed"),
    [
        ("confirm", "alice", True),
        ("confirm", "maria", False),
        ("{approval: {of: ['role:finance']}}", "maria", True),
        ("{approval: {of: ['role:finance']}}", "otto", False),
        ("{approval: {of: ['role:finance']}}", "nobody", False),
        ("{approval: {of: [otto]}}", "otto", True),
        ("{approval: {of: [requester]}}", "alice", True),
        ("{approval: {of: ['role:finance', alice], not: [requester]}}", "alice", False),
        ("{user_input: {schema: {type: object, properties: {memo: {type: string}}}}}", "maria", False),
        (
            "{user_input: {schema: {type: object, properties: {memo: {type: string}}}, of: ['role:finance']}}",
            "maria",
            True,
        ),
    ],
)
def test_law13_who_may_answer(house: House, gate: str, by: str, allowed: bool) -> None:
    engine = house.engine("- {id: all, gate: " + gate + "}")
    run = house.agent(engine, SCRIPT).run("go", user="alice")
    (requirement,) = run.active_requirements

    def answer(actor: Actor | str) -> None:
        if requirement.needs_user_input:
            requirement.provide_user_input({"memo": "x"}, by=actor)
        else:
            requirement.confirm(by=actor)

    if not allowed:
        with pytest.raises(NotAuthorised, match=by):
            answer(by)
        assert run.is_paused
        return
    for kind in ("agent", "service", "timer"):
        with pytest.raises(NotAuthorised):
            answer(Actor(by, roles=("finance",), kind=kind))  # type: ignore[arg-type]
    answer(by)
    assert not run.is_paused


_WRITERS = (
    "drive engine hold late leases prune steps sweep"
    " outgoing/copies outgoing/dispatch outgoing/notices outgoing/outbox outgoing/routes outgoing/stray outgoing/traces"
    " people/delegations people/grants people/in_force people/overrides people/viewing"
    " policies/in_force policies/last_told record/anchoring record/exporting record/keeping record/reading"
    " record/retiring"
)
RUNTIME_WRITERS = {f"runtime/{name}.py" for name in _WRITERS.split()}
WRITES = (
    "commit|append|save_policies|renew|release|forget|advance|claim_timers|claim_deliveries|claim_dispatch|"
    "settle_delivery|renew_delivery|revoke_grant|close_override|add_delegation|end_delegation|retire_reader"
)


def test_law14_only_the_runtime_writes_the_store() -> None:
    writes = re.compile(rf"\.({WRITES})\(")
    for file in PACKAGE.rglob("*.py"):
        place = file.relative_to(PACKAGE).as_posix()
        text = file.read_text(encoding="utf-8")
        if re.search(rf"store\.({WRITES})\(", text):
            assert place in RUNTIME_WRITERS, place
        if place.startswith(("cli/", "server/")):
            assert not re.search(r"\bstore\)?" + writes.pattern, text), place


def test_law15_a_stricter_policy_asks_again_before_the_start(house: House) -> None:
    agent = house.agent(house.engine(), SCRIPT)
    run = agent.run("go", user="alice")
    run.active_requirements[0].confirm(by="alice")
    strict = house.engine("- {id: all, gate: [confirm, {approval: {of: ['role:finance']}}]}")
    again = house.agent(strict, SCRIPT)
    paused = again.continue_run(run_id=run.run_id)
    assert [r.kind for r in paused.active_requirements] == ["approval"], "the confirmation still counts"
    assert house.effects == []
    paused.active_requirements[0].confirm(by="maria")
    assert again.continue_run(paused).state is RunState.DONE
    assert len(house.effects) == 1


def test_law15_a_policy_that_now_denies_denies(house: House) -> None:
    agent = house.agent(house.engine(), SCRIPT)
    run = agent.run("go", user="alice")
    run.active_requirements[0].confirm(by="alice")
    again = house.agent(house.engine("- {id: all, gate: deny}"), SCRIPT)
    assert again.continue_run(run_id=run.run_id).state is RunState.DONE
    assert house.effects == []


def test_law15_a_looser_policy_loosens_nothing(house: House) -> None:
    agent = house.agent(house.engine(), SCRIPT)
    run = agent.run("go", user="alice")
    again = house.agent(house.engine("- {id: all, gate: allow}"), SCRIPT)
    assert again.continue_run(run_id=run.run_id).is_paused
    assert house.effects == []


def test_law15_pinned_policies_stay_as_they_were(house: House) -> None:
    pinned = policies(policy_text("- {id: all, gate: confirm}", extra="on_change: pin"))
    agent = house.agent(house.engine(pinned), SCRIPT)
    run = agent.run("go", user="alice")
    run.active_requirements[0].confirm(by="alice")
    again = house.agent(house.engine("- {id: all, gate: deny}"), SCRIPT)
    assert again.continue_run(run_id=run.run_id).state is RunState.DONE
    assert len(house.effects) == 1
