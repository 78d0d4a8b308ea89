"""Gates that one person passed alone, and nobody has looked at since."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hitl_fsm.audit.questions.question import TOOL, WHEN, Column, Parameter, Question


def _reason(contents: Mapping[str, Any]) -> str:
    return str(contents.get("reason", ""))


BREAK_GLASS = Question(
    name="break-glass",
    asks="Which gates that one person passed alone has nobody looked at since?",
    learns="What is still owed: each of these is to be reviewed by somebody else (`hitl-fsm overrides review`).",
    parameters=(*WHEN, TOOL, Parameter("after", "duration", "Only those that have waited so long.", "0s")),
    columns=(
        Column("seq", "the line of the record", "count"),
        Column("at", "when", "time"),
        Column("requirement", "the question whose gate it was"),
        Column("tool", "the tool"),
        Column("agent", "the agent"),
        Column("passed_by", "who passed it alone"),
        Column("waits", "for how long it has waited", "ms"),
        Column("reason", "why they did, in their words; empty once that is erased"),
    ),
    sql="""
SELECT o.seq, o.seq, o.at, o.requirement, o.tool, o.agent, o.person, :now - o.at FROM override o
WHERE o.seq > 0 AND o.reviewed_seq = 0 AND o.at >= :since AND o.at < :until AND (:tool = '' OR o.tool = :tool)
 AND :now - o.at >= :after
ORDER BY o.seq
""",
    must_be_empty=True,
    shown=_reason,
    example="hitl-fsm audit q break-glass --after 24h",
)
