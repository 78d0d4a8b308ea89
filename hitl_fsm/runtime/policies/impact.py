"""What other policies would have said of everything that a store's runs were judged by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from hitl_fsm.errors import HitlError
from hitl_fsm.model.verdict import Verdict
from hitl_fsm.policy.calendar import Calendar
from hitl_fsm.policy.calendar_words import changed_calendars
from hitl_fsm.policy.compare import CHANGES, Change, Comparison, calendars_of, compare, is_safe
from hitl_fsm.policy.evaluate import PolicySet
from hitl_fsm.policy.join import join
from hitl_fsm.ports import Store
from hitl_fsm.runtime.agents.judge import judge_action
from hitl_fsm.runtime.parts import Default
from hitl_fsm.runtime.policies.judged import Judged, RunActions, forgotten_since, recorded

ENGINE_POLICY = "engine"
_YES = {"confirm", "approval"}

LISTED = 1_000
"""Actions of each kind of change that are shown one by one; all are counted."""
UNREADABLE_LISTED = 100
"""Runs that cannot be read, and are named."""


class Weighed(NamedTuple):
    """One action under two sets of policies."""

    judged: Judged
    old: Verdict
    new: Verdict
    comparison: Comparison


SHADOW_RULES = 10_000
"""Rules of shadow policies that are counted one by one."""


@dataclass(slots=True)
class Seen:
    """How much was looked at, and what could not be. `lost` and `never_judged` count calls, the others runs."""

    runs: int = 0
    actions: int = 0
    lost: int = 0
    never_judged: int = 0
    unreadable: int = 0
    forgotten: int = 0
    named: list[tuple[str, HitlError]] = field(default_factory=list)

    def take(self, run: RunActions) -> None:
        """Count one run."""
        self.runs += 1
        self.actions += len(run.judged)
        self.lost += run.lost
        self.never_judged += run.never_judged
        if run.error is not None:
            self.unreadable += 1
            if len(self.named) < UNREADABLE_LISTED:
                self.named.append((run.run_id, run.error))


@dataclass(slots=True)
class Impact:
    """`counts` has each change; `more` and `fewer` count actions by what is demanded of them: `deny`, or a gate's kind.

    `listed` has the first of each change but `equal`, newest run first. `against` counts loosened or changed actions
    that a person had rejected.
    """

    seen: Seen = field(default_factory=Seen)
    counts: Counter[Change] = field(default_factory=Counter)
    more: Counter[str] = field(default_factory=Counter)
    fewer: Counter[str] = field(default_factory=Counter)
    against: int = 0
    listed: dict[Change, list[Weighed]] = field(
        default_factory=lambda: {change: [] for change in CHANGES if change != "equal"}
    )

    @property
    def is_safe(self) -> bool:
        """Whether nothing that was asked for is asked for less, or otherwise."""
        return all(is_safe(change) for change, count in self.counts.items() if count)

    def take(self, one: Weighed) -> None:
        """Count one action, and keep it if it is among the first."""
        change = one.comparison.change
        self.counts[change] += 1
        old, new = demands(one.old), demands(one.new)
        self.more.update(new - old)
        self.fewer.update(old - new)
        self.against += not is_safe(change) and "rejected" in said(one.judged)
        if change != "equal" and len(self.listed[change]) < LISTED:
            self.listed[change].append(one)


def said(one: Judged) -> set[str]:
    """What people said of an action: `approved`, `rejected`, `expired`, `filled_in`; empty where nobody was asked."""
    words = {decided.state for decided in one.decided} & {"rejected", "expired"}
    answered = {decided.kind for decided in one.decided if decided.state == "resolved"}
    return words | ({"approved"} if answered & _YES else set()) | ({"filled_in"} if "user_input" in answered else set())


def demands(verdict: Verdict) -> Counter[str]:
    """What a verdict asks for, by kind: `deny`, or each gate's own."""
    if verdict.outcome == "deny":
        return Counter({"deny": 1})
    return Counter(str(gate.__struct_config__.tag) for gate in verdict.gates)


async def impact(
    store: Store, new: PolicySet, *, old: PolicySet | None = None, since: int = 0, default: Default | None = None
) -> Impact:
    """Hold `new` against the recorded verdicts, or against those of `old`, from `since` (ms) on.

    `default` is the engine's word on what the policies do not cover; without it, the word that it had then on the
    action, else `deny`.
    """
    found, hours = Impact(), _Hours(store, new)
    found.seen.forgotten = await forgotten_since(store, since)
    async for run in recorded(store, since):
        found.seen.take(run)
        for one in run.judged:
            word = default or _default_then(one.verdict)
            try:
                before = one.verdict if old is None else judge_action(old, one.action, one.subject, word)
                after = judge_action(new, one.action, one.subject, word)
            except HitlError:  # a question to a person that makes no sense now: nobody can tell what it would be
                found.seen.lost += 1
                continue
            calendars = await hours.changed(before, None if old is None else old.calendars)
            found.take(Weighed(one, before, after, compare(before, after, calendars)))
    return found


class _Hours:
    """Which calendars are not as they were when a verdict was reached. Those of then are in the store, with its set."""

    def __init__(self, store: Store, new: PolicySet) -> None:
        self._store, self._new = store, new
        self._known: dict[str, dict[str, str]] = {}

    async def changed(self, then: Verdict, old: Mapping[str, Calendar] | None) -> dict[str, str]:
        """By name, in words; `old` None: those of the set that the verdict was reached under, where it is stored."""
        if not calendars_of(then) & self._new.calendars.keys():
            return {}
        digest = "" if old is not None else then.policy_digest
        if digest not in self._known:
            before = await self._of(digest) if old is None else old
            self._known[digest] = changed_calendars(before, self._new.calendars)
        return self._known[digest]

    async def _of(self, digest: str) -> Mapping[str, Calendar]:
        from hitl_fsm.policy.load import restore  # noqa: PLC0415 - brings pydantic, which only this needs

        text = await self._store.policies(digest)
        return {} if text is None else restore(text, digest=digest).calendars


def _default_then(verdict: Verdict) -> Default:
    words = {reason.effect for reason in verdict.reasons if reason.policy == ENGINE_POLICY and reason.rule == "default"}
    return "confirm" if words == {"confirm"} else "deny"


class ShadowKey(NamedTuple):
    """One rule of a policy in `mode: shadow`, what it would have demanded, and where it stands."""

    policy: str
    rule: str
    effect: str
    file: str
    line: int


@dataclass(slots=True)
class Shadowed:
    """How often it would have had its say, first and last when (ms), what was in force, and what people said then."""

    count: int = 0
    first: int = 0
    last: int = 0
    in_force: Counter[str] = field(default_factory=Counter)
    people: Counter[str] = field(default_factory=Counter)

    def take(self, one: Judged) -> None:
        """Count one action."""
        self.first = min(self.first or one.at, one.at)
        self.last = max(self.last, one.at)
        self.count += 1
        self.in_force[one.verdict.outcome] += 1
        self.people.update(said(one))


@dataclass(slots=True)
class ShadowReport:
    """What would be if the shadow policies of then had been enforced, as a whole and rule by rule.

    `actions` counts those that they had a word on; of `untold` ones the log does not say what that comes to.
    """

    impact: Impact = field(default_factory=Impact)
    actions: int = 0
    untold: int = 0
    rules: dict[ShadowKey, Shadowed] = field(default_factory=dict)

    def take(self, one: Judged) -> None:
        """Count one action."""
        if not one.verdict.shadow:
            return
        self.actions += 1
        for reason in one.verdict.shadow:
            key = ShadowKey(reason.policy, reason.rule, reason.effect, reason.file, reason.line)
            if key in self.rules or len(self.rules) < SHADOW_RULES:
                self.rules.setdefault(key, Shadowed()).take(one)
        enforced = _if_enforced(one.verdict)
        if enforced is None:
            self.untold += 1
        else:
            self.impact.take(Weighed(one, one.verdict, enforced, compare(one.verdict, enforced)))


async def shadow_report(store: Store, since: int = 0) -> ShadowReport:
    """What the shadow policies would have done, as the logs tell it from `since` (ms) on; nothing is judged again."""
    found = ShadowReport()
    seen = found.impact.seen
    seen.forgotten = await forgotten_since(store, since)
    async for run in recorded(store, since):
        seen.take(run)
        for one in run.judged:
            found.take(one)
    return found


def _if_enforced(verdict: Verdict) -> Verdict | None:
    """What was in force joined with the shadow's word; that alone where only the engine's default was in force."""
    would = verdict.would
    if would is None:
        return None
    alone = Verdict(
        would.outcome,
        would.gates,
        audit=would.audit,
        batch=verdict.batch,
        on_change=verdict.on_change,
        severity=would.severity,
        reasons=verdict.shadow,
        problem=would.problem,
    )
    uncovered = [reason.policy for reason in verdict.reasons] == [ENGINE_POLICY]
    return alone if uncovered else join(verdict, alone)
