"""What a gate is called on the page that its owner signs: in few words for the tables, and whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from hitl_fsm.model.verdict import (
    Approval,
    Confirm,
    Editing,
    Escalation,
    External,
    Gate,
    GrantOffer,
    Patience,
    Review,
    Seat,
    UserInput,
)
from hitl_fsm.policy.describe.paper import Text
from hitl_fsm.policy.describe.words import sentence, who

GOLDEN = Path(__file__).parent / "golden/gates.txt"
HOUR = 3_600_000
BO, FINANCE, CFO = ("bo",), ("role:finance",), ("role:cfo",)
LEVELS = (Escalation(CFO, 8 * HOUR, 2), Escalation(("al",), 24 * HOUR))
GATES: list[Gate] = [
    Approval(FINANCE, ("requester",), 4 * HOUR),
    Approval(FINANCE, ("requester",), 4 * HOUR, 2),
    Approval(("group:treasury", "maria"), ("editor", "bo", "previous_approver"), quorum=11, reject_quorum=2),
    Approval((), ("requester",), ways=((Seat(FINANCE, 2), Seat(("role:legal",))),)),
    Approval((), ways=((Seat(CFO),), (Seat(FINANCE, 2),)), name="last"),
    Approval(BO, expires_ms=4 * HOUR, patience=Patience((HOUR, 3 * HOUR), "madrid", LEVELS)),
    Approval(BO, expires_ms=HOUR, patience=Patience(escalate=(Escalation(CFO),))),
    Approval(BO, break_glass=("role:oncall", "group:guards")),
    Confirm(HOUR, edit=Editing(), grant=GrantOffer(1, HOUR)),
    Confirm(
        edit=Editing({"amount": {"maximum": 9}, "memo": {}, "total": {"type": "number"}}, ("total",)),
        grant=GrantOffer(10, 24 * HOUR, ("session", "agent"), ("amount", "memo"), "amount", 5000),
    ),
    UserInput({}, BO, HOUR, patience=Patience(escalate=(Escalation(("al",), HOUR),))),
    Review(BO, ("requester", "previous_approver"), HOUR, patience=Patience(calendar="madrid")),
    External("bank", expires_ms=HOUR),
]


def plain(text: Text) -> str:
    return "".join(piece if isinstance(piece, str) else piece.text for piece in text)


def told() -> list[str]:
    return [f"{plain(who(gate))}\n{plain(sentence(gate))}\n" for gate in GATES]


@pytest.mark.parametrize("number", range(len(GATES)))
def test_a_gate_is_told_so_that_its_owner_can_sign_it(number: int) -> None:
    golden = GOLDEN.read_text(encoding="utf-8").split("\n\n")
    assert told()[number].strip() == golden[number].strip(), "after reading it: write it there"


def test_no_gate_is_left_out() -> None:
    assert len(GOLDEN.read_text(encoding="utf-8").strip().split("\n\n")) == len(GATES)
