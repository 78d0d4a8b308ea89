"""Remembered permissions, each use of which is counted in the transaction of the step that uses it (law 10).

What a call says of the grants that passed its gates comes from its run's log. Before the call starts that is held
against the rows here: a log that was edited claims no grant, and one that was revoked meanwhile lets nothing begin.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import NamedTuple, NoReturn

import msgspec

from hitl_fsm.adapters.store import statements as sql
from hitl_fsm.adapters.store.columns import check, fitted
from hitl_fsm.adapters.store.database import Connection
from hitl_fsm.core.grants import after_use, alike, exact, is_excluded
from hitl_fsm.errors import GrantGone, StoreError, Tampered
from hitl_fsm.model.call import Call, Pass
from hitl_fsm.model.grant import Grant, GrantRow, GrantUse
from hitl_fsm.model.override import Override, OverrideState
from hitl_fsm.model.run import Run
from hitl_fsm.policy.join import gate_key
from hitl_fsm.ports import Commit

_HELP = "nothing was run; `hitl-fsm audit verify` and the database's backups tell what changed"
_ASK = "go on with the run again: people are asked instead"
_DEFECT = "this is a defect: please report it"
_encode = msgspec.json.Encoder().encode
_grant = msgspec.json.Decoder(Grant)
_override = msgspec.json.Decoder(Override)


class _Row(NamedTuple):
    grant_id: str
    tool: str
    agent: str
    state: str
    uses: int
    used: int
    until: int
    budget: str
    spent: str
    body: bytes


def write(connection: Connection, commit: Commit) -> None:
    """New grants and overrides, and the uses of older grants; GrantGone, and nothing is to be written, if one is over.

    Rows are locked in the order of their ids.
    """
    for grant in commit.grants:
        connection.execute(sql.PERMISSION_INSERT, (*_columns(grant), _body(grant, _grant)))
    at = commit.entries[-1].at if commit.entries else commit.run.created_at
    for use in sorted(commit.grant_uses, key=lambda one: one.grant_id):
        _use(connection, commit, use, at)
    for override in commit.overrides:
        values = (override.requirement_id, override.run_id, _body(override, _override))
        connection.execute(sql.OVERRIDE_INSERT, values)


def _use(connection: Connection, commit: Commit, use: GrantUse, at: int) -> None:
    call = next((one for one in commit.calls if one.call_id == use.call_id), None)
    passed = None if call is None else _pass_of(call, use)
    if call is None or passed is None:
        message = f"a use of grant {use.grant_id} belongs to no call of this step"
        raise StoreError(message, help=_DEFECT)
    row = _locked(connection, use.grant_id, call)
    _check_alike(row.grant, commit.run, call, passed)
    amount = alike(row.grant, commit.run, call, use.gate)
    gate = next((one for one in call.verdict.gates if gate_key(one) == use.gate), None)
    if amount is None or amount != use.amount or gate is None or is_excluded(row.grant, commit.run, call, gate):
        _refuse(f"grant {use.grant_id} does not pass the gate of call {use.call_id} like that")
    spent = after_use(row, amount, at)
    if spent is None:
        raise _gone(use.grant_id, "used up, over, or revoked")
    condition = (use.grant_id, row.used, str(row.spent), at)
    if connection.execute(sql.PERMISSION_USE, (str(spent), *condition)).rowcount != 1:
        raise _gone(use.grant_id, "used by somebody else at this moment")
    where = (use.grant_id, commit.run.run_id, call.call_id, use.gate, call.digest, call.retries + 1)
    connection.execute(sql.PERMISSION_USED, where)


def _pass_of(call: Call, use: GrantUse) -> Pass | None:
    for passed in call.passed:
        if (passed.grant, passed.gate, passed.digest) == (use.grant_id, use.gate, call.digest):
            return passed
    return None


def check_passes(connection: Connection, run: Run, call: Call) -> None:
    """Before a call starts: each grant that passed a gate of it is there, covers it, was counted, is not revoked."""
    claimed = [one for one in call.passed if one.grant and one.digest == call.digest]
    if not claimed:
        return
    used = {tuple(row) for row in connection.execute(sql.PERMISSION_USES, (run.run_id, call.call_id))}
    for passed in sorted(claimed, key=lambda one: one.grant):
        row = _locked(connection, passed.grant, call)
        if (passed.grant, passed.gate, passed.digest, call.retries + 1) not in used:
            _refuse(f"call {call.call_id} of run {run.run_id} never used grant {passed.grant}")
        _check_alike(row.grant, run, call, passed)
        if row.state != "active":
            raise _gone(passed.grant, "revoked")


def _check_alike(grant: Grant, run: Run, call: Call, passed: Pass) -> None:
    if alike(grant, run, call, passed.gate) is None or passed.by != grant.persons:
        _refuse(f"call {call.call_id} of run {run.run_id} is none that grant {grant.grant_id} covers")


def _locked(connection: Connection, grant_id: str, call: Call) -> GrantRow:
    found = connection.execute(sql.PERMISSION_LOCKED, (grant_id,)).fetchone()
    if found is None:
        _refuse(f"there is no grant {grant_id}, which call {call.call_id} relies on")
    return _read(_Row(*found))


def _gone(grant_id: str, why: str) -> GrantGone:
    return GrantGone(f"grant {grant_id} is {why}", grant_id=grant_id, help=_ASK)


# -- reading


def one(connection: Connection, grant_id: str) -> GrantRow | None:
    """One grant; Tampered when its row contradicts itself."""
    row = connection.execute(f"{sql.PERMISSIONS} WHERE grant_id = ?", (grant_id,)).fetchone()
    return None if row is None else _read(_Row(*row))


class Wanted(NamedTuple):
    """Which grants: of a tool, of an agent, those that are not over at a time (ms); None: all."""

    tool: str | None = None
    agent: str | None = None
    active_at: int | None = None


def page(connection: Connection, wanted: Wanted, after: str, limit: int) -> Sequence[GrantRow]:
    """In order of id."""
    where: list[str] = ["grant_id > ?"]
    values: list[str | int] = [after]
    for column, value in (("tool", wanted.tool), ("agent", wanted.agent)):
        if value is not None:
            where.append(f"{column} = ?")
            values.append(fitted(value))
    if wanted.active_at is not None:
        where.append("until > ? AND state = 'active' AND used < uses")
        values.append(wanted.active_at)
    query = f"{sql.PERMISSIONS} WHERE {' AND '.join(where)} ORDER BY grant_id LIMIT ?"
    return [_read(_Row(*row)) for row in connection.execute(query, (*values, limit))]


def revoke(connection: Connection, grant_id: str) -> bool:
    """False when there is no such grant, or it was revoked before."""
    return connection.execute(sql.PERMISSION_REVOKE, (grant_id,)).rowcount == 1


def overrides(connection: Connection, state: OverrideState | None, after: str, limit: int) -> Sequence[Override]:
    """In order of id, which is the order in which the questions were asked."""
    told = "" if state is None else f" AND state = '{state}'"  # as text, so that the partial index applies
    query = f"{sql.OVERRIDES} WHERE requirement_id > ?{told} ORDER BY requirement_id LIMIT ?"
    return [_read_override(*row) for row in connection.execute(query, (after, limit))]


def override(connection: Connection, requirement_id: str) -> Override | None:
    """One override, reviewed or not."""
    row = connection.execute(f"{sql.OVERRIDES} WHERE requirement_id = ?", (requirement_id,)).fetchone()
    return None if row is None else _read_override(*row)


def close_override(connection: Connection, reviewed: Override) -> bool:
    """False when there is none that is open, or it is not the one that was looked at."""
    row = connection.execute(sql.OVERRIDE_LOCKED, (reviewed.requirement_id,)).fetchone()
    if row is None:
        return False
    stored = _read_override(*row)
    unseen = msgspec.structs.replace(reviewed, reviewed_by=None, reviewed_at=None, finding="")
    if stored != unseen:
        return False
    body = _body(reviewed, _override)
    return connection.execute(sql.OVERRIDE_CLOSE, (body, reviewed.requirement_id)).rowcount == 1


def _read(row: _Row) -> GrantRow:
    """Tampered unless the columns and the body say the same."""
    try:
        grant = _grant.decode(row.body)
        spent = Decimal(row.spent)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, TypeError, InvalidOperation):
        _refuse(f"the stored grant {row.grant_id} cannot be read")
    said = (row.grant_id, row.tool, row.agent, row.uses, row.until, row.budget)
    if said != _columns(grant) or not spent.is_finite():
        _refuse(f"the columns and the body of grant {row.grant_id} differ")
    return GrantRow(grant, "active" if row.state == "active" else "revoked", row.used, spent)


def _columns(grant: Grant) -> tuple[str, str, str, int, int, str]:
    tool, agent = fitted(grant.tool), fitted(grant.agent)
    return grant.grant_id, tool, agent, grant.uses, grant.until, str(exact(grant.budget))


def _read_override(requirement_id: str, run_id: str, state: str, body: bytes) -> Override:
    try:
        found = _override.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, TypeError):
        _refuse(f"the stored override {requirement_id} cannot be read")
    said = (found.requirement_id, found.run_id, "open" if found.reviewed_by is None else "reviewed")
    if said != (requirement_id, run_id, state):
        _refuse(f"the columns and the body of override {requirement_id} differ")
    return found


def _body(value: Grant | Override, decoder: msgspec.json.Decoder[Grant] | msgspec.json.Decoder[Override]) -> bytes:
    """Read back at once: what cannot be read again must not be written."""
    name = value.grant_id if isinstance(value, Grant) else value.requirement_id
    check("a grant or an override", name)
    try:
        body = _encode(value)
        decoder.decode(body)
    except (TypeError, ValueError, RecursionError, OverflowError) as error:
        message = f"{name} cannot be stored: {error}"
        raise StoreError(message, help="values must be plain JSON with valid text") from error
    return body


def _refuse(message: str) -> NoReturn:
    raise Tampered(message, help=_HELP)
