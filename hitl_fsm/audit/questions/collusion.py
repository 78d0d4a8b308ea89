"""Two people who approve each other."""

from __future__ import annotations

from hitl_fsm.audit.questions.question import TOOL, WHEN, Column, Parameter, Question

COLLUSION = Question(
    name="collusion",
    asks="Which two people approve each other's actions more than others do?",
    learns="Pairs to talk to. Each of the two said yes to the other at least --count times, and gave at least --share "
    "percent of all the yeses that the other got, at approvals and reviews.",
    parameters=(
        *WHEN,
        TOOL,
        Parameter("count", "count", "So many in each direction.", "3"),
        Parameter("share", "percent", "So much of what the other got, in percent.", "50"),
    ),
    columns=(
        Column("one", "a person"),
        Column("other", "and another one"),
        Column("one_approved", "how often the first said yes to the other", "count"),
        Column("of_other", "that share of all yeses that the other got", "percent"),
        Column("other_approved", "how often the other said yes to the first", "count"),
        Column("of_one", "that share of all yeses that the first got", "percent"),
    ),
    sql="""
WITH yes AS MATERIALIZED (
 SELECT coalesce(p.person, d.requester) AS asked, d.person AS gave, sum(times) AS n FROM (
  SELECT requester, person, count(*) AS times FROM decision
  WHERE yes = 1 AND kind IN ('approval', 'review') AND at >= :since AND at < :until AND (:tool = '' OR tool = :tool)
  GROUP BY requester, person
 ) d LEFT JOIN person p ON p.id = d.requester GROUP BY 1, 2
), pairs AS (SELECT asked, gave, n, sum(n) OVER (PARTITION BY asked) AS got FROM yes)
SELECT a.gave, a.asked, a.n, round(100.0 * a.n / a.got, 1), b.n, round(100.0 * b.n / b.got, 1)
FROM pairs a JOIN pairs b ON a.asked = b.gave AND a.gave = b.asked
WHERE a.gave < a.asked AND a.n >= :count AND b.n >= :count AND 100.0 * a.n / a.got >= :share
 AND 100.0 * b.n / b.got >= :share
ORDER BY a.n + b.n DESC, a.gave
""",
    example="hitl-fsm audit q collusion --count 5 --share 60",
)
