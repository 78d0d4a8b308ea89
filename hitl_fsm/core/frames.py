"""Reading a tree of runs: whose a call is, what there is to do where, and the way down to it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from hitl_fsm.core.gates import startable
from hitl_fsm.model.call import Call
from hitl_fsm.model.effect import CallModel, Effect, JudgeAgain, RunTools, StartCalls
from hitl_fsm.model.paths import frame_of
from hitl_fsm.model.run import Frame, Run
from hitl_fsm.model.states import CALL_ENDED, RUN_ADVANCING, CallState
from hitl_fsm.model.verdict import Review

FRAMES_PER_RUN = 256
"""Runs inside one run that may be under way at once; a call that needs one more fails."""
FRAME_DEPTH = 16
"""Runs inside each other; a call that leads deeper fails."""

WAITS = frozenset({CallState.GATED, CallState.IN_REVIEW})
"""A call that waits for a person; with nobody asked yet, it needs a verdict of this moment."""


class Place(NamedTuple):
    """In whose run something happens; each is "" where there is none."""

    agent: str = ""
    team: str = ""
    workflow: str = ""
    step: str = ""


def calls_of(run: Run, frame: str) -> tuple[Call, ...]:
    """The calls of the current turn of a frame ("" for the run's own), in the order in which they were asked for."""
    if not run.frames:
        return () if frame else run.calls
    return tuple(call for call in run.calls if frame_of(call.call_id) == frame)


def frame_at(run: Run, path: str) -> Frame | None:
    """The frame under way at that path."""
    return next((frame for frame in run.frames if frame.path == path), None)


def turn_of(run: Run, path: str) -> int:
    """Turns that the model of a frame, or of the run itself, has taken; 0 for a frame that is not under way."""
    if not path:
        return run.turn
    frame = frame_at(run, path)
    return frame.turn if frame is not None else 0


def due(run: Run) -> tuple[Effect, ...]:
    """What there is to do in this state; a worker that takes over after a crash asks the same question."""
    if run.state not in RUN_ADVANCING:
        return ()
    effects = _effects(run)
    if effects:
        return effects
    waiting = tuple(call.call_id for call in run.calls if call.state in WAITS)
    return (JudgeAgain(waiting),) if waiting else ()


def can_go_on(run: Run) -> bool:
    """Whether something in the tree can happen without an answer."""
    return bool(_effects(run))


def _effects(run: Run) -> tuple[Effect, ...]:
    effects: list[Effect] = []
    executing = tuple(c.call_id for c in run.calls if c.state is CallState.EXECUTING and c.below is None)
    if executing:
        effects.append(RunTools(executing))
    ready: list[str] = []
    asks: list[Effect] = []
    for path, turn in _turns(run):
        calls = calls_of(run, path)
        startable_now = startable(calls)
        ready += startable_now
        if not startable_now and all(call.state in CALL_ENDED for call in calls):
            asks.append(CallModel(turn + 1, path))
    if ready:
        effects.append(StartCalls(tuple(ready)))
    return (*effects, *asks)


def _turns(run: Run) -> Iterator[tuple[str, int]]:
    """Where a model may be asked; one that failed is not asked again before somebody wants the run to go on."""
    yield "", run.turn
    for frame in run.frames:
        if frame.error is None:
            yield frame.path, frame.turn


def chain(run: Run, path: str) -> tuple[Frame, ...]:
    """The frames from the run down to that path, which is the last."""
    above = []
    while path:
        frame = frame_at(run, path)
        if frame is not None:
            above.append(frame)
        path = frame_of(path)
    return tuple(reversed(above))


def is_reviewed(run: Run, path: str) -> bool:
    """Whether what a frame comes to, or a frame above it, is a result that somebody looks at before it goes on."""
    return any(isinstance(gate, Review) for frame in chain(run, path) for gate in run.call(frame.call_id).verdict.gates)


def place_of(run: Run, path: str) -> Place:
    """Where the calls of a frame happen: the names that are nearest, looking up from it."""
    place = _inside(Place(), run.kind, run.name)
    for frame in chain(run, path):
        step = step_of(run.call(frame.call_id))
        place = _inside(place._replace(step=step) if step else place, frame.kind, frame.name)
    return place


def _inside(place: Place, kind: str, name: str) -> Place:
    match kind:
        case "agent":
            return place._replace(agent=name)
        case "team":
            return place._replace(agent=name, team=name)
        case "workflow":
            return place._replace(agent="", workflow=name)
        case _:
            return place


def step_of(call: Call) -> str:
    """The workflow step that a call is; "" for any other call."""
    return next((aspect.name for aspect in call.aspects if aspect.kind == "step"), "")


def is_branch(call: Call) -> bool:
    """Whether a call only leads into a branch of a workflow: it is no action, and nobody is asked about it."""
    return any(aspect.kind == "branch" for aspect in call.aspects)


def way_to(run: Run, path: str) -> tuple[str, ...]:
    """The way down to a frame, for people: `("workflow refunds", "step payout", "team finance", "agent clerk")`."""
    way = [f"{run.kind} {run.name}"]
    for frame in chain(run, path):
        step = step_of(run.call(frame.call_id))
        way += [f"step {step}"] if step else []
        way.append(f"{frame.kind} {frame.name}")
    return tuple(way)


def way_to_call(run: Run, call: Call) -> tuple[str, ...]:
    """The way down to who asks for a call, and to the step or the member that it is."""
    step = step_of(call)
    below = call.below
    return (
        *way_to(run, frame_of(call.call_id)),
        *([f"step {step}"] if step else []),
        *([f"{below.kind} {below.name}"] if below is not None else []),
    )
