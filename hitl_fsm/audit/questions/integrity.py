"""Whether the record holds together."""

from __future__ import annotations

from hitl_fsm.audit.questions.question import Column, Question

INTEGRITY = Question(
    name="integrity",
    asks="What does not hold together in the record?",
    learns="Whether the answers can be relied on: each line that the facts were made of was hashed, names the hash of "
    "the line before it, and the last one is the head that is kept apart. Signatures and anchors are checked by "
    "`hitl-fsm audit verify`, which reads every line again.",
    columns=(
        Column("seq", "the line; empty: the record as a whole", "count"),
        Column("finding", "what is wrong with it"),
    ),
    sql="""
SELECT NULL, what FROM damage UNION ALL
SELECT seq, 'it cannot be read as ' || CASE event WHEN '' THEN 'a record' ELSE event END FROM unread
""",
    must_be_empty=True,
    needs="damage",
    example="hitl-fsm audit q integrity",
)
