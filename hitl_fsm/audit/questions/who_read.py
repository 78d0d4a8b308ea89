"""Who read the record."""

from __future__ import annotations

from hitl_fsm.audit.questions.question import WHEN, Column, Parameter, Question

WHO_READ = Question(
    name="who-read",
    asks="Who read or exported the record, and what of it?",
    learns="Who has seen people's data, and when: reading is an event like others. This very look is told next time.",
    parameters=(*WHEN, Parameter("reader", "text", "Only what this person read.")),
    columns=(
        Column("seq", "the line of the record", "count"),
        Column("at", "when", "time"),
        Column("by", "who"),
        Column("credential", "what vouched for them"),
        Column("what", "which command, question or export"),
        Column("about", "of which run; and whether people's data was read with it"),
        Column("lines", "how many lines, or rows", "count"),
    ),
    sql="""
SELECT seq, at, by_id, auth, what, about, lines FROM reading
WHERE at >= :since AND at < :until AND (:reader = '' OR by_id = :reader) ORDER BY seq
""",
    example="hitl-fsm audit q who-read --since 30d",
)
