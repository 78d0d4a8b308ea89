"""What a run took, from its log alone: those inside it count for every run around them, and plans cost nothing."""

from __future__ import annotations

from typing import Any

import pytest
from runs import ALICE, ALLOW, PureRun, gated

from hitl_fsm.core.tally import active_at
from hitl_fsm.model import event as events
from hitl_fsm.model.action import Below
from hitl_fsm.model.answer import Approve
from hitl_fsm.model.event import CallsStarted, ModelReplied, ProposedCall, RunCreated
from hitl_fsm.model.message import Spent, Usage
from hitl_fsm.model.run import Run

TOOK = Usage(100, 10, 50, 5, 7)


def now(pure: PureRun) -> Run:
    assert pure.run is not None
    return pure.run


def ask(pure: PureRun, frame: str, call_id: str, below: Below | None = None, usage: Usage = TOOK) -> None:
    call = ProposedCall(call_id, f"p{call_id}", "ask", args={"input": "go"}, tool_version="v1", below=below)
    pure.on(ModelReplied("", (call,), usage, frame=frame), {call_id: ALLOW})
    pure.on(CallsStarted((call_id,), "w1"))


def test_a_reply_counts_for_every_run_around_it() -> None:
    pure = PureRun()
    ask(pure, "", "1.0", Below("team", "finance"))
    pure.at += 300
    ask(pure, "1.0", "1.0/1.0", Below("agent", "clerk"))
    pure.at += 200
    ask(pure, "1.0/1.0", "1.0/1.0/1.0", usage=Usage(1))
    run = now(pure)
    assert run.usage == Spent(3, 201, 20, 100, 10, 14, unpriced=1)
    assert {frame.path: frame.usage for frame in run.frames} == {
        "1.0": Spent(2, 101, 10, 50, 5, 7, unpriced=1),
        "1.0/1.0": Spent(1, 1, unpriced=1),
    }
    assert [frame.active_from for frame in run.frames] == [0, 300]
    pure.on(events.CallReturned("1.0/1.0/1.0", "x"))
    pure.on(ModelReplied("done", usage=TOOK, frame="1.0/1.0"))
    assert [frame.path for frame in now(pure).frames] == ["1.0"]
    assert now(pure).usage == Spent(4, 301, 30, 150, 15, 21, unpriced=1), "it keeps what those took that are over"
    assert now(pure).frames[0].usage == Spent(3, 201, 20, 100, 10, 14, unpriced=1)


@pytest.mark.parametrize("kind", ["workflow", "branch", "callable"])
def test_a_plan_is_no_model(kind: str) -> None:
    pure = PureRun()
    pure.run = None
    pure.on(RunCreated("run_r", kind, "a", "hi", ALICE), by=ALICE)
    ask(pure, "", "1.0", Below("agent", "clerk"), usage=Usage())
    assert now(pure).usage == Spent()
    pure.on(ModelReplied("done", usage=TOOK, frame="1.0"))
    assert now(pure).usage == Spent(1, 100, 10, 50, 5, 7), "what stands in it asks one"


def times(pure: PureRun) -> tuple[int, int | None]:
    return now(pure).active_ms, now(pure).active_since


def test_time_counts_while_the_run_can_go_on() -> None:
    pure = PureRun()
    assert times(pure) == (0, 1000)
    pure.at = 1400
    proposed: dict[str, Any] = {"args": {"n": 1}, "tool_version": "v1"}
    pure.on(ModelReplied("", (ProposedCall("1.0", "p", "pay", **proposed),)), {"1.0": gated()})
    assert times(pure) == (400, None), "paused"
    assert active_at(now(pure), 10**12) == 400
    pure.at = 9_000
    asked = now(pure).open_requirements[0]
    pure.on(events.AnswerRecorded(asked.requirement_id, Approve(), asked.digest), by=ALICE)
    assert times(pure) == (400, None), "answered, and nobody has taken it up"
    pure.at = 20_000
    pure.start()
    assert times(pure) == (400, 20_000)
    pure.at = 20_500
    pure.on(events.CallReturned("1.0", "ok"))
    assert times(pure) == (900, 20_500)
    assert active_at(now(pure), 20_501) == 901
    assert active_at(now(pure), 1) == 900, "a clock that was put back takes nothing away"
    pure.at = 21_000
    pure.on(events.ModelFailed("down"))
    assert times(pure) == (1_400, None), "failed"
    pure.at = 90_000
    pure.on(events.RunRetried())
    assert times(pure) == (1_400, 90_000)
