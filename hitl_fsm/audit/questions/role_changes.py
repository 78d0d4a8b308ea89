"""Roles that somebody got shortly before they used them."""

from __future__ import annotations

from hitl_fsm.audit.questions.question import USUAL, Column, Parameter, Question

ROLE_CHANGES = Question(
    name="role-changes",
    asks="Who said yes shortly after they were given a role?",
    learns="Whether a role was given for one approval: by a roles file, or by a delegation. The yes follows the moment "
    "from which they had it within --within, at an approval or a review.",
    parameters=(*USUAL, Parameter("within", "duration", "So long after the change at most.", "24h")),
    columns=(
        Column("seq", "the line of the yes", "count"),
        Column("at", "when", "time"),
        Column("approver", "who said yes"),
        Column("requirement", "the question"),
        Column("tool", "the tool"),
        Column("role", "the role that they had been given"),
        Column("source", "by what it was given"),
        Column("given_by", "by whom"),
        Column("given_at", "from when on they had it", "time"),
        Column("after", "how long before the yes", "ms"),
        Column("change", "the line of the change", "count"),
    ),
    sql="""
WITH gained AS MATERIALIZED (
 SELECT *, max(at, coalesce(from_at, at)) AS held_at FROM role_change
 WHERE gained = 1 AND (source <> 'roles file, as first loaded' OR from_at > at)
)
SELECT d.seq, d.at, d.person, d.requirement, d.tool, c.role, c.source, c.by_id, c.held_at, d.at - c.held_at, c.seq
FROM gained c CROSS JOIN decision d ON d.person = c.person AND d.at BETWEEN c.held_at AND c.held_at + :within
WHERE TRUE
 AND d.seq > c.seq AND d.yes = 1 AND d.kind IN ('approval', 'review') AND {DECIDED}
ORDER BY d.seq, c.seq
""",
    example="hitl-fsm audit q role-changes --within 24h",
)
