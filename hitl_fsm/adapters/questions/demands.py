"""How gates were passed, held against what the policies demand there: whom they ask, whom they exclude, how many.

A gate's name is the hash of its demand. So the sets of policies that the store keeps say what a gate of the record
wants, whatever a line about its question says.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence

import msgspec

from hitl_fsm.adapters.questions.around import make, older, restored
from hitl_fsm.adapters.questions.hearing import Way
from hitl_fsm.audit.questions.question import Value
from hitl_fsm.model.verdict import Approval, Confirm, Escalation, External, Gate, Review, Seat
from hitl_fsm.policy.ask_user import ASK_USER
from hitl_fsm.policy.evaluate import PolicySet, gate_key
from hitl_fsm.ports import Store

# What a model asks by itself is a gate that no policy has.
_BY_POLICY = "SELECT DISTINCT way.gate FROM way JOIN passed ON passed.way = way.id WHERE passed.tool IS NOT ?"
_way = msgspec.json.Decoder(Way).decode


async def demands(connection: sqlite3.Connection, store: Store, values: Mapping[str, Value]) -> str:
    """The ways that fall short of their gate, with the reason; what is to be said of gates that are not known."""
    rows = connection.execute("SELECT gate, way, id FROM way").fetchall()
    gates = await _gates(connection, store, {gate for gate, _, _ in rows})
    short = [(number, shortfall(gates[gate], _way(text))) for gate, text, number in rows if gate in gates]
    make(connection, "short", "way, why", [one for one in short if one[1]])
    unknown = len({gate for (gate,) in connection.execute(_BY_POLICY, (ASK_USER,))} - gates.keys())
    counted = "1 gate" if unknown == 1 else f"{unknown} gates"
    said = f"the store does not have the policies of {counted}: how many had to say yes there is not known"
    notes = (said if unknown else "", await older(connection, store, values))
    return "; ".join(filter(None, notes))


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
