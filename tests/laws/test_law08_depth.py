"""Law 8: gates hold at any depth. Random workflows, random people, and a new process whenever it pleases."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from trees import Play, Tree, trees

from hitl_fsm import RunHandle
from hitl_fsm.model.states import RunState
from share import share_of

ROUNDS = 60
"""Pauses after which everybody says yes, so that every run comes to an end."""
ROUNDS_MAX = 2_000
QUICK = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
LONG = settings(QUICK, max_examples=share_of(2_000), derandomize=False, print_blob=True)


def answer_some(play: Play, run: RunHandle, data: st.DataObject, *, willing: bool) -> None:
    """Each open question is answered with yes, no or a result instead, or left for later; at least one is answered."""
    asked = sorted(run.active_requirements, key=lambda one: one.tool.call_id)  # branches come to theirs in any order
    assert asked, f"{run.state.value}, and nobody is asked"
    first = True
    for requirement in asked:
        if not first and not willing and data.draw(st.booleans(), label="later"):
            continue
        first = False
        called, call_id = requirement.tool.tool_name, requirement.tool.call_id
        said = 5 if willing else data.draw(st.integers(0, 5), label=f"{called}: 0 is no, 1 is a result instead")
        if said == 0:
            play.rejected.add(call_id)
            requirement.reject(by="user", note="no")
        elif said == 1:
            play.rejected.add(call_id)
            requirement.respond("given", by="user")
        elif requirement.needs_user_input:
            (name, words), *_ = ((name, one["enum"]) for name, one in (requirement.schema or {})["properties"].items())
            word = "skip" if willing and name == "decision" else data.draw(st.sampled_from(words), label=called)
            requirement.provide_user_input({name: word}, by="user")
        else:
            play.answered.add(call_id)
            play.confirmed[called.removesuffix(".act")] += 1
            requirement.confirm(by="user")


def play_through(tree: Tree, data: st.DataObject) -> Play:
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        play = Play(Path(folder), tree)
        try:
            engine, flow = play.process()
            run = flow.run("go", user="user")
            for count in range(ROUNDS_MAX):
                assert not play.broken, play.broken
                if run.state in {RunState.DONE, RunState.FAILED}:
                    break
                answer_some(play, run, data, willing=count >= ROUNDS)
                if data.draw(st.booleans(), label="a new process"):
                    engine.close()
                    engine, flow = play.process()
                run = flow.continue_run(run_id=run.run_id)
            assert run.state in {RunState.DONE, RunState.FAILED}, run.state
            assert set(play.ran.values()) <= {1}, "a call ran twice"
            assert not play.broken, play.broken
            if run.state is RunState.FAILED:
                assert flow.continue_run(run_id=run.run_id).value.error == run.value.error
        finally:
            play.close()
        return play


@QUICK
@given(trees(), st.data())
def test_law08_no_gated_step_runs_unanswered_at_any_depth(tree: Tree, data: st.DataObject) -> None:
    play_through(tree, data)


@pytest.mark.slow
@LONG
@given(trees(), st.data())
def test_law08_no_gated_step_runs_unanswered_at_any_depth_long(tree: Tree, data: st.DataObject) -> None:
    play_through(tree, data)
