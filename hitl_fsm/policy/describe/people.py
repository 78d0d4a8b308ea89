"""Who is asked, in plain English: people, how many of them, who does not count."""

from __future__ import annotations

from hitl_fsm.model.verdict import Approval, Seat
from hitl_fsm.policy.describe.paper import Code, Text, joined

_KINDS = {"role:": ("anyone with the role ", "with the role "), "group:": ("anyone in the group ", "in the group ")}
_NUMBERS = ("", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_BARRED = {
    "editor": " Whoever changed the arguments does not count.",
    "previous_approver": " Whoever said yes at an earlier step of the same action does not count.",
}


def number(count: int) -> str:
    """`two`; digits above ten."""
    return _NUMBERS[count] if count < len(_NUMBERS) else str(count)


def person(subject: str) -> Text:
    """Who a subject of the language stands for."""
    for kind, (word, _) in _KINDS.items():
        if subject.startswith(kind):
            return (word, Code(subject.removeprefix(kind)))
    return ("the requester",) if subject == "requester" else (Code(subject),)


def people(of: tuple[str, ...], excluded: tuple[str, ...] = ()) -> Text:
    """Who may answer; without names, the requester. Who is known only then is told apart, by `not_counted`."""
    return (*joined([person(one) for one in of or ("requester",)], "or"), *barred(excluded))


def barred(excluded: tuple[str, ...]) -> Text:
    """What follows who may answer."""
    named = [person(one) for one in excluded if one not in _BARRED]
    return (", but never ", *joined(named, "or")) if named else ()


def not_counted(excluded: tuple[str, ...]) -> Text:
    """Sentences about those of `not` who are known only when somebody answers."""
    return tuple(told for word, told in _BARRED.items() if word in excluded)


def several(seat: Seat) -> Text:
    """`two different people with the role finance`; for one, who it is."""
    if seat.count == 1:
        return people(seat.of)
    count = f"{number(seat.count)} different people"
    if len(seat.of) == 1:
        for kind, (_, word) in _KINDS.items():
            if seat.of[0].startswith(kind):
                return (f"{count} {word}", Code(seat.of[0].removeprefix(kind)))
    return (f"{count}, each of them ", *people(seat.of))


def approvers(gate: Approval) -> Text:
    """From whom a yes is needed, in few words."""
    if not gate.ways:
        return several(Seat(gate.of, gate.quorum))
    ways = [joined([several(seat) for seat in way], "and") for way in gate.ways]
    return (*joined(ways, "or"), *(", all different people" if any(len(way) > 1 for way in gate.ways) else "",))


def demanded(gate: Approval) -> Text:
    """From whom a yes is needed, as a sentence."""
    never = barred(gate.excluded)
    if not gate.ways and gate.quorum == 1:
        told: Text = ("One person must say yes: ", *people(gate.of, gate.excluded), ".")
    elif not gate.ways:
        count, *rest = several(Seat(gate.of, gate.quorum))
        told = (str(count).capitalize(), *rest, ", must say yes" if len(rest) > 1 else " must say yes", *never, ".")
    elif len(gate.ways) == 1:
        seats = joined([several(seat) for seat in gate.ways[0]], "and")
        told = ("All of these must say yes, all different people: ", *seats, *never, ".")
    else:
        ways = [joined([several(seat) for seat in way], "and") for way in gate.ways]
        told = ("Any one of these is enough: a yes from ", *joined(ways, "or from"), *never, ".")
    return (*told, *not_counted(gate.excluded), *_noes(gate))


def _noes(gate: Approval) -> Text:
    if gate.reject_quorum > 1:
        return (f" It is denied when {number(gate.reject_quorum)} different people say no.",)
    return (" One no is enough to deny it.",) if gate.ways or gate.quorum > 1 else ()
