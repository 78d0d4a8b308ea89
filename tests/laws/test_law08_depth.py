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
from share import WHOLE, share_of

ROUNDS = 60
"""Pauses after which everybody says yes, so that every run comes to an end."""
ROUNDS_MAX = 2_000
QUICK = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
LONG = settings(QUICK, max_examples=share_of(2_000), derandomize=not WHOLE, print_blob=True)


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
            play.retried[called.removesuffix(".error")] += word == "retry"
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
            assert [name for name, count in play.ran_by_name.items() if count > play.most(name)] == [], "done again"
            assert not play.broken, play.broken
            if run.state is RunState.FAILED:
                assert flow.continue_run(run_id=run.run_id).value.error == run.value.error
        finally:
            play.close()
        return play


WRAPPERS = ("steps", "parallel", "condition", "loop", "router", "workflow")
WORDS: dict[str, tuple[object, ...]] = {"condition": (True, 1), "loop": (1, 1), "parallel": (True,)}


def wrapped(tree: Tree, kind: str, name: str) -> Tree:
    """The tree as the one thing inside another; a plain step stands beside it in a parallel."""
    beside = (Tree("function", f"{name}.beside", gated=False),) if kind == "parallel" else ()
    words = (tree.name,) if kind == "router" else WORDS.get(kind, ())
    return Tree(kind, name, gated=False, inside=(tree, *beside), words=words)


@pytest.mark.parametrize("kind", ["function", "tool", "agent", "team"])
@pytest.mark.parametrize("inner", WRAPPERS)
@pytest.mark.parametrize("outer", WRAPPERS)
def test_law08_each_kind_of_node_holds_inside_each_other(tmp_path: Path, outer: str, inner: str, kind: str) -> None:
    leaf = Tree(kind, "leaf1", gated=True)
    tree = wrapped(wrapped(wrapped(leaf, inner, "inner"), outer, "outer"), "workflow", "root")
    play = Play(tmp_path, tree)
    try:
        _, flow = play.process()
        run = flow.run("go", user="user")
        asked = 0
        while run.is_paused:
            assert play.ran_by_name["leaf1"] == 0
            (requirement,) = run.active_requirements
            assert requirement.tool.tool_name in {"leaf1", "leaf1.act"}
            assert flow.continue_run(run).is_paused
            play.answered.add(requirement.tool.call_id)
            requirement.confirm(by="user")
            asked += 1
            _, flow = play.process()
            run = flow.continue_run(run_id=run.run_id)
        assert (run.state, asked) == (RunState.DONE, 2 if kind in {"agent", "team"} else 1)
        assert (play.ran_by_name["leaf1"], play.broken) == (1, [])
    finally:
        play.close()


@QUICK
@given(trees(), st.data())
def test_law08_no_gated_step_runs_unanswered_at_any_depth(tree: Tree, data: st.DataObject) -> None:
    play_through(tree, data)


@pytest.mark.slow
@LONG
@given(trees(), st.data())
def test_law08_no_gated_step_runs_unanswered_at_any_depth_long(tree: Tree, data: st.DataObject) -> None:
    play_through(tree, data)
