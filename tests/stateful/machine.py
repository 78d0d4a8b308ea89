"""The engine under any sequence of what people, policies, clocks and crashes can do to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from hitl_fsm.adapters.keys import Passing
from hitl_fsm.adapters.store.sqlite.database import SqliteDatabase
from hitl_fsm.adapters.store.store import SqlStore
from hitl_fsm.adapters.store.url import parse
from hitl_fsm.errors import Fenced, HitlError, RequirementExpired, StoreError, Tampered
from hitl_fsm.model import answer as answers
from hitl_fsm.model import event as events
from hitl_fsm.model.actor import Actor
from hitl_fsm.model.answer import Answer
from hitl_fsm.model.requirement import Requirement
from hitl_fsm.runtime.loop import loop_is_private, run_sync
from hitl_fsm.runtime.views import Audit
from stateful import shop, told, truth
from stateful.case import Broken
from stateful.engines import Bomb, Crash, World

MOOD_OF = {shop.mood_policies(mood).digest: mood for mood in shop.MOODS}
MAX_RUNS = 8
ROUNDS = 40
"""Rounds that truthful people need at most at the end."""
LONG_MS = 400_000
"""Longer than any wait: for a lease's end, for a lost call's."""

ARGUMENTS = st.fixed_dictionaries({"ref": st.sampled_from(["o1", "o2"]), "amount": st.integers(1, 3)})
KINDS = st.sampled_from(
    ["vet", "twin", "both", "soon", "send", "dup", *(kind for kind in shop.KINDS if kind not in shop.SLOW), "ask_user"]
)
"""Those first whose ways are longer: a sample is drawn from the front more often."""


def _turns() -> st.SearchStrategy[Any]:
    call = st.tuples(KINDS, ARGUMENTS).map(lambda drawn: ("ask_user", shop.ASKED) if drawn[0] == "ask_user" else drawn)
    turn = st.tuples(st.sampled_from(list(shop.BATCHES)), st.lists(call, min_size=1, max_size=3))
    named = turn.map(lambda t: [(name if name == "ask_user" else f"{t[0]}.{name}", args) for name, args in t[1]])
    return st.lists(named, min_size=1, max_size=3)


class Given(NamedTuple):
    """An answer that its giver was told to be durable."""

    run_id: str
    answer: Answer


class Machine(RuleBasedStateMachine):
    """Each engine stands for a process of its own; after a crash another one takes over."""

    memory = True

    def __init__(self) -> None:
        super().__init__()
        self.world = World(self.opened, memory=self.memory)
        self.run_ids: list[str] = []
        self.given: dict[str, Given] = {}
        self.refused: set[str] = set()
        self.cancelled: set[str] = set()
        self.notes = 0
        self.seen = run_sync(told.read(self.world.inner))
        self.judged: told.Told | None = None
        self.broken: Broken | None = None

    def teardown(self) -> None:
        try:
            self._to_the_end()
            self._verifies()
        finally:
            self.world.close()

    def opened(self) -> SqlStore:
        """The store of one process, whose record has keys. Others override it."""
        return SqlStore(SqliteDatabase(parse("sqlite:///:memory:")), loop_is_private, Passing())

    def _verifies(self) -> None:
        """Its signatures too, whoever died while they were written; they cover every line once an idle store signs."""
        assert run_sync(self.world.inner.sign()) is not None
        assert Audit(self.world.inner).verify().findings == ()

    # -- what happens

    @initialize(turns=_turns())
    def begin(self, turns: Any) -> None:
        self.start(turns)

    @precondition(lambda self: len(self.run_ids) < MAX_RUNS)
    @rule(turns=_turns())
    def start(self, turns: Any) -> None:
        prompt = f"plan {len(self.world.plans)}"
        self.world.plans[prompt] = turns
        self._try(lambda: self.world.agent.run(prompt, user=truth.ALICE))

    @precondition(lambda self: self.run_ids)
    @rule(which=st.integers(0, MAX_RUNS - 1))
    def go_on(self, which: int) -> None:
        run_id = self._run(which)
        self._try(lambda: self.world.agent.continue_run(run_id=run_id))

    @rule()
    def go_on_with_all(self) -> None:
        self._try(self.world.engine.continue_ready)

    @precondition(lambda self: self._open())
    @rule(then=st.booleans(), args=st.one_of(st.none(), ARGUMENTS), again=st.sampled_from([True, False]))
    def answer_all(self, then: bool, args: dict[str, Any] | None = None, again: bool = False) -> None:
        """Everything that is asked now; with `args`, whatever can be edited is; with `again`, what may runs again."""
        for row in self._open():
            given, by = self.truthful(row)
            if args is not None and isinstance(given, answers.Approve):
                given = answers.Approve(args=args)
            elif args is not None and isinstance(given, answers.Accept):
                given = answers.EditResult(None)
            elif again and truth.may_run_again(row):
                given = answers.Retry()
            self._answer(row, given, by)
        if then:
            self.go_on_with_all()

    @precondition(lambda self: self._open())
    @rule(
        which=st.integers(0, 5),
        how=st.sampled_from(["no", "instead", "again", "edit", "yes", "yes", "yes", "give up"]),
        args=ARGUMENTS,
    )
    def answer(self, which: int, how: str, args: dict[str, Any]) -> None:
        row = self._row(which)
        given, by = self.truthful(row)
        if how == "no" and row.kind != "outcome":
            given = answers.Reject()
        elif how == "instead" and row.kind not in {"outcome", "review"} and row.tool != "ask_user":
            given = answers.Respond(None)
            by = Actor(by.id, roles=by.roles)  # a person's word, also where a service may report
        elif how == "edit" and isinstance(given, answers.Approve):
            given = answers.Approve(args=args)
        elif how == "edit" and row.kind == "review":
            given = answers.EditResult(None)
        elif how == "give up" and row.kind == "outcome":
            given = answers.GiveUp()
        elif how == "again" and truth.may_run_again(row):
            given = answers.Retry()
        self._answer(row, given, by)

    @precondition(lambda self: self._open())
    @rule(which=st.integers(0, 5), how=st.sampled_from(["person", "agent", "stale", "form", "kind", "again"]))
    def answer_wrongly(self, which: int, how: str) -> None:
        row = self._row(which)
        given, by = self.truthful(row)
        digest = row.digest
        match how:
            case "person":
                by = Actor("rob" if by.id == "alice" else "alice")
            case "agent":
                by = msgspec.structs.replace(by, kind="agent")
            case "stale":
                digest = "0" * 64
            case "form":
                given = answers.Provide({"reason": 1}) if row.kind == "user_input" else answers.Approve(args={"no": 1})
            case "again":
                given = answers.Retry()
            case _:
                given = answers.Report("x") if row.kind != "external" else answers.Approve()
        if how == "person" and row.kind in {"external", "outcome"}:
            return
        if how == "again" and truth.may_run_again(row):
            return
        if how == "form" and "properties" in getattr(row.question, "schema", {}) and row.tool == "ask_user":
            return
        assert not self._answer(row, given, by, digest), f"{how}: a wrong answer to {row.requirement_id} was taken"

    @precondition(lambda self: any(row.state != "open" for row in self.seen.rows))
    @rule(which=st.integers(0, 9))
    def answer_again(self, which: int) -> None:
        closed = [row for row in self.seen.rows if row.state != "open"]
        row = closed[-1 - which % len(closed)]
        assert not self._answer(row, *self.truthful(row)), f"{row.requirement_id} was answered twice"

    @precondition(lambda self: self.run_ids)
    @rule(which=st.integers(0, MAX_RUNS - 1), really=st.sampled_from([False, False, False, True]))
    def cancel(self, which: int, really: bool) -> None:
        run_id = self._run(which)
        if not really:
            return
        if self._try(lambda: self.world.engine.cancel(run_id, by=truth.ALICE)):
            self.cancelled.add(run_id)

    @rule(ms=st.sampled_from([1, 59_999, 60_000, 61_000, LONG_MS, -5_000, -LONG_MS]))
    def move_the_clock(self, ms: int) -> None:
        self.world.clock.advance(ms)

    @rule(early_by=st.sampled_from([1, 0, -1]))
    def sweep(self, early_by: int) -> None:
        """Just before something is due, or just then."""
        due = min((row.expires_at for row in self._open() if row.expires_at is not None), default=None)
        if due is not None:
            self.world.clock.advance(due - early_by - self.world.clock.now())
        self._try(self.world.engine.sweep)

    @rule(mood=st.sampled_from(shop.MOODS), known_dead=st.booleans())
    def another_process(self, mood: str, known_dead: bool) -> None:
        self.world.begin(mood, known_dead=known_dead)

    @rule(
        where=st.sampled_from(["after effect", "before effect", "before commit", "after commit", "model"]),
        count=st.integers(1, 4),
        known_dead=st.booleans(),
        again=st.sampled_from([True, False]),
        turns=_turns(),
    )
    def die(self, where: str, count: int, known_dead: bool, again: bool, turns: Any) -> None:
        """Something of what follows is the last that the process does."""
        self.world.begin(self.world.mood, known_dead=known_dead)
        self.world.bomb = Bomb(where, count if "commit" in where else 1)
        if len(self.run_ids) < MAX_RUNS:
            self.start(turns)
        self.answer_all(then=True, again=again)
        self.answer_all(then=True, again=again)

    # -- how it is done

    def _run(self, which: int) -> str:
        return self.run_ids[which % len(self.run_ids)]

    def _open(self) -> list[Requirement]:
        return [row for row in self.seen.rows if row.state == "open"]

    def _row(self, which: int) -> Requirement:
        rows = self._open()
        return rows[which % len(rows)]

    def truthful(self, row: Requirement) -> tuple[Answer, Actor]:
        """What fits, by who may say so; of a lost call, what the witness says."""
        entries = next(run.entries for run in self.seen.runs if run.run_id == row.run_id)
        return truth.truthful(row, entries, self.seen.rows, self.world.effects)

    def _answer(self, row: Requirement, given: Answer, by: Actor, digest: str | None = None) -> bool:
        self.notes += 1
        note = f"note {self.notes}"
        given = truth.distinct(given, note)
        shown = digest or row.digest
        taken = self._try(lambda: self.world.engine.resolve(row.requirement_id, given, by=by, digest=shown))
        if taken:
            self.given[note] = Given(row.run_id, given)
        elif taken is False:
            self.refused.add(note)
        return bool(taken)

    def _try(self, work: Callable[[], Any]) -> bool | None:
        """True: done; False: refused, and nothing happened (laws 9 and 11); None: the process died of it."""
        before = self.seen
        try:
            work()
        except Crash:
            self.world.begin(self.world.mood)
            self._look()
            return None
        except Tampered:
            raise
        except HitlError as error:
            self._look()
            settled = isinstance(error, RequirementExpired | Fenced | StoreError)
            untouched = told.of_runs(self.seen) == told.of_runs(before)
            steps = len(self.seen.lines) - len(before.lines)
            assert settled or untouched or self._expired_first(before), f"{error.code} changed {steps} lines"
            return False
        self._look()
        return True

    def _expired_first(self, before: told.Told) -> bool:
        """What is overdue is denied before anything else, whatever follows."""
        now = self.world.clock.now()
        return any(row.state == "open" and row.expires_at and row.expires_at <= now for row in before.rows)

    def _look(self) -> None:
        self.seen = run_sync(told.read(self.world.inner))
        self.run_ids = sorted(run.run_id for run in self.seen.runs)

    def _to_the_end(self) -> None:
        """Truthful people and a healthy worker bring every run to its end. Reviewers take what may be said in turn."""
        world = self.world
        world.bomb = None
        world.begin("usual")
        for number in range(ROUNDS):
            self._look()
            if all(run.state in {"done", "cancelled"} for run in self.seen.runs):
                break
            world.clock.advance(LONG_MS)
            self._try(world.engine.continue_ready)
            for place, row in enumerate(self._open()):
                given, by = self.truthful(row)
                if row.kind == "review":
                    given = self._reviewed(row, by, number + place)
                self._answer(row, given, by)
        self._look()
        left = [run.run_id for run in self.seen.runs if run.state not in {"done", "cancelled"}]
        assert not left, f"{left} cannot be brought to an end"
        assert self._verdict() is None, self._verdict()

    def _reviewed(self, row: Requirement, by: Actor, turn: int) -> Answer:
        """To run it again is tried each time, and is done when it may be and it is its turn."""
        may = truth.may_run_again(row)
        if not may:
            assert not self._answer(row, answers.Retry(), by), f"{row.requirement_id} let it run once too often"
        said = (answers.Retry(), answers.Accept(), answers.EditResult(None), answers.Reject(), answers.Accept())
        given = said[turn % len(said)]
        return given if may or not isinstance(given, answers.Retry) else answers.Accept()

    def _verdict(self) -> Broken | None:
        """Of what was seen last; reached once."""
        if self.judged is not self.seen:
            self.judged, self.broken = self.seen, None
            try:
                told.check(self.seen, self.world.effects, self.world.requests, MOOD_OF)
            except Broken as broken:
                self.broken = broken
        return self.broken

    # -- the laws, after each step

    def _holds(self, law: int) -> None:
        broken = self._verdict()
        assert broken is None or not str(broken).startswith(f"law {law:02}"), broken

    @invariant()
    def law01_nothing_gated_begins_unallowed(self) -> None:
        self._holds(1)

    @invariant()
    def law02_one_winner(self) -> None:
        self._holds(2)
        known = self._notes()
        for note, (run_id, given) in self.given.items():
            assert known.get(note) == (run_id, given), f"the answer {note} is lost"

    @invariant()
    def law03_at_most_once(self) -> None:
        self._holds(3)

    @invariant()
    def law04_no_is_final(self) -> None:
        self._holds(4)
        for run in self.seen.runs:
            assert run.run_id not in self.cancelled or run.state == "cancelled"

    @invariant()
    def law05_what_was_approved_runs(self) -> None:
        self._holds(5)

    @invariant()
    def law07_batches(self) -> None:
        self._holds(7)

    @invariant()
    def law09_bad_answers_stored_nothing(self) -> None:
        assert not self.refused & self._notes().keys()

    @invariant()
    def law10_the_record_is_the_state(self) -> None:
        self._holds(10)
        for run in self.seen.runs:
            handle = self.world.engine.runs.get(run.run_id)
            assert (handle.state, handle.value.version) == (run.state, run.version)
            open_rows = [row for row in self._open() if row.run_id == run.run_id]
            assert [one.value for one in handle.active_requirements] == open_rows

    @invariant()
    def law11_no_illegal_step(self) -> None:
        self._holds(11)

    @invariant()
    def law12_time_never_says_yes(self) -> None:
        self._holds(12)
        expiries = [row.expires_at for row in self._open() if row.expires_at is not None]
        assert run_sync(self.world.inner.next_timer()) == min(expiries, default=None)

    @invariant()
    def law13_identity(self) -> None:
        self._holds(13)

    @invariant()
    def law15_never_looser(self) -> None:
        self._holds(15)

    def _notes(self) -> dict[str, Given]:
        """Every answer that the logs have, by its note."""
        return {
            entry.event.answer.note: Given(run.run_id, entry.event.answer)
            for run in self.seen.runs
            for entry in run.entries
            if isinstance(entry.event, events.AnswerRecorded) and entry.event.answer.note
        }
