"""What a reviewer should look at first: whatever in a run was not the plain way from a question to a yes. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from hitl_fsm.audit.export.evidence.collect import Action, Collected, Question, Story
from hitl_fsm.audit.export.evidence.parts import lasted
from hitl_fsm.audit.export.evidence.signatures import Signature, reviews, signatures
from hitl_fsm.audit.export.lines import Entry

FAST_MS: Final = 3_000
"""An answer to a grave question that came sooner is worth a second look."""
_GRAVE: Final = frozenset({"high", "critical"})


class Point(NamedTuple):
    """One thing to look at, in a sentence; `seq` is the line that says it, `grave` what should never be."""

    text: str
    seq: int
    grave: bool = False


def points(story: Story, found: Collected) -> list[Point]:
    """In the order of the lines; none for a run in which nothing of the kind happened."""
    told = [point for action in story.actions.values() for point in _of_action(action, found)]
    for entry in story.lines:
        if entry.event == "policy_changed":
            told.append(Point("The policies changed while the run was under way", entry.seq))
        elif entry.event == "run_failed":
            told.append(Point("The run failed", entry.seq))
    return sorted(told, key=lambda point: point.seq)


def _of_action(action: Action, found: Collected) -> Iterator[Point]:
    what = f"{action.tool} (call {action.call})"
    if action.started and not action.authorised:
        yield Point(f"{what} began, and no line authorises it", action.started[0].seq, grave=True)
    for entry in action.verdicts:
        if entry.event == "call_edited":
            yield Point(f"{_who(entry)} changed the arguments of {what}{_changed(entry)}", entry.seq)
        if entry.text("problem") or "problem" in entry.contents:
            yield Point(f"{what} could not be judged as it was asked for", entry.seq)
    for entry in action.ends:
        if entry.event == "call_lost":
            yield Point(f"Whether {what} took effect was not known for some time", entry.seq)
        elif entry.event == "call_failed":
            yield Point(f"{what} failed", entry.seq)
    looked = list(reviews(action))
    for entry in action.beside:
        yield from _beside(entry, what, looked)
    for question in action.questions:
        yield from _of_question(question, action, found)


def _beside(entry: Entry, what: str, looked: list[Signature]) -> Iterator[Point]:
    if entry.event == "break_glass":
        names = ", ".join(f"{one.name or one.id} reviewed it {lasted(one.took_ms)} later" for one in looked)
        told = f"{_who(entry)} passed the gate of {what} alone, in an emergency; "
        yield Point(told + (names or "nobody has reviewed that yet"), entry.seq, grave=not looked)
    elif entry.event == "result_edited":
        yield Point(f"{_who(entry)} gave another result of {what} to the model than it had", entry.seq)
    elif entry.event == "grant_used":
        yield Point(f"{what} went by an earlier yes ({entry.text('grant')}), without a new question", entry.seq)
    elif entry.event == "approval_revoked":
        yield Point(f"{_who(entry)} took a yes to {what} back", entry.seq)
    elif entry.event == "late_result":
        yield Point(f"A worker that had lost the run told later what became of {what}", entry.seq)


def _of_question(question: Question, action: Action, found: Collected) -> Iterator[Point]:
    what = f"{action.tool} (call {action.call})"
    closed = question.closed
    if closed is not None and question.state in {"rejected", "expired"}:
        said = (
            f"{_who(closed)} said no to {what}" if question.state == "rejected" else f"Nobody answered {what} in time"
        )
        yield Point(said, closed.seq)
    for entry in question.notes:
        if entry.event == "requirement_escalated":
            yield Point(f"The question about {what} went to the next ones: time was over", entry.seq)
    if action.severity in _GRAVE:
        for one in signatures(question, found):
            if one.took_ms is not None and one.took_ms < FAST_MS and one.kind == "human":
                yield Point(f"{one.name or one.id} answered about {what} within {lasted(one.took_ms)}", one.seq)


def _changed(entry: Entry) -> str:
    """The names of the arguments that an edit changed, where they are there to see."""
    was, now = entry.content("was"), entry.content("args")
    if not isinstance(was, dict) or not isinstance(now, dict):
        return ""
    names = [name for name in {**was, **now} if was.get(name) != now.get(name)]
    return f": {', '.join(names)}" if names else ""


def _who(entry: Entry) -> str:
    return str(entry.by.get("printed_name") or entry.actor)
