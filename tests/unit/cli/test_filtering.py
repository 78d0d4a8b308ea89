"""Which questions a list is asked for."""

from __future__ import annotations

from typing import get_args

import pytest

from hitl_fsm.cli.answers.filtering import KINDS, RISKS, Wanted
from hitl_fsm.model.requirement import Requirement, RequirementKind
from hitl_fsm.model.verdict import Confirm, Severity

NOW = 1_000
ABOUT = ("req_1", "run_1", "call", "payments.refund", {}, "d", Confirm(), NOW)
ONE = Requirement(*ABOUT, agent="clerk", severity="high", expires_at=1_500)


@pytest.mark.parametrize(
    ("wanted", "taken"),
    [
        (Wanted(), True),
        (Wanted(run="run_1"), True),
        (Wanted(run="run_2"), False),
        (Wanted(tool="payments.refund"), True),
        (Wanted(tool="payments.*"), True),
        (Wanted(tool="payments"), False),
        (Wanted(agent="clerk"), True),
        (Wanted(agent="clerks"), False),
        (Wanted(risk="low"), True),
        (Wanted(risk="high"), True),
        (Wanted(risk="critical"), False),
        (Wanted(kind="confirm"), True),
        (Wanted(kind="approval"), False),
        (Wanted(expiring_ms=500), True),
        (Wanted(expiring_ms=499), False),
        (Wanted(tool="payments.*", agent="clerk", risk="medium", kind="confirm", expiring_ms=9_999), True),
        (Wanted(tool="payments.*", agent="clerk", risk="medium", kind="external", expiring_ms=9_999), False),
    ],
)
def test_all_that_is_asked_for_must_hold(wanted: Wanted, taken: bool) -> None:
    assert wanted.takes(ONE, NOW) is taken


def test_what_never_expires_is_not_expiring_soon() -> None:
    never = Requirement("req_1", "run_1", "call", "pay", {}, "d", Confirm(), NOW)
    assert not Wanted(expiring_ms=10**15).takes(never, NOW)


def test_the_words_are_those_of_the_model() -> None:
    assert get_args(Severity) == RISKS
    assert get_args(RequirementKind) == KINDS
