"""Questions that nobody answered in time."""

from __future__ import annotations

from hitl_fsm.audit.questions.question import AGENT, TOOL, WHEN, Column, Question

EXPIRED = Question(
    name="expired",
    asks="Which questions did nobody answer in time?",
    learns="Where people are not reached, or the time is too short: `looked` says whether somebody opened it, "
    "`escalations` how often others were asked.",
    parameters=(*WHEN, AGENT, TOOL),
    columns=(
        Column("seq", "the line of the expiry", "count"),
        Column("at", "when", "time"),
        Column("requirement", "the question"),
        Column("kind", "of which kind"),
        Column("tool", "the tool"),
        Column("agent", "the agent"),
        Column("asked", "who was asked first"),
        Column("waited", "how long it was open", "ms"),
        Column("escalations", "how often others were asked", "count"),
        Column("looked", "whether somebody looked at it: yes or no"),
    ),
    sql="""
SELECT a.closed_seq, a.closed_at, a.requirement, a.kind, a.tool, a.agent,
 coalesce((SELECT group_concat(value, ', ') FROM json_each(nullif(a.of, ''))), ''),
 a.closed_at - a.opened_at,
 a.escalated, CASE WHEN a.viewed = '' THEN 'no' ELSE 'yes' END FROM ask a
WHERE a.state = 'expired' AND a.closed_at >= :since AND a.closed_at < :until AND (:agent = '' OR a.agent = :agent)
 AND (:tool = '' OR a.tool = :tool)
ORDER BY a.closed_seq
""",
    example="hitl-fsm audit q expired --since 7d",
)
