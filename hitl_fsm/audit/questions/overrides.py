"""Gates that one person passed alone."""

from __future__ import annotations

from hitl_fsm.audit.questions.question import AGENT, TOOL, WHEN, Column, Parameter, Question

OVERRIDES = Question(
    name="overrides",
    asks="Which gates did one person pass alone, in an emergency, and who looked at it afterwards?",
    learns="How often the emergency door is used, by whom, and whether the second look was given, by whom and how "
    "late. Those that nobody has looked at are those of break-glass.",
    parameters=(*WHEN, AGENT, TOOL, Parameter("approver", "text", "Only those of this person.")),
    columns=(
        Column("seq", "the line of the record", "count"),
        Column("at", "when", "time"),
        Column("requirement", "the question whose gate it was"),
        Column("tool", "the tool"),
        Column("agent", "the agent"),
        Column("passed_by", "who passed it alone"),
        Column("reviewed_by", "who looked at it afterwards; empty: nobody"),
        Column("reviewed_at", "when they did", "time"),
        Column("after", "how long that was after it was passed", "ms"),
    ),
    sql="""
SELECT o.seq, o.at, o.requirement, o.tool, o.agent, o.person, o.reviewed_by, nullif(o.reviewed_at, 0),
 CASE WHEN o.reviewed_at > 0 THEN o.reviewed_at - o.at END FROM override o
WHERE o.seq > 0 AND o.at >= :since AND o.at < :until AND (:agent = '' OR o.agent = :agent)
 AND (:tool = '' OR o.tool = :tool) AND (:approver = '' OR o.person = :approver)
ORDER BY o.seq
""",
    example="hitl-fsm audit q overrides --since 90d",
)
