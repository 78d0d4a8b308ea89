"""Who may answer a question, how many of them, until when, and what they said so far: in words, for a person."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from hitl_fsm.core.votes import free_seats, level_of, next_level, patience_of, reject_quorum_of, votes_of, ways_of
from hitl_fsm.core.who import asked
from hitl_fsm.model.answer import Abstain, Advise, Approve, Vote
from hitl_fsm.model.instant import iso
from hitl_fsm.model.requirement import OutcomeUnknown, Requirement
from hitl_fsm.model.verdict import Approval, Confirm, Escalation, External, Review, Seat

_SPANS = ((86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1_000, "s"))


class ShownVote(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one person answered; `why` says why it does not count, where `counts` is false.

    `printed_name` is the name in words, `on_behalf_of` for whom the person spoke, `kind` what it is, if no human.
    """

    by: str
    answer: str
    at: str
    authenticated_by: str
    counts: bool
    why: str = ""
    printed_name: str = ""
    on_behalf_of: str = ""
    kind: str = "human"
    note: str | None = None


def who_may(requirement: Requirement) -> str:
    """Who may answer it now; and who may not, though one of them."""
    match requirement.question:
        case External(route):
            return f"whoever reports for the route {route}"
        case OutcomeUnknown():
            return "anyone who knows what happened"
    allowed = names(asked(requirement), requirement)
    out = excluded(requirement)
    return f"{allowed}; not {', '.join(out)}" if out else allowed


def excluded(requirement: Requirement) -> tuple[str, ...]:
    """Who may not answer it, in words."""
    question = requirement.question
    return tuple(
        _name(one, requirement) for one in (question.excluded if isinstance(question, Approval | Review) else ())
    )


def names(of: Iterable[str], requirement: Requirement) -> str:
    """`anyone with the role finance or maria`."""
    return " or ".join(_name(one, requirement) for one in of)


def _name(one: str, requirement: Requirement) -> str:
    match one:
        case "requester":
            return f"{requirement.user}, for whom the run acts"
        case "editor":
            return f"whoever changed the arguments{_in_brackets(requirement.editors)}"
        case "previous_approver":
            return f"whoever approved an earlier gate of this call{_in_brackets(requirement.approvers)}"
    if one.startswith("role:"):
        return f"anyone with the role {one.removeprefix('role:')}"
    if one.startswith("group:"):
        return f"anyone of the group {one.removeprefix('group:')}"
    return one.removeprefix("user:")


def _in_brackets(people: Sequence[str]) -> str:
    return f" ({', '.join(people)})" if people else ""


def needs(requirement: Requirement) -> str:
    """What is enough for a yes, and for a no; empty where one answer is all there is."""
    if not isinstance(requirement.question, Approval) and level_of(requirement) is None:
        return ""
    ways = [" and ".join(_seat(seat, requirement) for seat in way) for way in ways_of(requirement)]
    several = any(len(way) > 1 for way in ways_of(requirement))
    no = reject_quorum_of(requirement)
    return (
        f"yes of {', or of '.join(ways)}{', all of them different people' if several else ''};"
        f" {'one no ends it' if no == 1 else f'no of {no} different people ends it'}"
    )


def _seat(seat: Seat, requirement: Requirement) -> str:
    who = names(seat.of, requirement)
    return f"{seat.count} people ({who})" if seat.count > 1 else who


def so_far(requirement: Requirement) -> str:
    """`1 of 2; needs one more: anyone with the role finance`; each way by itself. Empty where one answer is enough."""
    ways = ways_of(requirement)
    if not isinstance(requirement.question, Approval | Confirm | Review):
        return ""
    if len(ways) == 1 and sum(seat.count for seat in ways[0]) == 1 and reject_quorum_of(requirement) == 1:
        return ""
    yes = [vote for vote in votes_of(requirement) if isinstance(vote.answer, Approve)]
    filled = [_filled(way, yes, requirement) for way in ways]
    told = filled[0] if len(filled) == 1 else "either " + ", or ".join(filled)
    no = sum(vote.answer.__struct_config__.tag == "reject" for vote in votes_of(requirement))
    return f"{told}; {no} of {reject_quorum_of(requirement)} no" if reject_quorum_of(requirement) > 1 else told


def _filled(way: Sequence[Seat], yes: Sequence[Vote], requirement: Requirement) -> str:
    total = sum(seat.count for seat in way)
    free = free_seats(way, yes)
    if not free:
        return f"{total} of {total}"
    wanted: dict[tuple[str, ...], int] = {}
    for seat in free:
        wanted[seat.of] = wanted.get(seat.of, 0) + 1
    more = " more" if total > len(free) else ""
    told = (f"{'one' if count == 1 else count}{more}: {names(of, requirement)}" for of, count in wanted.items())
    return f"{total - len(free)} of {total}; needs {' and '.join(told)}"


def votes_shown(requirement: Requirement) -> tuple[ShownVote, ...]:
    """What people answered so far, those votes too that do not count any more; advice is not among them."""
    counted: set[str] = set()
    found = []
    for vote in requirement.votes:
        if isinstance(vote.answer, Advise):
            continue
        why = _why_not(vote, requirement, counted)
        if not why:
            counted |= set(vote.by.persons)
        found.append(_shown(vote, str(vote.answer.__struct_config__.tag), why))
    return tuple(found)


def advice_shown(requirement: Requirement) -> tuple[ShownVote, ...]:
    """What models, services and bystanders think of it."""
    return tuple(
        _shown(vote, vote.answer.opinion, "advice never counts")
        for vote in requirement.votes
        if isinstance(vote.answer, Advise)
    )


def _why_not(vote: Vote, requirement: Requirement, counted: set[str]) -> str:
    if vote.level != requirement.escalated:
        return "it was given before others were asked"
    if isinstance(vote.answer, Abstain):
        return "neither yes nor no"
    return "this is a person who has a vote already" if counted & set(vote.by.persons) else ""


def _shown(vote: Vote, answer: str, why: str) -> ShownVote:
    edits = isinstance(vote.answer, Approve) and vote.answer.args is not None
    return ShownVote(
        by=vote.by.id,
        answer=f"{answer}, with other arguments" if edits else answer,
        at=iso(vote.at),
        authenticated_by=vote.by.authenticated_by,
        counts=not why,
        why=why,
        printed_name=vote.by.printed_name,
        on_behalf_of=vote.by.on_behalf_of or "",
        kind=vote.by.kind,
        note=vote.answer.note,
    )


def passed_on(requirement: Requirement) -> str:
    """What time has done to it so far."""
    if not requirement.escalated:
        return ""
    times = "once" if requirement.escalated == 1 else f"{requirement.escalated} times"
    return f"{times}, since nobody decided in time; votes from before do not count"


def on_expiry(requirement: Requirement) -> str | None:
    """What becomes of it when its time is over: who is asked then, and that time never says yes."""
    if requirement.expires_at is None:
        return None
    end = "the result is withheld" if isinstance(requirement.question, Review) else "it is refused"
    following = next_level(requirement)
    if following is None:
        return f"{end}, and the agent is told"
    levels = patience_of(requirement.question).escalate[requirement.escalated :]
    told = ", then ".join(_asked_next(level, requirement) for level in levels)
    last = "" if levels[-1].expires_ms is None else f"; after that {end}, and the agent is told"
    return f"{told}{last}"


def _asked_next(level: Escalation, requirement: Requirement) -> str:
    how_long = "" if level.expires_ms is None else f" for {span(level.expires_ms)}"
    return f"{_seat(Seat(level.of, level.quorum), requirement)} {'are' if level.quorum > 1 else 'is'} asked{how_long}"


def span(ms: int) -> str:
    """`4 h`, `1 h 30 min`."""
    parts = []
    for size, unit in _SPANS:
        count, ms = divmod(ms, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts) or f"{ms} ms"
