"""How long people look, and how often they say yes."""

from __future__ import annotations

from hitl_fsm.audit.questions.question import USUAL, Column, Parameter, Question

RUBBER_STAMP = Question(
    name="rubber-stamp",
    asks="How long does each approver look at what they decide, and how often is it a yes?",
    learns="Who approves without reading: a median of a few seconds, a large share under --under, a rate near 100 %. "
    "The time is from the first look at that very presentation by that person to the answer; where no look is on the "
    "record, from the moment the question was opened. `looked` says for how many there was a look.",
    parameters=(
        *USUAL,
        Parameter("under", "duration", "What counts as too quick.", "3s"),
        Parameter("at-least", "count", "Only people with so many decisions.", "5"),
    ),
    columns=(
        Column("approver", "the person"),
        Column("decisions", "how many answers they gave", "count"),
        Column("approved", "share of them that were a yes", "percent"),
        Column("median", "half took less", "ms"),
        Column("p95", "95 % took less", "ms"),
        Column("quick", "share under --under", "percent"),
        Column("looked", "share for which a look is on the record", "percent"),
    ),
    sql="""
WITH asked AS MATERIALIZED (
 SELECT d.person, d.yes, d.ms, d.viewed, row_number() OVER (PARTITION BY d.person ORDER BY d.ms) AS place,
  count(*) OVER (PARTITION BY d.person) AS n
 FROM decision d WHERE d.kind IN ('approval', 'confirm', 'review') AND d.answer <> 'advise' AND {DECIDED}
)
SELECT person, n, round(100.0 * sum(yes = 1) / n, 1), max(CASE WHEN place = (n + 1) / 2 THEN ms END),
 max(CASE WHEN place = max(1, (95 * n + 99) / 100) THEN ms END), round(100.0 * sum(ms < :under) / n, 1),
 round(100.0 * sum(viewed) / n, 1)
FROM asked WHERE n >= :at_least GROUP BY person ORDER BY 6 DESC, 4, person
""",
    example="hitl-fsm audit q rubber-stamp --since 30d --at-least 20",
)
