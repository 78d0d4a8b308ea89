"""Gates in plain English: who decides, what must happen, until when."""

from __future__ import annotations

import msgspec

from hitl_fsm.model.verdict import Approval, Confirm, External, Gate, GrantOffer, Patience, Review, Seat, UserInput
from hitl_fsm.policy.describe.paper import Code, Text
from hitl_fsm.policy.describe.people import approvers, barred, demanded, not_counted, people, several
from hitl_fsm.policy.describe.terms import duration, edits, emergency, remembered, until

__all__ = ["duration", "sentence", "who"]

_KNOWN: dict[type, frozenset[str]] = {
    Confirm: frozenset({"expires_ms", "patience", "edit", "grant"}),
    Approval: frozenset(
        {
            *("of", "excluded", "expires_ms", "quorum", "ways", "reject_quorum"),
            *("patience", "edit", "grant", "break_glass", "name"),
        }
    ),
    UserInput: frozenset({"schema", "of", "expires_ms", "asker", "patience"}),
    External: frozenset({"route", "result_schema", "expires_ms", "silent", "route_schemas"}),
    Review: frozenset({"of", "excluded", "expires_ms", "retries", "patience"}),
}


def who(gate: Gate) -> Text:
    """In few words, for a table."""
    if _unknown(gate):
        return ("see the policy",)
    match gate:
        case Confirm():
            return ("a yes from the requester", *_later(gate.expires_ms, gate.patience), *_kept(gate.grant))
        case Approval():
            alone: Text = ("; in an emergency from ", *people(gate.break_glass), " alone") if gate.break_glass else ()
            later = _later(gate.expires_ms, gate.patience)
            return ("a yes from ", *approvers(gate), *barred(gate.excluded), *later, *alone, *_kept(gate.grant))
        case UserInput(_, of):
            return ("a form, filled in by ", *people(of), *_later(gate.expires_ms, gate.patience, "by"))
        case External(route):
            return ("the route ", Code(route), " carries it out")
        case Review(of, excluded):
            return ("a look at the result, by ", *people(of, excluded), *_later(gate.expires_ms, gate.patience, "by"))


def _later(expires_ms: int | None, patience: Patience | None, link: str = "from") -> Text:
    """Who is asked when the time is over, one after the other."""
    told: Text = ()
    after = expires_ms
    for level in patience.escalate if patience is not None else ():
        if after is not None:
            told = (*told, f"; after {duration(after)} {link} ", *several(Seat(level.of, level.quorum)))
        after = None if after is None or level.expires_ms is None else after + level.expires_ms
    return told


def _kept(grant: GrantOffer | None) -> Text:
    return () if grant is None else ("; it may be remembered",)


def sentence(gate: Gate) -> Text:
    """What must happen, whole."""
    if _unknown(gate):
        return ("What this asks for has no sentence here: ", Code(msgspec.json.encode(gate).decode()), ".")
    match gate:
        case Confirm():
            return (
                "The requester must say yes.",
                *until(gate.expires_ms, gate.patience),
                *edits(gate.edit),
                *remembered(gate.grant),
            )
        case Approval():
            stage: Text = ("Stage ", Code(gate.name), ". ") if gate.name else ()
            return (
                *stage,
                *demanded(gate),
                *until(gate.expires_ms, gate.patience),
                *edits(gate.edit),
                *remembered(gate.grant),
                *emergency(gate.break_glass),
            )
        case UserInput(_, of, expires):
            return (
                "A form must be filled in by ",
                *people(of),
                "; what is filled in goes to the tool.",
                *until(expires, gate.patience),
            )
        case External(route, _, expires, silent):
            told: Text = (" Its result is checked.",) if gate.result_schemas else (" Any result is taken.",)
            told = (*told, " The pause is not announced in chats.") if silent else told
            return (
                "It is not carried out here but by the route ",
                Code(route),
                ".",
                *told,
                *until(expires, what="a result"),
            )
        case Review(of, excluded, expires, retries):
            again = f" It may be run again, {retries} time{'' if retries == 1 else 's'} at most." if retries else ""
            return (
                "After it happened, and before the agent gets the result, one person must look at the result: ",
                *people(of, excluded),
                f".{again}",
                *not_counted(excluded),
                *until(expires, gate.patience, then="the agent does not get it"),
            )


def _unknown(gate: Gate) -> bool:
    """Whether it says something that the sentences here do not know; then it is quoted."""
    values = msgspec.structs.asdict(gate)
    defaults = {one.name: one.default for one in msgspec.structs.fields(type(gate))}
    known = _KNOWN.get(type(gate), frozenset())
    return any(name not in known and value != defaults[name] for name, value in values.items())
