"""The tables of facts. They hold names, times, digests and numbers; never contents, which are people's data."""

from __future__ import annotations

PROJECTION = 7
"""The facts' own version: those of another one are made again."""

DDL = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE run (
  run TEXT PRIMARY KEY, id INTEGER, kind TEXT, agent TEXT, requester TEXT, begun_by TEXT, model TEXT, policies TEXT,
  created_at INTEGER, state TEXT, lines INTEGER, seal BLOB
);
CREATE UNIQUE INDEX run_id ON run (id);
CREATE TABLE call (
  run INTEGER, call TEXT, tool TEXT, agent TEXT, requester TEXT, digest TEXT, was TEXT, editor TEXT,
  outcome TEXT, gates TEXT, policies TEXT,
  judged_seq INTEGER, judged_at INTEGER, voters TEXT, risen TEXT, doubts TEXT, ways TEXT,
  yes TEXT, grants TEXT, external INTEGER, answered INTEGER,
  approved_seq INTEGER, approved_at INTEGER, approved_by TEXT,
  auth_seq INTEGER, auth_digest TEXT, passes TEXT, started_seq INTEGER, started_at INTEGER, attempts INTEGER,
  state TEXT, ended_seq INTEGER, ended_at INTEGER, lost_seq INTEGER, lost_at INTEGER,
  before INTEGER, older INTEGER,
  PRIMARY KEY (run, call)
) WITHOUT ROWID;
CREATE INDEX call_approved ON call (approved_at) WHERE approved_seq > 0 AND started_seq < approved_seq;
CREATE INDEX call_lost ON call (lost_at) WHERE lost_seq > 0;
CREATE INDEX call_started ON call (started_at) WHERE started_seq > 0;
CREATE INDEX call_older ON call (older) WHERE older > 0;
CREATE TABLE ask (
  requirement TEXT PRIMARY KEY, run INTEGER, call TEXT, tool TEXT, kind TEXT, gate TEXT, digest TEXT, agent TEXT,
  requester TEXT, severity TEXT, of TEXT, excluded TEXT, broken INTEGER, flags TEXT,
  opened_seq INTEGER, opened_at INTEGER, expires_at INTEGER,
  state TEXT, closed_seq INTEGER, closed_at INTEGER, answer TEXT, escalated INTEGER, viewed TEXT,
  said TEXT
) WITHOUT ROWID;
CREATE INDEX ask_expired ON ask (closed_at) WHERE state = 'expired';
CREATE TABLE decision (
  seq INTEGER PRIMARY KEY, at INTEGER, requirement TEXT, run INTEGER, call TEXT, tool TEXT, agent TEXT, requester TEXT,
  begun_by TEXT, person TEXT, by_id TEXT, behalf TEXT, auth TEXT, kind TEXT, answer TEXT, yes INTEGER, viewed INTEGER,
  ms INTEGER, flags TEXT, severity TEXT
);
CREATE INDEX decision_person ON decision (person, at, ms, yes, kind);
CREATE INDEX decision_at ON decision (at);
CREATE INDEX decision_pair ON decision (requester, person, yes, kind, at);
CREATE INDEX decision_auth ON decision (auth, at);
CREATE INDEX decision_flags ON decision (at) WHERE flags <> '';
CREATE TABLE unapproved (seq INTEGER PRIMARY KEY, at INTEGER, run INTEGER, call TEXT, tool TEXT, agent TEXT, why TEXT);
CREATE TABLE way (gate TEXT, way TEXT, id INTEGER, PRIMARY KEY (gate, way)) WITHOUT ROWID;
CREATE TABLE passed (way INTEGER, seq INTEGER, at INTEGER, run INTEGER, call TEXT, tool TEXT, agent TEXT);
CREATE INDEX passed_way ON passed (way);
CREATE TABLE by_grant (grant_id TEXT, seq INTEGER, at INTEGER, run INTEGER, call TEXT, tool TEXT, agent TEXT);
CREATE INDEX by_grant_id ON by_grant (grant_id);
CREATE TABLE assumed (seq INTEGER PRIMARY KEY, id TEXT, person TEXT);
CREATE TABLE edit (
  seq INTEGER PRIMARY KEY, at INTEGER, run INTEGER, call TEXT, tool TEXT, agent TEXT, requester TEXT, person TEXT,
  was TEXT, digest TEXT
);
CREATE INDEX edit_call ON edit (run, call, seq);
CREATE TABLE override (
  requirement TEXT PRIMARY KEY, seq INTEGER, at INTEGER, run INTEGER, tool TEXT, agent TEXT, person TEXT,
  reviewed_seq INTEGER, reviewed_at INTEGER, reviewed_by TEXT
) WITHOUT ROWID;
CREATE TABLE grant_made (
  grant_id TEXT PRIMARY KEY, seq INTEGER, gate TEXT, tool TEXT, uses INTEGER, until INTEGER, kind TEXT,
  used INTEGER, revoked_seq INTEGER, span INTEGER, scope TEXT, vary TEXT, budget_of TEXT, budget TEXT, doubt TEXT
) WITHOUT ROWID;
CREATE TABLE grant_use (
  seq INTEGER, at INTEGER, grant_id TEXT, run INTEGER, call TEXT, tool TEXT, agent TEXT, requester TEXT, begun_by TEXT,
  person TEXT, kind TEXT
);
CREATE INDEX grant_use_at ON grant_use (at);
CREATE TABLE activation (seq INTEGER PRIMARY KEY, at INTEGER, digest TEXT, was TEXT, by_id TEXT, auth TEXT, why TEXT);
CREATE INDEX activation_digest ON activation (digest, seq);
CREATE TABLE role_change (
  seq INTEGER, at INTEGER, person TEXT, role TEXT, gained INTEGER, by_id TEXT, source TEXT, from_at INTEGER,
  until_at INTEGER
);
CREATE INDEX role_change_person ON role_change (person, at);
CREATE TABLE lent (
  seq INTEGER, at INTEGER, id TEXT, giver TEXT, taker TEXT, role TEXT, since INTEGER, until INTEGER, absent INTEGER,
  ended_at INTEGER
);
CREATE INDEX lent_id ON lent (id) WHERE id <> '';
CREATE TABLE away (seq INTEGER, person TEXT, since INTEGER, until INTEGER);
CREATE TABLE people_line (seq INTEGER PRIMARY KEY, at INTEGER);
CREATE TABLE reading (seq INTEGER PRIMARY KEY, at INTEGER, by_id TEXT, auth TEXT, what TEXT, about TEXT, lines INTEGER);
CREATE TABLE upkeep (seq INTEGER PRIMARY KEY, at INTEGER, event TEXT, by_id TEXT, name TEXT, about TEXT, count INTEGER);
CREATE TABLE money (
  run INTEGER, call TEXT, place TEXT, seq INTEGER, at INTEGER, tool TEXT, agent TEXT, requester TEXT, currency TEXT,
  minor INTEGER, policies TEXT, PRIMARY KEY (run, call, place)
) WITHOUT ROWID;
CREATE INDEX money_who ON money (tool, agent, requester, currency, at, minor, run, call);
CREATE TABLE model_change (
  seq INTEGER PRIMARY KEY, at INTEGER, run INTEGER, agent TEXT, was TEXT, now TEXT, instead_of TEXT
);
CREATE TABLE model_last (agent TEXT PRIMARY KEY, model TEXT) WITHOUT ROWID;
CREATE TABLE rule_day (
  policy TEXT, rule TEXT, day INTEGER, looked INTEGER, fired INTEGER, failed INTEGER, PRIMARY KEY (policy, rule, day)
) WITHOUT ROWID;
CREATE TABLE tool_day (
  tool TEXT, agent TEXT, day INTEGER, calls INTEGER, allowed INTEGER, gated INTEGER, denied INTEGER,
  PRIMARY KEY (tool, agent, day)
) WITHOUT ROWID;
CREATE TABLE person (id TEXT PRIMARY KEY, person TEXT) WITHOUT ROWID;
CREATE TABLE role_now (person TEXT, role TEXT, times TEXT, PRIMARY KEY (person, role)) WITHOUT ROWID;
CREATE TABLE role_seen (
  person TEXT, role TEXT, first_seq INTEGER, first_at INTEGER, last_at INTEGER, PRIMARY KEY (person, role)
) WITHOUT ROWID;
CREATE TABLE unread (seq INTEGER PRIMARY KEY, event TEXT, why TEXT);
"""
