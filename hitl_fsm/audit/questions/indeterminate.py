"""Calls of which nobody knew whether they took effect."""

from __future__ import annotations

from hitl_fsm.audit.questions.question import AGENT, TOOL, WHEN, Column, Question

INDETERMINATE = Question(
    name="indeterminate",
    asks="Of which calls was it not known whether they took effect, and what did somebody say then?",
    learns="Where the world and the record may differ: the worker died, or its time ran out, between intent and "
    "result. `settled` tells what a person said (happened, not_happened, give_up), or that a late result came in.",
    parameters=(*WHEN, AGENT, TOOL),
    columns=(
        Column("seq", "the line that says so", "count"),
        Column("at", "when it was lost", "time"),
        Column("run", "the run"),
        Column("call", "the call"),
        Column("tool", "the tool"),
        Column("agent", "the agent"),
        Column("settled", "the answer to `did it happen?`, or how it ended; empty: still open"),
        Column("by", "who said so"),
        Column("settled_at", "when", "time"),
    ),
    sql="""
SELECT c.lost_seq, c.lost_at, r.run, c.call, c.tool, c.agent,
 coalesce(d.answer, CASE WHEN c.ended_seq > c.lost_seq THEN c.state ELSE '' END), coalesce(d.person, ''),
 coalesce(d.at, CASE WHEN c.ended_seq > c.lost_seq THEN c.ended_at END)
FROM call c JOIN run r ON r.id = c.run
LEFT JOIN (
 SELECT max(seq) AS seq, requirement, run, call, answer, person, at FROM decision WHERE kind = 'outcome'
 GROUP BY run, call
) d ON d.run = c.run AND d.call = c.call AND d.seq > c.lost_seq
WHERE c.lost_seq > 0 AND c.lost_at >= :since AND c.lost_at < :until AND (:agent = '' OR c.agent = :agent)
 AND (:tool = '' OR c.tool = :tool)
ORDER BY c.lost_seq
""",
    example="hitl-fsm audit q indeterminate --since 30d",
)
