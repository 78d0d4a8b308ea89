"""Votes, edits, timers, delegations and revocations, in any order, against a tiny reference model."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from share import WHOLE, share_of
from stateful.approvals import Approvals

QUICK = settings(
    max_examples=25,
    stateful_step_count=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
LONG = settings(QUICK, max_examples=share_of(2_000), stateful_step_count=60, derandomize=not WHOLE, print_blob=True)


def test_law01_02_05_12_an_approval_is_what_its_votes_come_to() -> None:
    run_state_machine_as_test(Approvals, settings=QUICK)


@pytest.mark.slow
def test_law01_02_05_12_an_approval_is_what_its_votes_come_to_in_long_histories() -> None:
    run_state_machine_as_test(Approvals, settings=LONG)
