"""`unapproved-effects` on lines as no engine writes them: whoever forges a start finds no gap in the question."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from test_trusted_answers import put

from hitl_fsm.adapters.store import open_store
from hitl_fsm.model.actor import ENGINE, TIMER, Actor
from hitl_fsm.model.record import Record
from hitl_fsm.runtime.loop import run_sync

pytestmark = pytest.mark.any_line

DIGEST, OTHER, GATE = "ab" * 32, "cd" * 32, "0123456789abcdef"
ANN = Actor("ann", ("finance",), authenticated_by="oidc:sso")
CALL = {"call": "1.0", "tool": "pay", "digest": DIGEST}
ASKED = {"requirement": "req_1", "call": "1.0", "kind": "approval"}
Told = tuple[str, Actor, dict[str, Any]]

CREATED: Told = ("run_created", ENGINE, {"kind": "agent", "name": "clerk", "user": "u"})
JUDGED: Told = ("call_judged", ENGINE, {**CALL, "outcome": "gated", "gates": [GATE], "policies": DIGEST})
OPENED: Told = ("requirement_opened", ENGINE, {**ASKED, "tool": "pay", "digest": DIGEST, "gate": GATE})
SUCCEEDED: Told = ("call_succeeded", ENGINE, {**CALL, "attempt": 1})
OUT = "f0" * 8
OUTSIDE: Told = (
    "requirement_opened",
    ENGINE,
    {**OPENED[2], "requirement": "req_9", "kind": "external", "gate": OUT},
)
GRANT = {
    "grant_id": "grant_1",
    "gate": GATE,
    "tool": "pay",
    "uses": 1,
    "until": 5_000,
    "at": 1_000,
    "requirement_id": "req_0",
    "voters": ["ann"],
}


def resolved(by: Actor = ANN, **more: Any) -> Told:
    return ("requirement_resolved", by, {**ASKED, "digest": DIGEST, "answer": "approve", **more})


def authorised(by: str = "ann", grant: str = "") -> Told:
    return ("call_authorised", ENGINE, {**CALL, "passes": [{"gate": GATE, "by": [by], "grant": grant}]})


def started(attempt: int = 1) -> Told:
    return ("call_started", ENGINE, {**CALL, "attempt": attempt})


def remembered(**more: Any) -> list[Told]:
    """A yes to another call, and the grant that it made."""
    earlier = {"call": "0.1"}
    asked: Told = (*OPENED[:2], {**OPENED[2], "requirement": "req_0", "gate": more.get("gate", GATE), **earlier})
    told = [asked, resolved(requirement="req_0", **earlier)]
    return [(*JUDGED[:2], {**JUDGED[2], **earlier}), *told, ("grant_made", ANN, {**GRANT, **more})]


USED: Told = ("grant_used", ENGINE, {**CALL, "grant": "grant_1"})


def used(*made: Told, **more: Any) -> list[Told]:
    return [CREATED, *(made or remembered(**more)), JUDGED, USED, authorised("ann", "grant_1")]


ALLOWED = [CREATED, JUDGED, OPENED, resolved(), authorised()]
CLOSED = {**ASKED, "digest": DIGEST}
FORGED: dict[str, tuple[list[Told], str]] = {
    "a yes is used twice": ([*ALLOWED, started(), SUCCEEDED, started(2)], "it was not authorised"),
    "an attempt begins twice": ([*ALLOWED, started(), started()], "attempt 1 had begun before"),
    "time says yes": ([CREATED, JUDGED, OPENED, resolved(TIMER), authorised("timer"), started()], "no yes"),
    "a machine says yes": (
        [CREATED, JUDGED, OPENED, resolved(Actor("bot", kind="agent")), authorised("bot"), started()],
        "no yes",
    ),
    "a machine votes": (
        [
            *(CREATED, JUDGED, OPENED),
            ("requirement_voted", Actor("bot", kind="service"), {**ASKED, "answer": "approve"}),
            *(resolved(), authorised("bot"), started()),
        ],
        "no yes at gate 0123456789abcdef by bot",
    ),
    "the yes was to another action": (
        [CREATED, JUDGED, OPENED, resolved(digest=OTHER), authorised(), started()],
        "no yes",
    ),
    "the answer was none": ([CREATED, JUDGED, OPENED, resolved(answer="abstain"), authorised(), started()], "no yes"),
    "somebody said no since": (
        [*ALLOWED, ("requirement_rejected", ANN, {**CLOSED, "answer": "reject"}), started()],
        "not a",
    ),
    "it was denied since": ([*ALLOWED, ("call_denied", ENGINE, CALL), started()], "it was not authorised"),
    "its run was cancelled": ([*ALLOWED, ("run_cancelled", ANN, {"trigger": "cancelled"}), started()], "cancelled"),
    "a grant that nobody made": (
        [
            CREATED,
            JUDGED,
            ("grant_used", ENGINE, {**CALL, "grant": "grant_1"}),
            authorised("ann", "grant_1"),
            started(),
        ],
        "grant grant_1 was never made",
    ),
    "a grant that was used up": (
        [*used(), started(), SUCCEEDED, *used()[-3:], started(2)],
        "grant grant_1 is for 1 uses, and this was another one",
    ),
    "a grant that was over": ([*used(until=1), started()], "grant grant_1 was over"),
    "a grant for another gate": ([*used(gate="f" * 16), started()], "grant grant_1 is for another gate"),
    "a grant that was revoked": (
        [*used()[:-3], ("grant_revoked", ANN, {"grant": "grant_1", "tool": "pay"}), *used()[-3:], started()],
        "grant grant_1 had been revoked",
    ),
    "a grant of a question that nobody was asked": (
        [*used(("grant_made", ANN, GRANT)), started()],
        "grant grant_1 goes back to req_0, which nobody was asked",
    ),
    "a grant of a question that nobody answered": (
        [*used(*remembered()[:2], remembered()[3]), started()],
        "grant grant_1 goes back to req_0, to which nobody said yes right before",
    ),
    "a grant of a question that was passed alone": (
        [
            *used(
                *remembered()[:2],
                ("break_glass", ANN, {"requirement": "req_0"}),
                resolved(requirement="req_0", call="0.1", answer="break_glass"),
                remembered()[3],
            ),
            started(),
        ],
        "to which nobody said yes right before",
    ),
    "a grant of a yes that had been given before, alone": (
        [*used(*remembered()[:3], ("run_continuing", ENGINE, {}), remembered()[3]), started()],
        "to which nobody said yes right before",
    ),
    "a grant of a question about another tool": (
        [*used(tool="look"), started()],
        "grant grant_1 goes back to req_0, which asked about something else",
    ),
    "a grant of another gate's question": (
        [*used(*remembered()[:3], ("grant_made", ANN, {**GRANT, "gate": OUT})), started()],
        "goes back to req_0, which asked about something else",
    ),
    "a grant by the word of somebody else": (
        [*used(voters=["ann", "eve"]), started()],
        "goes back to req_0, and the record has no yes to that by eve",
    ),
    "a grant by nobody's word": ([*used(voters=[]), started()], "the record has no yes to that by anybody"),
    "an outside system is asked before anybody is": (
        [CREATED, (*JUDGED[:2], {**JUDGED[2], "gates": [GATE, OUT]}), OUTSIDE],
        f"it was handed over, and gate {GATE} was not passed",
    ),
    "an outside system is asked, and who let it was not": (
        [
            *(CREATED, (*JUDGED[:2], {**JUDGED[2], "gates": [GATE, OUT]})),
            *((*OPENED[:2], {**OPENED[2], "of": ["role:ops"]}), resolved(), OUTSIDE),
        ],
        f"gate {GATE} was not passed: ann was not asked there (role:ops)",
    ),
    "an outside system is asked for another action": (
        [*ALLOWED[:4], (*OUTSIDE[:2], {**OUTSIDE[2], "digest": OTHER})],
        "it was handed over, and another action was judged",
    ),
    "an outside system is asked for what nobody judged": ([CREATED, OUTSIDE], "no policy was asked about it"),
    "an outside result before anybody said so": (
        [CREATED, JUDGED, ("requirement_opened", ENGINE, {**OPENED[2], "kind": "external"}), SUCCEEDED],
        "it has a result, and was never begun",
    ),
}


def told(tmp_path: Path, lines: list[Told], question: str = "unapproved-effects") -> list[str]:
    store = open_store(f"sqlite:///{tmp_path / 'forged.db'}")
    run_sync(store.append([Record(event, 1_000 + at, by, "run_1", data) for at, (event, by, data) in enumerate(lines)]))
    answer = put(store, question)
    run_sync(store.close())
    assert answer.damage == ()
    return [row[-1] for row in answer.rows]


@pytest.mark.parametrize("name", FORGED)
def test_it_is_found(tmp_path: Path, name: str) -> None:
    lines, why = FORGED[name]
    (found,) = told(tmp_path, lines)
    assert why in found


def test_what_was_said_of_an_earlier_loss_settles_no_later_one(tmp_path: Path) -> None:
    lost: Told = ("call_lost", ENGINE, {**CALL, "attempt": 1})
    asked: Told = ("requirement_opened", ENGINE, {**ASKED, "requirement": "req_2", "kind": "outcome", "tool": "pay"})
    said = resolved(requirement="req_2", kind="outcome", answer="not_happened")
    store = open_store(f"sqlite:///{tmp_path / 'lost.db'}")
    lines = [*ALLOWED, started(), lost, asked, said, started(2), lost]
    run_sync(store.append([Record(event, 1_000 + at, by, "run_1", data) for at, (event, by, data) in enumerate(lines)]))
    (row,) = put(store, "indeterminate").rows
    run_sync(store.close())
    assert row[6:] == ("", "", None)


BY_OTHERS = (*JUDGED[:2], {**JUDGED[2], "gates": [GATE, OUT]})
HONEST: list[list[Told]] = [
    [*ALLOWED, started(), SUCCEEDED],
    [*used(), started(), SUCCEEDED],
    [CREATED, BY_OTHERS, OPENED, resolved(), OUTSIDE, resolved(requirement="req_9", answer="report"), SUCCEEDED],
    [*used()[:-3], BY_OTHERS, USED, OUTSIDE],
]


@pytest.mark.parametrize("lines", HONEST)
def test_what_the_record_shows_is_no_finding(tmp_path: Path, lines: list[Told]) -> None:
    assert told(tmp_path, lines) == []


@pytest.mark.parametrize(
    "data",
    [
        {**JUDGED[2], "looked": [["policy"]]},
        {**JUDGED[2], "money": [{"at": "amount", "minor": 2**70, "currency": "EUR"}]},
        {**JUDGED[2], "call": 7},
    ],
)
def test_a_line_that_does_not_fit_stops_no_question(tmp_path: Path, data: dict[str, Any]) -> None:
    lines: list[Told] = [CREATED, ("call_judged", ENGINE, data), started()]
    assert told(tmp_path, lines, "integrity") == ["it cannot be read as call_judged"]
    assert told(tmp_path, [], "unapproved-effects") == ["no policy was asked about it"]
