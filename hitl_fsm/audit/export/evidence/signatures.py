"""Who signed, when, and what it meant (21 CFR 11.50): one value for each vote, answer and review. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from hitl_fsm.audit.export.evidence.collect import Action, Collected, Question
from hitl_fsm.audit.export.lines import Entry

MEANINGS: Final = {
    "approve": "Approved",
    "reject": "Rejected",
    "abstain": "Abstained",
    "advise": "Gave advice, which does not count",
    "provide": "Provided what was asked for",
    "report": "Reported the result of the action",
    "respond": "Gave a result instead of the action, which does not run",
    "happened": "Declared that the action took effect",
    "not_happened": "Declared that the action did not take effect",
    "give_up": "Declared that nobody can know whether it took effect",
    "accept": "Reviewed the result and released it",
    "edit_result": "Reviewed the result and released another one instead",
    "retry": "Reviewed the result and had the action run again",
    "break_glass": "Approved alone, in an emergency",
}
REVIEWED: Final = "Reviewed the emergency approval"
_REVIEW_NO = "Reviewed the result and kept it back"


class Signature(NamedTuple):
    """`name` is the printed name, `took_ms` how long after the question was asked. `seq` is the line that has it."""

    name: str
    id: str
    kind: str
    at: int
    meaning: str
    authenticated_by: str
    on_behalf_of: str
    took_ms: int | None
    shown: str
    presented: str
    note: str | None
    seq: int


def signatures(question: Question, found: Collected) -> list[Signature]:
    """In order of time: votes, those that an edit carried over, and the answer that closed the question."""
    signed = {(one.actor, one.at): _vote(one, question) for one in question.votes}
    closed = question.closed
    if closed is not None and closed.text("answer"):
        for vote in closed.data.get("votes") or ():
            if isinstance(vote, dict):
                carried = _carried(vote, question, found, closed)
                signed.setdefault((carried.id, carried.at), carried)
        own = _vote(closed, question)
        signed[own.id, own.at] = own
    return sorted(signed.values(), key=lambda one: (one.at, one.seq))


def reviews(action: Action) -> Iterator[Signature]:
    """Looks that somebody else took after an emergency."""
    for entry in action.beside:
        if entry.event == "override_reviewed":
            broken = entry.number("broken_at")
            took = None if broken is None else entry.at - broken
            note = entry.content("finding") or entry.text("finding") or None
            yield _signature(entry, REVIEWED, took, note)


def _vote(entry: Entry, question: Question) -> Signature:
    answer = entry.content("answer")
    note = answer.get("note") if isinstance(answer, dict) else None
    meaning = _meaning(entry, question, answer)
    return _signature(entry, meaning, entry.at - question.opened.at, note)


def _meaning(entry: Entry, question: Question, answer: Any) -> str:
    tag = entry.text("answer")
    if tag == "reject" and question.kind == "review":
        return _REVIEW_NO
    meaning = MEANINGS.get(tag, tag)
    if tag == "advise" and isinstance(answer, dict) and answer.get("opinion"):
        return f"{meaning}: {answer['opinion']}"
    if tag == "approve" and isinstance(answer, dict) and answer.get("args") is not None:
        meaning = f"{meaning}, with changes"
    return meaning if entry.data.get("counts", True) else f"{meaning} (does not count)"


def _signature(entry: Entry, meaning: str, took: int | None, note: Any) -> Signature:
    by = entry.by
    return Signature(
        name=str(by.get("printed_name") or ""),
        id=entry.actor,
        kind=str(by.get("kind", "human")),
        at=entry.at,
        meaning=meaning,
        authenticated_by=str(by.get("authenticated_by", "application")),
        on_behalf_of=str(by.get("on_behalf_of") or ""),
        took_ms=took,
        shown=entry.text("shown"),
        presented=entry.text("presented"),
        note=note if isinstance(note, str) else None,
        seq=entry.seq,
    )


def _carried(vote: Mapping[str, Any], question: Question, found: Collected, closed: Entry) -> Signature:
    """A vote that was given to the question before an edit, and counts for this one; its own line is elsewhere."""
    voter, at = str(vote.get("voter", "")), vote.get("voted_at")
    tag = str(vote.get("answer", ""))
    persons = [str(one) for one in vote.get("persons") or ()]
    when = at if isinstance(at, int) else closed.at
    before = when <= question.opened.at
    meaning = MEANINGS.get(tag, tag)
    return Signature(
        name=found.names.get(voter, ""),
        id=voter,
        kind="human",
        at=when,
        meaning=f"{meaning}, as the one who changed it" if before else meaning,
        authenticated_by=str(vote.get("authenticated_by", "")),
        on_behalf_of=next((one for one in persons[1:]), ""),
        took_ms=None if before else when - question.opened.at,
        shown=str(vote.get("shown", "")),
        presented=str(vote.get("presented", "")),
        note=None,
        seq=closed.seq,
    )
