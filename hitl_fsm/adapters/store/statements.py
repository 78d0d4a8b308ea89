"""The SQL, written once, for every database (what a dialect translates is told in `database`)."""

from __future__ import annotations

LOCK = " /* lock */"
"""The rows are the transaction's until it ends, where several write at the same time."""

LOCK_FREE = " /* lock free */"
"""So too, and rows that another transaction holds are left out."""

RUN_HEAD = f"SELECT version, fence, owner, leased_until FROM run WHERE run_id = ?{LOCK}"  # noqa: S608 - a constant
RUN_INSERT = (
    'INSERT INTO run (run_id, kind, name, "user", state, version, fence, owner, leased_until, created_at, updated_at)'
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (run_id) DO NOTHING"
)

# The compare-and-swap of a step. A column that is set makes SQLite write the indexes again that look at it, changed or
# not: so a run that stays as it is does not set its state, and one whose lease a step leaves alone does not set that.
_STEP = "UPDATE run SET version = ?, fence = ?, updated_at = CASE WHEN updated_at > ? THEN updated_at ELSE ? END"
_STATE = ", state = ?"
_LEASE = ", owner = ?, leased_until = ?"
_KEY = " WHERE run_id = ? AND version = ? AND fence = ?"
_FREE = " AND (owner = '' OR leased_until <= ?)"
_MINE = " AND owner = ?"
_NOT_OTHERS = " AND (owner = '' OR owner = ?)"
RUN_STAYS = {
    "take": f"{_STEP}{_LEASE}{_KEY}{_FREE} AND state = ?",
    "keep": f"{_STEP}{_LEASE}{_KEY}{_MINE} AND state = ?",
}
RUN_MOVES = {
    "take": f"{_STEP}{_STATE}{_LEASE}{_KEY}{_FREE}",
    "keep": f"{_STEP}{_STATE}{_LEASE}{_KEY}{_MINE}",
    "release": f"{_STEP}{_STATE}{_LEASE}{_KEY}{_NOT_OTHERS}",
    "none": f"{_STEP}{_STATE}{_LEASE}{_KEY}",
}
RUN_MOVES_IN_ITS_LEASE = f"{_STEP}{_STATE}{_KEY}"
RUN_RENEW = "UPDATE run SET leased_until = ? WHERE run_id = ? AND owner = ? AND fence = ?"
RUN_RELEASE = "UPDATE run SET owner = '', leased_until = 0 WHERE run_id = ? AND owner = ? AND fence = ?"
# One statement, so that row and log are of one snapshot; a run without a log comes as one row without seq.
RUN_AND_LOG = (
    "SELECT run.state, run.version, run.fence, run.owner, run.leased_until, event.seq, event.body"
    " FROM run LEFT JOIN event ON event.run_id = run.run_id AND event.seq > ? WHERE run.run_id = ? ORDER BY event.seq"
)

SESSION_INSERT = 'INSERT INTO session_run (session, "user", kind, name, run_id) VALUES (?, ?, ?, ?, ?)'
SESSION_RUNS = (
    "SELECT session_run.run_id FROM session_run JOIN run ON run.run_id = session_run.run_id"
    ' WHERE session_run.session = ? AND session_run."user" = ? AND session_run.kind = ? AND session_run.name = ?'
    " AND run.state = 'done' ORDER BY session_run.id DESC LIMIT ?"
)

EVENT_INSERT = "INSERT INTO event (run_id, seq, body) VALUES (?, ?, ?)"

CALL_ROW = "SELECT state, digest FROM call WHERE run_id = ? AND call_id = ?"
CALL_UPDATE = "UPDATE call SET state = ?, digest = ? WHERE run_id = ? AND call_id = ?"
CALL_UPSERT = (
    "INSERT INTO call (run_id, call_id, tool, state, digest) VALUES (?, ?, ?, ?, ?)"
    " ON CONFLICT (run_id, call_id) DO UPDATE SET state = excluded.state, digest = excluded.digest"
)

_REQUIREMENT = "requirement_id, run_id, call_id, kind, state, digest, bound, body"
REQUIREMENT_ROW = f"SELECT {_REQUIREMENT} FROM requirement WHERE requirement_id = ?"  # noqa: S608 - a constant list of columns
REQUIREMENTS_OF_CALL = f"SELECT {_REQUIREMENT} FROM requirement WHERE run_id = ? AND call_id = ? ORDER BY id"  # noqa: S608 - a constant list of columns
REQUIREMENT_INSERT = (
    f"INSERT INTO requirement ({_REQUIREMENT}, agent) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - a constant list of columns
    " ON CONFLICT (requirement_id) DO NOTHING"
)
REQUIREMENT_UPDATE = (
    "UPDATE requirement SET kind = ?, state = ?, bound = ?, body = ? WHERE requirement_id = ? AND state = ?"
)

# In these very words, so that the index of such questions applies.
OPEN_OF = "SELECT count(*) FROM requirement WHERE agent = ? AND state = 'open'"

HEAD = "SELECT seq, leaf FROM log_head WHERE name = ?"
HEAD_LOCKED = HEAD + LOCK
HEAD_INSERT = "INSERT INTO log_head (seq, leaf, name) VALUES (?, ?, ?) ON CONFLICT (name) DO NOTHING"
HEAD_UPDATE = "UPDATE log_head SET seq = ?, leaf = ? WHERE name = ?"
RECORD_INSERT = "INSERT INTO record (seq, run_id, body, leaf) VALUES (?, ?, ?, ?)"
RECORD_MORE = ", (?, ?, ?, ?)"
RECORDS = "SELECT seq, body, leaf FROM record WHERE seq > ? ORDER BY seq LIMIT ?"
RECORDS_OF_RUN = "SELECT seq, body, leaf FROM record WHERE run_id = ? AND seq > ? ORDER BY seq LIMIT ?"

POLICIES = "SELECT text FROM policy_set WHERE digest = ?"
POLICIES_INSERT = "INSERT INTO policy_set (digest, text, at) VALUES (?, ?, ?) ON CONFLICT (digest) DO NOTHING"

VERSION = "SELECT version_num FROM alembic_version"

REQUIREMENTS = f"SELECT {_REQUIREMENT} FROM requirement"  # noqa: S608 - a constant list of columns
# Found by the rows' own numbers, without an index of agents that each new question would have to be written to.
REQUIREMENTS_LATELY = (
    "SELECT id, body FROM requirement WHERE id > (SELECT max(id) FROM requirement) - ? AND agent = ?"
    " ORDER BY id DESC LIMIT ?"
)
_ROW = (
    'SELECT run_id, kind, name, state, "user", created_at, updated_at,'
    " (SELECT count(*) FROM requirement WHERE requirement.run_id = run.run_id AND requirement.state = 'open'),"
    " owner, leased_until FROM run"
)
RUNS = _ROW

# In these very words, so that the index of such runs applies.
ADVANCING = "state IN ('running', 'continuing')"
RUNS_ADVANCING = f"{_ROW} WHERE {ADVANCING} AND run_id > ? ORDER BY run_id LIMIT ?"
LEASES = f"SELECT owner, leased_until FROM run WHERE {ADVANCING}"  # noqa: S608 - a constant

# What a call did whose end nobody knows may still have to be found out.
RUNS_ENDED = (
    f"{_ROW} WHERE state IN ('done', 'cancelled') AND updated_at < ? AND NOT EXISTS (SELECT 1 FROM call"  # noqa: S608 - constants
    " WHERE call.run_id = run.run_id AND call.state IN ('executing', 'outcome_unknown')) ORDER BY run_id LIMIT ?"
)
STATES_OF = "SELECT state FROM run WHERE run_id IN"
TABLES_OF_A_RUN = ("timer", "permission_use", "requirement", "call", "event", "session_run", "run")

TIMER_UPSERT = (
    "INSERT INTO timer (run_id, about, kind, due_at, owner, claimed_until) VALUES (?, ?, ?, ?, '', 0)"
    " ON CONFLICT (run_id, about, kind) DO UPDATE SET due_at = excluded.due_at, owner = '', claimed_until = 0"
)
TIMER_DELETE = "DELETE FROM timer WHERE run_id = ? AND about = ? AND kind = ?"
TIMER_NEXT = "SELECT min(due_at) FROM timer"
TIMER_HOLDERS = "SELECT DISTINCT owner FROM timer WHERE due_at <= ? AND claimed_until > ?"
TIMER_FREE = "UPDATE timer SET owner = '', claimed_until = 0 WHERE owner = ? AND due_at <= ?"
TIMERS_DUE = (
    "SELECT id, run_id, about, kind, due_at FROM timer WHERE due_at <= ? AND claimed_until <= ?"  # noqa: S608 - a constant
    f" ORDER BY due_at, id LIMIT ?{LOCK_FREE}"
)
TIMER_CLAIM = "UPDATE timer SET owner = ?, claimed_until = ? WHERE id = ?"

CURSOR = "SELECT seq FROM cursor WHERE name = ?"
CURSOR_INSERT = "INSERT INTO cursor (name, seq) VALUES (?, ?) ON CONFLICT (name) DO NOTHING"
CURSOR_MOVE = "UPDATE cursor SET seq = ? WHERE name = ? AND seq = ?"

DELIVERIES = "SELECT delivery_id, kind, target, about, run_id, state, attempts, due_at, body FROM delivery"
DELIVERY_INSERT = (
    "INSERT INTO delivery (delivery_id, kind, target, about, run_id, state, attempts, due_at, body, owner,"
    " claimed_until) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, '', 0) ON CONFLICT (delivery_id) DO NOTHING"
)
# In these very words, so that the indexes of such deliveries apply.
PENDING = "state IN ('waiting', 'sending')"
STRANDED = "state IN ('unknown', 'dead')"
_FOR = f"{PENDING} AND kind = ? AND target IN ({{marks}})"
DELIVERY_WAITS = f"SELECT 1 FROM delivery WHERE {_FOR} AND due_at <= ? AND state = 'waiting' LIMIT 1"  # noqa: S608 - constants
DELIVERY_NEXT = f"SELECT min(due_at) FROM delivery WHERE {_FOR} AND state = 'waiting'"  # noqa: S608 - constants
DELIVERY_HOLDERS = f"SELECT owner, min(claimed_until) FROM delivery WHERE {_FOR} AND state = 'sending' GROUP BY owner"  # noqa: S608 - constants
DELIVERIES_FREE = f"UPDATE delivery SET claimed_until = 0 WHERE {PENDING} AND owner = ? AND kind = ?"  # noqa: S608 - constants
DELIVERIES_DUE = (
    f"{DELIVERIES} WHERE {_FOR} AND due_at <= ? AND (state = 'waiting' OR claimed_until <= ?)"
    f" ORDER BY due_at, id LIMIT ?{LOCK_FREE}"
)
_DISPATCH = f"{PENDING} AND kind = 'dispatch' AND due_at <= ? AND (state = 'waiting' OR claimed_until <= ?)"
DISPATCH_DUE = f"SELECT 1 FROM delivery WHERE {_DISPATCH} AND target IN ({{marks}}) LIMIT 1"  # noqa: S608 - constants
DISPATCH_FIRST = f"{DELIVERIES} WHERE {_DISPATCH} AND target IN ({{marks}}) ORDER BY due_at, id LIMIT 1{LOCK_FREE}"
DISPATCH_HOLDERS = f"SELECT DISTINCT owner FROM delivery WHERE {PENDING} AND kind = 'dispatch' AND state = 'sending'"  # noqa: S608 - constants
DELIVERY_CLAIM = (
    "UPDATE delivery SET state = 'sending', owner = ?, claimed_until = ?, attempts = ? WHERE delivery_id = ?"
)
DELIVERY_UNKNOWN = "UPDATE delivery SET state = 'unknown', owner = '', claimed_until = 0 WHERE delivery_id = ?"
DELIVERY_RENEW = "UPDATE delivery SET claimed_until = ? WHERE delivery_id = ? AND owner = ? AND state = 'sending'"
DELIVERY_SETTLE = (
    "UPDATE delivery SET state = ?, attempts = ?, due_at = ?, owner = '', claimed_until = 0"
    " WHERE delivery_id = ? AND owner = ? AND state = ?"
)
DELIVERY_BODY = "SELECT body FROM delivery WHERE delivery_id = ?"
DELIVERY_CONTENT = "UPDATE delivery SET body = ? WHERE delivery_id = ?"
_CLOSED = "SELECT 1 FROM requirement WHERE requirement_id = delivery.about AND state <> 'open'"
# What was to be carried out for a question that is closed by now needs nobody.
DELIVERY_COUNTS = (
    f"SELECT kind, state, count(*) FROM delivery WHERE {STRANDED}"  # noqa: S608 - constants
    f" AND (kind = 'notice' OR NOT EXISTS ({_CLOSED})) GROUP BY kind, state"
)
NOTICES_LATE = f"SELECT count(*) FROM delivery WHERE {PENDING} AND kind = 'notice' AND attempts >= ?"  # noqa: S608 - constants
# What was to be told of a run, and of its questions, goes with it.
DELIVERIES_OF_RUNS = (
    "DELETE FROM delivery WHERE about IN ({marks})"
    " OR about IN (SELECT requirement_id FROM requirement WHERE run_id IN ({marks}))"
)

_PERMISSION = "grant_id, tool, agent, state, uses, used, until, budget, spent, body"
PERMISSIONS = f"SELECT {_PERMISSION} FROM permission"  # noqa: S608 - a constant list of columns
PERMISSION_LOCKED = f"{PERMISSIONS} WHERE grant_id = ?{LOCK}"
PERMISSION_INSERT = f"INSERT INTO permission ({_PERMISSION}) VALUES (?, ?, ?, 'active', ?, 0, ?, ?, '0', ?)"  # noqa: S608 - a constant list of columns
PERMISSION_USE = (
    "UPDATE permission SET used = used + 1, spent = ?"
    " WHERE grant_id = ? AND state = 'active' AND used = ? AND used < uses AND spent = ? AND until > ?"
)
PERMISSION_REVOKE = "UPDATE permission SET state = 'revoked' WHERE grant_id = ? AND state = 'active'"
PERMISSION_USED = (
    "INSERT INTO permission_use (grant_id, run_id, call_id, gate, digest, execution) VALUES (?, ?, ?, ?, ?, ?)"
)
PERMISSION_USES = "SELECT grant_id, gate, digest, execution FROM permission_use WHERE run_id = ? AND call_id = ?"
# One that a run has used stays as long as that run, which may still rely on it.
PERMISSIONS_OVER = (
    "SELECT grant_id, body FROM permission WHERE (state = 'revoked' OR until <= ?) AND NOT EXISTS"
    " (SELECT 1 FROM permission_use WHERE permission_use.grant_id = permission.grant_id)"
)

_OVERRIDE = "requirement_id, run_id, state, body"
OVERRIDES = f"SELECT {_OVERRIDE} FROM override"  # noqa: S608 - a constant list of columns
OVERRIDE_LOCKED = f"{OVERRIDES} WHERE requirement_id = ?{LOCK}"
OVERRIDE_INSERT = f"INSERT INTO override ({_OVERRIDE}) VALUES (?, ?, 'open', ?)"  # noqa: S608 - a constant list of columns
OVERRIDE_CLOSE = "UPDATE override SET state = 'reviewed', body = ? WHERE requirement_id = ? AND state = 'open'"
OVERRIDES_OPEN = "SELECT count(*) FROM override WHERE state = 'open'"

COUNTS = (
    "SELECT (SELECT count(*) FROM run), (SELECT count(*) FROM requirement WHERE state = 'open'),"
    " (SELECT count(*) FROM record)"
)
UNKNOWN_OUTCOMES = "SELECT count(*) FROM requirement WHERE state = 'open' AND kind = 'outcome'"
CUT_OFF = (
    "SELECT count(*) FROM run JOIN call ON call.run_id = run.run_id"
    " WHERE run.state = 'cancelled' AND call.state IN ('executing', 'outcome_unknown')"
)
OVERDUE = "SELECT count(*) FROM timer WHERE due_at <= ?"
