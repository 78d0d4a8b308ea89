"""`splitting` looks at the person: not at one of several ids, and not at one of several agents."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_trusted_answers import put

from hitl_fsm.adapters.store import open_store
from hitl_fsm.model.actor import ENGINE, Actor
from hitl_fsm.model.record import Record
from hitl_fsm.runtime.loop import run_sync

pytestmark = pytest.mark.any_line

ANN, SAME, BOB = Actor("ann"), Actor("ann@bank", person="ann"), Actor("bob")


def asked(tmp_path: Path, *payments: tuple[Actor, str]) -> list[tuple[object, ...]]:
    """Each of them 600.00, where 1,000.00 is the limit."""
    store, records = open_store(f"sqlite:///{tmp_path / 'split.db'}"), list[Record]()
    for at, (user, agent) in enumerate(payments):
        run = f"run_{at}"
        judged = {"call": "1.0", "tool": "pay", "outcome": "allow", "digest": "ab" * 32}
        money = [{"at": "amount", "minor": 60_000, "currency": "EUR"}]
        records += [
            Record("run_created", at, user, run, {"kind": "agent", "name": agent, "user": user.id}),
            Record("call_judged", at, ENGINE, run, {**judged, "money": money}),
        ]
    run_sync(store.append(records))
    answer = put(store, "splitting", limit_minor=100_000)
    run_sync(store.close())
    names = [column.name for column in answer.columns]
    return [tuple(row[names.index(one)] for one in ("user", "agent", "runs", "sum")) for row in answer.rows]


@pytest.mark.parametrize(
    ("other", "agents"), [((SAME, "clerk"), "clerk"), ((ANN, "buyer"), "clerk,buyer"), ((SAME, "buyer"), "clerk,buyer")]
)
def test_who_has_two_ids_or_two_agents_is_one(tmp_path: Path, other: tuple[Actor, str], agents: str) -> None:
    assert asked(tmp_path, (ANN, "clerk"), other) == [("ann", agents, "run_0,run_1", 120_000)]


def test_two_people_are_two(tmp_path: Path) -> None:
    assert asked(tmp_path, (ANN, "clerk"), (BOB, "clerk")) == []
