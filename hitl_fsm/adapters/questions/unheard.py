"""Names that a question was limited to and the record has not: an empty answer must not look like a clean one."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from difflib import get_close_matches

from hitl_fsm.audit.questions.question import Question, Value

_PEOPLE = "SELECT id FROM person UNION SELECT person FROM person"
_READERS = "SELECT id FROM person UNION SELECT person FROM person UNION SELECT by_id FROM reading"
_USERS = "SELECT id FROM person UNION SELECT person FROM person UNION SELECT requester FROM run"
_KNOWN = {
    "tool": ("has no call of a tool", "SELECT DISTINCT tool FROM tool_day"),
    "agent": ("has nothing of an agent", "SELECT DISTINCT agent FROM tool_day UNION SELECT agent FROM model_last"),
    "approver": ("has nothing by a person", _PEOPLE),
    "reader": ("has nothing by a person", _READERS),
    "user": ("has no run for a person", _USERS),
    "role": ("has nobody with a role", "SELECT role FROM role_now UNION SELECT role FROM role_seen"),
}


def unheard(connection: sqlite3.Connection, question: Question, values: Mapping[str, Value]) -> Iterator[str]:
    """Of each name that was given, and that no line has, a sentence; with the nearest one that a line has."""
    for one in question.parameters:
        name = values.get(one.name)
        if one.name not in _KNOWN or not isinstance(name, str) or not name:
            continue
        told, statement = _KNOWN[one.name]
        known = {str(row[0]) for row in connection.execute(statement) if row[0]}
        if name not in known:
            near = get_close_matches(name, known, n=1)
            yield f"the record {told} {name!r}{f'; did you mean {near[0]!r}?' if near else ''}"
