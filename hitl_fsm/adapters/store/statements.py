"""The SQL of the hot path, written once. Reading and writing rows elsewhere goes through these names."""

from __future__ import annotations

RUN_HEAD = "SELECT version, fence, owner, leased_until FROM run WHERE run_id = ?"
RUN_INSERT = (
    "INSERT INTO run (run_id, kind, name, user, state, version, fence, owner, leased_until, created_at, updated_at)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
RUN_UPDATE = (
    "UPDATE run SET state = ?, version = ?, fence = ?, owner = ?, leased_until = ?, updated_at = max(updated_at, ?)"
    " WHERE run_id = ? AND version = ? AND fence = ?"
)
RUN_RENEW = "UPDATE run SET leased_until = ? WHERE run_id = ? AND owner = ? AND fence = ?"
RUN_RELEASE = "UPDATE run SET owner = '', leased_until = 0 WHERE run_id = ? AND owner = ? AND fence = ?"
RUN_ROW = "SELECT state, version, fence, owner, leased_until FROM run WHERE run_id = ?"

EVENT_INSERT = "INSERT INTO event (run_id, seq, body) VALUES (?, ?, ?)"
EVENTS = "SELECT seq, body FROM event WHERE run_id = ? ORDER BY seq"

CALL_ROW = "SELECT state, digest FROM call WHERE run_id = ? AND call_id = ?"
CALL_UPSERT = (
    "INSERT INTO call (run_id, call_id, tool, state, digest) VALUES (?, ?, ?, ?, ?)"
    " ON CONFLICT (run_id, call_id) DO UPDATE SET state = excluded.state, digest = excluded.digest"
)

_REQUIREMENT = "requirement_id, run_id, call_id, kind, state, digest, bound, body"
REQUIREMENT_ROW = f"SELECT {_REQUIREMENT} FROM requirement WHERE requirement_id = ?"  # noqa: S608 - a constant list of columns
REQUIREMENTS_OF_CALL = f"SELECT {_REQUIREMENT} FROM requirement WHERE run_id = ? AND call_id = ? ORDER BY id"  # noqa: S608 - a constant list of columns
REQUIREMENT_INSERT = f"INSERT INTO requirement ({_REQUIREMENT}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - a constant list of columns
REQUIREMENT_UPDATE = (
    "UPDATE requirement SET kind = ?, state = ?, bound = ?, body = ? WHERE requirement_id = ? AND state = ?"
)

HEAD = "SELECT seq, leaf FROM log_head WHERE name = ?"
HEAD_INSERT = "INSERT INTO log_head (seq, leaf, name) VALUES (?, ?, ?)"
HEAD_UPDATE = "UPDATE log_head SET seq = ?, leaf = ? WHERE name = ?"
RECORD_INSERT = "INSERT INTO record (seq, run_id, body, leaf) VALUES (?, ?, ?, ?)"
RECORD_MORE = ", (?, ?, ?, ?)"
RECORDS = "SELECT seq, body, leaf FROM record WHERE seq > ? ORDER BY seq LIMIT ?"
RECORDS_OF_RUN = "SELECT seq, body, leaf FROM record WHERE run_id = ? AND seq > ? ORDER BY seq LIMIT ?"

POLICIES = "SELECT text FROM policy_set WHERE digest = ?"
POLICIES_INSERT = "INSERT INTO policy_set (digest, text, at) VALUES (?, ?, ?)"

VERSION = "SELECT version_num FROM alembic_version"

REQUIREMENTS = f"SELECT {_REQUIREMENT} FROM requirement"  # noqa: S608 - a constant list of columns
RUNS = (
    "SELECT run_id, kind, name, state, user, created_at, updated_at,"
    " (SELECT count(*) FROM requirement WHERE requirement.run_id = run.run_id AND requirement.state = 'open') FROM run"
)
COUNTS = (
    "SELECT (SELECT count(*) FROM run), (SELECT count(*) FROM requirement WHERE state = 'open'),"
    " (SELECT count(*) FROM record)"
)
