"""Law 2 for votes by force: offices in processes of their own vote on the same gates; none closes twice, none early."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from hitl_fsm import Agent, Engine, tool
from hitl_fsm.model.states import RequirementState
from hitl_fsm.testing import ScriptedModel
from house import policies, policy_text
from postgres import Server
from share import share_of

QUORUM = 3
OFFICES = 4
FEW, MANY = 40, 2_000
"""Votes that each office tries."""
RULES = f"- {{id: all, gate: {{approval: {{of: [role:finance], quorum: {QUORUM}, not: [requester]}}}}}}"
PROGRAM = Path(__file__).with_name("votes_process.py")


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'hitl.db'}?synchronous=normal"
    server: Server = request.getfixturevalue("postgres_server")
    return str(server.schema_url())


def test_law02_racing_votes_close_a_gate_once_and_never_early(url: str) -> None:
    race(url, FEW)


@pytest.mark.slow
def test_law02_racing_votes_close_a_gate_once_and_never_early_many_times(url: str) -> None:
    race(url, max(FEW, share_of(MANY)))


def race(url: str, votes: int) -> None:
    engine = Engine(policies(policy_text(RULES)), url)
    questions = [asked(engine, number) for number in range(max(8, votes // 6))]
    told = raced(url, questions, votes)
    assert not [line for line in told if line[2] not in {"ok", "closed", "voted"}]
    taken: dict[str, list[str]] = {}
    for question, voter, came in told:
        if came == "ok":
            taken.setdefault(question, []).append(voter)
    closed = 0
    for question in questions:
        requirement = engine.inbox.get(question).value
        voters = taken.get(question, [])
        assert sorted(voters) == sorted(vote.by.id for vote in requirement.votes), "told ok and kept are the same"
        assert len(voters) == len(set(voters)) <= QUORUM, "one vote a person, and none after it closed"
        assert (requirement.state is RequirementState.RESOLVED) == (len(voters) == QUORUM)
        events = Counter(line["event"] for line in engine.runs.timeline(requirement.run_id))
        assert events["requirement_resolved"] == (len(voters) == QUORUM)
        assert events["requirement_voted"] == min(len(voters), QUORUM - 1)
        closed += len(voters) == QUORUM
    assert closed > 0
    assert sum(came != "ok" for *_, came in told) > 0, "nobody raced"
    assert engine.audit.verify().intact
    engine.close()


def asked(engine: Engine, number: int) -> str:
    @tool
    def pay(number: int) -> str:
        """Pay."""
        raise AssertionError(number)

    model = ScriptedModel([{"calls": [{"tool": "pay", "args": {"number": number}}]}, {"say": "the end"}])
    run = Agent(f"clerk-{number % 7}", model, engine=engine, tools=[pay]).run("go", user="alice")
    (question,) = run.active_requirements
    return question.id


def raced(url: str, questions: list[str], votes: int) -> list[tuple[str, str, str]]:
    """What every office was told, one line a try."""
    ours, theirs = os.pipe()
    offices = [
        subprocess.Popen(
            [sys.executable, str(PROGRAM), url, str(seed), str(votes), str(ours)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            pass_fds=[ours],
        )
        for seed in range(OFFICES)
    ]
    for office in offices:
        assert office.stdin is not None
        assert office.stdout is not None
        office.stdin.write(" ".join(questions) + "\n")
        office.stdin.flush()
        assert office.stdout.readline() == "ready\n"
    os.write(theirs, b"x" * OFFICES)
    told = [line.split() for office in offices for line in office.communicate()[0].splitlines()]
    os.close(ours)
    os.close(theirs)
    assert [office.returncode for office in offices] == [0] * OFFICES
    return [(question, voter, came) for question, voter, came in told]
