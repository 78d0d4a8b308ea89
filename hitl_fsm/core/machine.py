"""The tables, run by `transitions` (this module is its only importer).

One shared `Machine` a table, without a model of its own and without auto transitions; no callbacks, so that firing
cannot do I/O or fail half-way. `fire` is a pure function of its arguments, so each pair is computed once.
"""

from __future__ import annotations

from enum import StrEnum
from functools import cache, lru_cache
from typing import TypeVar

from transitions import Machine, MachineError

from hitl_fsm.core.table import TABLES, Table
from hitl_fsm.errors import IllegalTransition

S = TypeVar("S", bound=StrEnum)


class _Bearer:
    """The bare model that carries a state through one trigger."""

    __slots__ = ("state",)

    def __init__(self, state: StrEnum) -> None:
        self.state = state


@cache
def machine(name: str) -> Machine:
    """The shared machine of one table."""
    table: Table = TABLES[name]
    return Machine(
        model=None,
        states=type(table.states[0]),
        initial=table.states[0],
        auto_transitions=False,
        transitions=[[row.trigger.value, row.source, row.target] for row in table.rows],
    )


@lru_cache(maxsize=1024)  # bounded by states x triggers of three small tables
def fire(name: str, state: S, trigger: StrEnum) -> S:
    """Where `trigger` leads from `state` in the machine `name`; IllegalTransition if nowhere (law 11)."""
    bearer = _Bearer(state)
    try:
        machine(name).events[trigger.value].trigger(bearer)
    except (MachineError, KeyError, AttributeError) as error:
        msg = f"a {name} that is {state.value} cannot take {trigger.value}"
        raise IllegalTransition(msg, help=f"see `hitl-fsm graph {name}`") from error
    return type(state)(bearer.state)


def accepts(name: str, state: StrEnum, trigger: StrEnum) -> bool:
    """Whether the table has an arrow for that pair."""
    return any(row.source is state and row.trigger is trigger for row in TABLES[name].rows)
