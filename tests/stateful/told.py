"""What a store tells, read through its port, and what must hold of it whoever wrote it (laws 10 and 12)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import msgspec

from hitl_fsm.audit.verify import Head, verify
from hitl_fsm.core.replay import replay
from hitl_fsm.core.table import RUN
from hitl_fsm.model import answer as answers
from hitl_fsm.model import event as events
from hitl_fsm.model.requirement import Requirement
from hitl_fsm.ports import RecordLine, Store, StoredRun
from stateful.case import hold
from stateful.reference import Reference
from stateful.shop import Effect, Request

PAGE = 10_000
"""More than any history of these tests has; one page is the whole."""

_ARROWS = {(row.source.value, row.target.value) for row in RUN.rows}


class Told(NamedTuple):
    """Everything, at one moment."""

    runs: Sequence[StoredRun]
    rows: Sequence[Requirement]
    lines: Sequence[RecordLine]
    head: tuple[int, str]


async def run_asked(store: Store, prompt: str) -> StoredRun:
    """The run that began with this prompt: no two of a history have the same."""
    for row in await store.runs(limit=PAGE):
        run = await store.load(row.run_id)
        if run is not None and run.entries[0].event.input == prompt:  # type: ignore[union-attr]  # it was created
            return run
    raise LookupError(prompt)


_ENDS = ("denied", "held", "withheld", "succeeded", "failed", "substituted")


def of_runs(told: Told) -> tuple[object, ...]:
    """What may not change when a request is refused: a new engine may have put its policies on record before."""
    lines = [line for line in told.lines if msgspec.json.decode(line.body).get("run")]
    return told.runs, told.rows, lines


async def read(store: Store) -> Told:
    """All of it. Nobody may write meanwhile."""
    listed = await store.runs(limit=PAGE)
    runs = [run for row in listed if (run := await store.load(row.run_id)) is not None]
    rows = await store.requirements(state=None, limit=PAGE)
    return Told(runs, rows, await store.records(limit=PAGE), await store.head())


def check(
    told: Told, effects: Sequence[Effect], requests: Sequence[Request], mood_of: Mapping[str, str]
) -> dict[str, Reference]:
    """Broken unless every law holds of every run; the references as they stand now."""
    report = verify(told.lines, expect=Head(*told.head))
    hold(10, report.intact, f"the record does not verify: {report.findings[:3]}")
    lines: dict[str, list[dict[str, Any]]] = {}
    for line in told.lines:
        body = msgspec.json.decode(line.body)
        lines.setdefault(body.get("run", ""), []).append(body)
    references = {}
    for run in told.runs:
        rows = [row for row in told.rows if row.run_id == run.run_id]
        reference = Reference(rows, mood_of)
        reference.take(run.entries)
        reference.witnessed([effect for effect in effects if effect.run_id == run.run_id])
        reference.heard([request for request in requests if request.run_id == run.run_id])
        reference.at_rest(run.state)
        _log_is_the_rows(run, rows)
        _record_is_the_log(run, rows, lines.get(run.run_id, []), reference)
        references[run.run_id] = reference
    hold(10, {e.run_id for e in effects} <= references.keys(), "a run acted that is not in the store")
    return references


def _log_is_the_rows(run: StoredRun, rows: Sequence[Requirement]) -> None:
    """The log folded again is what the rows say: run, and the questions of its turn."""
    folded, _ = replay(run.entries)
    assert folded is not None
    hold(10, (folded.state, folded.version) == (run.state, run.version), f"{run.run_id}: the row is not its log")
    stored = {row.requirement_id: row for row in rows}
    for requirement in folded.requirements:
        hold(10, stored.get(requirement.requirement_id) == requirement, f"{requirement.requirement_id} is not its row")
    hold(
        10,
        folded.requirement_count == len(rows),
        f"{run.run_id} asked {folded.requirement_count}, has {len(rows)} rows",
    )


def _record_is_the_log(
    run: StoredRun, rows: Sequence[Requirement], lines: Sequence[dict[str, Any]], reference: Reference
) -> None:
    """Each thing that the log says is on the record, as often as it happened, and no other (law 10)."""
    told = Counter(line["event"] for line in lines)
    for name, count in _expected(run, rows, reference).items():
        hold(10, told[name] == count, f"{run.run_id}: {count} x {name} happened, the record has {told[name]}")
    states = [event.removeprefix("run_") for line in lines if (event := line["event"]).startswith("run_")]
    path = ["running", *states[1:]]
    hold(10, path[-1] == run.state, f"{run.run_id} is {run.state}, the record says {path[-1]}")
    for step in pairwise(path):
        hold(10, step in _ARROWS, f"{run.run_id}: the record tells no way for {step}")


def _changes(run: StoredRun) -> int:
    """How often calls were judged again by other policies than before, or because a grant was taken back."""
    judged_by: dict[str, str] = {}
    count = 0
    for entry in run.entries:
        if isinstance(entry.event, events.VerdictsRevised):
            before = {judged_by[call_id] for call_id in entry.verdicts}
            count += bool(entry.event.revoked) or before != {entry.event.policy_digest}
        judged_by |= {call_id: verdict.policy_digest for call_id, verdict in entry.verdicts.items()}
    return count


def _expected(run: StoredRun, rows: Sequence[Requirement], reference: Reference) -> dict[str, int]:
    """How many lines of each kind the log demands."""
    happened = Counter(type(entry.event) for entry in run.entries)
    answered = [entry.event.answer for entry in run.entries if isinstance(entry.event, events.AnswerRecorded)]
    said = Counter(type(answer) for answer in answered)
    closed = Counter(row.state.value for row in rows)
    edits = sum(isinstance(e.event, events.AnswerRecorded) and e.event.args is not None for e in run.entries)
    started = sum(len(e.event.call_ids) for e in run.entries if isinstance(e.event, events.CallsStarted))
    proposed = sum(len(e.event.calls) for e in run.entries if isinstance(e.event, events.ModelReplied))
    revised = sum(len(e.verdicts) for e in run.entries if isinstance(e.event, events.VerdictsRevised))
    return {
        "run_created": 1,
        "model_replied": happened[events.ModelReplied],
        "call_judged": proposed + revised + said[answers.Retry],
        "call_edited": edits,
        "call_started": started,
        "call_lost": happened[events.CallLost],
        "policy_changed": _changes(run),
        "requirement_opened": len(rows),
        "requirement_rejected": said[answers.Reject] + said[answers.Respond],
        "requirement_resolved": len(answered) - reference.votes - said[answers.Reject] - said[answers.Respond],
        "requirement_voted": reference.votes,
        "requirement_vote_withdrawn": happened[events.VoteWithdrawn],
        "approval_revoked": happened[events.ApprovalRevoked],
        "requirement_escalated": reference.risen,
        "requirement_expired": happened[events.RequirementTimedOut] - reference.risen,
        "requirement_cancelled": closed["cancelled"],
        "requirement_superseded": closed["superseded"],
        "run_cancelled": happened[events.RunCancelled],
        "run_failed": happened[events.ModelFailed] + happened[events.RunStopped],
        "run_resolving": len(answered) + happened[events.RequirementTimedOut] - reference.risen + reference.asked_late,
        "call_sent_back": said[answers.Retry],
        "result_edited": said[answers.EditResult],
        **{f"call_{end}": reference.ends[end] for end in _ENDS},
    }
