"""From lines to facts: calls, what the policies said of them, by whose word they began, and what became of them."""

from __future__ import annotations

from hitl_fsm.adapters.questions import lines as line_of
from hitl_fsm.adapters.questions.fold import Fold, Reader, reader
from hitl_fsm.adapters.questions.lines import Line
from hitl_fsm.adapters.questions.objection import doubt_of, grant_objection, objection, passed
from hitl_fsm.adapters.questions.older import rejudged, said_with
from hitl_fsm.adapters.questions.shelves import RunFact

_DAY_MS = 86_400_000


def _judged(fold: Fold, line: Line[line_of.Judged], run: RunFact) -> None:
    data = line.data
    call = fold.call(run, data.call)
    first = not call.judged_seq
    if data.gates or line.contents:
        fold.newer = fold.newer or line.seq
    call.before, call.gates = rejudged(call, line, newer=bool(fold.newer))
    call.tool, call.digest, call.outcome = data.tool, data.digest, data.outcome
    call.judged_seq, call.judged_at, call.policies = line.seq, line.at, data.policies
    day = line.at // _DAY_MS
    for looked in data.looked:
        counts = fold.rules.setdefault((str(looked[0]), str(looked[1]), day), [0, 0, 0])
        counts[0] += 1
        counts[1] += looked[3] == "T"
        counts[2] += looked[3] == "!"
    if first:
        counts = fold.tools.setdefault((data.tool, call.agent, day), [0, 0, 0, 0])
        counts[0] += 1
        counts[{"allow": 1, "gated": 2}.get(data.outcome, 3)] += 1
    for one in data.money:
        who = (data.tool, call.agent, call.requester)
        fold.add("money", run.id, data.call, one.at, line.seq, line.at, *who, one.currency, one.minor, data.policies)


def _edited(fold: Fold, line: Line[line_of.Judged], run: RunFact) -> None:
    """Another action: what was said of the one before counts no more."""
    call = fold.call(run, line.data.call)
    asked = [one for one in map(fold.asks.find, call.gates) if one is not None]
    said = said_with(call, asked, line)
    _judged(fold, line, run)
    if call.before:  # its gates are questions, of which the one stays whose answer this is
        call.gates = [one.gate for one in asked if one.state == "open" or one.gate in said]
    call.voters, call.ways, call.doubts = {}, {}, {}
    call.yes = {passed(gate, call.digest): people for gate, people in said.items() if call.before}
    call.was, call.editor = line.data.was, line.by.own
    who = (call.tool, call.agent, call.requester, line.by.own)
    fold.add("edit", line.seq, line.at, run.id, call.call, *who, line.data.was, line.data.digest)


def _authorised(fold: Fold, line: Line[line_of.Authorised], run: RunFact) -> None:
    call = fold.call(run, line.data.call)
    call.auth_seq, call.auth_digest = line.seq, line.data.digest
    call.passes = [[one.gate, list(one.by), one.grant] for one in line.data.passes]
    for one in line.data.passes:
        grant = fold.grants.find(one.grant) if one.grant else None
        about = (one.grant, run.id, call.call, call.tool, call.agent, call.requester, run.begun_by)
        for who in one.by:
            if grant is not None:
                fold.add("grant_use", line.seq, line.at, *about, who, grant.kind)


def _started(fold: Fold, line: Line[line_of.OfCall], run: RunFact) -> None:
    data = line.data
    call = fold.call(run, data.call)
    why = objection(run, call, data.digest, data.attempt)
    by_people = (gate for gate, _, grant in call.passes if not grant and gate in call.gates)
    fold.began(line, run, call, why, by_people)
    if call.before and not call.auth_seq:
        call.older = line.seq
    call.started_seq, call.started_at, call.attempts, call.state = line.seq, line.at, data.attempt, "started"


def _ended(fold: Fold, line: Line[line_of.OfCall], run: RunFact) -> None:
    call = fold.call(run, line.data.call)
    if line.event == "call_succeeded" and not (call.started_seq or call.answered):
        fold.object(line, run, call, "it has a result, and was never begun")
    call.state, call.ended_seq, call.ended_at = line.event.removeprefix("call_"), line.seq, line.at
    call.auth_seq, call.before = 0, 0  # a word is used once
    call.voters, call.yes, call.ways, call.doubts, call.grants = {}, {}, {}, {}, {}


def _lost(fold: Fold, line: Line[line_of.OfCall], run: RunFact) -> None:
    call = fold.call(run, line.data.call)
    call.state, call.lost_seq, call.lost_at, call.ended_seq, call.ended_at = "lost", line.seq, line.at, 0, 0


def _not_begun(fold: Fold, line: Line[line_of.OfCall], run: RunFact) -> None:
    call = fold.call(run, line.data.call)
    call.started_seq, call.state = 0, "not_begun"


def _grant_made(fold: Fold, line: Line[line_of.Granted], run: RunFact) -> None:
    data, grant = line.data, fold.grants.made((line.data.grant_id,))
    grant.seq, grant.gate, grant.tool, grant.uses, grant.until = line.seq, data.gate, data.tool, data.uses, data.until
    grant.scope = "run" if data.run_id else "session" if data.session else "agent"
    grant.span, grant.vary = data.until - data.at, list(data.vary)
    grant.budget_of, grant.budget = data.budget_of, str(data.budget)
    ask = fold.asks.find(data.requirement_id)
    grant.kind = "approval" if ask is None else ask.kind
    grant.doubt = doubt_of(data, ask, line.seq) if fold.tells(run) else ""


def _grant_used(fold: Fold, line: Line[line_of.OfGrant], run: RunFact) -> None:
    call, grant = fold.call(run, line.data.call), fold.grants.change(line.data.grant)
    if grant is not None:
        grant.used += 1
        call.grants = {**call.grants, grant.grant_id: [grant.gate, grant_objection(grant, call, line.at)]}
    elif not fold.bare:  # it may have been made where the record was pruned
        call.grants = {**call.grants, line.data.grant: ["", "was never made"]}


def _grant_revoked(fold: Fold, line: Line[line_of.OfGrant], run: RunFact) -> None:
    del run
    grant = fold.grants.change(line.data.grant)
    if grant is not None:
        grant.revoked_seq = line.seq


_ENDS = ("succeeded", "failed", "denied", "held", "withheld", "substituted")
CALLS: dict[str, Reader] = {
    "call_judged": reader(line_of.Judged, _judged),
    "call_edited": reader(line_of.Judged, _edited),
    "call_authorised": reader(line_of.Authorised, _authorised),
    "call_started": reader(line_of.OfCall, _started),
    **{f"call_{state}": reader(line_of.OfCall, _ended) for state in _ENDS},
    "call_lost": reader(line_of.OfCall, _lost),
    "call_not_begun": reader(line_of.OfCall, _not_begun),
    "grant_made": reader(line_of.Granted, _grant_made),
    "grant_used": reader(line_of.OfGrant, _grant_used),
    "grant_revoked": reader(line_of.OfGrant, _grant_revoked),
}
