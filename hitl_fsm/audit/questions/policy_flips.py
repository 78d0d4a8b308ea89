"""Policies that were changed for a while."""

from __future__ import annotations

from hitl_fsm.audit.questions.question import WHEN, Column, Parameter, Question

POLICY_FLIPS = Question(
    name="policy-flips",
    asks="When did a set of policies give way to others, and soon after come back?",
    learns="Whether rules were loosened for a moment, by a reload or by a restart: what was judged, decided and begun "
    "in between is counted. Several sets in between are one row.",
    parameters=(*WHEN, Parameter("within", "duration", "Changed and set back within so long.", "7d")),
    columns=(
        Column("seq", "the line of the change", "count"),
        Column("at", "when it was changed", "time"),
        Column("by", "by whom"),
        Column("back_at", "when it was set back", "time"),
        Column("back_by", "by whom"),
        Column("lasted", "how long others were in force", "ms"),
        Column("before", "the set before and after", "digest"),
        Column("between", "the set in between, the first of several", "digest"),
        Column("judged", "calls that were judged under other sets meanwhile", "count"),
        Column("decided", "answers that people gave meanwhile", "count"),
        Column("begun", "calls that began meanwhile", "count"),
        Column("sets", "how many sets there were in between", "count"),
    ),
    sql="""
WITH changes AS (
 SELECT * FROM (SELECT seq, at, digest, by_id, lag(digest) OVER (ORDER BY seq) AS before FROM activation)
 WHERE before IS NULL OR before <> digest
), flips AS (
 SELECT g.*, b.seq AS back_seq, b.at AS back_at, b.by_id AS back_by FROM changes g JOIN activation b ON b.seq = (
  SELECT min(c.seq) FROM activation c WHERE c.digest = g.before AND c.seq > g.seq
 )
)
SELECT t.seq, t.at, t.by_id, t.back_at, t.back_by, t.back_at - t.at, t.before, t.digest,
 (SELECT count(*) FROM call c WHERE c.judged_seq BETWEEN t.seq AND t.back_seq AND c.policies <> t.before),
 (SELECT count(*) FROM decision d WHERE d.seq BETWEEN t.seq AND t.back_seq),
 (SELECT count(*) FROM call c WHERE c.started_at BETWEEN t.at AND t.back_at
   AND c.started_seq BETWEEN t.seq AND t.back_seq),
 (SELECT count(DISTINCT digest) FROM changes c WHERE c.seq >= t.seq AND c.seq < t.back_seq)
FROM flips t WHERE t.back_at - t.at <= :within AND t.at >= :since AND t.at < :until
ORDER BY t.seq
""",
    example="hitl-fsm audit q policy-flips --within 7d",
)
