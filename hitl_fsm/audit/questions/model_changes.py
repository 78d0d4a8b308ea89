"""Which model spoke for an agent."""

from __future__ import annotations

from hitl_fsm.audit.questions.question import AGENT, WHEN, Column, Question

MODEL_CHANGES = Question(
    name="model-changes",
    asks="When did another model begin to answer for an agent?",
    learns="What an agent's behaviour may owe to: a new version, a cheaper one, or a fallback because those before "
    "it did not answer (`instead_of`). The first row of an agent is the first model that is known of it.",
    parameters=(*WHEN, AGENT),
    columns=(
        Column("seq", "the line of the first reply", "count"),
        Column("at", "when", "time"),
        Column("agent", "the agent"),
        Column("was", "the model before; empty: none is known"),
        Column("now", "the model from then on"),
        Column("instead_of", "those that did not answer that time"),
        Column("run", "the run"),
    ),
    sql="""
SELECT m.seq, m.at, m.agent, m.was, m.now, m.instead_of, r.run FROM model_change m LEFT JOIN run r ON r.id = m.run
WHERE m.at >= :since AND m.at < :until AND (:agent = '' OR m.agent = :agent) ORDER BY m.seq
""",
    example="hitl-fsm audit q model-changes --agent clerk",
)
