"""A run from its log: where it stands, the way it took, and every call and question that it had."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from hitl_fsm.core.decide import decide
from hitl_fsm.errors import RequirementNotFound, RunNotFound
from hitl_fsm.model.states import RunState
from hitl_fsm.runtime.loop import run_sync

if TYPE_CHECKING:
    from hitl_fsm.cli.session import Session
    from hitl_fsm.model.call import Call
    from hitl_fsm.model.event import Entry
    from hitl_fsm.model.requirement import Requirement
    from hitl_fsm.model.run import Run

RUN_STATE_PREFIX = "run_"


class RunReport(NamedTuple):
    """`path` has each state as often as the run entered it, in order; `updated_at` is the last event's time (ms)."""

    run: Run
    prompt: str
    path: list[str]
    calls: list[Call]
    requirements: list[Requirement]
    updated_at: int


def read_run(session: Session, run_id: str) -> RunReport:
    """Replay a run's log; RunNotFound when the store has none, which tells if it was forgotten."""
    store = session.open_store()
    stored = run_sync(store.load(run_id))
    if stored is None:
        from hitl_fsm.cli.runs.forgotten import no_run  # noqa: PLC0415 - only then

        raise no_run(session, run_id)
    return report(stored.entries)


def report(entries: tuple[Entry, ...]) -> RunReport:
    """Fold a log that has at least the event that created the run."""
    run: Run | None = None
    path = [RunState.RUNNING.value]
    calls: dict[str, Call] = {}
    requirements: dict[str, Requirement] = {}
    states = {state.value for state in RunState}
    for entry in entries:
        step = decide(run, entry)
        run = step.run
        calls.update({call.call_id: call for call in run.calls})
        requirements.update({one.requirement_id: one for one in run.requirements})
        names = (record.event.removeprefix(RUN_STATE_PREFIX) for record in step.records)
        path += [name for name in names if name in states]
    if run is None:
        msg = "the log is empty"
        raise RunNotFound(msg)
    prompt = str(getattr(entries[0].event, "input", ""))
    return RunReport(run, prompt, path, list(calls.values()), list(requirements.values()), entries[-1].at)


def read_requirement(session: Session, requirement_id: str) -> tuple[Requirement, Run]:
    """One question, open or closed, and its run; RequirementNotFound when the store has none."""
    store = session.open_store()
    found = run_sync(store.requirement(requirement_id))
    if found is None:
        from hitl_fsm.cli.runs.forgotten import forgotten_with  # noqa: PLC0415 - only then

        gone = forgotten_with(session, requirement_id)
        if gone is not None:
            raise gone
        msg = f"no requirement {requirement_id!r} in {session.place()}"
        raise RequirementNotFound(msg, help="`hitl-fsm inbox` lists what is open")
    return found, read_run(session, found.run_id).run
