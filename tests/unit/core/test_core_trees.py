"""Trees of runs in the pure core: whatever happens, in any order, is one whole step or one error (law 11).

A random hand throws events at a run: fitting ones, stale ones, ones about frames that are gone or never were. After
each that is taken the tree must be whole, tell somebody what to do next, and be the same when its log is replayed.
"""

from __future__ import annotations

from contextlib import suppress
from random import Random

import msgspec
import pytest

from hitl_fsm.core.decide import Step, decide, due
from hitl_fsm.core.replay import replay
from hitl_fsm.errors import IllegalTransition
from hitl_fsm.model import answer as answers
from hitl_fsm.model import event as events
from hitl_fsm.model.action import Aspect, Below
from hitl_fsm.model.actor import ENGINE, Actor
from hitl_fsm.model.effect import CallModel, JudgeAgain, RunTools, StartCalls
from hitl_fsm.model.event import Entry, Event, ProposedCall
from hitl_fsm.model.message import Message
from hitl_fsm.model.paths import call_id
from hitl_fsm.model.run import Run
from hitl_fsm.model.states import RunState
from hitl_fsm.model.verdict import Confirm, External, Review, Verdict
from share import share_of
from whole import broken

ALICE = Actor("alice")
VERDICTS = {
    "allow": Verdict("allow", policy_digest="p"),
    "beside": Verdict("allow", policy_digest="p", batch="run_ungated"),
    "hold": Verdict("gated", (Confirm(),), policy_digest="p", batch="hold_all"),
    "confirm": Verdict("gated", (Confirm(expires_ms=1),), policy_digest="p"),
    "external": Verdict("gated", (External("route"),), policy_digest="p"),
    "review": Verdict("gated", (Review(retries=2),), policy_digest="p"),
    "deny": Verdict("deny", policy_digest="p"),
}
FITTING: dict[str, tuple[answers.Answer, ...]] = {
    "confirm": (answers.Approve(), answers.Reject(), answers.Respond("instead")),
    "external": (answers.Report("screened"), answers.Reject()),
    "review": (answers.Accept(), answers.EditResult("better"), answers.Retry("again"), answers.Reject()),
    "outcome": (answers.Happened("it did"), answers.NotHappened(), answers.GiveUp()),
    "user_input": (answers.Provide({}), answers.Reject()),
}
YES = {
    "confirm": answers.Approve(),
    "external": answers.Report("screened"),
    "review": answers.Accept(),
    "outcome": answers.GiveUp(),
    "user_input": answers.Provide({}),
}
JUDGED = (events.VerdictsRevised, events.AnswerRecorded)
OVER = {RunState.DONE, RunState.CANCELLED}
REPLIES, HALF = 0.2, 0.5
ENOUGH = 2_000
"""Steps after which a run that somebody answers at once must have ended."""


class Tree:
    """A run with its log, and with all names that ever stood in it."""

    def __init__(self) -> None:
        self.log: list[Entry] = []
        self.run: Run
        self.step: Step
        self.messages: list[Message] = []
        self.frames, self.calls, self.asked = ["", "7.7"], ["7.7", "7.7/1.0"], ["req_r-9999"]
        self.take(events.RunCreated("run_r", "team", "desk", "go", ALICE))

    def take(self, event: Event, verdicts: dict[str, Verdict] | None = None) -> None:
        """IllegalTransition, and nothing is changed; or the next state, which must be whole."""
        before = self.run if self.log else None
        entry = Entry(len(self.log) + 1, 10 * len(self.log) + 10, ENGINE, event, verdicts or {})
        kept = msgspec.json.encode(before)
        try:
            self.step = decide(before, entry)
        finally:
            assert msgspec.json.encode(before) == kept, "a step changed the run that it began with"
        self.log.append(entry)
        self.run = self.step.run
        one, self.messages = replay([entry], before, self.messages)
        assert one == self.run, "a replay tells otherwise"
        self.frames += [one.path for one in self.run.frames if one.path not in self.frames]
        self.calls += [one.call_id for one in self.run.calls if one.call_id not in self.calls]
        self.asked += [one.requirement_id for one in self.run.requirements if one.requirement_id not in self.asked]
        wrong = broken(self.run, self.messages)
        assert not wrong, wrong

    def reply(self, frame: str, calls: list[tuple[str, bool]], *, turn: int) -> tuple[Event, dict[str, Verdict]]:
        names = [call_id(frame, turn, index) for index in range(len(calls))]
        proposed = tuple(
            ProposedCall(
                name,
                "same id",
                "ask_clerk" if inside else "pay",
                {"task": "go"},
                aspects=(Aspect("start", "clerk", acts=False),) if inside else (),
                below=Below("agent", "clerk", "task") if inside else None,
            )
            for name, (_, inside) in zip(names, calls, strict=True)
        )
        verdicts = {name: VERDICTS[verdict] for name, (verdict, _) in zip(names, calls, strict=True)}
        return events.ModelReplied("said", proposed, frame=frame), verdicts


def anything(tree: Tree, hand: Random) -> tuple[Event, dict[str, Verdict]]:
    """An event of any kind about anything that is, was, or never was."""
    frame, call, asked = hand.choice(tree.frames), hand.choice(tree.calls), hand.choice(tree.asked)
    if hand.random() < REPLIES:
        turns = {"": tree.run.turn, **{one.path: one.turn for one in tree.run.frames}}
        some = [(hand.choice(sorted(VERDICTS)), hand.random() < HALF) for _ in range(hand.randint(0, 3))]
        return tree.reply(frame, some, turn=turns.get(frame, 0) + hand.choice([0, 1, 1, 1, 2]))
    question = next((one for one in tree.run.requirements if one.requirement_id == asked), None)
    fitting = FITTING["confirm" if question is None else question.kind]
    begun = tuple(dict.fromkeys(hand.choices(tree.calls, k=hand.randint(1, 3))))
    several: list[Event] = [
        events.ModelFailed("down", frame),
        events.RunStopped("enough", frame or "7.7"),
        events.CallsStarted(begun),
        events.CallReturned(call, "done"),
        events.CallRaised(call, "broken"),
        events.CallLost(call),
        events.CallAsked(call, "how?", {"type": "object"}),
        events.LateResult(call, hand.randint(0, 2), "late", begun=hand.random() < HALF),
        events.AnswerRecorded(asked, hand.choice(fitting), "", hand.choice([None, None, {"task": "other"}])),
        events.RequirementTimedOut(asked),
        events.VerdictsRevised("p2"),
        events.RunRetried(),
        events.RunCancelled(),
        events.RunCreated("run_r", "team", "desk", "go", ALICE),
    ]
    rare = (events.RunCancelled, events.RunCreated)
    event = hand.choices(several, [0.1 if isinstance(one, rare) else 1 for one in several])[0]
    return event, {call: VERDICTS[hand.choice(sorted(VERDICTS))]} if isinstance(event, JUDGED) else {}


def next_thing(tree: Tree) -> None:
    """What a worker does that goes on with it, and a person who says yes to everything."""
    run = tree.run
    for question in run.open_requirements[:1]:
        tree.take(events.AnswerRecorded(question.requirement_id, YES[question.kind], question.digest))
        return
    if run.state is RunState.FAILED:
        tree.take(events.RunRetried())
        return
    match due(run)[0]:
        case CallModel(_, frame):
            tree.take(events.ModelReplied("the end", frame=frame))
        case StartCalls(names):
            tree.take(events.CallsStarted(names))
        case RunTools(names):
            tree.take(events.CallReturned(names[0], "done"))
        case JudgeAgain(names):
            tree.take(events.VerdictsRevised("p3"), {name: run.call(name).verdict for name in names})


def played(seed: int) -> Tree:
    tree, hand = Tree(), Random(seed)
    for _ in range(hand.randint(10, 100)):
        if hand.random() < HALF:
            with suppress(IllegalTransition):
                tree.take(*anything(tree, hand))
        elif tree.run.state not in OVER:
            next_thing(tree)
    return tree


def to_its_end(tree: Tree) -> None:
    for _ in range(ENOUGH):
        if tree.run.state in OVER:
            break
        next_thing(tree)
    assert tree.run.state in OVER
    assert replay(tree.log) == (tree.run, tree.messages)


def held(seeds: range) -> None:
    for seed in seeds:
        try:
            to_its_end(played(seed))
        except Exception as error:
            msg = f"seed {seed}: {error!r}"
            raise AssertionError(msg) from error


def test_law11_whatever_happens_to_a_tree_is_a_whole_step_or_one_error() -> None:
    held(range(500))


@pytest.mark.slow
def test_law11_whatever_happens_to_a_tree_is_a_whole_step_or_one_error_long() -> None:
    held(range(share_of(20_000)))
