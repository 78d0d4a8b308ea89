"""The three machines, as data. Everything else about them (the machine, diagrams, schemas, tests) is read from here.

A row says: in `source`, `trigger` leads to `target`, because `why`. A trigger that has no row for a state is illegal
there: one error, and nothing happens (law 11).
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from hitl_fsm.model.states import (
    CallState,
    CallTrigger,
    RequirementState,
    RequirementTrigger,
    RunState,
    RunTrigger,
)


class Transition(NamedTuple):
    """One arrow."""

    source: StrEnum
    trigger: StrEnum
    target: StrEnum
    why: str


class Table(NamedTuple):
    """One machine: its name, its states in reading order (the first is the initial one), its arrows."""

    name: str
    states: tuple[StrEnum, ...]
    rows: tuple[Transition, ...]


_R, _RT = RunState, RunTrigger
_LIVE_RUN = (_R.RUNNING, _R.PAUSED, _R.RESOLVING, _R.CONTINUING)

RUN = Table(
    "run",
    tuple(RunState),
    (
        Transition(_R.RUNNING, _RT.GATE_RAISED, _R.PAUSED, "an action needs a person; nothing else is left to do"),
        Transition(_R.CONTINUING, _RT.GATE_RAISED, _R.PAUSED, "a later action, or a stricter policy, needs a person"),
        Transition(_R.PAUSED, _RT.ANSWER_RECORDED, _R.RESOLVING, "an answer is in"),
        Transition(_R.RESOLVING, _RT.ANSWER_RECORDED, _R.RESOLVING, "another answer is in; gates are still open"),
        Transition(_R.RESOLVING, _RT.GATES_CLOSED, _R.CONTINUING, "the last gate closed; the run may be advanced"),
        Transition(_R.RESOLVING, _RT.ANSWER_VOIDED, _R.PAUSED, "an edit or a changed policy reopened every gate"),
        Transition(_R.RUNNING, _RT.FINISHED, _R.DONE, "the model gave its final answer"),
        Transition(_R.CONTINUING, _RT.FINISHED, _R.DONE, "the model gave its final answer"),
        Transition(_R.RUNNING, _RT.ERRORED, _R.FAILED, "the model or a limit ended the run; it can be retried"),
        Transition(_R.CONTINUING, _RT.ERRORED, _R.FAILED, "the model or a limit ended the run; it can be retried"),
        *(Transition(state, _RT.CANCELLED, _R.CANCELLED, "somebody cancelled it, for good") for state in _LIVE_RUN),
        Transition(_R.FAILED, _RT.CANCELLED, _R.CANCELLED, "somebody decided that it is not to be retried"),
        Transition(_R.FAILED, _RT.RETRIED, _R.CONTINUING, "somebody asked to go on from where it failed"),
    ),
)

_Q, _QT = RequirementState, RequirementTrigger

REQUIREMENT = Table(
    "requirement",
    tuple(RequirementState),
    (
        Transition(_Q.OPEN, _QT.ANSWERED, _Q.RESOLVED, "an authorised answer fits the question"),
        Transition(_Q.OPEN, _QT.REFUSED, _Q.REJECTED, "a person said no, for good"),
        Transition(_Q.OPEN, _QT.TIMED_OUT, _Q.EXPIRED, "its time ran out; the action is denied"),
        Transition(_Q.OPEN, _QT.CANCELLED, _Q.CANCELLED, "its run was cancelled"),
        Transition(_Q.OPEN, _QT.SUPERSEDED, _Q.SUPERSEDED, "its action changed or was decided elsewhere"),
        Transition(_Q.OPEN, _QT.ESCALATED, _Q.OPEN, "its time ran out; the next ones are asked"),
        Transition(_Q.RESOLVED, _QT.REVOKED, _Q.SUPERSEDED, "who said yes took it back before the action began"),
    ),
)

_C, _CT = CallState, CallTrigger

CALL = Table(
    "call",
    tuple(CallState),
    (
        Transition(_C.PROPOSED, _CT.AUTHORISED, _C.AUTHORISED, "the verdict is allow"),
        Transition(_C.PROPOSED, _CT.GATED, _C.GATED, "the verdict has gates to pass"),
        Transition(_C.PROPOSED, _CT.DENIED, _C.DENIED, "a policy said no, or it could not be judged"),
        Transition(_C.GATED, _CT.AUTHORISED, _C.AUTHORISED, "the last gate was passed"),
        Transition(_C.GATED, _CT.DENIED, _C.DENIED, "a person, a timer or a changed policy said no"),
        Transition(_C.GATED, _CT.RETURNED, _C.SUCCEEDED, "the answer is the result: an outside system, or ask_user"),
        Transition(_C.GATED, _CT.RAISED, _C.FAILED, "the outside system says that it failed"),
        Transition(_C.AUTHORISED, _CT.GATED, _C.GATED, "a stricter policy asks again before the start"),
        Transition(_C.AUTHORISED, _CT.DENIED, _C.DENIED, "a stricter policy said no before the start"),
        Transition(_C.AUTHORISED, _CT.STARTED, _C.EXECUTING, "the intent is on disk"),
        Transition(_C.EXECUTING, _CT.RETURNED, _C.SUCCEEDED, "the tool returned"),
        Transition(_C.EXECUTING, _CT.RAISED, _C.FAILED, "the tool raised"),
        Transition(_C.EXECUTING, _CT.LOST, _C.OUTCOME_UNKNOWN, "the worker died between intent and result"),
        Transition(_C.EXECUTING, _CT.ASKED, _C.GATED, "what runs the tool asks a person first; it was told to let go"),
        Transition(_C.EXECUTING, _CT.SETTLED, _C.AUTHORISED, "its worker did not begin it, and says so: run it later"),
        Transition(_C.EXECUTING, _CT.STARTED, _C.EXECUTING, "an idempotent tool is tried again with the same key"),
        Transition(_C.OUTCOME_UNKNOWN, _CT.RETURNED, _C.SUCCEEDED, "a person, or the late worker, knows the result"),
        Transition(_C.OUTCOME_UNKNOWN, _CT.SETTLED, _C.AUTHORISED, "it is known not to have happened: run it"),
        Transition(_C.OUTCOME_UNKNOWN, _CT.RAISED, _C.FAILED, "a person gave up on knowing"),
        Transition(_C.EXECUTING, _CT.HELD, _C.IN_REVIEW, "the tool returned; a person looks at the result first"),
        Transition(_C.GATED, _CT.HELD, _C.IN_REVIEW, "the answer is the result; a person looks at it first"),
        Transition(_C.OUTCOME_UNKNOWN, _CT.HELD, _C.IN_REVIEW, "the result is known; a person looks at it first"),
        Transition(_C.IN_REVIEW, _CT.RETURNED, _C.SUCCEEDED, "every reviewer let the result go on"),
        Transition(_C.GATED, _CT.SUBSTITUTED, _C.SUBSTITUTED, "a person gave a result instead; it does not run"),
        Transition(_C.IN_REVIEW, _CT.SUBSTITUTED, _C.SUBSTITUTED, "every reviewer let the given result go on"),
        Transition(_C.IN_REVIEW, _CT.DENIED, _C.DENIED, "a result given instead was kept back; it did not run"),
        Transition(_C.IN_REVIEW, _CT.SENT_BACK, _C.PROPOSED, "a reviewer asked to run it again, through its gates"),
        Transition(_C.IN_REVIEW, _CT.WITHHELD, _C.WITHHELD, "a person, a timer or a policy kept the result back"),
        *(
            Transition(state, _CT.WITHHELD, _C.WITHHELD, "it ran before, was sent back, and may not run again")
            for state in (_C.PROPOSED, _C.GATED, _C.AUTHORISED)
        ),
        *(
            Transition(state, _CT.SKIPPED, _C.SKIPPED, "the run was cancelled first")
            for state in (_C.PROPOSED, _C.GATED, _C.AUTHORISED)
        ),
    ),
)

TABLES = {table.name: table for table in (RUN, REQUIREMENT, CALL)}
