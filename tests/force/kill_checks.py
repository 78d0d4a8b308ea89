"""What must hold of a run whose workers were killed or frozen, read from the store, the record and the witnesses."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
from kill_scenario import ONCE, ONE_KEY, OUTPUT
from kill_stores import stored_rows
from witness import Witness

from hitl_fsm import Engine
from hitl_fsm.audit.chain import encode_record
from hitl_fsm.core.decide import decide
from hitl_fsm.model import event as events
from hitl_fsm.model.answer import NotHappened
from hitl_fsm.model.call import Call
from hitl_fsm.model.event import Entry
from hitl_fsm.model.record import Record
from hitl_fsm.model.requirement import Requirement
from hitl_fsm.model.run import Run
from hitl_fsm.model.states import RunState
from hitl_fsm.runtime.loop import run_sync


class Replayed(msgspec.Struct):
    """A run's log, folded: the run, every call and requirement of its life as last left, and what it should record."""

    run: Run | None = None
    calls: dict[str, Call] = {}
    requirements: dict[str, Requirement] = {}
    records: list[Record] = []


def replayed(entries: Sequence[Entry]) -> Replayed:
    told = Replayed()
    for entry in entries:
        step = decide(told.run, entry)
        told.run = step.run
        told.calls |= {call.call_id: call for call in step.run.calls}
        told.requirements |= {requirement.requirement_id: requirement for requirement in step.run.requirements}
        told.records.extend(step.records)
    return told


def complaints(folder: Path, url: str) -> list[str]:
    """Everything that is wrong with a finished folder; empty when the laws held."""
    engine = Engine(store=url)
    try:
        rows = engine.runs.list()
        if len(rows) != 1:
            return [f"{len(rows)} runs in the store, where one was started"]
        run_id = rows[0].run_id
        entries = engine.runs.events(run_id)
        return [
            *_of_the_end(engine, run_id),
            *_of_the_effects(folder, entries),
            *_of_the_answers(folder, entries),
            *_of_the_model(folder, entries),
            *_of_the_record(engine, run_id, entries),
            *_of_the_rows(engine, url, run_id, entries),
            *_of_the_workers(folder),
        ]
    finally:
        engine.close()


def _of_the_end(engine: Engine, run_id: str) -> Iterator[str]:
    run = engine.runs.get(run_id)
    if (run.state, run.output) != (RunState.DONE, OUTPUT):
        yield f"the run ended as {run.state.value}: {run.output!r} {run.error!r}"
    stored = run_sync(engine.store.load(run_id))
    if stored is None or stored.leased_until or stored.owner:
        yield f"an ended run is still held: {stored and (stored.owner, stored.leased_until)}"


def _of_the_effects(folder: Path, entries: Sequence[Entry]) -> Iterator[str]:
    """Law 3: each effect once, an idempotent one with one key; law 4: what was rejected never."""
    lines = Witness(folder / "effects.jsonl").lines()
    counts = Counter(line["effect"] for line in lines)
    for effect in ONCE:
        if counts[effect] != 1:
            yield f"`{effect}` happened {counts[effect]} times"
    for effect in ONE_KEY:
        keys = {line["key"] for line in lines if line["effect"] == effect}
        if len(keys) != 1:
            yield f"`{effect}`, which is idempotent, has the keys {sorted(keys)}"
    for effect in counts.keys() - {*ONCE, *ONE_KEY}:
        yield f"`{effect}` happened, and nobody allowed it"
    started = Counter(
        call for entry in entries if isinstance(entry.event, events.CallsStarted) for call in entry.event.call_ids
    )
    for line in lines:
        if started[line["call"]] < line["attempt"]:
            yield f"`{line['effect']}` happened in attempt {line['attempt']}, without its intent in the log"
    told = replayed(entries)
    again = Counter(_not_begun(entries, told))
    for call in told.calls.values():
        if not call.idempotent and started[call.call_id] > 1 + again[call.call_id]:
            yield f"call {call.call_id} ({call.tool}) was started {started[call.call_id]} times"


def _not_begun(entries: Sequence[Entry], told: Replayed) -> Iterator[str]:
    """The calls of which somebody said that a start did not happen."""
    for entry in entries:
        match entry.event:
            case events.AnswerRecorded(requirement_id, NotHappened()):
                yield told.requirements[requirement_id].call_id
            case events.LateResult(call_id, begun=False):
                yield call_id


def _of_the_answers(folder: Path, entries: Sequence[Entry]) -> Iterator[str]:
    """What was acknowledged is in the log, as it was given, once."""
    given: dict[str, list[events.AnswerRecorded]] = defaultdict(list)
    for entry in entries:
        if isinstance(entry.event, events.AnswerRecorded):
            given[entry.event.requirement_id].append(entry.event)
    for requirement_id, several in given.items():
        if len(several) != 1:
            yield f"{requirement_id} was answered {len(several)} times"
    for line in Witness(folder / "answers.jsonl").lines():
        logged = [msgspec.to_builtins(event.answer) for event in given[line["requirement"]]]
        if line["answer"] not in logged:
            yield f"an acknowledged answer was lost: {line['requirement']}"


def _of_the_model(folder: Path, entries: Sequence[Entry]) -> Iterator[str]:
    """A worker that finds a turn in the log never asks the model for it; none asks twice for one."""
    found: dict[int, int] = {}
    asked: dict[int, list[int]] = defaultdict(list)
    for line in Witness(folder / "model.jsonl").lines():
        if "found" in line:
            found[line["pid"]] = line["found"]
        else:
            asked[line["pid"]].append(line["asked"])
    for pid, turns in asked.items():
        if min(turns) <= found[pid] or len(set(turns)) != len(turns):
            yield f"a worker that found {found[pid]} recorded turns asked the model for {turns}"
    recorded = sum(isinstance(entry.event, events.ModelReplied) for entry in entries)
    if recorded != max(turn for turns in asked.values() for turn in turns):
        yield f"{recorded} replies are in the log"


BESIDE = {"late_result", "requirement_presented"}


def _of_the_record(engine: Engine, run_id: str, entries: Sequence[Entry]) -> Iterator[str]:
    """Law 10: the record says exactly what the log's steps say, in order, and its chain holds.

    Beside it stand looks at questions, and a late result that could not be told to the run, since another worker went
    on with it.
    """
    report = engine.audit.verify()
    if not report.intact:
        yield f"the record is not intact: {report.findings}"
    expected = [
        {**msgspec.json.decode(encode_record(record)), "contents": sorted(record.contents)}
        for record in replayed(entries).records
    ]
    told: list[Any] = []
    for line in engine.audit.records(run_id=run_id):
        body = msgspec.json.decode(line.body)
        del body["seq"], body["prev"]
        body["contents"] = sorted(body.get("contents", ()))  # to what it is committed; the salts are random
        if body in expected or body["event"] not in BESIDE:
            told.append(body)
    if told != expected:
        yield "the record and the log do not tell the same"


def _of_the_rows(engine: Engine, url: str, run_id: str, entries: Sequence[Entry]) -> Iterator[str]:
    """The rows are what the log's replay says."""
    told = replayed(entries)
    assert told.run is not None
    stored = {q.requirement_id: q for q in run_sync(engine.store.requirements(run_id=run_id, state=None))}
    if stored != told.requirements:
        yield "the rows of requirements are not what the log says"
    calls = {(call.call_id, call.tool, call.state.value, call.digest) for call in told.calls.values()}
    if set(stored_rows(url, "SELECT call_id, tool, state, digest FROM call")) != calls:
        yield "the rows of calls are not what the log says"
    if stored_rows(url, "SELECT state, version FROM run") != [(told.run.state.value, told.run.version)]:
        yield "the run's row is not what the log says"


def _of_the_workers(folder: Path) -> Iterator[str]:
    errors = folder / "errors.txt"
    if errors.exists():
        yield f"a worker ended with a traceback:\n{errors.read_text()}"
