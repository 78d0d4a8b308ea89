"""Effects without the approval that the record would have to show."""

from __future__ import annotations

from hitl_fsm.audit.questions.question import AGENT, TOOL, WHEN, Column, Question

UNAPPROVED_EFFECTS = Question(
    name="unapproved-effects",
    asks="Which calls began although the record does not show that they might?",
    learns="Whether the gates held. Before each start there must be a verdict on that very action, and a line "
    "that authorises it and was not used before, whose passes cover every gate of the verdict; and each "
    "pass must go back to a yes of these people at that gate, to that action, or to the use of a grant "
    "that was made by the yes of those whose word it is, in force and not used up. Who said yes must have "
    "been asked and not excluded, as many must have as the gate wants, and a grant may go no further than it "
    "offers, which the policies say that the store keeps: a gate's name is the hash of its demand. Who "
    "counts as an id of which no line says whose it is is named in a note. A start after a no, after a "
    "cancellation, or of an attempt that had begun before is listed, and so is a result without a start, and "
    "a call that an outside system was asked to carry out before its gates were passed (to ask it is the "
    "start). A further attempt before the end of the one before is how a tool that is declared idempotent is "
    "tried again, and is not listed. What was judged before the first line of a release that writes such a "
    "line is held against its verdict, its questions and its grants, and it is said how many calls that are.",
    parameters=(*WHEN, AGENT, TOOL),
    columns=(
        Column("seq", "the line of the start", "count"),
        Column("at", "when", "time"),
        Column("run", "the run"),
        Column("call", "the call"),
        Column("tool", "the tool"),
        Column("agent", "the agent"),
        Column("why", "what is missing"),
    ),
    sql="""
SELECT u.seq, u.at, r.run, u.call, u.tool, u.agent, u.why FROM (
 SELECT seq, at, run, call, tool, agent, why FROM unapproved
 UNION ALL
 SELECT p.seq, p.at, p.run, p.call, p.tool, p.agent, 'gate ' || w.gate || ': ' || s.why
 FROM short s JOIN way w ON w.id = s.way CROSS JOIN passed p ON p.way = s.way
 UNION ALL
 SELECT g.seq, g.at, g.run, g.call, g.tool, g.agent, 'grant ' || t.grant_id || ' ' || t.why
 FROM wide t CROSS JOIN by_grant g ON g.grant_id = t.grant_id
) u LEFT JOIN run r ON r.id = u.run
WHERE u.at >= :since AND u.at < :until AND (:agent = '' OR u.agent = :agent) AND (:tool = '' OR u.tool = :tool)
ORDER BY u.seq
""",
    must_be_empty=True,
    needs="demands",
    example="hitl-fsm audit q unapproved-effects",
)
