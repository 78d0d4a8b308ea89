"""A gate in a few words, for reasons and messages."""

from __future__ import annotations

from collections.abc import Sequence

from hitl_fsm.model.verdict import Approval, External, Gate, Review, Seat


def describe(gate: Gate) -> str:
    """`approval of 2 of role:finance`: what must happen, and by whom."""
    if isinstance(gate, Approval):
        stage = f" (stage {gate.name})" if gate.name else ""
        return f"approval of {_people(gate)}{stage}"
    if isinstance(gate, External):
        return f"external {gate.route}{', silent' if gate.silent else ''}"
    if isinstance(gate, Review):
        return f"review of {' or '.join(gate.of)}" if gate.of else "review"
    return str(gate.__struct_config__.tag)


def _people(gate: Approval) -> str:
    if not gate.ways:
        return _seat(Seat(gate.of, gate.quorum), alone=True)
    ways = [" and ".join(_seat(seat, alone=len(way) == 1) for seat in way) for way in gate.ways]
    return ", or ".join(ways)


def _seat(seat: Seat, *, alone: bool) -> str:
    who = _either(seat.of)
    if seat.count > 1:
        return f"{seat.count} of {who}"
    return who if alone or len(seat.of) == 1 else f"({who})"


def _either(of: Sequence[str]) -> str:
    return " or ".join(of)
