"""Everything that the record has of one run."""

from __future__ import annotations

from hitl_fsm.audit.questions.question import Column, Parameter, Question

TIMELINE = Question(
    name="timeline",
    asks="What happened in a run, in order?",
    learns="The whole story of one action: what was asked for, which rule stopped it, who looked, who said what under "
    "which credential, what began, and what came of it. The lines are held against those that the facts were made of.",
    parameters=(Parameter("run", "text", "The run.", None),),
    columns=(
        Column("seq", "the line of the record", "count"),
        Column("at", "when", "time"),
        Column("event", "what happened"),
        Column("by", "who"),
        Column("credential", "what vouched for them"),
        Column("call", "the call"),
        Column("tool", "the tool"),
        Column("requirement", "the question"),
        Column("told", "what else the line says, in short"),
    ),
    sql="SELECT seq, at, event, by_id, auth, call, tool, requirement, told FROM run_line ORDER BY seq",
    needs="run",
    example="hitl-fsm audit q timeline --run RUN",
)
