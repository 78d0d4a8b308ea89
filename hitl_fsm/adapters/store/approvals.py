"""What was approved is what runs (law 5), and an answer is used once (law 2), checked against the stored rows.

The core decides from the log; here its word is held against the rows that were written when the question was asked and
answered. A row that was edited, removed or reopened behind the engine's back stops the step.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple, NoReturn

import msgspec

from hitl_fsm.adapters.store import grants
from hitl_fsm.adapters.store import statements as sql
from hitl_fsm.adapters.store.columns import fitted
from hitl_fsm.adapters.store.database import Connection
from hitl_fsm.core.stored import is_as_told
from hitl_fsm.errors import AlreadyResolved, Tampered
from hitl_fsm.model.answer import Retry
from hitl_fsm.model.call import Call
from hitl_fsm.model.requirement import Requirement
from hitl_fsm.model.states import CALL_ENDED, CallState, RequirementState
from hitl_fsm.ports import Commit

_HELP = "nothing was run; `hitl-fsm audit verify` and the database's backups tell what changed"
_VOTED = frozenset({RequirementState.RESOLVED, RequirementState.SUPERSEDED})
_AFTER_A_START = frozenset({"outcome", "review"})
"""What a person says of what became of a start approves no start."""
_REVIEW = "review"
_OPEN = RequirementState.OPEN
_requirement = msgspec.json.Decoder(Requirement)


class Row(NamedTuple):
    """A requirement's row; `bound` is the call's digest as the answer left it, "" before."""

    requirement_id: str
    run_id: str
    call_id: str
    kind: str
    state: str
    digest: str
    bound: str
    body: bytes


def read(row: Row) -> Requirement:
    """The requirement of a row; Tampered unless its columns and its body say the same."""
    try:
        requirement = _requirement.decode(row.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        _refuse(f"the stored requirement {row.requirement_id} cannot be read")
    said = (
        requirement.requirement_id,
        requirement.run_id,
        requirement.call_id,
        requirement.kind,
        requirement.state,
        requirement.digest,
    )
    if said != row[:6]:
        _refuse(f"the columns and the body of requirement {row.requirement_id} differ")
    return requirement


class Known:
    """The rows of requirements that a step has read so far: within its transaction they are not read twice."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[Row, Requirement]] = {}

    def requirement(self, row: Row) -> Requirement:
        """`read`, once a row."""
        known = self._found.get(row.requirement_id)
        if known is not None and known[0] == row:
            return known[1]
        requirement = read(row)
        self._found[row.requirement_id] = row, requirement
        return requirement

    def row(self, connection: Connection, requirement_id: str) -> Row | None:
        """The row that is stored, if there is one."""
        known = self._found.get(requirement_id)
        if known is not None:
            return known[0]
        found = connection.execute(sql.REQUIREMENT_ROW, (requirement_id,)).fetchone()
        return None if found is None else Row(*found)


def check_seen(connection: Connection, commit: Commit, known: Known) -> None:
    """Tampered unless each question that the step relies on is stored exactly as the run's log tells it."""
    for requirement in commit.seen:
        row = known.row(connection, requirement.requirement_id)
        if row is None:
            _refuse(f"the row of requirement {requirement.requirement_id} is gone")
        stored = known.requirement(row)
        if not is_as_told(stored, requirement):
            _refuse(f"the row of requirement {requirement.requirement_id} is not what its run's log says")


def check_starts(connection: Connection, commit: Commit, known: Known) -> None:
    """Tampered unless every call that this step starts is the one that was approved, by answers already on disk."""
    for call in commit.calls:
        if call.state is CallState.EXECUTING:
            _check_start(connection, commit.run.run_id, call, known)
            grants.check_passes(connection, commit.run, call)


def _check_start(connection: Connection, run_id: str, call: Call, known: Known) -> None:
    name = f"call {call.call_id} of run {run_id}"
    stored = connection.execute(sql.CALL_ROW, (run_id, call.call_id)).fetchone()
    rows = [Row(*row) for row in connection.execute(sql.REQUIREMENTS_OF_CALL, (run_id, call.call_id))]
    gated = bool(call.passed) or any(row.kind not in _AFTER_A_START for row in rows)
    if stored is None:
        if gated:
            _refuse(f"the row of {name} is gone")
        return
    state, digest = stored
    if digest != call.digest:
        _refuse(f"{name} is not the stored one: its digest differs")
    if state in CALL_ENDED:
        _refuse(f"{name} cannot start: it has ended as {state}")
    for row in rows:
        known.requirement(row)
        if row.state not in _VOTED:
            _refuse(f"{name} cannot start: requirement {row.requirement_id} is {row.state}")
    if call.retries:
        _check_sent_back(name, call, [known.requirement(row) for row in rows])
    if gated:
        _check_votes(name, call, _of_this_execution(rows))


def _check_sent_back(name: str, call: Call, asked: list[Requirement]) -> None:
    """A further execution is one that a reviewer asked for."""
    answers = [one.resolution.answer for one in asked if one.resolution is not None]
    told = sum(isinstance(answer, Retry) for answer in answers)
    if told < call.retries:
        _refuse(f"{name} cannot start again: it was sent back {call.retries} times, but {told} such answers are stored")


def _of_this_execution(rows: list[Row]) -> list[Row]:
    """What was asked since its result was last reviewed: a yes is for one execution."""
    last = max((index for index, row in enumerate(rows) if row.kind == _REVIEW), default=-1)
    return rows[last + 1 :]


def _check_votes(name: str, call: Call, rows: list[Row]) -> None:
    """For each gate that people passed there is an answer. What grants passed, `grants.check_passes` looks at."""
    standing = [passed for passed in call.passed if passed.digest == call.digest]
    passes = sum(not passed.grant for passed in standing)
    if standing and not passes:
        return
    resolved = [row for row in rows if row.state == RequirementState.RESOLVED and row.kind not in _AFTER_A_START]
    if not resolved:
        _refuse(f"{name} cannot start: no answer to its gates is stored")
    if resolved[-1].bound != call.digest:
        _refuse(f"{name} is not the action that was approved: its digest differs")
    votes = sum(row.bound == call.digest for row in resolved)
    if votes < passes:
        _refuse(f"{name} cannot start: {passes} gates were passed, but {votes} answers are stored")


def write_requirements(connection: Connection, commit: Commit, bodies: tuple[bytes, ...], known: Known) -> None:
    """Open new requirements, close open ones; a closed one stays as it is (laws 2 and 4)."""
    for requirement, body in zip(commit.requirements, bodies, strict=True):
        if requirement.state is _OPEN and _open(connection, requirement, body):
            continue
        row = known.row(connection, requirement.requirement_id)
        if row is None:
            _refuse(f"the row of requirement {requirement.requirement_id} is gone")
        if row.body != body:
            _check_change(requirement, known.requirement(row))
            resolved = requirement.state is RequirementState.RESOLVED
            bound = _digest_after(connection, commit, requirement) if resolved else row.bound
            values = (requirement.kind, requirement.state, bound, body)
            changed = connection.execute(sql.REQUIREMENT_UPDATE, (*values, requirement.requirement_id, row.state))
            if changed.rowcount != 1:
                _refuse(f"the row of requirement {requirement.requirement_id} changed meanwhile")


def _open(connection: Connection, requirement: Requirement, body: bytes) -> bool:
    """False when there is such a row already."""
    key = (requirement.requirement_id, requirement.run_id, requirement.call_id)
    values = (requirement.kind, requirement.state, requirement.digest, "", body, fitted(requirement.agent))
    return connection.execute(sql.REQUIREMENT_INSERT, (*key, *values)).rowcount == 1


def _check_change(new: Requirement, stored: Requirement) -> None:
    if (stored.run_id, stored.call_id, stored.digest) != (new.run_id, new.call_id, new.digest):
        _refuse(f"the stored requirement {new.requirement_id} is not about the same action")
    # Voiding a vote only tightens, so a resolved one may still be superseded; nothing else leaves a closed state.
    voided = stored.state is RequirementState.RESOLVED and new.state is RequirementState.SUPERSEDED
    if stored.state is not _OPEN and not voided:
        raise already(stored)


def _digest_after(connection: Connection, commit: Commit, requirement: Requirement) -> str:
    """The digest of the call as this step leaves it: with an edit or a form it is not the one that was shown."""
    for call in commit.calls:
        if call.call_id == requirement.call_id:
            return call.digest
    row = connection.execute(sql.CALL_ROW, (requirement.run_id, requirement.call_id)).fetchone()
    if row is None:
        _refuse(f"the row of call {requirement.call_id} of run {requirement.run_id} is gone")
    return str(row[1])


def already(requirement: Requirement) -> AlreadyResolved:
    """Who answered first, and when."""
    text = f"requirement {requirement.requirement_id} is already {requirement.state}"
    resolution = requirement.resolution
    if resolution is not None:
        when = datetime.fromtimestamp(resolution.at / 1000, UTC).isoformat(timespec="seconds")
        text += f", by {resolution.by.id} at {when}"
    return AlreadyResolved(text, help="the first answer stands; nothing changed")


def _refuse(message: str) -> NoReturn:
    raise Tampered(message, help=_HELP)
