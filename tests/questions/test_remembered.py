"""`unapproved-effects` on grants that go further than the policies let a yes be remembered."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from test_effects_without_a_word import ANN, CALL, CREATED, DIGEST, JUDGED, Told, authorised, resolved, started
from test_trusted_answers import put

from hitl_fsm import Agent, Engine, tool
from hitl_fsm.model.actor import ENGINE, Actor
from hitl_fsm.model.record import Record
from hitl_fsm.runtime.loop import run_sync
from hitl_fsm.testing import ScriptedModel
from house import HEADER

pytestmark = pytest.mark.any_line

RULES = """\
tools: [pay, look]
rules:
  - id: pay
    tools: [pay]
    gate:
      approval:
        of: ['role:finance']
        grant: {max: 3, for: 1h, scope: [run, session], vary: [amount], budget: {amount: 100.5}}
  - {id: look, tools: [look], gate: {approval: {of: ['role:finance']}}}
"""
OFFERED = {
    "tool": "pay",
    "agent": "clerk",
    "uses": 3,
    "at": 1_000,
    "until": 3_601_000,
    "vary": ["amount"],
    "budget_of": "amount",
    "budget": "100.5",
    "session": "s",
    "voters": ["ann"],
}
AGENT = {"session": ""}
BUDGET = "grant {grant} has another budget than the policies offer"
WIDE: dict[str, tuple[str, dict[str, Any], str]] = {
    "as offered": ("pay", {}, ""),
    "less": ("pay", {"uses": 1, "until": 2_000, "vary": [], "budget": "7", "run_id": "run_less", "session": ""}, ""),
    "where none is offered": ("look", {}, "grant {grant} and the policies let nobody have a yes"),
    "more often": (
        "pay",
        {"uses": 4},
        "grant {grant} is for 4 uses in 3600000 ms, and the policies offer 3 in 3600000",
    ),
    "longer": ("pay", {"until": 3_601_001}, "grant {grant} is for 3 uses in 3600001 ms, and"),
    "always": ("pay", AGENT, "grant {grant} is for the agent, and the policies offer run, session"),
    "to whomever": ("pay", {"vary": ["amount", "to"]}, "grant {grant} lets to vary, and the policies do not"),
    "up to more": ("pay", {"budget": "100.51"}, BUDGET),
    "without an end": ("pay", {"budget_of": "", "budget": "0"}, BUDGET),
    "up to nobody knows": ("pay", {"budget": "a lot"}, BUDGET),
}


@tool
def pay() -> str:
    """Send money."""
    return "paid"


@tool
def look() -> str:
    """Look."""
    return "seen"


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    folder = tmp_path_factory.mktemp("remembered")
    (folder / "office.policy.yaml").write_text(HEADER.format(name="office") + RULES)
    made = Engine(str(folder / "office.policy.yaml"), f"sqlite:///{folder / 'gates.db'}", reload="off")
    yield made
    made.close()


@pytest.fixture(scope="module")
def gates(engine: Engine) -> dict[str, str]:
    """By tool, the gate of its question, as the engine wrote it."""
    model = ScriptedModel([{"calls": [{"tool": name, "args": {}} for name in ("pay", "look")]}])
    run = Agent("clerk", model, engine=engine, tools=[pay, look]).run("go", user=Actor("u"))
    lines = [json.loads(line.body) for line in run_sync(engine.store.records(run_id=run.run_id, limit=1_000))]
    return {one["data"]["tool"]: one["data"]["gate"] for one in lines if one["event"] == "requirement_opened"}


@pytest.mark.parametrize("name", WIDE)
def test_a_grant_goes_no_further_than_the_policies_offer(engine: Engine, gates: dict[str, str], name: str) -> None:
    of_tool, more, why = WIDE[name]
    gate, run = gates[of_tool], f"run_{name.replace(' ', '')}"
    grant, asked = f"grant_{run}", f"req_{run}"
    earlier = {"call": "0.1", "tool": of_tool, "digest": DIGEST}
    about, use = {**CALL, "tool": of_tool}, {"gates": [gate], "tool": of_tool}
    made = {**OFFERED, "tool": of_tool, "gate": gate, "grant_id": grant, "requirement_id": asked, **more}
    question = {**earlier, "requirement": asked, "kind": "approval", "gate": gate, "of": ["role:finance"]}
    (event, by, passes) = authorised("ann", grant)
    story: list[Told] = [
        CREATED,
        (*JUDGED[:2], {**JUDGED[2], **use, **earlier}),
        ("requirement_opened", ENGINE, question),
        resolved(requirement=asked, call="0.1"),
        ("grant_made", ANN, made),
        (*JUDGED[:2], {**JUDGED[2], **use}),
        ("grant_used", ENGINE, {**about, "grant": grant}),
        (event, by, {**passes, **about, "passes": [{**passes["passes"][0], "gate": gate}]}),
        started(),
    ]
    run_sync(
        engine.store.append([Record(event, 1_000 + at, by, run, data) for at, (event, by, data) in enumerate(story)])
    )
    answer = put(engine.store, "unapproved-effects")
    found = [row[-1] for row in answer.rows if row[2] == run]
    assert len(found) == bool(why)
    assert not why or found[0].startswith(why.format(grant=grant))
    assert answer.notes == ()
