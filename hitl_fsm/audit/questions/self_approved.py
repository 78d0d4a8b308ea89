"""Who said yes to what they themselves had asked for, or made of it."""

from __future__ import annotations

from typing import get_args

from hitl_fsm.audit.questions.question import USUAL, Column, Parameter, Question
from hitl_fsm.model.requirement import RequirementKind

_KINDS: tuple[str, ...] = get_args(RequirementKind)
_WAYS = ("asked", "began", "edited")

SELF_APPROVED = Question(
    name="self-approved",
    asks="Which approvals did somebody give to an action of their own?",
    learns="Whether four eyes were two: the approver is the run's user (`asked`), began the run (`began`), is the same "
    "person under another id, or said yes to what they had made of the action themselves (`edited`). A yes of "
    "theirs that was remembered counts each time that it is used (`requirement` is the grant then). A `confirm` is "
    "meant for the run's own user, so it is left out unless --kinds names it.",
    parameters=(
        *USUAL,
        Parameter("kinds", "words", "Kinds of gates, with commas between.", "approval,review", _KINDS),
        Parameter("ways", "words", "What makes an action somebody's own, with commas between.", ",".join(_WAYS), _WAYS),
    ),
    columns=(
        Column("seq", "the line of the record", "count"),
        Column("at", "when it was answered", "time"),
        Column("requirement", "the question"),
        Column("tool", "the tool"),
        Column("agent", "the agent"),
        Column("requester", "the user for whom the run acts"),
        Column("approver", "who said yes, as a person"),
        Column("as", "the id under which they did"),
        Column("answer", "what they answered"),
        Column("way", "what made it their own: asked, began or edited"),
    ),
    sql="""
SELECT seq, at, requirement, tool, agent, requester, person, by_id, answer, way FROM (
 SELECT d.*, CASE
  WHEN instr(:ways, ',asked,') > 0 AND (coalesce(p.person, d.requester) IN (d.person, nullif(d.behalf, ''))
   OR d.requester IN (d.by_id, d.person, nullif(d.behalf, ''))) THEN 'asked'
  WHEN instr(:ways, ',began,') > 0 AND d.begun_by IN (d.person, nullif(d.behalf, '')) THEN 'began'
  WHEN instr(:ways, ',edited,') > 0 AND (
   SELECT e.person FROM edit e WHERE e.run = d.run AND e.call = d.call AND e.seq < d.seq ORDER BY e.seq DESC LIMIT 1
  ) IN (d.person, nullif(d.behalf, '')) THEN 'edited'
  END AS way
 FROM (
  SELECT seq, at, requirement, run, call, tool, agent, requester, begun_by, person, by_id, behalf, kind, answer
  FROM decision WHERE yes = 1
  UNION ALL
  SELECT seq, at, grant_id, run, call, tool, agent, requester, begun_by, person, person, '', kind, 'grant'
  FROM grant_use
 ) d LEFT JOIN person p ON p.id = d.requester
 WHERE instr(:kinds, ',' || d.kind || ',') > 0 AND {DECIDED}
) WHERE way IS NOT NULL
ORDER BY seq
""",
    must_be_empty=True,
    example="hitl-fsm audit q self-approved --since 30d",
)
