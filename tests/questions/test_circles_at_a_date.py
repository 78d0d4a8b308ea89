"""`who-could-approve` tells the circle as it was: roles that end, stand-ins in an absence, delegations, names."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from hitl_fsm import Agent, Engine
from hitl_fsm.model.actor import Actor
from hitl_fsm.model.instant import iso
from hitl_fsm.testing import FrozenClock, ScriptedModel
from house import HEADER
from reviewed_month import BEGIN, DAY, TOOLS, pay

RULES = "tools: [pay]\nrules:\n  - {id: big, gate: {approval: {of: ['role:finance', maria, 'group:board']}}}\n"
PEOPLE = """\
apiVersion: hitl-fsm/v1
kind: Roles
people: {ann: {}, bob: {}, cid: {}, dana: {}, eve: {}, maria: {}, gus: {}, abe: {}, pia: {}}
roles:
  finance: {members: [ann, {id: bob, until: 2026-03-03}, {id: cid, since: 2026-03-20}, abe]}
  clerks: {members: [pia]}
groups:
  board: {members: gus}
delegations:
  - {from: abe, to: eve, roles: [finance], when: absent}
  - {from: pia, to: bob, roles: [clerks]}
absences:
  - {who: abe, since: 2026-03-05, until: 2026-03-09}
"""


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    (tmp_path / "office.policy.yaml").write_text(HEADER.format(name="office") + RULES)
    made = opened(tmp_path, PEOPLE)
    until = BEGIN + 2 * DAY
    ann = Actor("ann", ("finance",), person="ann", authenticated_by="oidc:sso")
    made.delegations.add("dana", by=ann, until=until)  # all that ann has
    yield made
    made.close()


def opened(folder: Path, people: str) -> Engine:
    roles = folder / "office.roles.yaml"
    roles.write_text(people)
    os.utime(roles, (1e9, 1e9))
    store = f"sqlite:///{folder / 'office.db'}"
    made = Engine(str(folder / "office.policy.yaml"), store, actors=str(roles), clock=FrozenClock(BEGIN), reload="off")
    Agent("clerk", ScriptedModel([{"calls": [pay(5)]}]), engine=made, tools=TOOLS).run("go", user="user1")
    return made


def circle(engine: Engine, days: int) -> set[str]:
    return {
        row[0] for row in engine.audit.ask("who-could-approve", tool="pay", at=iso(BEGIN + days * DAY + 60_000)).rows
    }


@pytest.mark.parametrize(
    ("days", "people"),
    [
        (0, {"ann", "bob", "abe", "gus", "maria", "dana"}),
        (4, {"ann", "abe", "eve", "gus", "maria"}),
        (20, {"ann", "abe", "cid", "gus", "maria"}),
    ],
)
def test_each_is_told_for_as_long_as_they_could(engine: Engine, days: int, people: set[str]) -> None:
    assert circle(engine, days) == people


def test_what_a_delegation_took_with_it_was_never_the_own(engine: Engine, tmp_path: Path) -> None:
    """Who has a role by the files has it also after somebody lent it to them and took it back."""
    ann = Actor("ann", ("finance",), person="ann", authenticated_by="oidc:sso")
    lent = engine.delegations.add("abe", by=ann, until=BEGIN + 9 * DAY, roles=["finance"])
    engine.delegations.end(lent.delegation_id, by=ann)
    assert "abe" in circle(engine, 0)


def test_another_time_for_the_same_role_is_told(engine: Engine, tmp_path: Path) -> None:
    opened(tmp_path, PEOPLE.replace("until: 2026-03-03", "until: 2026-03-30")).close()
    assert "bob" in circle(engine, 20)
    opened(tmp_path, PEOPLE.replace("{id: bob, until: 2026-03-03}, ", "")).close()
    assert "bob" not in circle(engine, 0)
