"""How gates were passed, held against what the policies demand there: whom they ask, whom they exclude, how many, and
how far a yes may be remembered.

A gate's name is the hash of its demand. So the sets of policies that the store keeps say what a gate of the record
wants, whatever a line about its question says.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

import msgspec

from hitl_fsm.adapters.questions.around import make, older, restored
from hitl_fsm.adapters.questions.hearing import Way
from hitl_fsm.audit.questions.question import Value
from hitl_fsm.model.verdict import Approval, Confirm, Escalation, External, Gate, Review, Seat
from hitl_fsm.policy.ask_user import ASK_USER
from hitl_fsm.policy.evaluate import PolicySet, gate_key
from hitl_fsm.ports import Store

# What a model asks by itself is a gate that no policy has.
_BY_POLICY = (
    "SELECT DISTINCT way.gate FROM way JOIN passed ON passed.way = way.id WHERE passed.tool IS NOT ?"
    " UNION SELECT gate FROM grant_made WHERE used > 0"
)
_GRANTS = (
    "SELECT grant_id, gate, uses, span, scope, vary, budget_of, budget FROM grant_made WHERE used > 0 AND doubt = ''"
)
_ASSUMED = (
    "SELECT DISTINCT a.id, a.person FROM assumed a LEFT JOIN person p ON p.id = a.id"
    " WHERE p.person IS NOT a.person ORDER BY a.id, a.person LIMIT ?"
)
TOLD_IDS = 5
"""Ids of which no line says whose they are that a note names."""
_way = msgspec.json.Decoder(Way).decode
_names = msgspec.json.Decoder(list[str]).decode


class Granted(NamedTuple):
    """A grant that was used, as its facts are; `span` is for how long (ms), `vary` a list as text."""

    grant_id: str
    gate: str
    uses: int
    span: int
    scope: str
    vary: str
    budget_of: str
    budget: str


async def demands(connection: sqlite3.Connection, store: Store, values: Mapping[str, Value]) -> str:
    """The ways that fall short of their gate, and the grants that go beyond it, with the reason; what is to be said of
    gates that are not known.
    """
    rows = connection.execute("SELECT gate, way, id FROM way").fetchall()
    grants = [Granted(*row) for row in connection.execute(_GRANTS)]
    gates = await _gates(connection, store, {*(gate for gate, _, _ in rows), *(one.gate for one in grants)})
    short = [(number, shortfall(gates[gate], _way(text))) for gate, text, number in rows if gate in gates]
    make(connection, "short", "way, why", [one for one in short if one[1]])
    wide = [(one.grant_id, excess(gates[one.gate], one)) for one in grants if one.gate in gates]
    make(connection, "wide", "grant_id, why", [one for one in wide if one[1]])
    unknown = len({gate for (gate,) in connection.execute(_BY_POLICY, (ASK_USER,))} - gates.keys())
    counted = "1 gate" if unknown == 1 else f"{unknown} gates"
    told = "how many had to say yes there, and what may be remembered, is not known"
    said = f"the store does not have the policies of {counted}: {told}"
    notes = (said if unknown else "", _assumed(connection), await older(connection, store, values))
    return "; ".join(filter(None, notes))


def _assumed(connection: sqlite3.Connection) -> str:
    """Whose yes counts as that of an id of which no line says, to this day, that it is theirs: nobody is accused."""
    rows = connection.execute(_ASSUMED, (TOLD_IDS + 1,)).fetchall()
    told = [f"{person} for {own}" for own, person in rows[:TOLD_IDS]]
    more = ", and others" if len(rows) > TOLD_IDS else ""
    said = f"the policies ask ids of which no line says whose they are, and these said yes: {', '.join(told)}{more}"
    return said if rows else ""


async def _gates(connection: sqlite3.Connection, store: Store, wanted: set[str]) -> dict[str, Gate]:
    """Those of all sets that were ever in force, the newest first, until each was found."""
    found: dict[str, Gate] = {gate_key(Confirm()): Confirm()}
    seen = set[str]()
    for (digest,) in connection.execute("SELECT digest FROM activation ORDER BY seq DESC").fetchall():
        if wanted <= found.keys():
            break
        known = None if digest in seen else await restored(store, digest)
        seen.add(digest)
        found |= {} if known is None else {gate_key(gate): gate for gate in _all_of(known)}
    return found


def _all_of(policies: PolicySet) -> list[Gate]:
    gates = [gate for one in policies.enforced for rule in one.rules for gate in rule.gates]
    return [*gates, *(one.on_error for one in policies.enforced if one.on_error is not None)]


def shortfall(gate: Gate, way: Way) -> str:
    """What is missing; empty where the gate could be passed so."""
    levels = () if isinstance(gate, External) or gate.patience is None else gate.patience.escalate
    if way.level > len(levels):
        return f"the policies know no escalation {way.level}"
    level = levels[way.level - 1] if way.level else None
    return _asked_otherwise(gate, level, way) or (_too_few(gate, level, way) if isinstance(gate, Approval) else "")


def excess(gate: Gate, grant: Granted) -> str:
    """How far it goes beyond what may be remembered there; empty where it does not."""
    offer = gate.grant if isinstance(gate, Approval | Confirm) else None
    if offer is None:
        return "and the policies let nobody have a yes remembered there"
    if grant.scope != "run" and grant.scope not in offer.scopes:
        return f"is for the {grant.scope}, and the policies offer {_listed(offer.scopes)}"
    if grant.uses > offer.uses or grant.span > offer.for_ms:
        return f"is for {grant.uses} uses in {grant.span} ms, and the policies offer {offer.uses} in {offer.for_ms}"
    more = set(_names(grant.vary or "[]")) - set(offer.vary)
    if more:
        return f"lets {_listed(sorted(more))} vary, and the policies do not"
    if grant.budget_of != offer.budget_of or (offer.budget_of and not _within(grant.budget, offer.budget)):
        return "has another budget than the policies offer"
    return ""


def _within(budget: str, offered: float) -> bool:
    try:
        return Decimal(budget) <= Decimal(repr(offered))
    except InvalidOperation:
        return False


def _asked_otherwise(gate: Gate, level: Escalation | None, way: Way) -> str:
    kind, asked = gate.__struct_config__.tag, _asked(gate) if level is None else level.of
    if way.kind != kind:
        return f"it was asked about as {way.kind}, and the policies want {kind}"
    if set(way.asked) != set(asked):
        return f"{_listed(way.asked)} were asked, and the policies ask {_listed(asked)}"
    excluded = gate.excluded if isinstance(gate, Approval | Review) else ()
    if set(way.excluded) != set(excluded):
        return f"the policies exclude {_listed(excluded)}, and the question did {_listed(way.excluded)}"
    return ""


def _too_few(gate: Approval, level: Escalation | None, way: Way) -> str:
    if way.glass:
        alone = set(gate.break_glass).intersection(*way.voices)
        return "" if alone else f"one person passed it alone, and the policies let {_listed(gate.break_glass)} do that"
    seats = gate.ways or ((Seat(gate.of, gate.quorum),),)
    seats = seats if level is None else ((Seat(level.of, level.quorum),),)
    if any(_filled(one, way.voices) for one in seats):
        return ""
    return f"{len(way.voices)} said yes, and the policies want {' or '.join(map(_wanted, seats))}"


def _asked(gate: Gate) -> Sequence[str]:
    match gate:
        case Approval():
            return gate.of
        case Confirm():
            return ("requester",)
        case External():
            return ()
        case _:
            return gate.of or ("requester",)


def _filled(seats: Sequence[Seat], voices: Sequence[Sequence[str]]) -> bool:
    """Whether each place can be taken by another one of those who said yes."""
    places = [set(seat.of) for seat in seats for _ in range(seat.count)]
    takes: dict[int, int] = {}  # by person, the place

    def place(number: int, tried: set[int]) -> bool:
        for person, names in enumerate(voices):
            if person in tried or (places[number] and places[number].isdisjoint(names)):
                continue
            tried.add(person)
            if person not in takes or place(takes[person], tried):
                takes[person] = number
                return True
        return False

    return len(voices) >= len(places) and all(place(number, set()) for number in range(len(places)))


def _wanted(seats: Sequence[Seat]) -> str:
    return " and ".join(f"{seat.count} of {_listed(seat.of)}" for seat in seats)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) or "nobody"
