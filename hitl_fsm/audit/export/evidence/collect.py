"""From lines to what the pack tells: runs, the actions in each, the questions about each, who signed what. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from hitl_fsm.audit.export.lines import Entry

RUN_STATES: Final = ("running", "paused", "resolving", "continuing", "done", "failed", "cancelled")
QUESTION_ENDS: Final = frozenset({"resolved", "rejected", "expired", "cancelled", "superseded"})
CALL_ENDS: Final = frozenset(
    {"call_succeeded", "call_failed", "call_denied", "call_withheld", "call_substituted", "call_lost", "call_held"}
)
SHOWN: Final = frozenset({"requirement_viewed", "requirement_presented"})


@dataclass(slots=True)
class Question:
    """One question about an action: what was opened, shown, voted and answered; `closed` is None while it is open."""

    opened: Entry
    shown: list[Entry] = field(default_factory=list)
    votes: list[Entry] = field(default_factory=list)
    notes: list[Entry] = field(default_factory=list)
    closed: Entry | None = None

    @property
    def id(self) -> str:
        return self.opened.text("requirement")

    @property
    def kind(self) -> str:
        return self.opened.text("kind")

    @property
    def state(self) -> str:
        return "open" if self.closed is None else self.closed.event.removeprefix("requirement_")


@dataclass(slots=True)
class Action:
    """One call: each verdict on it (more where it was edited or judged again), and what came of it, in order."""

    call: str
    verdicts: list[Entry] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)
    authorised: list[Entry] = field(default_factory=list)
    started: list[Entry] = field(default_factory=list)
    ends: list[Entry] = field(default_factory=list)
    beside: list[Entry] = field(default_factory=list)

    @property
    def tool(self) -> str:
        return next((one.text("tool") for one in self.lines if one.text("tool")), "")

    @property
    def lines(self) -> list[Entry]:
        """Those that name its tool, the newest verdict first."""
        return [*self.verdicts[::-1], *self.started, *self.ends]

    @property
    def state(self) -> str:
        """Where it stands, by the newest line that says so; a yes that is not enough any more is asked about again."""
        newest = max((*self.authorised, *self.started, *self.ends), key=lambda one: one.seq, default=None)
        if newest is None:
            return "waiting"
        state = newest.event.removeprefix("call_")
        if state == "authorised" and any(one.opened.seq > newest.seq for one in self.questions):
            return "waiting"
        words = {"started": "executing", "lost": "outcome unknown", "held": "in review"}
        return words.get(state, state)

    @property
    def severity(self) -> str:
        return next((one.text("severity") for one in self.verdicts[::-1] if one.text("severity")), "low")


@dataclass(slots=True)
class Visit:
    """A state of the run, the line that led there, and the one that led away."""

    state: str
    began: Entry
    ended: Entry | None = None


@dataclass(slots=True)
class Story:
    """One run."""

    run: str
    created: Entry | None = None
    visits: list[Visit] = field(default_factory=list)
    actions: dict[str, Action] = field(default_factory=dict)
    replies: list[Entry] = field(default_factory=list)
    grants: list[Entry] = field(default_factory=list)
    lines: list[Entry] = field(default_factory=list)
    questions: dict[str, Question] = field(default_factory=dict)

    @property
    def state(self) -> str:
        return self.visits[-1].state if self.visits else "unknown"

    @property
    def policies(self) -> tuple[str, ...]:
        """The digests of the policies under which it was judged, in the order in which they came."""
        named = (line.text("policies") for line in self.lines)
        return tuple(dict.fromkeys(digest for digest in named if digest))


@dataclass(slots=True)
class Collected:
    """All runs, what belongs to none, and who is who: the name in words that an id had last."""

    stories: dict[str, Story] = field(default_factory=dict)
    others: list[Entry] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    count: int = 0


def collect(entries: Iterable[Entry]) -> Collected:
    """Everything, in the order of the lines."""
    found = Collected()
    for entry in entries:
        found.count += 1
        if entry.by.get("printed_name"):
            found.names[entry.actor] = str(entry.by["printed_name"])
        if not entry.run:
            found.others.append(entry)
            continue
        story = found.stories.setdefault(entry.run, Story(entry.run))
        story.lines.append(entry)
        _tell(story, entry)
    return found


def _tell(story: Story, entry: Entry) -> None:
    event = entry.event
    if event == "run_created":
        story.created = entry
        _visit(story, "running", entry)
    elif event.removeprefix("run_") in RUN_STATES and event.startswith("run_"):
        _visit(story, event.removeprefix("run_"), entry)
    elif event == "model_replied":
        story.replies.append(entry)
    elif event in {"grant_made", "grant_revoked"}:
        story.grants.append(entry)
    elif entry.text("call") or entry.text("requirement"):
        _about_call(story, entry)


def _visit(story: Story, state: str, entry: Entry) -> None:
    if story.visits and story.visits[-1].state == state:
        return
    if story.visits:
        story.visits[-1].ended = entry
    story.visits.append(Visit(state, entry))


def _about_call(story: Story, entry: Entry) -> None:
    event, requirement = entry.event, entry.text("requirement")
    question = story.questions.get(requirement)
    call = entry.text("call") or (question.opened.text("call") if question else "")
    action = story.actions.setdefault(call, Action(call))
    if event in {"call_judged", "call_edited"}:
        action.verdicts.append(entry)
    elif event == "requirement_opened":
        story.questions[requirement] = Question(entry)
        action.questions.append(story.questions[requirement])
    elif event == "call_authorised":
        action.authorised.append(entry)
    elif event == "call_started":
        action.started.append(entry)
    elif event in CALL_ENDS:
        action.ends.append(entry)
    elif question is not None and event.startswith("requirement_"):
        _about_question(question, entry)
    else:
        action.beside.append(entry)


def _about_question(question: Question, entry: Entry) -> None:
    if entry.event.removeprefix("requirement_") in QUESTION_ENDS:
        question.closed = entry
    elif entry.event in SHOWN:
        question.shown.append(entry)
    elif entry.event in {"requirement_voted", "requirement_advised"}:
        question.votes.append(entry)
    else:
        question.notes.append(entry)
