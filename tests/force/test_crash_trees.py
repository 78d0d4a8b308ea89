"""Law 3 in a tree: a process that dies at any commit of a team in a workflow leaves a run that others bring to its end.

No gated call runs unanswered, no effect happens twice, and the end is that of a run in which nobody died. Each commit
is looked at, too: its log, replayed, is the run that was committed.
"""

from __future__ import annotations

from functools import cache

import pytest
from crash_trees import Play

from share import some_of

EACH = 7
"""Of so many deaths one is tried always; `pytest -m slow` tries all."""


@cache
def unharmed() -> Play:
    play = Play()
    assert play.to_the_end() == []
    return play


def died(*after: int, heard: bool) -> list[str]:
    """What is wrong after a death at that commit, and the next process' death at its own."""
    peace, play = unharmed(), Play(*after, heard=heard)
    wrong = play.to_the_end()
    if sorted(name for name, _ in play.effects) != sorted(name for name, _ in peace.effects):
        wrong.append(f"what happened is {sorted(play.effects)}")
    if play.output != peace.output:
        wrong.append(f"it ended with {play.output}")
    return [f"after commit {after}, {heard=}: {one}" for one in wrong]


def test_law03_nobody_dies_and_all_of_it_holds() -> None:
    play = unharmed()
    assert play.output == "report done"
    assert sorted(name for name, _ in play.effects) == sorted(
        ["ann.look", "ann.pay", "bob.look", "bob.note", "stamp", "cleo.pay", "cleo.pay", "report"]
    )
    assert play.disk.commits > 40


@pytest.mark.parametrize("heard", [True, False])
def test_law03_a_tree_that_dies_at_a_commit_comes_to_its_end(heard: bool) -> None:
    deaths = range(0 if heard else 1, unharmed().disk.commits)
    assert [one for after in deaths if after % EACH == heard for one in died(after, heard=heard)] == []


@pytest.mark.slow
@pytest.mark.parametrize("heard", [True, False])
def test_law03_a_tree_that_dies_at_each_commit_comes_to_its_end(heard: bool) -> None:
    deaths = range(0 if heard else 1, unharmed().disk.commits)
    assert [one for after in some_of(deaths) for one in died(after, heard=heard)] == []


@pytest.mark.slow
@pytest.mark.parametrize("heard", [True, False])
def test_law03_a_tree_that_dies_again_while_it_recovers_comes_to_its_end(heard: bool) -> None:
    first, then = range(1, unharmed().disk.commits, 5), (1, 2, 3, 5)
    assert [one for after in some_of(first) for again in then for one in died(after, again, 2, heard=heard)] == []
