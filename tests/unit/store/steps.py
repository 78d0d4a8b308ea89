"""The steps of one gated call, as the core would hand them to the store."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from hitl_fsm.audit.canonical import action_digest
from hitl_fsm.model.actor import ENGINE, Actor
from hitl_fsm.model.answer import Answer, Approve, Resolution
from hitl_fsm.model.call import Call, Pass
from hitl_fsm.model.event import (
    AnswerRecorded,
    CallReturned,
    CallsStarted,
    Entry,
    Event,
    ModelReplied,
    ProposedCall,
    RunCreated,
)
from hitl_fsm.model.record import Record
from hitl_fsm.model.requirement import Requirement
from hitl_fsm.model.run import Run
from hitl_fsm.model.states import CallState, RequirementState, RunState
from hitl_fsm.model.verdict import Approval, Reason, Verdict
from hitl_fsm.ports import Commit

ALICE = Actor(id="alice")
BOB = Actor(id="bob", roles=("finance",))
POLICY = "ab" * 32
ME = "elsewhere/00000000/1:1:1:0badcafe"
OTHER = "elsewhere/00000000/1:2:1:deadbeef"
GATE = Approval(of=("role:finance",), expires_ms=14_400_000)
ARGS: dict[str, Any] = {"order_id": "42", "amount": 1200, "currency": "EUR"}
VERDICT = Verdict(
    outcome="gated",
    gates=(GATE,),
    severity="high",
    reasons=(Reason(policy="refunds", rule="large", effect="approval", file="refunds.policy.yaml", line=21),),
    policy_digest=POLICY,
)
T0 = 1_767_225_600_000

LeaseUse = Literal["take", "keep", "release", "none"]


class Story:
    """One run that meets one approval. Each method is the next commit; the caller says where it goes."""

    def __init__(self, run_id: str = "r1", owner: str = ME, args: dict[str, Any] | None = None) -> None:
        self.run = Run(run_id=run_id, kind="agent", name="support", user=ALICE, created_at=T0)
        self.owner = owner
        self.fence = 0
        self.args = ARGS if args is None else args
        self.digest = action_digest(run_id, "1.0", "refund", self.args, "1", POLICY)
        self.call = Call("1.0", "p1", "refund", self.args, self.digest, VERDICT, tool_version="1")
        self.requirement = Requirement(
            f"{run_id}-1", run_id, "1.0", "refund", self.args, self.digest, GATE, T0 + 2, user="alice"
        )

    def step(
        self,
        event: Event | None,
        state: RunState,
        lease: LeaseUse,
        calls: tuple[Call, ...] = (),
        requirements: tuple[Requirement, ...] = (),
        by: Actor = ENGINE,
    ) -> Commit:
        before = self.run.version
        entries = () if event is None else (Entry(before + 1, T0 + before, by, event),)
        self.run = msgspec.structs.replace(self.run, version=before + len(entries), state=state)
        name = "lease" if event is None else str(event.__struct_config__.tag)
        record = Record(name, T0 + before, by, self.run.run_id, {"digest": self.digest, "version": self.run.version})
        expected = Commit(self.run, before, self.fence, lease, self.owner, entries, calls, requirements, (record,))
        self.fence += lease == "take"
        return expected

    def create(self) -> Commit:
        created = RunCreated(self.run.run_id, "agent", "support", "Refund order 42", ALICE, "scripted/x", POLICY)
        return self.step(created, RunState.RUNNING, "take", by=ALICE)

    def pause(self) -> Commit:
        proposed = ProposedCall("1.0", "p1", "refund", self.args, tool_version="1")
        self.call = msgspec.structs.replace(self.call, state=CallState.GATED)
        replied = ModelReplied("I will refund that.", (proposed,))
        return self.step(replied, RunState.PAUSED, "release", (self.call,), (self.requirement,))

    def answer(self, answer: Answer | None = None, state: RequirementState = RequirementState.RESOLVED) -> Commit:
        answer = answer or Approve(note="ok")
        resolution = Resolution(answer, BOB, T0 + 5000, self.digest)
        self.requirement = msgspec.structs.replace(self.requirement, state=state, resolution=resolution)
        if state is RequirementState.RESOLVED:
            passed = (*self.call.passed, Pass("approval", self.call.digest))
            self.call = msgspec.structs.replace(self.call, state=CallState.AUTHORISED, passed=passed)
        else:
            self.call = msgspec.structs.replace(self.call, state=CallState.DENIED)
        recorded = AnswerRecorded(self.requirement.requirement_id, answer, self.digest)
        return self.step(recorded, RunState.CONTINUING, "none", (self.call,), (self.requirement,), by=BOB)

    def start(self, lease: LeaseUse = "take") -> Commit:
        self.call = msgspec.structs.replace(self.call, state=CallState.EXECUTING, attempt=1)
        return self.step(CallsStarted(("1.0",)), RunState.CONTINUING, lease, (self.call,))

    def result(self) -> Commit:
        self.call = msgspec.structs.replace(self.call, state=CallState.SUCCEEDED, result={"refund": "rf_1"})
        return self.step(CallReturned("1.0", {"refund": "rf_1"}), RunState.CONTINUING, "keep", (self.call,))

    def done(self) -> Commit:
        return self.step(ModelReplied("Done: refunded 1200 EUR."), RunState.DONE, "release")

    def all(self) -> list[Commit]:
        return [self.create(), self.pause(), self.answer(), self.start(), self.result(), self.done()]
