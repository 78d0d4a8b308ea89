"""Decisions by people of whom little vouches that it was they."""

from __future__ import annotations

from hitl_fsm.audit.questions.question import USUAL, Column, Parameter, Question

WEAK_AUTH = Question(
    name="weak-auth",
    asks="Which decisions were made under a weak credential?",
    learns="What rests on a login name, or on the embedding program's word alone. The kind of a credential is what "
    "stands before its first colon; `os` is a user of the machine, `application` a program that says no more.",
    parameters=(
        *USUAL,
        Parameter("kinds", "words", "Kinds of credentials that are weak, with commas between.", "os,application"),
    ),
    columns=(
        Column("seq", "the line of the record", "count"),
        Column("at", "when", "time"),
        Column("approver", "who decided"),
        Column("credential", "what vouched for them"),
        Column("requirement", "the question"),
        Column("kind", "of which kind"),
        Column("tool", "the tool"),
        Column("answer", "what they answered"),
    ),
    sql="""
SELECT d.seq, d.at, d.person, d.auth, d.requirement, d.kind, d.tool, d.answer FROM decision d
WHERE d.auth IN (
 SELECT auth FROM (SELECT DISTINCT auth FROM decision)
 WHERE instr(:kinds, ',' || substr(auth || ':', 1, instr(auth || ':', ':') - 1) || ',') > 0
) AND {DECIDED}
ORDER BY d.seq
""",
    example="hitl-fsm audit q weak-auth --kinds os,application --since 30d",
)
