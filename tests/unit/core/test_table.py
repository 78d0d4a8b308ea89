"""The machines are those of the design: a hand-written golden copy guards each row; every other pair is illegal."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from hitl_fsm.core.machine import accepts, fire
from hitl_fsm.core.table import TABLES, Table
from hitl_fsm.errors import IllegalTransition
from hitl_fsm.model import states

GOLDEN = Path(__file__).parents[2] / "golden" / "machines.txt"
TRIGGERS = {"run": states.RunTrigger, "requirement": states.RequirementTrigger, "call": states.CallTrigger}


def golden() -> list[str]:
    return GOLDEN.read_text(encoding="utf-8").splitlines()


def written(table: Table) -> list[str]:
    return [f"{table.name}: {r.source.value} -{r.trigger.value}-> {r.target.value}" for r in table.rows]


def test_the_tables_are_the_golden_copy() -> None:
    assert [line for table in TABLES.values() for line in written(table)] == golden()


@pytest.mark.parametrize("name", list(TABLES))
def test_every_dropped_or_retargeted_row_is_noticed(name: str) -> None:
    table = TABLES[name]
    expected = [line for line in golden() if line.startswith(f"{name}:")]
    for index, row in enumerate(table.rows):
        dropped = table._replace(rows=table.rows[:index] + table.rows[index + 1 :])
        assert written(dropped) != expected
        for other in table.states:
            if other is not row.target:
                moved = table._replace(rows=(*table.rows[:index], row._replace(target=other), *table.rows[index + 1 :]))
                assert written(moved) != expected


@pytest.mark.parametrize("name", list(TABLES))
def test_law11_each_pair_goes_where_the_table_says_or_is_one_error(name: str) -> None:
    table = TABLES[name]
    targets = {(row.source, row.trigger): row.target for row in table.rows}
    assert len(targets) == len(table.rows), "a pair stands twice"
    for state, trigger in itertools.product(table.states, TRIGGERS[name]):
        if (state, trigger) in targets:
            assert accepts(name, state, trigger)
            assert fire(name, state, trigger) is targets[state, trigger]
        else:
            assert not accepts(name, state, trigger)
            with pytest.raises(IllegalTransition) as caught:
                fire(name, state, trigger)
            assert caught.value.code == "HF301"
            assert state.value in caught.value.message


@pytest.mark.parametrize("name", list(TABLES))
def test_no_trigger_is_unused_and_every_state_is_reachable(name: str) -> None:
    table = TABLES[name]
    assert {row.trigger for row in table.rows} == set(TRIGGERS[name])
    reached = {table.states[0]}
    for _ in table.states:
        reached |= {row.target for row in table.rows if row.source in reached}
    assert reached == set(table.states)


def test_every_row_says_why() -> None:
    for table in TABLES.values():
        for row in table.rows:
            assert len(row.why) > 10, row
