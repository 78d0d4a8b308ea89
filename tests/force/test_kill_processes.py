"""The same with whole programs instead of forks: each worker is an interpreter of its own."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from kill_cases import Case
from kill_kinds import on_both
from kill_nursery import WORKER_LIMIT_S, python_environ
from kill_points import Plan
from worker import Orders

pytest_plugins = ["kill_fixtures"]

PROGRAM = Path(__file__).with_name("worker.py")
PLANS = [
    Plan("kill", "in refund order, after the effect"),
    Plan("kill", "after the commit of answer_recorded", 3),
]


def run_program(case: Case, plan: Plan) -> int:
    orders = msgspec.json.encode(Orders(str(case.folder), case.url, plan)).decode()
    done = subprocess.run(
        [sys.executable, str(PROGRAM), orders], env=python_environ(), timeout=WORKER_LIMIT_S, check=False
    )
    return done.returncode


@pytest.mark.parametrize(("database", "plan"), on_both(PLANS[:1], PLANS[1:]), indirect=["database"], ids=str)
def test_law03_a_program_is_killed_and_another_goes_on(case: Case, plan: Plan) -> None:
    assert run_program(case, plan) == -signal.SIGKILL
    assert run_program(case, Plan()) == 0
    assert case.ends() == ["done"]
    assert case.complaints() == []
