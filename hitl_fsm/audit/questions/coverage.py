"""Rules that never had a say, and tools that nobody is asked about."""

from __future__ import annotations

from hitl_fsm.audit.questions.question import WHEN, Column, Parameter, Question

COVERAGE = Question(
    name="coverage",
    asks="Which rules in force never fired, and which tools ran without any gate?",
    learns="Rules that guard nothing (a condition that is never true, a tool with another name), and tools that the "
    "policies let pass each time.",
    parameters=(*WHEN, Parameter("at-least", "count", "Only tools with so many calls.", "1")),
    columns=(
        Column("what", "`rule` or `tool`"),
        Column("name", "`policy/rule`, or the tool"),
        Column("looked", "how often the rule was looked at, or the tool was called", "count"),
        Column("failed", "how often it could not be told whether the rule holds", "count"),
        Column("finding", "in words"),
    ),
    sql="""
SELECT 'rule', k.policy || '/' || k.rule, coalesce(sum(r.looked), 0), coalesce(sum(r.failed), 0),
 CASE WHEN sum(r.looked) > 0 THEN 'it was looked at, and never fired' ELSE 'it was never looked at' END
FROM rule_known k LEFT JOIN rule_day r ON r.policy = k.policy AND r.rule = k.rule
 AND r.day >= :since / 86400000 AND r.day <= (:until - 1) / 86400000
GROUP BY k.policy, k.rule HAVING coalesce(sum(r.fired), 0) = 0
UNION ALL
SELECT 'tool', tool, sum(calls), 0, 'each of its calls was allowed' FROM tool_day
WHERE day >= :since / 86400000 AND day <= (:until - 1) / 86400000
GROUP BY tool HAVING sum(calls) >= :at_least AND sum(allowed) = sum(calls)
ORDER BY 1, 2
""",
    needs="rules",
    example="hitl-fsm audit q coverage --since 90d",
)
