"""People who vote on what a pure run asks, and the questions that they are asked."""

from __future__ import annotations

from typing import Any

from runs import PureRun

from hitl_fsm.model import event as events
from hitl_fsm.model.actor import Actor
from hitl_fsm.model.answer import Answer, Approve
from hitl_fsm.model.requirement import Requirement
from hitl_fsm.model.states import RunState
from hitl_fsm.model.verdict import Approval, Escalation, GrantOffer, Patience, Verdict

MARIA, FRANK, EVE = Actor("maria"), Actor("frank"), Actor("eve")
MARIA2, DEPUTY = Actor("m2", person="maria"), Actor("dave", on_behalf_of="maria")
TWO = Approval(("role:a",), quorum=2)
OFFER = GrantOffer(10, 1000, ("run", "agent"))
RISES = Patience((100, 200), escalate=(Escalation(("role:b",), 50, 2), Escalation(("role:c",))))
RISING = Approval(("role:a",), expires_ms=300, quorum=2, patience=RISES)


def says(run: PureRun, by: Actor, said: Answer, index: int = 0, edit: Verdict | None = None, **more: Any) -> None:
    asked = run.asked()[index]
    args = said.args if isinstance(said, Approve) else None
    verdicts = {} if edit is None else {asked.call_id: edit}
    event = events.AnswerRecorded(asked.requirement_id, said, asked.digest, args, presented="seen", **more)
    run.on(event, verdicts, by)


def takes_back(run: PureRun, by: Actor, note: str | None = None) -> None:
    run.on(events.VoteWithdrawn(run.asked()[0].requirement_id, note), by=by)


def revokes(run: PureRun, by: Actor, number: int = 1, note: str | None = None) -> None:
    run.on(events.ApprovalRevoked(f"req_r-{number:04d}", note), by=by)


def state(run: PureRun) -> RunState:
    assert run.run is not None
    return run.run.state


def voters(run: PureRun) -> list[str]:
    return [vote.by.id for vote in run.asked()[0].votes]


def row(run: PureRun, number: int = 1) -> Any:
    assert run.run is not None
    return run.run.requirements[number - 1]


def voters_of(asked: Requirement) -> list[str]:
    return [vote.by.id for vote in asked.votes]
