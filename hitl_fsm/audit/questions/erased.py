"""What was erased, pruned, forgotten, and what is held."""

from __future__ import annotations

from hitl_fsm.audit.questions.question import WHEN, Column, Question

ERASED = Question(
    name="erased",
    asks="What was erased, pruned or forgotten, and which legal holds were placed and released?",
    learns="That what is missing is missing on purpose: each of these is a line that says who did it, when, and to "
    "what.",
    parameters=WHEN,
    columns=(
        Column("seq", "the line of the record", "count"),
        Column("at", "when", "time"),
        Column("event", "what was done"),
        Column("by", "who did it"),
        Column("about", "to what"),
        Column("count", "how much it was", "count"),
    ),
    sql="SELECT seq, at, event, by_id, about, count FROM upkeep WHERE at >= :since AND at < :until ORDER BY seq",
    example="hitl-fsm audit q erased",
)
