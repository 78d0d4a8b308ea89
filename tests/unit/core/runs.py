"""A run of the pure core alone: no store, no engine, a time that the test says."""

from __future__ import annotations

from typing import Any

from hitl_fsm.core.decide import Step, decide
from hitl_fsm.model import event as events
from hitl_fsm.model.actor import ENGINE, Actor
from hitl_fsm.model.answer import Answer
from hitl_fsm.model.call import Call
from hitl_fsm.model.event import CallsStarted, Entry, Event, ModelReplied, ProposedCall, RunCreated
from hitl_fsm.model.requirement import Requirement
from hitl_fsm.model.run import Run
from hitl_fsm.model.states import CallState
from hitl_fsm.model.verdict import Approval, Confirm, Gate, Verdict

ALICE = Actor("alice")
HEAD = Approval(("role:head",))
ALLOW = Verdict("allow", policy_digest="p1")


def gated(*gates: Gate, **more: Any) -> Verdict:
    return Verdict("gated", gates or (Confirm(),), policy_digest="p1", **more)


class PureRun:
    """`step` is what the last event led to; `at` the time of the next one."""

    def __init__(self, verdict: Verdict | None = None, *more: Verdict, **proposed: Any) -> None:
        self.at = 1000
        self.step: Step
        self.run: Run | None = None
        self.on(RunCreated("run_r", "agent", "a", "hi", ALICE, "m", "p1"), by=ALICE)
        verdicts = () if verdict is None else (verdict, *more)
        if verdicts:
            proposed = {"args": {"n": 1}, "tool_version": "v1", **proposed}
            names = [f"1.{index}" for index in range(len(verdicts))]
            calls = tuple(ProposedCall(name, f"p{name}", "pay", **proposed) for name in names)
            self.on(ModelReplied("", calls), dict(zip(names, verdicts, strict=True)))

    def on(self, event: Event, verdicts: dict[str, Verdict] | None = None, by: Actor = ENGINE) -> Step:
        version = 0 if self.run is None else self.run.version
        self.step = decide(self.run, Entry(version + 1, self.at, by, event, verdicts or {}))
        self.run = self.step.run
        return self.step

    def start(self, *names: str) -> Step:
        return self.on(CallsStarted(names or ("1.0",), "w1"))

    def call(self, name: str = "1.0") -> Call:
        assert self.run is not None
        return self.run.call(name)

    def states(self) -> list[CallState]:
        assert self.run is not None
        return [call.state for call in self.run.calls]

    def asked(self) -> list[Requirement]:
        assert self.run is not None
        return list(self.run.open_requirements)

    def told(self) -> list[tuple[str, dict[str, Any]]]:
        """The records of the last step."""
        return [(record.event, record.data) for record in self.step.records]

    def beside(self) -> list[tuple[str, dict[str, Any]]]:
        """What the records of the last step are committed to."""
        return [(record.event, record.contents) for record in self.step.records]

    def names(self) -> list[str]:
        return [record.event for record in self.step.records]


def answer(
    run: PureRun,
    said: Answer,
    index: int = 0,
    args: dict[str, Any] | None = None,
    verdicts: dict[str, Verdict] | None = None,
) -> None:
    asked = run.asked()[index]
    run.on(events.AnswerRecorded(asked.requirement_id, said, asked.digest, args), verdicts, ALICE)


def lost(acting_until: int = 0) -> PureRun:
    run = PureRun(ALLOW)
    run.start()
    run.on(events.CallLost("1.0", acting_until))
    return run
