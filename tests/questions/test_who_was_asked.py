"""`unapproved-effects` on a yes of who was not asked, was excluded, or was one of too few."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from test_effects_without_a_word import CREATED, DIGEST, GATE, JUDGED, OTHER, Told, authorised, resolved, started, told
from test_trusted_answers import put

from hitl_fsm import Agent, Engine, tool
from hitl_fsm.model.actor import ENGINE, Actor
from hitl_fsm.model.record import Record
from hitl_fsm.runtime.loop import run_sync
from hitl_fsm.testing import ScriptedModel
from house import HEADER, House, call, calls

pytestmark = pytest.mark.any_line

FINANCE = ("role:finance",)
ANN, BOB, CID = (Actor(name, ("finance",), authenticated_by="oidc:sso") for name in ("ann", "bob", "cid"))
EVE = Actor("eve", ("sales",), authenticated_by="oidc:sso")
GATE2 = "fedcba9876543210"


def opened(*of: str, name: str = "req_1", gate: str = GATE, digest: str = DIGEST, **more: Any) -> Told:
    asked = {"requirement": name, "call": "1.0", "kind": "approval", "tool": "pay", "digest": digest, "gate": gate}
    return ("requirement_opened", ENGINE, {**asked, "of": of, **more})


def voted(by: Actor, name: str = "req_1", shown: str = DIGEST, **more: Any) -> Told:
    said = {"requirement": name, "call": "1.0", "answer": "approve", "shown": shown, **more}
    return ("requirement_voted", by, said)


def passes(*people: str, gate: str = GATE, digest: str = DIGEST) -> Told:
    passed = [{"gate": gate, "by": people}]
    return ("call_authorised", ENGINE, {"call": "1.0", "tool": "pay", "digest": digest, "passes": passed})


def edited(by: Actor) -> Told:
    return ("call_edited", by, {**JUDGED[2], "was": DIGEST, "digest": OTHER})


ESCALATED: Told = ("requirement_escalated", ENGINE, {"requirement": "req_1", "call": "1.0", "level": 1, "of": ["cid"]})
LATER = {**JUDGED[2], "gates": [GATE, GATE2]}
BOTH = {"call": "1.0", "tool": "pay", "digest": DIGEST}
ONE_FOR_BOTH: Told = (
    "call_authorised",
    ENGINE,
    {**BOTH, "passes": [{"gate": GATE, "by": ["ann"]}, {"gate": GATE2, "by": ["ann"]}]},
)
EDIT_START: Told = ("call_started", ENGINE, {**BOTH, "digest": OTHER, "attempt": 1})
SUPERSEDED: Told = (
    "requirement_superseded",
    ENGINE,
    {"requirement": "req_1", "call": "1.0", "kind": "approval", "digest": DIGEST},
)

FORGED: dict[str, tuple[list[Told], str]] = {
    "of another role": ([opened(*FINANCE), resolved(EVE), authorised("eve")], "eve was not asked there (role:finance)"),
    "another person": ([opened("user:ann"), resolved(BOB), authorised("bob")], "bob was not asked there (user:ann)"),
    "of another group": ([opened("group:board"), resolved(ANN), authorised()], "ann was not asked there"),
    "not the run's user": (
        [opened("requester", kind="confirm"), resolved(kind="confirm"), authorised()],
        "ann was not asked there (requester)",
    ),
    "one of two voters was not asked": (
        [opened(*FINANCE), voted(EVE), resolved(), passes("eve", "ann")],
        "eve was not asked there",
    ),
    "who asked is excluded": (
        [opened(*FINANCE, excluded=["requester"]), resolved(Actor("u", ("finance",))), authorised("u")],
        "u is excluded there (requester)",
    ),
    "excluded by name": (
        [opened(*FINANCE, excluded=["user:ann"]), resolved(), authorised()],
        "ann is excluded there (user:ann)",
    ),
    "a stand-in of who is excluded": (
        [
            opened(*FINANCE, excluded=["requester"]),
            resolved(Actor("ann", ("finance",), on_behalf_of="u")),
            passes("ann", "u"),
        ],
        "ann is excluded there (requester)",
    ),
    "who changed it is excluded": (
        [
            edited(BOB),
            opened(*FINANCE, digest=OTHER, excluded=["editor"]),
            resolved(BOB, digest=OTHER),
            passes("bob", digest=OTHER),
            EDIT_START,
        ],
        "bob is excluded there (editor)",
    ),
    "one for two gates": (
        [
            ("call_judged", ENGINE, LATER),
            opened(*FINANCE),
            resolved(),
            opened(*FINANCE, name="req_2", gate=GATE2, excluded=["previous_approver"]),
            resolved(requirement="req_2"),
            ONE_FOR_BOTH,
        ],
        "ann had passed an earlier gate",
    ),
    "who was asked before the escalation": (
        [opened(*FINANCE), ESCALATED, resolved(escalated=1), authorised()],
        "ann was not asked there (cid)",
    ),
    "a vote from before the escalation": (
        [opened(*FINANCE), voted(ANN), ESCALATED, resolved(CID, escalated=1), passes("ann", "cid")],
        "no yes at gate 0123456789abcdef by ann, cid",
    ),
    "an escalation of which no line tells": (
        [opened(*FINANCE), resolved(EVE, escalated=1), authorised("eve")],
        "the record does not have who was asked after escalation 1",
    ),
    "a vote for another action": (
        [opened(*FINANCE), voted(BOB, shown=OTHER), resolved(), passes("bob", "ann")],
        "no yes at gate 0123456789abcdef by bob, ann",
    ),
    "alone, and no line tells of the emergency": (
        [opened(*FINANCE), resolved(EVE, answer="break_glass"), authorised("eve")],
        "eve was not asked there",
    ),
}
U = Actor("u", authenticated_by="oidc:sso")
HONEST: dict[str, list[Told]] = {
    "two votes": [opened(*FINANCE), voted(BOB), resolved(), passes("bob", "ann")],
    "whoever": [opened(), resolved(EVE), authorised("eve")],
    "by id": [opened("ann"), resolved(), authorised()],
    "the run's user": [opened("requester", kind="confirm"), resolved(U, kind="confirm"), authorised("u")],
    "another id of the run's user": [
        opened("requester", kind="confirm"),
        resolved(Actor("u@mail", person="user"), kind="confirm"),
        authorised("user"),
    ],
    "a stand-in": [
        opened(*FINANCE),
        resolved(Actor("eve", ("finance",), on_behalf_of="ann")),
        passes("eve", "ann"),
    ],
    "escalated": [opened(*FINANCE), voted(ANN), ESCALATED, resolved(CID, escalated=1), authorised("cid")],
    "the first vote by who changed it": [
        opened(*FINANCE),
        edited(BOB),
        voted(BOB, shown=OTHER),
        SUPERSEDED,
        opened(*FINANCE, name="req_2", digest=OTHER),
        resolved(requirement="req_2", digest=OTHER),
        passes("bob", "ann", digest=OTHER),
        EDIT_START,
    ],
    "changed after it was escalated": [
        opened(*FINANCE),
        ESCALATED,
        edited(CID),
        voted(CID, shown=OTHER, counts=False, level=1),
        SUPERSEDED,
        opened(*FINANCE, name="req_2", digest=OTHER),
        resolved(CID, requirement="req_2", digest=OTHER, escalated=1),
        passes("cid", digest=OTHER),
        EDIT_START,
    ],
    "alone, in an emergency": [
        opened(*FINANCE),
        ("break_glass", EVE, {"requirement": "req_1", "tool": "pay", "digest": DIGEST}),
        resolved(EVE, answer="break_glass"),
        authorised("eve"),
    ],
}


def history(lines: list[Told]) -> list[Told]:
    begun = [CREATED, *([] if lines[0][0] == "call_judged" else [JUDGED]), *lines]
    return begun if lines[-1] == EDIT_START else [*begun, started()]


@pytest.mark.parametrize("name", FORGED)
def test_a_yes_of_who_was_not_asked_is_found(tmp_path: Path, name: str) -> None:
    lines, why = FORGED[name]
    (found,) = told(tmp_path, history(lines))
    assert why in found


@pytest.mark.parametrize("name", HONEST)
def test_who_was_asked_is_no_finding(tmp_path: Path, name: str) -> None:
    assert told(tmp_path, history(HONEST[name])) == []


# -- by the gates themselves, which the policies in the store have

RULES = """\
tools: [two, both, alone, late, ask]
rules:
  - {id: two, tools: [two], gate: {approval: {of: ['role:finance'], quorum: 2}}}
  - id: both
    tools: [both]
    gate: {approval: {all_of: [{of: ['role:finance']}, {of: ['role:legal']}]}}
  - {id: alone, tools: [alone], gate: {approval: {of: ['role:finance'], quorum: 2, break_glass: ['role:oncall']}}}
  - id: late
    tools: [late]
    gate:
      approval:
        of: ['role:finance']
        not: [requester]
        expires: 1h
        on_expiry: {escalate: ['role:board'], quorum: 2, expires: 8h}
  - {id: ask, tools: [ask], gate: confirm}
"""
TOOLS = ("two", "both", "alone", "late", "ask")
LEA, LEO = Actor("lea", ("legal",)), Actor("leo", ("legal", "finance"))
BEA, BEN = Actor("bea", ("board",)), Actor("ben", ("board",))
OLGA = Actor("olga", ("oncall",))


def _tool(name: str) -> Any:
    def act() -> str:
        """Do it."""
        return "done"

    act.__name__ = name
    return tool(act)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    folder = tmp_path_factory.mktemp("gates")
    (folder / "office.policy.yaml").write_text(HEADER.format(name="office") + RULES)
    made = Engine(str(folder / "office.policy.yaml"), f"sqlite:///{folder / 'gates.db'}", reload="off")
    yield made
    made.close()


@pytest.fixture(scope="module")
def gates(engine: Engine) -> dict[str, dict[str, Any]]:
    """By tool, the line of its question, as the engine wrote it."""
    model = ScriptedModel([{"calls": [{"tool": name, "args": {}} for name in TOOLS]}])
    run = Agent("clerk", model, engine=engine, tools=[_tool(name) for name in TOOLS]).run("go", user=Actor("u"))
    lines = run_sync(engine.store.records(run_id=run.run_id, limit=1_000))
    found = [json.loads(line.body) for line in lines]
    return {one["data"]["tool"]: one["data"] for one in found if one["event"] == "requirement_opened"}


def answered(by: Actor, **more: Any) -> Told:
    return resolved(by, **more)


WENT: dict[str, tuple[str, dict[str, Any], list[Told], str]] = {
    "one of two": ("two", {}, [answered(ANN)], "1 said yes, and the policies want 2 of role:finance"),
    "two": ("two", {}, [voted(BOB), answered(ANN)], ""),
    "one person twice": (
        "two",
        {},
        [voted(Actor("bob", ("finance",), on_behalf_of="ann")), answered(ANN)],
        "1 said yes, and the policies want 2 of role:finance",
    ),
    "a question to others than the policies ask": (
        "two",
        {"of": ["role:sales"]},
        [voted(EVE), answered(Actor("eli", ("sales",)))],
        "role:sales were asked, and the policies ask role:finance",
    ),
    "a question of another kind": (
        "two",
        {"kind": "confirm", "of": ["requester"]},
        [answered(U, kind="confirm")],
        "it was asked about as confirm, and the policies want approval",
    ),
    "one role for two places": (
        "both",
        {},
        [voted(ANN), answered(BOB)],
        "2 said yes, and the policies want 1 of role:finance and 1 of role:legal",
    ),
    "each place by another": ("both", {}, [voted(LEO), answered(ANN)], ""),
    "who fits both goes where nobody else fits": ("both", {}, [voted(LEO), answered(LEA)], ""),
    "alone, by who may": (
        "alone",
        {},
        [("break_glass", OLGA, {"requirement": "req_1"}), answered(OLGA, answer="break_glass")],
        "",
    ),
    "alone, by who may not": (
        "alone",
        {},
        [("break_glass", ANN, {"requirement": "req_1"}), answered(ANN, answer="break_glass")],
        "one person passed it alone, and the policies let role:oncall do that",
    ),
    "an exclusion that was left out": (
        "late",
        {"excluded": []},
        [answered(ANN)],
        "the policies exclude requester, and the question did nobody",
    ),
    "in time": ("late", {}, [answered(ANN)], ""),
    "too few after the escalation": (
        "late",
        {},
        [(*ESCALATED[:2], {**ESCALATED[2], "of": ["role:board"]}), answered(BEA, escalated=1)],
        "1 said yes, and the policies want 2 of role:board",
    ),
    "enough after the escalation": (
        "late",
        {},
        [
            (*ESCALATED[:2], {**ESCALATED[2], "of": ["role:board"]}),
            voted(BEN, level=1),
            answered(BEA, escalated=1),
        ],
        "",
    ),
    "an escalation to others than the policies say": (
        "late",
        {},
        [(*ESCALATED[:2], {**ESCALATED[2], "of": ["role:finance"]}), answered(ANN, escalated=1)],
        "role:finance were asked, and the policies ask role:board",
    ),
    "an escalation too many": (
        "late",
        {},
        [(*ESCALATED[:2], {**ESCALATED[2], "level": 2, "of": ["role:board"]}), answered(BEA, escalated=2)],
        "the policies know no escalation 2",
    ),
    "by the run's user": ("ask", {}, [answered(U, kind="confirm")], ""),
}


@pytest.mark.parametrize("name", WENT)
def test_how_many_and_who_is_as_the_policies_say(engine: Engine, gates: dict[str, dict[str, Any]], name: str) -> None:
    of_tool, asked, lines, why = WENT[name]
    gate, run = gates[of_tool]["gate"], f"run_{name.replace(' ', '')}"
    judged = {**JUDGED[2], "gates": [gate]}
    question = {**gates[of_tool], "requirement": run, "call": "1.0", "digest": DIGEST, **asked}
    yes = [by for event, by, _ in lines if event in {"requirement_voted", "requirement_resolved"}]
    people = dict.fromkeys(person for by in yes for person in by.persons)
    story: list[Told] = [
        CREATED,
        ("call_judged", ENGINE, judged),
        ("requirement_opened", ENGINE, question),
        *((event, by, {**data, "requirement": run}) for event, by, data in lines),
        passes(*people, gate=gate),
        started(),
    ]
    run_sync(
        engine.store.append([Record(event, 1_000 + at, by, run, data) for at, (event, by, data) in enumerate(story)])
    )
    answer = put(engine.store, "unapproved-effects")
    found = [row[-1] for row in answer.rows if row[2] == run]
    assert found == ([f"gate {gate}: {why}"] if why else [])
    assert answer.notes == ()


def test_gates_that_nobody_knows_any_more_are_counted(tmp_path: Path) -> None:
    from hitl_fsm.adapters.store import open_store

    store = open_store(f"sqlite:///{tmp_path / 'alone.db'}")
    story = history(HONEST["two votes"])
    run_sync(store.append([Record(event, 1_000 + at, by, "run_1", data) for at, (event, by, data) in enumerate(story)]))
    answer = put(store, "unapproved-effects")
    run_sync(store.close())
    assert answer.rows == ()
    assert "the store does not have the policies of 1 gate: " in answer.notes[0]


def test_what_a_model_asked_by_itself_is_of_no_policy_and_nothing_is_missed_there(tmp_path: Path) -> None:
    house = House(tmp_path)
    engine = house.engine("- {id: all, gate: audit}")
    run = house.agent(engine, [calls(call("ask_user", question="Which order?"))]).run("go", user="alice")
    run.active_requirements[0].provide_user_input({"answer": "42"})
    engine.advance(run.run_id)
    answer = engine.audit.ask("unapproved-effects", by="otto")
    engine.close()
    assert (answer.rows, answer.notes) == ((), ())
