"""Many decisions in a short time."""

from __future__ import annotations

from hitl_fsm.audit.questions.question import USUAL, Column, Parameter, Question

BURSTS = Question(
    name="bursts",
    asks="When did somebody decide many things within a short time?",
    learns="Queues that were waved through. A burst is --count answers of one person within --within; those "
    "that overlap are one.",
    parameters=(
        *USUAL,
        Parameter("count", "count", "So many answers.", "10"),
        Parameter("within", "duration", "Within so long.", "5m"),
    ),
    columns=(
        Column("approver", "the person"),
        Column("from", "the first answer", "time"),
        Column("until", "the last one", "time"),
        Column("took", "how long that was", "ms"),
        Column("decisions", "how many answers", "count"),
        Column("approved", "share of them that were a yes", "percent"),
        Column("first", "the line of the first", "count"),
    ),
    sql="""
WITH ordered AS (
 SELECT d.person, d.at, lag(d.at, max(:count, 2) - 1) OVER (PARTITION BY d.person ORDER BY d.at, d.seq) AS begun
 FROM decision d WHERE {DECIDED}
), marked AS (
 SELECT *, begun > max(at) OVER (PARTITION BY person ORDER BY at ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
  AS apart FROM ordered WHERE at - begun <= :within
), bursts AS (
 SELECT person, min(begun) AS first, max(at) AS last FROM (
  SELECT *, sum(coalesce(apart, 0)) OVER (PARTITION BY person ORDER BY at) AS burst FROM marked
 ) GROUP BY person, burst
)
SELECT b.person, b.first, b.last, b.last - b.first, count(*), round(100.0 * sum(d.yes = 1) / count(*), 1), min(d.seq)
FROM bursts b CROSS JOIN decision d ON d.person = b.person AND d.at BETWEEN b.first AND b.last
WHERE {DECIDED} GROUP BY b.person, b.first ORDER BY 5 DESC, 2, 1
""",
    example="hitl-fsm audit q bursts --count 10 --within 5m",
)
