"""What was approved and never began."""

from __future__ import annotations

from hitl_fsm.audit.questions.question import AGENT, TOOL, WHEN, Column, Parameter, Question

APPROVED_NOT_RUN = Question(
    name="approved-not-run",
    asks="What did somebody approve that never began?",
    learns="Approvals that hang in the air: a run that nobody continues (and might be, much later), one that was "
    "cancelled or failed, an action that another gate, or the policies, stopped after the yes.",
    parameters=(
        *WHEN,
        AGENT,
        TOOL,
        Parameter("after", "duration", "Only those that have waited so long since the yes.", "1h"),
    ),
    columns=(
        Column("seq", "the line of the yes", "count"),
        Column("at", "when it was approved", "time"),
        Column("run", "the run"),
        Column("call", "the call"),
        Column("tool", "the tool"),
        Column("agent", "the agent"),
        Column("approver", "who said yes last"),
        Column("call_is", "what became of the call; empty: nothing yet"),
        Column("run_is", "how the run stands"),
    ),
    sql="""
SELECT c.approved_seq, c.approved_at, r.run, c.call, c.tool, c.agent, c.approved_by, c.state, r.state
FROM call c JOIN run r ON r.id = c.run
WHERE c.approved_seq > 0 AND c.started_seq < c.approved_seq AND c.external = 0 AND c.state <> 'substituted'
 AND c.approved_at >= :since AND c.approved_at < :until AND c.approved_at <= :now - :after
 AND (:agent = '' OR c.agent = :agent) AND (:tool = '' OR c.tool = :tool)
ORDER BY c.approved_seq
""",
    example="hitl-fsm audit q approved-not-run --after 24h",
)
