"""Who could have said yes, at a date."""

from __future__ import annotations

from hitl_fsm.audit.questions.question import Column, Parameter, Question

WHO_COULD_APPROVE = Question(
    name="who-could-approve",
    asks="Who could approve a tool's calls at a given time, and by what?",
    learns="The circle of people behind a control, as it was then: whom the policies in force asked about the tool, "
    "and who had these roles at that moment: by the roles file, with the times that it says, by a delegation, as far "
    "as the giver had them, in an absence where it is for that alone, or as they were seen to act with. Whom the "
    "policies ask by name is told with the tool.",
    parameters=(
        Parameter("at", "instant", "When: a day, an instant, or how long ago; without it, now."),
        Parameter("tool", "text", "Whom the policies ask about this tool."),
        Parameter("role", "text", "Only this role."),
    ),
    columns=(
        Column("person", "the person"),
        Column("role", "the role, or the id that the policies name"),
        Column("source", "by what they had it"),
        Column("since", "since when, as far as the record knows", "time"),
        Column("until", "until when; empty: no end was set", "time"),
        Column("seq", "the line that says so", "count"),
        Column("rules", "the rules that ask them about the tool"),
    ),
    sql="""
WITH told AS (
 SELECT person, role, gained, source, coalesce(from_at, at) AS since, until_at AS until, seq,
  rank() OVER (PARTITION BY person, role ORDER BY seq DESC) AS place
 FROM role_change WHERE at <= :at AND source NOT LIKE 'delegation %'
), own AS MATERIALIZED (
 SELECT person, role, source, since, until, seq FROM told
 WHERE place = 1 AND gained = 1 AND since <= :at AND (until IS NULL OR until > :at)
 UNION ALL
 SELECT s.person, s.role, 'seen to act with it', s.first_at, NULL, s.first_seq FROM role_seen s
 WHERE s.first_at <= :at AND NOT EXISTS (SELECT 1 FROM told t WHERE t.person = s.person AND t.role = s.role)
), files AS (SELECT max(seq) AS seq FROM people_line WHERE at <= :at
), given AS (
 SELECT l.seq, l.id, l.giver, l.taker, l.role, coalesce(l.since, l.at) AS since, l.until FROM lent l, files
 WHERE l.at <= :at AND (l.id <> '' OR l.seq = files.seq) AND coalesce(l.since, l.at) <= :at
  AND (l.until IS NULL OR l.until > :at) AND (l.ended_at IS NULL OR l.ended_at > :at)
  AND (l.absent = 0 OR EXISTS (
   SELECT 1 FROM away a WHERE a.seq = l.seq AND a.person = l.giver AND coalesce(a.since, 0) <= :at
    AND (a.until IS NULL OR a.until > :at)
  ))
), names AS (SELECT DISTINCT name FROM asked_of
), holders AS (
 SELECT * FROM own
 UNION ALL
 SELECT g.taker, o.role, trim('delegation ' || g.id) || ' by ' || g.giver, max(g.since, o.since),
  min(coalesce(g.until, o.until), coalesce(o.until, g.until)), g.seq
 FROM given g JOIN own o ON o.person = g.giver AND (g.role = '' OR g.role = o.role)
 UNION ALL
 SELECT name, name, 'named by the policies', NULL, NULL, NULL FROM names
 WHERE instr(name, ':') = 0 AND name <> 'requester'
)
SELECT h.person, h.role, h.source, h.since, h.until, h.seq,
 coalesce((SELECT group_concat(rule, ', ') FROM (
  SELECT DISTINCT rule FROM asked_of WHERE name IN ('role:' || h.role, h.role, h.person) ORDER BY rule
 )), '')
FROM holders h WHERE (:role = '' OR h.role = :role)
 AND (:tool = '' OR 'role:' || h.role IN names OR h.role IN names OR h.person IN names)
ORDER BY h.person, h.role, h.seq
""",
    needs="asked",
    example="hitl-fsm audit q who-could-approve --tool pay --at 2026-03-01",
)
