"""One execution of an agent, team, workflow or gated callable, as the core sees it."""

from __future__ import annotations

from typing import Any

import msgspec

from hitl_fsm.model.actor import Actor
from hitl_fsm.model.call import Call
from hitl_fsm.model.message import Spent
from hitl_fsm.model.requirement import Requirement
from hitl_fsm.model.states import RUN_ENDED, RUN_WAITING, RequirementState, RunState


class Frame(msgspec.Struct, frozen=True, omit_defaults=True):
    """A run inside a run: what a team's member, or what stands in a workflow's step, does to carry out a call.

    `path` is the id under which its own calls stand (`model/paths.py`). `error`: its model failed; going on with the
    run asks it again. `usage` is what its models took, those of frames inside it too; `active_from` the run's own time
    (its `active_ms`) when it began.
    """

    path: str
    call_id: str
    kind: str
    name: str
    turn: int = 0
    error: str | None = None
    usage: Spent = Spent()
    active_from: int = 0


class Run(msgspec.Struct, frozen=True, omit_defaults=True):
    """`calls` and `requirements` are those of the current turns only, so that a step costs the same however long
    the run; older ones stand in the log. `version` is the number of log entries. `frames` are the runs inside it that
    are under way, each after the one above it; what they do stands in the same log, and their calls in `calls`.
    `result` is the output where it is more than text. `context` is what the application gave at the start, for
    instructions and tools; it never changes. `session`: the conversation over several runs to which it belongs.
    `rejected`: digests of what people rejected in the run from which this one was forked, `refused` in this one.
    `begun_by` are the people who had it begin, where that is not the user alone: somebody forked another one's run.
    `usage` is what its models took, those in frames too; `active_ms` the time in which it did not wait, up to
    `active_since` (ms since the epoch; None while it waits), from which on it counts again. `salt` goes into the
    digests of its actions, and with `digests` "2" into those of its results under review.
    """

    run_id: str
    kind: str
    name: str
    user: Actor
    created_at: int
    state: RunState = RunState.RUNNING
    version: int = 0
    turn: int = 0
    calls: tuple[Call, ...] = ()
    requirements: tuple[Requirement, ...] = ()
    requirement_count: int = 0
    output: str | None = None
    error: str | None = None
    policy_digest: str = ""
    frames: tuple[Frame, ...] = ()
    result: Any = None
    context: dict[str, Any] = {}
    session: str = ""
    rejected: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    usage: Spent = Spent()
    active_ms: int = 0
    active_since: int | None = None
    begun_by: tuple[str, ...] = ()
    salt: str = ""
    digests: str = ""

    @property
    def is_ended(self) -> bool:
        return self.state in RUN_ENDED

    @property
    def is_paused(self) -> bool:
        """Waiting for at least one answer (`paused` or `resolving`)."""
        return self.state in RUN_WAITING

    @property
    def open_requirements(self) -> tuple[Requirement, ...]:
        return tuple(r for r in self.requirements if r.state is RequirementState.OPEN)

    def call(self, call_id: str) -> Call:
        """The call of this turn with that id; KeyError if there is none."""
        for call in self.calls:
            if call.call_id == call_id:
                return call
        raise KeyError(call_id)


_encode, _decode = msgspec.json.Encoder().encode, msgspec.json.Decoder(Run).decode


def own_copy(run: Run) -> Run:
    """The same run, with nothing inside that somebody else holds."""
    return _decode(_encode(run))
