"""From lines to facts: questions to people, who looked at them, and who said what."""

from __future__ import annotations

from typing import Any

from hitl_fsm.adapters.questions import lines as line_of
from hitl_fsm.adapters.questions.fold import Fold, Reader, reader
from hitl_fsm.adapters.questions.hearing import People, Voice, Way, apart, asked_at, assumed, named, names_of, refusal
from hitl_fsm.adapters.questions.lines import Line
from hitl_fsm.adapters.questions.objection import handover_objection, passed
from hitl_fsm.adapters.questions.older import gate_of
from hitl_fsm.adapters.questions.shelves import AskFact, CallFact, RunFact

_NO = frozenset({"reject", "respond"})
_NEUTRAL = frozenset({"abstain", "advise", "retry", "edit_result", "give_up"})
_YES = frozenset({"approve", "break_glass"})
_LETS_PASS = _YES | {"provide", "report"}
_FIRST = frozenset({"approval", "confirm", "user_input", "external"})
"""Kinds of questions that are asked before a call begins."""


def _opened(fold: Fold, line: Line[line_of.Opened], run: RunFact) -> None:
    data = line.data
    ask = fold.asks.made((data.requirement,), run.id, fresh=run.id >= fold.fresh_from)
    ask.call, ask.tool, ask.kind, ask.digest = data.call, data.tool, data.kind, data.digest
    ask.gate = gate_of(data.gate)
    if data.gate or line.contents:
        fold.newer = fold.newer or line.seq
    elif not fold.newer and data.kind in _FIRST:
        _gate_of_its_own(fold, ask, run)
    ask.agent, ask.requester, ask.severity = data.agent or run.agent, run.requester, data.severity
    ask.of, ask.excluded = list(data.of), list(data.excluded)
    ask.flags = ", ".join(f"{one.kind} {one.where}".strip() for one in data.flags)
    ask.opened_seq, ask.opened_at, ask.expires_at = line.seq, line.at, data.expires_at
    call = fold.call(run, data.call)
    if said := call.voters.get(ask.gate):  # only who made the action what it is now has voted on it already
        call.voters = {**call.voters, ask.gate: [one for one in said if one[3] and one[2] == data.digest]}
    if data.kind == "external":
        call.external = 1
        if not call.before:
            why = handover_objection(run, call, ask.gate, data.digest)
            granted = {gate for gate, _ in call.grants.values()}
            fold.began(line, run, call, why, (one for one in call.gates if one not in granted))


def _gate_of_its_own(fold: Fold, ask: AskFact, run: RunFact) -> None:
    """An older line does not say for which gate it asks; a question that took another's place has its gate."""
    ask.gate = ask.requirement
    call = fold.call(run, ask.call)
    before = [fold.asks.find(gate) for gate in call.gates]
    call.gates = [*(one.gate for one in before if one is not None and one.state != "superseded"), ask.gate]


def _viewed(fold: Fold, line: Line[line_of.Viewed], run: RunFact) -> None:
    del run
    ask = None if line.data.answered else fold.asks.change(line.data.requirement)
    if ask is not None:
        ask.viewed = {f"{line.by.own} {line.data.presented}": line.at, **ask.viewed}
        fold.heard(line.by, line.seq, line.at)


def _decided(fold: Fold, line: Line[Any], ask: AskFact, run: RunFact, *, counts: bool = True) -> None:
    """One answer of somebody, with how long it took since they looked at it (or since it was asked)."""
    by, answer = line.by, line.data.answer
    seen = ask.viewed.get(f"{by.own} {line.data.presented}")
    yes = None if answer in _NEUTRAL or not counts else int(answer not in _NO)
    who = (ask.tool, ask.agent, ask.requester, run.begun_by, by.own, by.id, by.on_behalf_of or "")
    about = (line.seq, line.at, ask.requirement, run.id, ask.call, *who, by.authenticated_by, ask.kind, answer, yes)
    took = max(0, line.at - (ask.opened_at if seen is None else seen))
    if by.kind == "human":
        fold.heard(by, line.seq, line.at)
        fold.add("decision", *about, int(seen is not None), took, ask.flags, ask.severity)


def _voted(fold: Fold, line: Line[line_of.Voted], run: RunFact) -> None:
    ask = fold.asks.find(line.data.requirement)
    if ask is None:
        return
    _decided(fold, line, ask, run, counts=line.data.counts)
    if line.data.answer in _YES and line.data.counts and line.by.kind == "human":
        call, data, known = fold.call(run, ask.call), line.data, People(fold.people, fold.listed)
        if why := refusal(ask, call, line.by, known, level=data.level):
            call.doubts = {**call.doubts, ask.gate: why}
            return
        as_whom = named(asked_at(ask, call, data.level) or (), line.by, ask.requester, known)
        _assume(fold, line.seq, assumed(as_whom, line.by, ask.requester, known), line.by.own)
        voice = Voice(line.by.persons, as_whom, data.shown, data.shown != ask.digest, line.by.id)
        call.voters = {**call.voters, ask.gate: [*call.voters.get(ask.gate, ()), list(voice)]}


def _withdrawn(fold: Fold, line: Line[line_of.OfRequirement], run: RunFact) -> None:
    """Somebody took back the own vote, and what was said in the own name."""
    ask = fold.asks.find(line.data.requirement)
    if ask is not None:
        call = fold.call(run, ask.call)
        left = [one for one in call.voters.get(ask.gate, ()) if line.by.own not in one[0]]
        call.voters = {**call.voters, ask.gate: left}


def _escalated(fold: Fold, line: Line[line_of.OfRequirement], run: RunFact) -> None:
    """The next ones are asked; nobody's vote until then counts any more."""
    ask = fold.asks.change(line.data.requirement)
    if ask is not None:
        ask.escalated += 1
        call = fold.call(run, ask.call)
        call.voters = {gate: said for gate, said in call.voters.items() if gate != ask.gate}
        call.risen = {**call.risen, ask.gate: [line.data.level, list(line.data.of)]}


def _closed(fold: Fold, line: Line[line_of.Closed], run: RunFact) -> None:
    ask = fold.asks.change(line.data.requirement)
    if ask is None:
        return
    ask.state, ask.closed_seq, ask.closed_at = line.event.removeprefix("requirement_"), line.seq, line.at
    ask.answer = line.data.answer
    if ask.state == "superseded" and ask.answer:  # a yes that was taken back
        call = fold.call(run, ask.call)
        _unpass(call, ask)
    if ask.state not in ("resolved", "rejected") or not ask.answer:
        return
    _decided(fold, line, ask, run)
    if ask.kind == "outcome":
        return
    call = fold.call(run, ask.call)
    if ask.state == "rejected":
        call.auth_seq, call.before = 0, 0
    elif ask.answer in _LETS_PASS and (line.by.kind == "human" or ask.kind == "external"):
        _passed(fold, line, ask, call)


def _passed(fold: Fold, line: Line[line_of.Closed], ask: AskFact, call: CallFact) -> None:
    """A yes is to the action that was shown, or to what who said it made of that in the same answer."""
    data, known = line.data, People(fold.people, fold.listed)
    level, glass = data.escalated, data.answer == "break_glass" and bool(ask.broken)
    why = "" if ask.kind == "external" else refusal(ask, call, line.by, known, level=level, glass=glass)
    if why:
        call.doubts = {**call.doubts, ask.gate: why}
        return
    made = call.editor == line.by.own and call.was == data.digest
    said = [Voice(*one) for one in call.voters.get(ask.gate, ()) if one[2] == data.digest]
    asked = asked_at(ask, call, level) or ()
    as_whom = named(asked, line.by, ask.requester, known)
    _assume(fold, line.seq, "" if glass else assumed(as_whom, line.by, ask.requester, known), line.by.own)
    said.append(Voice(line.by.persons, as_whom, data.digest, by=line.by.id))
    ask.said = [one.by for one in said]
    if ask.kind != "external":
        voices = [names_of(line.by)] if glass else sorted(list(one.named) for one in apart(said))
        call.ways = {**call.ways, ask.gate: list(Way(ask.kind, level, asked, ask.excluded, voices, glass))}
    people = dict.fromkeys(one for voice in said for one in voice.persons)
    call.yes = {**call.yes, passed(ask.gate, call.digest if made else data.digest): list(people)}
    call.answered = max(call.answered, int(ask.kind in ("external", "user_input")))
    if ask.kind in ("approval", "confirm"):
        call.approved_seq, call.approved_at, call.approved_by = line.seq, line.at, line.by.own


def _assume(fold: Fold, seq: int, own: str, person: str) -> None:
    if own:
        fold.add("assumed", seq, own, person)


def _unpass(call: CallFact, ask: AskFact) -> None:
    call.yes = {key: people for key, people in call.yes.items() if not key.startswith(passed(ask.gate, ""))}


def _revoked(fold: Fold, line: Line[line_of.OfRequirement], run: RunFact) -> None:
    """A yes was taken back: the gate is open again, and nothing may begin."""
    ask = fold.asks.find(line.data.requirement)
    call = fold.call(run, line.data.call)
    call.auth_seq, call.approved_seq = 0, 0
    if ask is not None:
        _unpass(call, ask)
        call.voters = {gate: people for gate, people in call.voters.items() if gate != ask.gate}


def _broken(fold: Fold, line: Line[line_of.OfRequirement], run: RunFact) -> None:
    ask = fold.asks.change(line.data.requirement)
    if ask is not None:
        ask.broken = 1
    one = fold.overrides.made((line.data.requirement,))
    one.seq, one.at, one.run, one.person = line.seq, line.at, run.id, line.by.own
    one.tool, one.agent = ("", run.agent) if ask is None else (ask.tool, ask.agent)


def _reviewed(fold: Fold, line: Line[line_of.OfRequirement], run: RunFact) -> None:
    del run
    one = fold.overrides.made((line.data.requirement,))
    one.reviewed_seq, one.reviewed_at, one.reviewed_by = line.seq, line.at, line.by.own
    fold.heard(line.by, line.seq, line.at)


ASKS: dict[str, Reader] = {
    "requirement_opened": reader(line_of.Opened, _opened),
    "requirement_viewed": reader(line_of.Viewed, _viewed),
    "requirement_voted": reader(line_of.Voted, _voted),
    "requirement_vote_withdrawn": reader(line_of.OfRequirement, _withdrawn),
    "requirement_escalated": reader(line_of.OfRequirement, _escalated),
    **{f"requirement_{s}": reader(line_of.Closed, _closed) for s in ("resolved", "rejected", "expired", "cancelled")},
    "requirement_superseded": reader(line_of.Closed, _closed),
    "approval_revoked": reader(line_of.OfRequirement, _revoked),
    "break_glass": reader(line_of.OfRequirement, _broken),
    "override_reviewed": reader(line_of.OfRequirement, _reviewed),
}
