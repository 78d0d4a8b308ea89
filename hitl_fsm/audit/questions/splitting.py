"""Sums that stay below a limit one by one, and not together."""

from __future__ import annotations

from hitl_fsm.audit.questions.question import AGENT, TOOL, USER, WHEN, Column, Parameter, Question

SPLITTING = Question(
    name="splitting",
    asks="Which calls together go beyond a limit that each of them stays below?",
    learns="Whether a large payment was made of small ones. Calls of one tool for one person, under whatever id and "
    "by whichever agents, in one currency, within --within of each other, each at or below the limit and together "
    "above it. The limits are those that a rule of the policies then in force compares that argument with, or "
    "--limit-minor. To whom it went is people's data, which lines do not have: look at the calls of the rows "
    "(`hitl-fsm audit show --contents --run RUN`).",
    parameters=(
        *WHEN,
        AGENT,
        TOOL,
        USER,
        Parameter("within", "duration", "As long as one window is.", "24h"),
        Parameter("limit-minor", "count", "A limit, in minor units (cents), instead of those of the rules.", "0"),
    ),
    columns=(
        Column("first", "the line of the first call's verdict", "count"),
        Column("last", "the line of the last one's", "count"),
        Column("from", "when the first was asked for", "time"),
        Column("until", "when the last was", "time"),
        Column("tool", "the tool"),
        Column("agent", "the agents"),
        Column("user", "the person for whom they act"),
        Column("runs", "of which runs the calls are"),
        Column("calls", "how many", "count"),
        Column("sum", "what they come to, in minor units", "money"),
        Column("limit", "the limit, in minor units", "money"),
        Column("currency", "of both"),
        Column("rule", "the rule that has it"),
    ),
    sql="""
WITH small AS MATERIALIZED (
 SELECT m.run, m.call, m.seq, m.at, m.tool, m.agent, coalesce(p.person, m.requester) AS requester, m.currency, m.minor,
  t.minor AS bound, t.rule
 FROM money m LEFT JOIN person p ON p.id = m.requester
 JOIN threshold t ON t.tool = m.tool AND t.place = m.place AND t.agent = m.agent
  AND t.policies = m.policies AND t.currency = m.currency
 WHERE m.minor <= t.minor AND m.at >= :since AND m.at < :until AND (:agent = '' OR m.agent = :agent)
  AND (:tool = '' OR m.tool = :tool) AND (:user = '' OR :user IN (m.requester, p.person))
), many AS (
 SELECT tool, requester, currency, bound, rule FROM small GROUP BY 1, 2, 3, 4, 5
 HAVING count(*) > 1 AND sum(minor) > bound
), kept AS MATERIALIZED (
 SELECT s.* FROM many n JOIN small s USING (tool, requester, currency, bound, rule)
 JOIN call c ON c.run = s.run AND c.call = s.call WHERE c.outcome <> 'deny' AND c.state <> 'denied'
), sums AS (
 SELECT *, sum(minor) OVER w AS total, count(*) OVER w AS n FROM kept
 WINDOW w AS (PARTITION BY tool, requester, currency, bound, rule ORDER BY at
  RANGE BETWEEN :within PRECEDING AND CURRENT ROW)
), beyond AS MATERIALIZED (
 SELECT *, (SELECT min(s.seq) FROM kept s WHERE s.at BETWEEN w.at - :within AND w.at
  AND (s.tool, s.requester, s.currency, s.bound, s.rule)
  = (w.tool, w.requester, w.currency, w.bound, w.rule)) AS first
 FROM sums w WHERE n > 1 AND total > bound
), spans AS MATERIALIZED (
 SELECT tool, requester, currency, bound, rule, first, max(seq) AS last, max(at) AS until, max(n) AS n,
  max(total) AS total
 FROM beyond GROUP BY tool, requester, currency, bound, rule, first
)
SELECT b.first, b.last, min(k.at), b.until, b.tool, group_concat(DISTINCT k.agent), b.requester,
 group_concat(DISTINCT r.run), b.n, b.total, b.bound, b.currency, b.rule
FROM spans b JOIN kept k ON k.seq BETWEEN b.first AND b.last
 AND (k.tool, k.requester, k.currency, k.bound, k.rule) = (b.tool, b.requester, b.currency, b.bound, b.rule)
JOIN run r ON r.id = k.run
GROUP BY b.tool, b.requester, b.currency, b.bound, b.rule, b.first ORDER BY b.first, b.bound
""",
    needs="thresholds",
    example="hitl-fsm audit q splitting --tool pay --within 24h",
)
