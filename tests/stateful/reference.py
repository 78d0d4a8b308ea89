"""The reference: what a run's log may say, by the laws, in a few sets a call. It shares no code with the core.

It is told what happened (events, effects, requests to the model, the rows of the questions) and what the policies
demand (`shop.demands`), and keeps for each call what was asked for, answered, begun and done. The first thing that a
law forbids is a `Broken`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from hitl_fsm.model import answer as answers
from hitl_fsm.model import event as events
from hitl_fsm.model.event import Entry
from hitl_fsm.model.requirement import Requirement
from stateful import ayes
from stateful.batches import in_turn
from stateful.case import Begun, Broken, Case, as_text, hold, may_answer
from stateful.shop import (
    EXPIRES_MS,
    EXPIRING,
    IDEMPOTENT,
    RETRIES,
    REVIEWERS,
    Effect,
    Request,
    before,
    demands,
    gate_of,
    kind_of,
)


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
        self.asked_late = 0
        self.votes = 0
        self.risen = 0
        self.ends: Counter[str] = Counter()

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
            case = Case(call.tool, call.args or {}, place, None if needs is None else set(needs), call.provider_id)
            if needs is None:
                self._end(case, "denied")
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
        for case in self.turn:
            if case.in_review or (case.execution > 1 and case.may_begin()):
                self._refuse(case)

    def started(self, _entry: Entry, event: events.CallsStarted) -> None:
        for call_id in event.call_ids:
            case = self.cases[call_id]
            name = f"{call_id} {case.tool}"
            hold(4, not case.refused, f"{name} began after a no")
            hold(11, not case.over, f"{name} began after its end")
            hold(
                1,
                case.ungated(),
                f"{name} began with {case.passed}, needs {case.needs}",
            )
            again_allowed = not case.begun or case.again or kind_of(case.tool) in IDEMPOTENT | {"ask_user"}
            hold(3, again_allowed and not case.in_review, f"{name} began again without a person's word")
            in_turn(self.turn, case)
            case.begun.append(Begun(self.version, case.execution, case.args, frozenset(case.passed)))
            case.lost = case.again = False

    def returned(self, _entry: Entry, event: events.CallReturned | events.CallRaised) -> None:
        case = self.cases[event.call_id]
        runs = bool(case.begun) and not case.over and not case.lost and not case.in_review and not case.again
        hold(3, runs, f"{event.call_id} ended without having begun")
        if isinstance(event, events.CallReturned):
            self._finish(case, event.result)
        else:
            self._end(case, "failed")

    def _finish(self, case: Case, result: Any) -> None:
        """It has a result, which is the model's, or one to look at first."""
        case.lost = False
        if not set(case.needs or ()) & REVIEWERS.keys():
            self._end(case, "succeeded", result)
            return
        self.ends["held"] += 1
        case.in_review, case.held = True, result
        case.kept.append(as_text(result))
        if self.ended == "cancelled":
            self._refuse(case)

    def _end(self, case: Case, how: str, result: Any = None) -> None:
        self.ends[how] += 1
        case.over, case.over_at, case.in_review, case.lost = True, self.version, False, False
        case.told = as_text(result) if how in {"succeeded", "substituted"} else None

    def lost(self, _entry: Entry, event: events.CallLost) -> None:
        case = self.cases[event.call_id]
        runs = bool(case.begun) and not case.over and not case.in_review and not case.again
        hold(3, runs, f"{event.call_id} was lost without having begun")
        case.lost = True

    def told_late(self, _entry: Entry, event: events.LateResult) -> None:
        case = self.cases[event.call_id]
        hold(3, bool(case.begun), f"{event.call_id} had a late result without having begun")
        # Of a tool that may be repeated the success of any attempt is the result (one key, one effect), but not that of
        # one whose result a reviewer did not want.
        success = kind_of(case.tool) in IDEMPOTENT and event.begun and event.error is None
        its_own = event.attempt == len(case.begun) or (success and event.attempt > case.sent_back)
        known = case.over or case.again or case.in_review or case not in self.turn or not its_own
        if known:
            return
        # What fell with a yes that was taken back was asked before; what is asked after a further loss has a later id.
        before = max((one for one in self.closed if self.rows[one].call_id == event.call_id), default="")
        of_it = (row for row in self.rows.values() if (row.call_id, row.execution) == (event.call_id, case.execution))
        superseded = sorted(row.requirement_id for row in of_it if row.state == "superseded")
        asked = [one for one in superseded if one > before][:1]
        self.closed.update(asked)
        self.asked_late += len(asked)
        was_lost, case.lost = case.lost, False
        case.again = was_lost and not event.begun
        if case.again:
            return
        if event.begun and event.error is None:
            self._finish(case, event.result)
        else:
            self._end(case, "failed")

    def revised(self, entry: Entry, event: events.VerdictsRevised) -> None:
        for call_id in entry.verdicts:
            case = self.cases[call_id]
            more = demands(self.mood_of[event.policy_digest], case.tool)
            case.needs = None if more is None or case.needs is None else case.needs | set(more)
            if case.needs is None:
                self._refuse(case)
            elif case.in_review and not case.unreviewed():
                self._end(case, "substituted" if case.substituted else "succeeded", case.held)

    def expired(self, entry: Entry, event: events.RequirementTimedOut) -> None:
        row = self._asked(event.requirement_id)
        case = self.cases[row.call_id]
        hold(12, (kind_of(row.tool), row.kind) in EXPIRING, f"{row.tool} has no time limit, and expired")
        since = max(row.opened_at, case.risen_at)
        hold(12, entry.at >= since + EXPIRES_MS, f"{row.requirement_id} expired before its time")
        if ayes.rises(case, row, entry.at):
            self.risen += 1
            return
        self._close(event.requirement_id)
        self._refuse(case)

    def withdrawn(self, entry: Entry, event: events.VoteWithdrawn) -> None:
        row = self._asked(event.requirement_id)
        ayes.take_back(self.cases[row.call_id], row, entry.by)

    def revoked(self, _entry: Entry, event: events.ApprovalRevoked) -> None:
        """The gate is to be passed again, before anything begins, and so are those after it that people open."""
        row = self.rows[event.requirement_id]
        case = self.cases[row.call_id]
        hold(2, row.requirement_id in self.closed, f"{row.requirement_id} was taken back before it was answered")
        hold(3, case.may_begin(), f"{row.requirement_id} was taken back after its call had begun")
        hold(4, not case.refused, f"{row.requirement_id} was no yes, and was taken back")
        case.passed -= {row.kind, "approval"}
        ayes.ask_anew(case)

    def answered(self, entry: Entry, event: events.AnswerRecorded) -> None:
        row = self._asked(event.requirement_id)
        case = self.cases[row.call_id]
        hold(
            13,
            may_answer(gate_of(row), entry.by, self.requester, case.level if row.kind == "approval" else 0),
            f"{entry.by.id} answered {row.requirement_id}, a {gate_of(row)}",
        )
        if ayes.leaves_open(case, row, entry.by, event):
            self.votes += 1
            if event.args is not None:  # it is asked anew, with the vote of who edited it
                self._close(row.requirement_id)
            return
        self._close(row.requirement_id)
        resolution = row.resolution
        told = resolution is not None and (resolution.answer, resolution.by) == (event.answer, entry.by)
        hold(2, told, f"the row of {row.requirement_id} has another answer than the log")
        lost_or_not_asked = case.lost or row.kind != "outcome"
        hold(3, lost_or_not_asked, f"{row.requirement_id} asked about a call that was not lost")
        match event.answer:
            case _ if row.kind == "review":
                self._reviewed(case, row, event.answer)
            case answers.Reject():
                self._refuse(case)
            case answers.Respond(result):
                self._substitute(case, row, result)
            case answers.Happened(result):
                self._finish(case, result)
            case answers.GiveUp():
                self._end(case, "failed")
            case answers.NotHappened():
                case.again, case.lost = True, False
            case answers.Report(result):
                hold(3, case.may_begin(), f"{row.call_id} was done outside once more")
                case.passed.add(row.kind)
                hold(1, case.ungated(), f"{row.call_id} was done outside before it was allowed")
                self._finish(case, result)
            case _:
                self._opened_gate(case, row, event)

    def _refuse(self, case: Case) -> None:
        """For good. Who reads it is told whether the call ran before."""
        case.refused = True
        ran = case.execution > 1 or (case.in_review and not case.substituted)
        self._end(case, "withheld" if ran else "denied")

    def _substitute(self, case: Case, row: Requirement, result: Any) -> None:
        """It never begins after this; its result is looked at first, where results are."""
        hold(3, case.may_begin(), f"{row.call_id} was answered instead of, and had begun")
        hold(9, kind_of(case.tool) != "ask_user", f"{row.call_id} took something else than its form's answer")
        case.refused = case.substituted = True
        if set(case.needs or ()) & REVIEWERS.keys():
            self.ends["held"] += 1
            case.in_review, case.held = True, result
            case.kept.append(as_text(result))
        else:
            self._end(case, "substituted", result)

    def _reviewed(self, case: Case, row: Requirement, answer: answers.Answer) -> None:
        about_it = case.in_review and (row.result, row.execution) == (case.held, case.execution)
        hold(5, about_it, f"{row.requirement_id} was about {row.result!r}, {row.call_id} has {case.held!r}")
        match answer:
            case answers.Reject():
                self._refuse(case)
            case answers.Retry():
                hold(4, not case.substituted, f"{row.call_id} is to run after somebody answered instead of it")
                hold(3, case.execution <= RETRIES[gate_of(row)], f"{row.call_id} is to run once too often")
                case.execution, case.sent_back = case.execution + 1, len(case.begun)
                case.in_review, case.again, case.held = False, True, None
                case.passed, case.looked = set(), set()
                ayes.ask_anew(case)
            case answers.EditResult(result):
                case.held = result
                case.kept.append(as_text(result))
                case.looked.add((gate_of(row), as_text(result)))
            case _:
                hold(9, isinstance(answer, answers.Accept), f"{answer} answered a review")
                case.looked.add((gate_of(row), as_text(case.held)))

    def _opened_gate(self, case: Case, row: Requirement, event: events.AnswerRecorded) -> None:
        """Other arguments are another action: what was said of the old one counts no more (law 5)."""
        if event.args is not None:
            case.args, case.passed = event.args, set()
            ayes.ask_anew(case)
        case.passed.add(row.kind)

    def _close(self, requirement_id: str) -> None:
        self.closed.add(self._asked(requirement_id).requirement_id)

    def _asked(self, requirement_id: str) -> Requirement:
        """One that nothing has closed yet."""
        hold(2, requirement_id not in self.closed, f"{requirement_id} was closed twice")
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
                15,
                now is not None and before(now) <= begun.passed,
                f"{name} acted looser than the policies of its start",
            )
        for call_id, case in self.cases.items():
            mine = [effect for effect in effects if effect.call_id == call_id]
            hold(3, len({effect.attempt for effect in mine}) == len(mine), f"{call_id} acted twice in one attempt")
            counts = Counter(case.begun[effect.attempt - 1].execution for effect in mine)
            if kind_of(case.tool) in IDEMPOTENT:
                hold(3, len({effect.key for effect in mine}) <= 1, f"{call_id} was tried again with another key")
            else:
                hold(3, max(counts.values(), default=0) <= 1, f"{call_id} {case.tool} acted as often as {counts}")

    def heard(self, requests: Sequence[Request]) -> None:
        """Laws 1, 4 and 5 against what the model was sent: of each call what it may have, and no sooner."""
        by_id = {case.provider_id: case for case in self.cases.values()}
        for request in requests:
            for provider_id, content in request.results.items():
                case = by_id[provider_id]
                ended = case.over and case.over_at <= request.version
                hold(7, ended, f"the model was sent {content!r} of {provider_id}, which had not ended")
                hold(5, case.told in {None, content}, f"the model was sent {content!r} instead of {case.told!r}")
            for case in by_id.values():
                for text in case.kept:
                    free = case.told == text and case.over_at <= request.version
                    law = 4 if case.refused else 1
                    hold(law, free or text not in "\n".join(request.contents), f"the model was sent {text!r}")

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
    events.VoteWithdrawn: Reference.withdrawn,
    events.ApprovalRevoked: Reference.revoked,
}
