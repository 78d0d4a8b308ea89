"""Gates in plain English: who decides, what must happen, until when."""

from __future__ import annotations

import msgspec

from hitl_fsm.model.verdict import Approval, Confirm, External, Gate, Review, UserInput
from hitl_fsm.policy.describe.paper import Code, Text, joined

_UNITS = (("week", 604_800_000), ("day", 86_400_000), ("hour", 3_600_000), ("minute", 60_000), ("second", 1_000))
_ROLE = "role:"
_KNOWN: dict[type, frozenset[str]] = {
    Confirm: frozenset({"expires_ms"}),
    Approval: frozenset({"of", "excluded", "expires_ms"}),
    UserInput: frozenset({"schema", "of", "expires_ms", "asker"}),
    External: frozenset({"route", "result_schema", "expires_ms", "silent", "route_schemas"}),
    Review: frozenset({"of", "excluded", "expires_ms", "retries"}),
}


def duration(ms: int) -> str:
    """`90 minutes`; in the largest unit that needs no fraction."""
    for name, size in _UNITS:
        if ms % size == 0:
            count = ms // size
            return f"{count} {name}{'' if count == 1 else 's'}"
    return f"{ms} milliseconds"


def person(subject: str) -> Text:
    """Who a subject of the language stands for."""
    if subject.startswith(_ROLE):
        return ("anyone with the role ", Code(subject.removeprefix(_ROLE)))
    return ("the requester",) if subject == "requester" else (Code(subject),)


def people(of: tuple[str, ...], excluded: tuple[str, ...] = ()) -> Text:
    """Who may answer; without names, the requester."""
    allowed = joined([person(one) for one in of or ("requester",)], "or")
    return (*allowed, ", but never ", *joined([person(one) for one in excluded], "or")) if excluded else allowed


def who(gate: Gate) -> Text:
    """In few words, for a table."""
    if _unknown(gate):
        return ("see the policy",)
    match gate:
        case Confirm():
            return ("a yes from the requester",)
        case Approval(of, excluded):
            return ("a yes from ", *people(of, excluded))
        case UserInput(_, of):
            return ("a form, filled in by ", *people(of))
        case External(route):
            return ("the route ", Code(route), " carries it out")
        case Review(of, excluded):
            return ("a look at the result, by ", *people(of, excluded))


def sentence(gate: Gate) -> Text:
    """What must happen, whole."""
    if _unknown(gate):
        return ("What this asks for has no sentence here: ", Code(msgspec.json.encode(gate).decode()), ".")
    match gate:
        case Confirm(expires):
            return ("The requester must say yes.", *_until(expires))
        case Approval(of, excluded, expires):
            return ("One person must say yes: ", *people(of, excluded), ".", *_until(expires))
        case UserInput(_, of, expires):
            return (
                "A form must be filled in by ",
                *people(of),
                "; what is filled in goes to the tool.",
                *_until(expires),
            )
        case External(route, _, expires, silent):
            told: Text = (" Its result is checked.",) if gate.result_schemas else (" Any result is taken.",)
            told = (*told, " The pause is not announced in chats.") if silent else told
            return (
                "It is not carried out here but by the route ",
                Code(route),
                ".",
                *told,
                *_until(expires, "a result"),
            )
        case Review(of, excluded, expires, retries):
            again = f" It may be run again, {retries} time{'' if retries == 1 else 's'} at most." if retries else ""
            return (
                "After it happened, and before the agent gets the result, one person must look at the result: ",
                *people(of, excluded),
                f".{again}",
                *_until(expires, "an answer", "the agent does not get it"),
            )


def _until(expires_ms: int | None, what: str = "an answer", then: str = "it is denied") -> Text:
    if expires_ms is None:
        return (" There is no time limit.",)
    return (f" Without {what} within {duration(expires_ms)} {then}.",)


def _unknown(gate: Gate) -> bool:
    """Whether it says something that the sentences here do not know; then it is quoted."""
    values = msgspec.structs.asdict(gate)
    defaults = {one.name: one.default for one in msgspec.structs.fields(type(gate))}
    known = _KNOWN.get(type(gate), frozenset())
    return any(name not in known and value != defaults[name] for name, value in values.items())
