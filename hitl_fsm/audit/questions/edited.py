"""Actions that a person changed before they said yes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from hitl_fsm.audit.questions.question import USUAL, Column, Question

GONE = "(erased, or kept elsewhere)"
"""Instead of arguments that are no longer there to be read."""


def diff(contents: Mapping[str, Any]) -> str:
    """Every argument that differs, before and after, in order of their names."""
    was, now = contents.get("was"), contents.get("args")
    if not isinstance(was, dict) or not isinstance(now, dict):
        return GONE
    changes = []
    for name in sorted({*was, *now}):
        before, after = (_told(side, name) for side in (was, now))
        if before != after:
            changes.append(f"{name}: {before} -> {after}")
    return "; ".join(changes) or "nothing"


def _told(side: Mapping[str, Any], name: str) -> str:
    return json.dumps(side[name], ensure_ascii=False, sort_keys=True) if name in side else "(not given)"


EDITED = Question(
    name="edited",
    asks="Which actions did somebody change, and how?",
    learns="What people correct, and in which direction: an amount that grew on the way is worth a second look. The "
    "arguments are opened for the rows that are shown, and nowhere else; of erased ones the digests remain.",
    parameters=USUAL,
    columns=(
        Column("seq", "the line of the edit", "count"),
        Column("at", "when", "time"),
        Column("run", "the run"),
        Column("call", "the call"),
        Column("tool", "the tool"),
        Column("agent", "the agent"),
        Column("editor", "who changed it"),
        Column("was", "the digest of the action before", "digest"),
        Column("digest", "the digest of the action after", "digest"),
        Column("changes", "each argument that differs: before -> after"),
    ),
    sql="""
SELECT e.seq, e.seq, e.at, r.run, e.call, e.tool, e.agent, e.person, e.was, e.digest
FROM edit e LEFT JOIN run r ON r.id = e.run
WHERE e.at >= :since AND e.at < :until AND (:agent = '' OR e.agent = :agent) AND (:tool = '' OR e.tool = :tool)
 AND (:approver = '' OR e.person = :approver)
ORDER BY e.seq
""",
    shown=diff,
    example="hitl-fsm audit q edited --tool pay --since 30d",
)
