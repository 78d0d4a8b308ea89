"""Runs: begun, moved, ended; and what their models said."""

from __future__ import annotations

from typing import ClassVar, Literal

from hitl_fsm.audit.events.base import (
    CallId,
    Count,
    Data,
    Digest,
    FramePath,
    Ordinal,
    PersonId,
    PolicyDigest,
    RunId,
    Shape,
)


class ForkedFrom(Shape):
    """The run from which another one goes on, and after which line of its log."""

    run: RunId
    version: Ordinal


class RunCreated(Data):
    """Somebody had an agent, a team or a workflow begin: which one, for whom, under which set of policies.

    What was said in the runs that it `follows` in its session was told to its model.
    """

    CONTENTS: ClassVar = {
        "input": "what was asked, as text",
        "value": "the same, where it is more than text",
        "context": "what the application gave besides",
    }
    kind: str
    name: str
    user: PersonId
    model: str
    policies: PolicyDigest
    forked: ForkedFrom | None = None
    follows: list[RunId] | None = None


class RunPaused(Data):
    """Nothing in the run can go on before somebody answers."""

    trigger: Literal["gate_raised", "answer_voided"]


class RunResolving(Data):
    """An answer came in, and other questions of the run are still open."""

    trigger: Literal["answer_recorded"]


class RunContinuing(Data):
    """Every question is closed, or somebody had a failed run go on."""

    trigger: Literal["gates_closed", "retried"]


class RunDone(Data):
    """The run came to its end by itself."""

    trigger: Literal["finished"]


class RunFailed(Data):
    """The run cannot go on by itself: a model, a limit or its surroundings failed."""

    CONTENTS: ClassVar = {"error": "what went wrong"}
    trigger: Literal["errored"]


class RunCancelled(Data):
    """Somebody ended the run for good. `begun`: calls that had begun by then, and are not undone."""

    CONTENTS: ClassVar = {"reason": "why, in the words of who did it"}
    trigger: Literal["cancelled"]
    begun: tuple[CallId, ...] = ()


class FrameEntered(Data):
    """A call is carried out by a run inside the run: a member of a team, or a step of a workflow."""

    frame: FramePath
    kind: str
    name: str
    call: CallId


class ModelReplied(Data):
    """A model's turn: which model of which provider, what it was asked (by digest), its tokens and its price.

    `calls` is how many calls it asked for; each has a line of its own. `fallbacks`: how many models before it failed.
    """

    CONTENTS: ClassVar = {
        "text": "what it said",
        "refused": "why that was not taken as an answer, as it was told",
        "instead_of": "why the models before it gave none",
    }
    turn: Count
    model: str
    calls: Count
    tokens: tuple[Count, Count]
    provider: str = ""
    request: Digest | None = None
    frame: FramePath = ""
    micro_dollars: Count | None = None
    fallbacks: Count = 0


class ModelFailed(Data):
    """A model gave no answer; the run, or the run inside it, waits until somebody has it go on."""

    CONTENTS: ClassVar = {"error": "what went wrong"}
    frame: FramePath = ""


EVENTS: dict[str, type[Data]] = {
    "run_created": RunCreated,
    "run_paused": RunPaused,
    "run_resolving": RunResolving,
    "run_continuing": RunContinuing,
    "run_done": RunDone,
    "run_failed": RunFailed,
    "run_cancelled": RunCancelled,
    "frame_entered": FrameEntered,
    "model_replied": ModelReplied,
    "model_failed": ModelFailed,
}
