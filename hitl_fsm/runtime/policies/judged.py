"""The actions that a store's runs were judged by, read back from their logs, exactly as they were judged.

Nothing is written. One run is in memory at a time.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any, NamedTuple

import msgspec

from hitl_fsm.core.decide import apply
from hitl_fsm.errors import HitlError, LimitExceeded
from hitl_fsm.model import event as events
from hitl_fsm.model.action import Action
from hitl_fsm.model.answer import Answer
from hitl_fsm.model.event import Entry, ProposedCall
from hitl_fsm.model.requirement import Requirement
from hitl_fsm.model.run import Run
from hitl_fsm.model.states import RequirementState
from hitl_fsm.model.verdict import UserInput, Verdict
from hitl_fsm.policy.sensitive import sensitive_places
from hitl_fsm.ports import RunRow, Store
from hitl_fsm.runtime.agents.judge import Subject, action_of, subject_of
from hitl_fsm.runtime.pages import RECORD_PAGE
from hitl_fsm.runtime.prune import RUNS_FORGOTTEN
from hitl_fsm.runtime.tools.arguments import read_arguments

RUNS_PAGE = 500
"""Runs asked of the store at once."""
RUNS_READ = 1_000_000
"""Runs whose logs are read for one answer."""


class Decided(NamedTuple):
    """What became of one question about an action. `answer` is None where nobody gave one; `at` is in ms."""

    requirement_id: str
    kind: str
    state: str
    by: str = ""
    at: int = 0
    answer: Answer | None = None


class Judged(NamedTuple):
    """One action of one call, and the last verdict on it.

    `occasion` is `asked` for what the model wrote, `edited` or `filled_in` for what a person made of it; `at` (ms) is
    that of the log's line. `became` is the call's state at the run's end, or now, where this is the call's last action.
    `sensitive` are the arguments that nobody is shown.
    """

    run_id: str
    call_id: str
    subject: Subject
    occasion: str
    at: int
    action: Action
    verdict: Verdict
    decided: tuple[Decided, ...] = ()
    became: str = ""
    sensitive: tuple[str, ...] = ()


class RunActions(NamedTuple):
    """Of one run: what was judged, and how many calls were refused before any policy was asked, or cannot be told."""

    run_id: str
    judged: tuple[Judged, ...]
    never_judged: int = 0
    lost: int = 0
    error: HitlError | None = None


async def recorded(store: Store, since: int = 0) -> AsyncIterator[RunActions]:
    """Every run with a step at `since` (ms) or later, the newest first, with its actions from then on.

    A run whose log cannot be read comes with its `error` and nothing else. LimitExceeded when there are too many.
    """
    after, seen = "", 0
    while True:
        rows = await store.runs(after=after, limit=RUNS_PAGE)
        for row in rows:
            if row.updated_at < since:
                continue
            seen += 1
            if seen > RUNS_READ:
                msg = f"there are more than {RUNS_READ} runs to read"
                raise LimitExceeded(msg, help="--since leaves out older ones")
            found = await _read(store, row, since)
            if found is not None:
                yield found
        if len(rows) < RUNS_PAGE:
            return
        after = rows[-1].run_id


async def forgotten_since(store: Store, since: int) -> int:
    """How many runs were forgotten that may have had a step at `since` (ms) or later: nobody can judge those again."""
    count, after = 0, 0
    while lines := await store.records(after=after, limit=RECORD_PAGE, run_id=""):
        after = lines[-1].seq
        for line in lines:
            if RUNS_FORGOTTEN.encode() in line.body:
                count += _forgotten(line.body, since)
    return count


class _Data(msgspec.Struct):
    before: int
    count: int


class _Line(msgspec.Struct):
    event: str
    data: _Data


_line = msgspec.json.Decoder(_Line)


def _forgotten(body: bytes, since: int) -> int:
    try:
        line = _line.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return 0
    return line.data.count if line.event == RUNS_FORGOTTEN and line.data.before > since else 0


async def _read(store: Store, row: RunRow, since: int) -> RunActions | None:
    """None for a run that was forgotten a moment ago."""
    try:
        stored = await store.load(row.run_id)
        return None if stored is None else actions_of(row.run_id, stored.entries, since)
    except HitlError as error:
        return RunActions(row.run_id, (), error=error)


def actions_of(run_id: str, entries: tuple[Entry, ...], since: int = 0) -> RunActions:
    """What one log tells from `since` (ms) on. HitlError when it is no log of a run."""
    reading = _Reading(since)
    for entry in entries:
        reading.take(entry)
    return RunActions(run_id, tuple(reading.found()), reading.never_judged, reading.lost)


class _Reading:
    """One log, read from its first line to its last."""

    def __init__(self, since: int) -> None:
        self.never_judged = 0
        self.lost = 0
        self._since = since
        self._run: Run | None = None
        self._judged: dict[str, list[Judged]] = {}
        self._digests: dict[str, list[set[str]]] = {}
        self._states: dict[str, str] = {}
        self._asked: dict[str, Requirement] = {}

    def take(self, entry: Entry) -> None:
        """Go one step on."""
        run = self._run = apply(self._run, entry, telling=False).run
        self._asked.update((one.requirement_id, one) for one in run.requirements)
        match entry.event:
            case events.ModelReplied(calls=calls):
                for proposed in calls:
                    self._proposed(run, proposed, entry)
            case events.AnswerRecorded(requirement_id=requirement_id, args=args) if args is not None:
                self._changed(run, self._asked[requirement_id], args, entry)
            case events.VerdictsRevised():
                for call_id, verdict in entry.verdicts.items():
                    if self._judged.get(call_id):
                        self._judged[call_id][-1] = self._judged[call_id][-1]._replace(verdict=verdict)
            case _:
                pass
        for call in run.calls:
            self._states[call.call_id] = call.state.value
            if call.call_id in self._digests:
                self._digests[call.call_id][-1].add(call.digest)

    def _proposed(self, run: Run, proposed: ProposedCall, entry: Entry) -> None:
        verdict = entry.verdicts.get(proposed.call_id)
        if verdict is None:
            self.never_judged += entry.at >= self._since
            return
        args = _as_judged(proposed)
        if args is None:
            self.lost += entry.at >= self._since
            return
        subject = subject_of(proposed)
        action = action_of(run, subject, args, entry.at)
        hidden = (*proposed.sensitive, *sensitive_of(verdict))
        self._add(Judged(run.run_id, proposed.call_id, subject, "asked", entry.at, action, verdict, sensitive=hidden))

    def _changed(self, run: Run, requirement: Requirement, args: dict[str, Any], entry: Entry) -> None:
        call_id = requirement.call_id
        before, verdict = self._judged.get(call_id), entry.verdicts.get(call_id)
        if not before or verdict is None:
            self.lost += entry.at >= self._since
            return
        occasion = "filled_in" if requirement.kind == "user_input" else "edited"
        subject = before[0].subject
        action = action_of(run, subject, args, entry.at)
        hidden = (*before[-1].sensitive, *sensitive_of(verdict))
        self._add(Judged(run.run_id, call_id, subject, occasion, entry.at, action, verdict, sensitive=hidden))

    def _add(self, one: Judged) -> None:
        self._judged.setdefault(one.call_id, []).append(one)
        self._digests.setdefault(one.call_id, []).append(set())

    def found(self) -> Iterator[Judged]:
        """In order of call, and of time."""
        for call_id, several in self._judged.items():
            asked = [one for one in self._asked.values() if one.call_id == call_id]
            for number, (one, digests) in enumerate(zip(several, self._digests[call_id], strict=True), 1):
                if one.at >= self._since:
                    decided = tuple(_decided(requirement) for requirement in asked if requirement.digest in digests)
                    became = self._states[call_id] if number == len(several) else ""
                    yield one._replace(decided=decided, became=became)


def sensitive_of(verdict: Verdict) -> Iterator[str]:
    """What a verdict's forms say that nobody is shown."""
    for gate in verdict.gates:
        if isinstance(gate, UserInput):
            yield from sensitive_places(gate.schema)


def _as_judged(proposed: ProposedCall) -> dict[str, Any] | None:
    """What the policies saw: all that the model wrote, where a form asks too, and the defaults. None: not kept."""
    try:
        written = read_arguments(proposed.raw)
    except HitlError:
        return None
    args, kept = written if proposed.dynamic else {**proposed.defaults, **written}, proposed.args or {}
    return {**args, **kept} if all(name in args and _holds(args[name], kept[name]) for name in kept) else None


def _holds(written: Any, kept: Any) -> bool:
    """Whether it is what was written, but for defaults that were filled in inside of it."""
    if isinstance(written, dict) and isinstance(kept, dict):
        return all(name in kept and _holds(value, kept[name]) for name, value in written.items())
    if isinstance(written, list) and isinstance(kept, list):
        return len(written) == len(kept) and all(map(_holds, written, kept))
    return bool(written == kept)


def _decided(requirement: Requirement) -> Decided:
    resolution = requirement.resolution
    told = Decided(requirement.requirement_id, requirement.kind, RequirementState(requirement.state).value)
    if resolution is None:
        return told
    return told._replace(by=resolution.by.id, at=resolution.at, answer=resolution.answer)
