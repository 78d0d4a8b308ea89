"""Decisions on what was marked as worth a second look."""

from __future__ import annotations

from typing import get_args

from hitl_fsm.audit.questions.question import USUAL, Column, Parameter, Question
from hitl_fsm.model.flag import FlagKind

FLAGGED = Question(
    name="flagged",
    asks="What did people answer where the question was marked as worth a second look?",
    learns="Whether warnings are read: a yes within seconds to an amount just below a limit, or to a look-alike name.",
    parameters=(
        *USUAL,
        Parameter("flag", "text", "Only with this mark, such as near_threshold.", "", get_args(FlagKind)),
    ),
    columns=(
        Column("seq", "the line of the record", "count"),
        Column("at", "when", "time"),
        Column("requirement", "the question"),
        Column("tool", "the tool"),
        Column("agent", "the agent"),
        Column("flags", "what was marked, and in which argument"),
        Column("approver", "who answered"),
        Column("answer", "what they answered"),
        Column("took", "how long they looked", "ms"),
    ),
    sql="""
SELECT d.seq, d.at, d.requirement, d.tool, d.agent, d.flags, d.person, d.answer, d.ms FROM decision d
WHERE d.flags <> '' AND (:flag = '' OR instr(', ' || d.flags || ' ', ', ' || :flag || ' ') > 0
 OR instr(', ' || d.flags || ',', ', ' || :flag || ',') > 0) AND {DECIDED}
ORDER BY d.seq
""",
    example="hitl-fsm audit q flagged --flag near_threshold",
)
