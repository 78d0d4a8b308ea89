"""Laws 3 and 8 together: random workflows whose processes die at random commits. All happens once, and allowed."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from trees import Play, trees

from dying import LATER, Died, Disk, memory
from hitl_fsm import Engine, RunHandle, Workflow
from hitl_fsm.model.states import RunState
from house import policies
from share import WHOLE, share_of

ROUNDS = 400
WILLING = 40
"""Rounds after which everybody says yes and nobody dies, so that every run comes to an end."""
QUICK = settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
LONG = settings(QUICK, max_examples=share_of(1_000), derandomize=not WHOLE, print_blob=True)


class Mortal(Play):
    """Its processes die; the store stays."""

    def begin(self, hand: Random) -> None:
        self.hand, self.store = hand, memory(self.house.clock)
        self.wrong: list[str] = []
        self.reborn(mortal=True)

    def reborn(self, *, mortal: bool) -> None:
        lives = self.hand.randint(1, 12) if mortal else -1
        self.disk = Disk(self.store, lives, heard=self.hand.random() < 1 / 2)
        self.house.clock.advance(LATER)

    def process(self) -> tuple[Engine, Workflow]:
        engine = Engine(policies(*self._policies()), self.disk, clock=self.house.clock)  # type: ignore[arg-type]
        return engine, self._workflow(self.tree, engine)

    def answer(self, run: RunHandle, *, willing: bool) -> None:
        ran = {call_id for call_id, _ in self.ran}
        for requirement in run.active_requirements:
            called, call_id = requirement.tool.tool_name, requirement.tool.call_id
            if requirement.is_outcome_unknown:
                if call_id in ran:
                    requirement.it_happened(called, by="user")
                else:
                    requirement.it_did_not_happen(by="user")
            elif not willing and self.hand.random() < 1 / 4:
                self.rejected.add(call_id)
                try:
                    requirement.reject(by="user", note="no")
                except Died:
                    self.rejected.discard(call_id)  # perhaps nobody ever hears of it
                    raise
            elif requirement.needs_user_input:
                name, asked = next(iter((requirement.schema or {})["properties"].items()))
                word = "skip" if willing and name == "decision" else self.hand.choice(asked["enum"])
                requirement.provide_user_input({name: word}, by="user")
            else:
                self.answered.add(call_id)
                self.confirmed[called.removesuffix(".act")] += 1
                requirement.confirm(by="user")

    def round(self, *, willing: bool) -> bool:
        """One process, until it dies, or nobody needs it any more."""
        engine, flow = self.process()
        rows = engine.runs.list()
        run = flow.continue_run(run_id=rows[0].run_id) if rows else flow.run("go", user="user")
        if run.is_paused:
            self.answer(run, willing=willing)
        return run.state in {RunState.DONE, RunState.FAILED}


def play_through(tree: object, seed: int) -> None:
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        play = Mortal(Path(folder), tree)  # type: ignore[arg-type]
        play.begin(Random(seed))
        for count in range(ROUNDS):
            try:
                if play.round(willing=count >= WILLING):
                    break
            except Died:
                play.wrong += play.disk.wrong
                play.reborn(mortal=count < WILLING)
        else:
            pytest.fail("it does not end")
        by_call = Counter(call_id for call_id, _ in play.ran.elements())
        assert [*play.wrong, *play.disk.wrong, *play.broken] == []
        assert set(by_call.values()) <= {1}, "a call ran twice"


@QUICK
@given(trees(), st.integers(0, 2**32))
def test_law03_a_random_tree_whose_processes_die_comes_to_its_end(tree: object, seed: int) -> None:
    play_through(tree, seed)


@pytest.mark.slow
@LONG
@given(trees(), st.integers(0, 2**32))
def test_law03_a_random_tree_whose_processes_die_comes_to_its_end_long(tree: object, seed: int) -> None:
    play_through(tree, seed)
