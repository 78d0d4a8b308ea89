"""What votes on one payment come to, as simply as it can be said: a second opinion on `core.ballot` and `core.who`.

The policy that it knows by heart (`RULES`): two of finance, who are neither the requester nor an editor, within four
hours, then one of the CFOs within two; then somebody of legal and somebody of ops, who did not say yes before.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import permutations
from typing import Literal

HOUR = 3_600_000
RULES = """
- id: two-steps
  gate:
    - approval:
        of: [role:finance]
        quorum: 2
        not: [requester, editor]
        reject_quorum: 2
        expires: 4h
        reminders: [1h]
        on_expiry: {escalate: [role:cfo], expires: 2h}
        break_glass: [role:oncall]
    - approval: {all_of: [role:legal, role:ops], not: [requester, previous_approver]}
"""

Word = Literal["approve", "reject", "abstain"]
State = Literal["asked", "approved", "denied", "done"]


@dataclass(frozen=True)
class Who:
    """One sign-in: whose it is (`person`), that person and whom it stands in for, and which roles it has."""

    id: str
    person: str
    persons: frozenset[str]
    roles: frozenset[str]


@dataclass(frozen=True)
class Cast:
    who: Who
    word: Word


@dataclass
class Panel:
    """The payment of `requester`. `stage` counts from 0; votes are those that count at the present level."""

    requester: str
    now: int
    stage: int = 0
    level: int = 0
    votes: list[Cast] = field(default_factory=list)
    editors: set[str] = field(default_factory=set)
    passed: dict[int, set[str]] = field(default_factory=dict)
    ever: dict[int, set[str]] = field(default_factory=dict)
    before: set[str] = field(default_factory=set)
    due: int | None = None
    state: State = "asked"
    amount: int = 5

    def __post_init__(self) -> None:
        self.ask(0)

    def ask(self, stage: int) -> None:
        self.stage, self.level, self.votes = stage, 0, []
        self.due = self.now + 4 * HOUR if stage == 0 else None
        self.before = set().union(*self.ever.values())

    @property
    def asked(self) -> set[str]:
        if self.stage == 1:
            return {"legal", "ops"}
        return {"cfo"} if self.level else {"finance"}

    def refuses(self, who: Who, *, edits: bool = False, glass: bool = False) -> bool:
        """Whether this sign-in may not answer so."""
        out = {self.requester}
        if self.stage == 0 and not edits:
            out |= self.editors
        if self.stage == 1:
            out |= self.before
        voted: set[str] = set().union(*(cast.who.persons for cast in self.votes))
        wanted = {"oncall"} if glass else self.asked
        return bool(who.persons & (out | voted)) or not who.roles & wanted or (glass and self.stage == 1)

    def vote(self, who: Who, word: Word) -> None:
        self.votes.append(Cast(who, word))
        self.count()

    def count(self) -> None:
        no = [cast for cast in self.votes if cast.word == "reject"]
        yes = [cast for cast in self.votes if cast.word == "approve"]
        if len(no) >= (2 if (self.stage, self.level) == (0, 0) else 1):
            self.state = "denied"
        elif any(self.seated(some) for some in permutations(yes, len(self.seats))):
            self.pass_gate(set().union(*(cast.who.persons for cast in yes)))

    @property
    def seats(self) -> list[str]:
        if self.stage == 1:
            return ["legal", "ops"]
        return ["cfo"] if self.level else ["finance", "finance"]

    def seated(self, people: tuple[Cast, ...]) -> bool:
        apart = sum(len(cast.who.persons) for cast in people) == len(
            set().union(*(cast.who.persons for cast in people))
        )
        return apart and all(seat in cast.who.roles for seat, cast in zip(self.seats, people, strict=True))

    def pass_gate(self, people: set[str]) -> None:
        self.passed[self.stage] = people
        self.ever[self.stage] = self.ever.get(self.stage, set()) | people
        left = [stage for stage in (0, 1) if stage not in self.passed]
        if left:
            self.ask(left[0])
        else:
            self.state = "approved"

    def edit(self, who: Who, amount: int) -> None:
        """It is another payment, of which nobody has said anything yet: the first gate does not count the editor."""
        if amount == self.amount:
            self.vote(who, "approve")
            return
        level = self.level
        self.amount, self.passed = amount, {}
        self.editors |= who.persons
        self.ask(0)
        if level:
            self.level, self.due = level, self.now + 2 * HOUR

    def break_glass(self, who: Who) -> None:
        yes = (cast.who.persons for cast in self.votes if cast.word == "approve")
        self.pass_gate(set().union(*yes) | who.persons)

    def withdraw(self, who: Who) -> bool:
        """The own votes, and those given in the own name: what the other said, no deputy takes back."""
        left = [cast for cast in self.votes if who.person not in cast.who.persons]
        changed = len(left) < len(self.votes)
        self.votes = left
        return changed

    def revoke(self, who: Who, stage: int) -> bool:
        if self.state not in ("asked", "approved") or not who.persons & self.passed.get(stage, set()):
            return False
        for one in (0, 1):
            if one >= stage:
                self.passed.pop(one, None)
                self.ever.pop(one, None)
        self.state = "asked"
        self.ask(stage)
        return True

    @property
    def is_due(self) -> bool:
        return self.state == "asked" and self.due is not None and self.now >= self.due

    def wait(self, ms: int) -> None:
        self.now += ms

    def fire(self, *, denies: bool = True) -> None:
        """What is due: the next ones are asked, or it is denied. Time is nobody's yes."""
        while self.is_due and (denies or not self.level):
            if self.level:
                self.state = "denied"
            else:
                self.level, self.votes = 1, []
                self.due = self.now + 2 * HOUR
