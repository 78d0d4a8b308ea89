"""`unapproved-effects` on lines of a release that did not write by whose word a call began, and on lines like them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from test_trusted_answers import put

from hitl_fsm.adapters.store import open_store
from hitl_fsm.audit.questions.question import Answer
from hitl_fsm.model.actor import ENGINE, Actor
from hitl_fsm.model.record import Record
from hitl_fsm.runtime.loop import run_sync

pytestmark = pytest.mark.any_line

DIGEST, OTHER, GATE, GATE_2 = "ab" * 32, "cd" * 32, "0123456789abcdef", "fedcba9876543210"
BOB = Actor("bob", ("finance",), authenticated_by="oidc:sso")
CALL = {"call": "1.0", "tool": "pay", "digest": DIGEST}
ASKED = {"requirement": "req_1", "kind": "approval", "call": "1.0", "digest": DIGEST}
GRANT = {
    "grant_id": "grant_1",
    "gate": GATE,
    "tool": "pay",
    "uses": 1,
    "until": 5_000,
    "at": 1_000,
    "requirement_id": "req_0",
    "voters": ["bob"],
}
Told = tuple[str, Actor, dict[str, Any]]


def judged(outcome: str, effect: str, digest: str = DIGEST) -> Told:
    rule = {"policy": "office", "rule": "big", "effect": effect}
    return ("call_judged", ENGINE, {**CALL, "digest": digest, "outcome": outcome, "reasons": [rule]})


def edited(by: Actor = BOB, **more: Any) -> Told:
    """As the line of the answer that changes the arguments has it, before the answer's own line."""
    return ("call_edited", by, {**judged("gated", "approval of role:finance", OTHER)[2], "was": DIGEST, **more})


def authorised(digest: str = DIGEST, by: str = "bob") -> Told:
    passes = [{"gate": GATE, "by": [by], "grant": ""}]
    return ("call_authorised", ENGINE, {**CALL, "digest": digest, "passes": passes})


def opened(name: str = "req_1", kind: str = "approval") -> Told:
    return ("requirement_opened", ENGINE, {**ASKED, "requirement": name, "kind": kind, "tool": "pay", "stage": 1})


def resolved(name: str = "req_1", **more: Any) -> Told:
    return ("requirement_resolved", BOB, {**ASKED, "requirement": name, "answer": "approve", **more})


def superseded(name: str = "req_1") -> Told:
    return ("requirement_superseded", BOB, {**ASKED, "requirement": name, "answer": "approve"})


def started(attempt: int = 1, digest: str = DIGEST) -> Told:
    return ("call_started", ENGINE, {**CALL, "digest": digest, "attempt": attempt})


CREATED: Told = ("run_created", BOB, {"kind": "agent", "name": "clerk", "user": "ann"})
GATED, ALLOWED = judged("gated", "approval of role:finance"), judged("allow", "allow")
SUCCEEDED: Told = ("call_succeeded", ENGINE, CALL)
KEY: Told = ("key_added", ENGINE, {"key": "log+0123"})
AUTHORISED = authorised()
REVOKED: Told = ("approval_revoked", BOB, {"requirement": "req_1", "call": "1.0"})
MADE: Told = ("grant_made", BOB, GRANT)
ELSEWHERE = {"call": "0.1"}
REMEMBERED: list[Told] = [
    (*GATED[:2], {**GATED[2], **ELSEWHERE}),
    (*opened("req_0")[:2], {**opened("req_0")[2], **ELSEWHERE}),
    resolved("req_0", **ELSEWHERE),
    MADE,
]
USED: Told = ("grant_used", ENGINE, {**CALL, "grant": "grant_1"})

NEWLY_GATED: Told = (*GATED[:2], {**GATED[2], "gates": [GATE]})
STRICTER: Told = (*GATED[:2], {**GATED[2], "gates": [GATE, GATE_2]})
REGATED, RESTARTED = judged("gated", "approval of role:finance", OTHER), started(digest=OTHER)
TWICE_AUTHORISED: Told = (
    *AUTHORISED[:2],
    {**CALL, "passes": [{"gate": gate, "by": ["bob"], "grant": ""} for gate in (GATE, GATE_2)]},
)


def newly_opened(gate: str = GATE_2) -> Told:
    return ("requirement_opened", ENGINE, {**opened("req_2")[2], "gate": gate, "of": ["role:finance"]})


HONEST: dict[str, tuple[list[Told], int]] = {
    "no rule wanted anybody": ([CREATED, ALLOWED, started(), SUCCEEDED], 1),
    "only its result was reviewed": ([CREATED, judged("gated", "review of role:finance"), started(), SUCCEEDED], 1),
    "somebody said yes": ([CREATED, GATED, opened(), resolved(), started(), SUCCEEDED], 1),
    "two were asked": (
        [CREATED, GATED, opened(), opened("req_2"), resolved(), resolved("req_2"), started(), SUCCEEDED],
        1,
    ),
    "a grant": ([CREATED, *REMEMBERED, GATED, USED, started(), SUCCEEDED], 1),
    "asked again after the yes was taken back": (
        [CREATED, GATED, opened(), resolved(), REVOKED, superseded(), opened("req_2"), resolved("req_2"), started()],
        1,
    ),
    "who said yes changed it": ([CREATED, GATED, opened(), edited(), resolved(), started(digest=OTHER)], 1),
    "who said yes changed it, told in the other order": (
        [CREATED, GATED, opened(), resolved(), edited(), started(digest=OTHER)],
        1,
    ),
    "a form was filled in, and who said yes then changed it": (
        [
            *(CREATED, GATED, opened(kind="user_input"), resolved(kind="user_input", answer="provide")),
            *(opened("req_2"), edited(), resolved("req_2"), started(digest=OTHER)),
        ],
        1,
    ),
    "the policies changed after the yes": ([CREATED, GATED, opened(), resolved(), GATED, started(), SUCCEEDED], 1),
    "its tool changed after the yes": (
        [CREATED, GATED, opened(), resolved(), REGATED, opened("req_2"), resolved("req_2", digest=OTHER), RESTARTED],
        1,
    ),
    "the next release judged it anew": ([CREATED, GATED, opened(), resolved(), NEWLY_GATED, started(), SUCCEEDED], 1),
    "the next release wanted more, and asked": (
        [
            *(CREATED, GATED, opened(), resolved(), STRICTER, newly_opened(), resolved("req_2")),
            *(TWICE_AUTHORISED, started()),
        ],
        0,
    ),
    "who said yes with the next release changed it": (
        [CREATED, GATED, opened(), KEY, edited(gates=[GATE]), resolved(), authorised(OTHER), started(digest=OTHER)],
        0,
    ),
    "begun by the next release": ([CREATED, GATED, opened(), resolved(), KEY, started(), SUCCEEDED], 1),
    "answered with the next release": ([CREATED, GATED, opened(), KEY, resolved(), AUTHORISED, started()], 0),
}
FORGED: dict[str, tuple[list[Told], str]] = {
    "nobody was asked": ([CREATED, GATED, started()], "neither a question nor a grant"),
    "nobody answered": ([CREATED, GATED, opened(), started()], "the record has no yes to req_1"),
    "one of two answered": (
        [CREATED, GATED, opened(), opened("req_2"), resolved("req_2"), started()],
        "the record has no yes to req_1",
    ),
    "a machine answered": (
        [CREATED, GATED, opened(), ("requirement_resolved", ENGINE, resolved()[2]), started()],
        "the record has no yes to req_1",
    ),
    "the yes was to another action": (
        [CREATED, GATED, opened(), resolved(digest=OTHER), started()],
        "the record has no yes to req_1",
    ),
    "another action began": ([CREATED, ALLOWED, started(digest=OTHER)], "another action was authorised"),
    "the policies denied it": ([CREATED, judged("deny", "deny"), started()], "it was not authorised"),
    "a yes is used twice": (
        [CREATED, GATED, opened(), resolved(), started(), SUCCEEDED, started(2)],
        "it was not authorised",
    ),
    "the yes was taken back": (
        [CREATED, GATED, opened(), resolved(), REVOKED, superseded(), started()],
        "the record has no yes to req_1",
    ),
    "it was changed, and nobody answered": (
        [CREATED, GATED, opened(), edited(), started(digest=OTHER)],
        "the record has no yes to req_1",
    ),
    "it was changed after the yes": (
        [CREATED, GATED, opened(), resolved(), ("run_resolving", BOB, {}), edited(), started(digest=OTHER)],
        "neither a question nor a grant",
    ),
    "it was changed by somebody else, after the yes": (
        [CREATED, GATED, opened(), resolved(), edited(Actor("eve")), started(digest=OTHER)],
        "neither a question nor a grant",
    ),
    "it was changed by somebody else than who said yes": (
        [CREATED, GATED, opened(), edited(Actor("eve")), resolved(), started(digest=OTHER)],
        "the record has no yes to req_1",
    ),
    "the next release wanted more, and nobody was asked": (
        [CREATED, GATED, opened(), resolved(), STRICTER, started()],
        "it was not authorised",
    ),
    "the next release wanted more, and it is said to be passed": (
        [CREATED, GATED, opened(), resolved(), STRICTER, authorised(by="eve"), started()],
        f"gate {GATE_2} was not passed",
    ),
    "a newer gate has the name of a question": (
        [CREATED, STRICTER, newly_opened("req_2"), resolved("req_2"), TWICE_AUTHORISED, started()],
        f"no yes at gate {GATE} by bob",
    ),
    "its tool changed after the yes, and nobody was asked again": (
        [CREATED, GATED, opened(), resolved(), REGATED, RESTARTED],
        "neither a question nor a grant",
    ),
    "a no": ([CREATED, GATED, opened(), ("requirement_rejected", BOB, resolved(answer="reject")[2]), started()], "not"),
    "its run was over": (
        [CREATED, ALLOWED, ("run_cancelled", BOB, {"trigger": "cancelled"}), started()],
        "its run was cancelled",
    ),
    "a grant that goes back to no yes": (
        [CREATED, *REMEMBERED[:2], MADE, GATED, USED, started()],
        "grant grant_1 goes back to req_0, to which nobody said yes right before",
    ),
    "a grant of nobody": ([CREATED, GATED, USED, started()], "grant grant_1 was never made"),
    "somebody else's word": (
        [
            *(CREATED, GATED, opened(), KEY, resolved()),
            (*AUTHORISED[:2], {**AUTHORISED[2], "passes": [{"gate": GATE, "by": ["eve"], "grant": ""}]}),
            started(),
        ],
        f"no yes at gate {GATE} by eve",
    ),
    "it looks old, after a newer release's key": ([KEY, CREATED, ALLOWED, started()], "it was not authorised"),
    "it looks old, after somebody was authorised": (
        [(*AUTHORISED[:2], {**AUTHORISED[2], "call": "9.0"}), CREATED, GATED, opened(), resolved(), started()],
        "it was not authorised",
    ),
}


def asked(tmp_path: Path, *pages: list[Told]) -> Answer:
    """The last answer, when it was asked after each page."""
    store, number = open_store(f"sqlite:///{tmp_path / 'older.db'}"), 0
    answers: list[Answer] = []
    for lines in pages:
        number += 1_000
        told = [Record(event, number + at, by, "run_1", data) for at, (event, by, data) in enumerate(lines)]
        run_sync(store.append(told))
        answers.append(put(store, "unapproved-effects"))
    run_sync(store.close())
    assert all(answer.damage == () for answer in answers)
    return answers[-1]


@pytest.mark.parametrize("name", HONEST)
def test_what_an_older_release_let_begin_is_no_finding_and_is_told_of(tmp_path: Path, name: str) -> None:
    lines, older = HONEST[name]
    answer = asked(tmp_path, lines)
    assert answer.rows == ()
    told = [part for note in answer.notes for part in note.split("; ")]
    assert [part.partition(" up to ")[0] for part in told if " up to " in part] == ["1 call"] * older


@pytest.mark.parametrize("name", FORGED)
def test_it_is_found(tmp_path: Path, name: str) -> None:
    lines, why = FORGED[name]
    (row,) = asked(tmp_path, lines).rows
    assert why in row[-1]


@pytest.mark.parametrize("newer", [[KEY], [MADE, AUTHORISED]])
def test_the_older_time_is_over_for_good(tmp_path: Path, newer: list[Told]) -> None:
    """Also for whoever follows the record from where another left it."""
    honest = HONEST["somebody said yes"][0]
    forged = [(event, by, {**data, "call": "2.0"}) for event, by, data in (ALLOWED, started())]
    (row,) = asked(tmp_path, honest, newer, forged).rows
    assert row[-1] == "it was not authorised"
