"""Makes rounds, and holds what came of each against the laws; every complaint names the seed that makes it again."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from race_history import FOREVER, OPEN, Act, Life, complaint
from race_ops import EDITED_AMOUNT, FIRST_AMOUNT, Desk, Kind, Note, Op, Orders, Question, closing, shown
from race_rings import Ring
from witness import Witness

from hitl_fsm.model.answer import Approve
from hitl_fsm.model.event import CallsStarted
from hitl_fsm.model.states import CallState
from hitl_fsm.runtime.handles import RunHandle

OPS_EACH = 2
LONGEST_DELAY_US = 4_000
FINISHING_STEPS = 6
REFEREE = "referee"
ANSWERING: tuple[Kind, ...] = ("approve", "reject", "edit", "late approve")
RUN_OVER = frozenset({"done", "cancelled"})
CLOSED_BY: dict[Kind, str] = {"approve": "resolved", "edit": "resolved", "reject": "rejected"}

MIXES: tuple[tuple[Kind, ...], ...] = (
    ("approve", "reject"),
    ("approve", "approve", "edit", "reject", "late approve", "look"),
    ("approve", "edit", "cancel", "expire", "sweep", "look"),
    ("approve", "approve", "go on", "go on", "cancel", "late approve", "expire"),
    ("go on", "go on", "go on", "cancel", "look"),
    ("expire", "late approve", "approve", "sweep"),
    ("sweep", "sweep", "early sweep", "approve"),
)
"""What racers choose from; a round draws one."""
FIRST_MIX: tuple[Kind, ...] = ("approve",)
"""Of the first round, which begins with nothing answered: one approval wins there for sure, however few rounds are
played and however the others fall out."""

LOSES_WITH: dict[Kind, frozenset[str]] = {
    "approve": frozenset({"HF304"}),
    "reject": frozenset({"HF304"}),
    "edit": frozenset({"HF304"}),
    "late approve": frozenset({"HF304", "HF311"}),
    "cancel": frozenset({"HF310"}),
    "go on": frozenset({"HF305", "HF306"}),
    "expire": frozenset({"HF305", "HF306"}),
    "sweep": frozenset(),
    "early sweep": frozenset(),
    "look": frozenset(),
}
"""The documented errors: already resolved, expired, run ended, run busy, fenced."""

_FIRST = re.compile(r" is already (\w+)(?:,? by (\S+))?")

NO_CLOSING = {"requirement_opened", "requirement_presented", "requirement_viewed"}


class Referee:
    """One ring, one store, rounds by number."""

    def __init__(self, url: str, folder: Path, ring: Ring, seed: str) -> None:
        self._witness = Witness(folder / "witness.txt")
        self._desk = Desk(url, self._witness)
        self._ring = ring
        self._seed = seed
        self._expected: Counter[tuple[str, str, int]] = Counter()
        self.saw: Counter[str] = Counter()

    def play(self, rounds: int) -> None:
        """So many rounds, then the accounts: every effect has its approval, and the record is whole."""
        for number in range(rounds):
            self._round(number)
        made = Counter((line["run"], line["call"], line["amount"]) for line in self._witness.lines())
        assert made == self._expected, f"seed {self._seed}: effects {made - self._expected}, {self._expected - made}"
        assert self._desk.engine.audit.verify().intact

    def close(self) -> None:
        self._ring.close()
        self._desk.engine.close()

    def _round(self, number: int) -> None:
        dice = random.Random(f"{self._seed}/{number}")
        questions = dice.choice((1, 2))
        run = self._desk.agents[questions].run("go", user="alice")
        asked = tuple(Question(q.id, q.digest) for q in run.active_requirements)
        mix = dice.choice(MIXES) if number else FIRST_MIX
        known = {q.id: OPEN for q in asked}
        before = len(asked) if "approve" not in mix else dice.choice((0, 0, len(asked) - 1)) * bool(number)
        for question in asked[:before]:
            self._desk.engine.resolve(question.id, Approve(), by=REFEREE)
            known[question.id] = Life("resolved", REFEREE)
        orders = [Orders(run.run_id, asked, ops(dice, mix, racer, questions)) for racer in range(self._ring.size)]
        notes = sorted((n for own in self._ring.fight(orders) for n in own), key=lambda note: note.start)
        self.saw.update(f"{note.op.kind}: {note.error or 'ok'}" for note in notes)
        objections = [*of_notes(notes), *self._of_lives(run, known, notes), *self._of_the_end(run)]
        assert not objections, "\n".join(
            [f"seed {self._seed}, round {number}, {run.run_id}, {before} of {questions} answered before:"]
            + [line_of(note, notes[0].start) for note in notes]
            + objections
        )

    def _of_lives(self, run: RunHandle, known: dict[str, Life], notes: Sequence[Note]) -> list[str]:
        """The history of each question, with a last look at the store, and its row against the log."""
        last = shown(self._desk.engine.runs.get(run.run_id))
        end = max(note.end for note in notes)
        objections = []
        for question, begin in known.items():
            acts = [act for note in notes for act in acts_of(note, question)]
            acts.append(Act(REFEREE, "looked", end + 1, FOREVER, life_of(last.run, last.questions[question])))
            objections.append(complaint(acts, begin))
            row = closing(self._desk.engine.inbox.get(question).value)
            if row != last.questions[question]:
                objections.append(f"{question} is {row} in its row, {last.questions[question]} in the log")
        return [one for one in objections if one]

    def _of_the_end(self, run: RunHandle) -> list[str]:
        """The run can be brought to its end; then each question was closed once, and each intent has one effect."""
        run = self._finished(run)
        if run.state.value not in RUN_OVER:
            return [f"the run cannot be brought to its end: {run.state.value}, {run.error}, {run.requirements}"]
        objections = []
        closings = Counter(
            line["data"]["requirement"]
            for line in self._desk.engine.runs.timeline(run.run_id)
            if line["event"].startswith("requirement_") and line["event"] not in NO_CLOSING
        )
        if closings != Counter(q.id for q in run.requirements):
            objections.append(f"each question is closed once on the record, but here: {closings}")
        begun = Counter(
            call_id
            for entry in self._desk.engine.runs.events(run.run_id)
            if isinstance(entry.event, CallsStarted)
            for call_id in entry.event.call_ids
        )
        for call in run.calls:
            amount = (call.args or {})["amount"]
            by = {closing(q.value) for q in run.requirements if q.value.call_id == call.call_id}
            self._expected[run.run_id, call.call_id, amount] += begun[call.call_id]
            allowed = {state for state, _ in by} == {"resolved"}
            if begun[call.call_id] != (call.state in {CallState.SUCCEEDED, CallState.EXECUTING}) or (
                begun[call.call_id] and not allowed
            ):
                objections.append(f"call {call.call_id} is {call.state.value} after {begun[call.call_id]} starts, {by}")
            if amount != (EDITED_AMOUNT if any(who.endswith("edit") for _, who in by) else FIRST_AMOUNT):
                objections.append(f"call {call.call_id} has the amount {amount} after {by}")
        self._expected += Counter()  # drop the zeros
        return objections

    def _finished(self, run: RunHandle) -> RunHandle:
        engine = self._desk.engine
        for _ in range(FINISHING_STEPS):
            run = engine.advance(run.run_id)
            for requirement in run.active_requirements:
                if not requirement.is_outcome_unknown:  # nobody died, so nobody may have to ask
                    engine.resolve(requirement.id, Approve(), by=REFEREE)
        return run


def ops(dice: random.Random, mix: Sequence[Kind], racer: int, questions: int) -> tuple[Op, ...]:
    """What one racer does in a round; half of them begin at once."""
    return tuple(
        Op(kind, f"r{racer}.{place}.{kind}".replace(" ", "_"), dice.randrange(questions), delay)
        for place in range(dice.randint(1, OPS_EACH))
        for kind, delay in [(dice.choice(mix), dice.choice((0, dice.randrange(LONGEST_DELAY_US))))]
    )


def of_notes(notes: Sequence[Note]) -> list[str]:
    """Errors that nobody may meet, and successes that are none."""
    objections = []
    for note in notes:
        op = note.op
        if note.error and note.error not in LOSES_WITH[op.kind]:
            objections.append(f"{op.by} met {note.error}, which is not among its documented ends")
        if note.fired and op.kind == "early sweep":
            objections.append(f"{op.by} fired {note.fired} before its time")
        if note.shown is not None and op.kind in ANSWERING:
            mine = [state for state, by in note.shown.questions.values() if by == op.by]
            if mine != [CLOSED_BY.get(op.kind)]:
                objections.append(f"{op.by} was told of success, but closed {mine}")
    return objections


def acts_of(note: Note, question: str) -> list[Act]:
    """What one note says of one question."""
    op = note.op
    if op.kind in ANSWERING:
        return _answering_acts(note, question)
    act = Act(op.by, "looked", note.start, note.end)
    acts = []
    if op.kind == "sweep":
        acts.append(act._replace(verb="expired" if question in note.fired else "perhaps expired"))
    if op.kind == "expire":
        acts.append(act._replace(verb="perhaps expired"))
    if op.kind in {"go on", "expire"}:
        acts.append(act._replace(verb="perhaps finished"))
    if note.shown is not None:
        verb = "cancelled" if op.kind == "cancel" else "looked"
        acts.append(act._replace(verb=verb, told=life_of(note.shown.run, note.shown.questions[question])))
    elif note.error == "HF310":
        acts.append(act._replace(verb="was over"))
    return acts


def _answering_acts(note: Note, question: str) -> list[Act]:
    act = Act(note.op.by, "looked", note.start, note.end)
    if note.shown is not None:
        life = life_of(note.shown.run, note.shown.questions[question])
        return [act._replace(verb="answered" if life.by == note.op.by else "looked", told=life)]
    if question not in note.message:
        return []
    if note.error == "HF311":
        return [act._replace(verb="found expired")]
    first = _FIRST.search(note.message)
    if note.error != "HF304" or first is None:
        return []
    return [act._replace(verb="too late", told=Life(first[1], first[2] or ""))]


def life_of(run: str, question: tuple[str, str]) -> Life:
    return Life(*question, run if run in RUN_OVER else "")


def line_of(note: Note, zero: int) -> str:
    told = note.shown if note.shown is not None else note.fired or f"{note.error} {note.message}"
    return (
        f"  {(note.start - zero) / 1e6:8.3f} to {(note.end - zero) / 1e6:8.3f} ms  {note.op.by} {note.op.about}: {told}"
    )
