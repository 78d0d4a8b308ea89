"""Legal holds that are in force."""

from __future__ import annotations

from hitl_fsm.audit.questions.question import Column, Parameter, Question

HOLDS = Question(
    name="holds",
    asks="Which legal holds were in force at a given time?",
    learns="What could not be erased, forgotten or pruned then, since when, and who said so.",
    parameters=(Parameter("at", "instant", "When: a day, an instant, or how long ago; without it, now."),),
    columns=(
        Column("seq", "the line that placed it", "count"),
        Column("at", "since when", "time"),
        Column("hold", "its id"),
        Column("about", "what it covers"),
        Column("by", "who placed it"),
        Column("released_at", "when it was released since; empty: it still holds", "time"),
        Column("reason", "why it was placed; empty once that is gone"),
    ),
    sql="""
SELECT p.seq, p.seq, p.at, p.name, p.about, p.by_id, r.at FROM upkeep p
LEFT JOIN upkeep r ON r.event = 'hold_released' AND r.name = p.name AND r.seq > p.seq
WHERE p.event = 'hold_placed' AND p.at <= :at AND (r.at IS NULL OR r.at > :at) ORDER BY p.seq
""",
    shown=lambda contents: str(contents.get("reason", "")),
    example="hitl-fsm audit q holds --at 2026-03-01",
)
