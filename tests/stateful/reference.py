"""The reference: what a run's log may say, by the laws, in a few sets a call. It shares no code with the core.

It is told what happened (events, effects, the rows of the questions) and what the policies demand (`shop.demands`), and
keeps for each call what was asked for, answered, begun and done. The first thing that a law forbids is a `Broken`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hitl_fsm.model import answer as answers
from hitl_fsm.model import event as events
from hitl_fsm.model.actor import Actor
from hitl_fsm.model.event import Entry
from hitl_fsm.model.requirement import Requirement
from stateful.shop import BATCHES, EXPIRES_MS, IDEMPOTENT, Effect, demands, kind_of


class Broken(AssertionError):
    """A law does not hold. The message begins with its number."""


def hold(law: int, holds: bool, what: str) -> None:
    """Broken unless it holds."""
    if not holds:
        message = f"law {law:02}: {what}"
        raise Broken(message)


@dataclass
class Begun:
    """One start of a call: at which version of the log, of which action, after which gates."""

    version: int
    args: dict[str, Any]
    passed: frozenset[str]


@dataclass
class Case:
    """A call as the reference sees it. `passed` are the kinds of gates that somebody opened for these arguments."""

    tool: str
    args: dict[str, Any]
    place: int
    needs: set[str] | None
    passed: set[str] = field(default_factory=set)
    refused: bool = False
    begun: list[Begun] = field(default_factory=list)
    lost: bool = False
    again: bool = False
    over: bool = False


def may_answer(question: str, by: Actor, requester: str) -> bool:
    """Law 13, from who stands where in these tests."""
    match question:
        case "confirm" | "user_input":
            return by.kind == "human" and by.id == requester
        case "approval":
            return by.kind == "human" and "finance" in by.roles and by.id != requester
        case "external":
            return by.kind != "agent"
        case _:
            return by.kind == "human"


class Reference:
    """One run, from its log. `mood_of` tells a policy digest's mood."""

    def __init__(self, rows: Iterable[Requirement], mood_of: Mapping[str, str]) -> None:
        self.rows = {row.requirement_id: row for row in rows}
        self.mood_of = mood_of
        self.requester = ""
        self.cases: dict[str, Case] = {}
        self.turn: list[Case] = []
        self.closed: set[str] = set()
        self.ended = ""
        self.version = 0
        self.late: Counter[str] = Counter()
        self.denied = 0

    def take(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            self.version = entry.seq
            hold(
                11,
                not self.ended or isinstance(entry.event, _AFTER[self.ended]),
                f"it went on after it was {self.ended}",
            )
            _TAKES[type(entry.event)](self, entry, entry.event)

    # -- the events

    def created(self, _entry: Entry, event: events.RunCreated) -> None:
        hold(11, not self.requester, "created twice")
        self.requester = event.user.id

    def replied(self, entry: Entry, event: events.ModelReplied) -> None:
        hold(7, all(case.over for case in self.turn), "the model was asked before its calls had ended")
        self.turn = []
        for place, call in enumerate(event.calls):
            verdict = entry.verdicts.get(call.call_id)
            needs = None if verdict is None or call.problem else demands(self.mood_of[verdict.policy_digest], call.tool)
            case = Case(call.tool, call.args or {}, place, None if needs is None else set(needs), over=needs is None)
            self.denied += case.over
            self.turn.append(case)
            self.cases[call.call_id] = case
        if not event.calls:
            self.ended = "done"

    def failed(self, _entry: Entry, _event: Any) -> None:
        self.ended = "failed"

    def retried(self, _entry: Entry, _event: Any) -> None:
        hold(11, self.ended == "failed", "it was retried without having failed")
        self.ended = ""

    def cancelled(self, _entry: Entry, _event: Any) -> None:
        self.ended = "cancelled"

    def started(self, _entry: Entry, event: events.CallsStarted) -> None:
        for call_id in event.call_ids:
            case = self.cases[call_id]
            name = f"{call_id} {case.tool}"
            hold(4, not case.refused, f"{name} began after a no")
            hold(11, not case.over, f"{name} began after its end")
            hold(
                1,
                case.needs is not None and case.needs <= case.passed,
                f"{name} began with {case.passed}, needs {case.needs}",
            )
            again_allowed = not case.begun or case.again or kind_of(case.tool) in IDEMPOTENT | {"ask_user"}
            hold(3, again_allowed, f"{name} began again without a person's word")
            self._in_turn(case)
            case.begun.append(Begun(self.version, case.args, frozenset(case.passed)))
            case.lost = case.again = False

    def _in_turn(self, case: Case) -> None:
        """Law 7, the strictest batch rule of the turn's calls."""
        letters = {other.tool[0] for other in self.turn if "." in other.tool and not _refused_at_once(other)}
        letters |= {"a"} if any("." not in other.tool for other in self.turn) else set()
        rule = BATCHES[max(letters, key=list(BATCHES).index)]
        before = [other for other in self.turn if other.place < case.place]
        if rule != "run_ungated":
            hold(7, all(other.over for other in before), f"{case.tool} ran past one that was open")
        if rule == "hold_all":
            waiting = [o for o in self.turn if not o.over and not o.begun and not (o.needs or set()) <= o.passed]
            hold(7, not waiting, f"{case.tool} ran while {[o.tool for o in waiting]} waited")

    def returned(self, _entry: Entry, event: events.CallReturned | events.CallRaised) -> None:
        case = self.cases[event.call_id]
        hold(3, bool(case.begun) and not case.over and not case.lost, f"{event.call_id} ended without having begun")
        case.over = True

    def lost(self, _entry: Entry, event: events.CallLost) -> None:
        case = self.cases[event.call_id]
        hold(3, bool(case.begun) and not case.over, f"{event.call_id} was lost without having begun")
        case.lost = True

    def told_late(self, _entry: Entry, event: events.LateResult) -> None:
        case = self.cases[event.call_id]
        hold(3, bool(case.begun), f"{event.call_id} had a late result without having begun")
        # Of a tool that may be repeated the success of any attempt is the result: one key, one effect.
        success = kind_of(case.tool) in IDEMPOTENT and event.begun and event.error is None
        its_own = event.attempt == len(case.begun) or success
        known = case.over or case.again or case not in self.turn or not its_own
        if known:
            return
        asked = [row for row in self.rows.values() if row.call_id == event.call_id and row.state == "superseded"]
        hold(2, len(asked) <= 1, f"{event.call_id} had {len(asked)} questions answered by its worker")
        self.closed.update(row.requirement_id for row in asked)
        self.late["asked"] += len(asked)
        was_lost, case.lost = case.lost, False
        case.again = was_lost and not event.begun
        case.over = not case.again
        if case.over:
            self.late["succeeded" if event.begun and event.error is None else "failed"] += 1

    def revised(self, entry: Entry, event: events.VerdictsRevised) -> None:
        for call_id in entry.verdicts:
            case = self.cases[call_id]
            more = demands(self.mood_of[event.policy_digest], case.tool)
            case.needs = None if more is None or case.needs is None else case.needs | set(more)
            case.over = case.needs is None
            self.denied += case.over

    def expired(self, entry: Entry, event: events.RequirementTimedOut) -> None:
        row = self._close(event.requirement_id)
        hold(12, kind_of(row.tool) == "soon", f"{row.tool} has no time limit, and expired")
        hold(12, entry.at >= row.opened_at + EXPIRES_MS, f"{row.requirement_id} expired before its time")
        self._refuse(self.cases[row.call_id])

    def answered(self, entry: Entry, event: events.AnswerRecorded) -> None:
        row = self._close(event.requirement_id)
        case = self.cases[row.call_id]
        hold(
            13,
            may_answer(row.kind, entry.by, self.requester),
            f"{entry.by.id} answered {row.requirement_id}, a {row.kind}",
        )
        resolution = row.resolution
        told = resolution is not None and (resolution.answer, resolution.by) == (event.answer, entry.by)
        hold(2, told, f"the row of {row.requirement_id} has another answer than the log")
        match event.answer:
            case answers.Reject():
                self._refuse(case)
            case answers.Happened() | answers.GiveUp():
                hold(3, case.lost, f"{row.requirement_id} asked about a call that was not lost")
                case.over = True
            case answers.NotHappened():
                hold(3, case.lost, f"{row.requirement_id} asked about a call that was not lost")
                case.again, case.lost = True, False
            case answers.Report():
                case.passed.add(row.kind)
                hold(1, (case.needs or set()) <= case.passed, f"{row.call_id} was done outside before it was allowed")
                case.over = True
            case _:
                self._opened_gate(case, row, event)

    def _refuse(self, case: Case) -> None:
        case.refused = case.over = True
        self.denied += 1

    def _opened_gate(self, case: Case, row: Requirement, event: events.AnswerRecorded) -> None:
        """Other arguments are another action: what was said of the old one counts no more (law 5)."""
        if event.args is not None:
            case.args, case.passed = event.args, set()
        case.passed.add(row.kind)

    def _close(self, requirement_id: str) -> Requirement:
        hold(2, requirement_id not in self.closed, f"{requirement_id} was closed twice")
        self.closed.add(requirement_id)
        row = self.rows.get(requirement_id)
        if row is None:
            message = f"law 02: {requirement_id} was answered and has no row"
            raise Broken(message)
        return row

    # -- the world

    def witnessed(self, effects: Sequence[Effect]) -> None:
        """Laws 1, 3, 5 and 15 against what really happened."""
        for effect in effects:
            case = self.cases[effect.call_id]
            name = f"{effect.call_id} {effect.tool}"
            hold(3, 0 < effect.attempt <= len(case.begun), f"{name} acted without an intent")
            begun = case.begun[effect.attempt - 1]
            hold(3, begun.version <= effect.version, f"{name} acted before its intent was on disk")
            hold(
                5,
                {"reason": "-", **begun.args} == effect.args and case.tool == effect.tool,
                f"{name} ran as {effect.args}",
            )
            now = demands(effect.mood, effect.tool)
            hold(
                15, now is not None and set(now) <= begun.passed, f"{name} acted looser than the policies of its start"
            )
        for call_id, case in self.cases.items():
            mine = [effect for effect in effects if effect.call_id == call_id]
            hold(3, len({effect.attempt for effect in mine}) == len(mine), f"{call_id} acted twice in one attempt")
            if kind_of(case.tool) in IDEMPOTENT:
                hold(3, len({effect.key for effect in mine}) <= 1, f"{call_id} was tried again with another key")
            else:
                hold(3, len(mine) <= 1, f"{call_id} {case.tool} acted {len(mine)} times")

    def at_rest(self, state: str) -> None:
        """The rows of the questions against the log: each closed once, by what the log says (laws 2 and 10)."""
        hold(
            10,
            self.ended == state or (not self.ended and state not in {"done", "failed", "cancelled"}),
            f"it is {state}, its log says {self.ended!r}",
        )
        for row in self.rows.values():
            said = row.requirement_id in self.closed
            if row.state in {"resolved", "rejected", "expired"}:
                hold(2, said, f"{row.requirement_id} is {row.state}, and the log does not say so")
            elif row.state == "cancelled":
                hold(4, self.ended == "cancelled" and not said, f"{row.requirement_id} is cancelled, its run is not")
            elif row.state == "open":
                hold(2, not said and self.ended in {"", "failed"}, f"{row.requirement_id} is open after its end")
        waits = any(row.state == "open" for row in self.rows.values())
        hold(10, waits == (state in {"paused", "resolving"}), f"it is {state}, open questions: {waits}")


_AFTER: dict[str, tuple[type, ...]] = {
    "done": (events.LateResult,),
    "failed": (events.RunRetried, events.RunCancelled, events.LateResult),
    "cancelled": (events.LateResult,),
}


def _refused_at_once(case: Case) -> bool:
    """What could not be judged has no batch rule of its own."""
    return case.needs is None and not case.begun and not case.passed


_TAKES: dict[type, Callable[[Reference, Entry, Any], None]] = {
    events.RunCreated: Reference.created,
    events.ModelReplied: Reference.replied,
    events.ModelFailed: Reference.failed,
    events.RunStopped: Reference.failed,
    events.RunRetried: Reference.retried,
    events.RunCancelled: Reference.cancelled,
    events.CallsStarted: Reference.started,
    events.CallReturned: Reference.returned,
    events.CallRaised: Reference.returned,
    events.CallLost: Reference.lost,
    events.LateResult: Reference.told_late,
    events.AnswerRecorded: Reference.answered,
    events.VerdictsRevised: Reference.revised,
    events.RequirementTimedOut: Reference.expired,
}
