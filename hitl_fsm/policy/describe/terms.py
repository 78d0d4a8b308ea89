"""What holds beside who is asked, in plain English: time, changes, what may be remembered, emergencies."""

from __future__ import annotations

import json

from hitl_fsm.model.verdict import Editing, GrantOffer, Patience, Seat
from hitl_fsm.policy.describe.paper import Code, Text, codes, joined
from hitl_fsm.policy.describe.people import people, several

_UNITS = (("week", 604_800_000), ("day", 86_400_000), ("hour", 3_600_000), ("minute", 60_000), ("second", 1_000))
_SCOPES = {
    "run": "in the same run",
    "session": "in the same session of the requester",
    "agent": "for the same agent in all its runs",
}
_NUMBER = {"type": "number"}


def duration(ms: int) -> str:
    """`90 minutes`; in the largest unit that needs no fraction."""
    for name, size in _UNITS:
        if ms % size == 0:
            count = ms // size
            return f"{count} {name}{'' if count == 1 else 's'}"
    return f"{ms} milliseconds"


def until(
    expires_ms: int | None, patience: Patience | None = None, what: str = "an answer", then: str = "it is denied"
) -> Text:
    """How long it waits, who is asked next, and what follows in the end."""
    waits = patience or Patience()
    hours: Text = (", counted in the open hours of the calendar ", Code(waits.calendar)) if waits.calendar else ()
    told: Text = ()
    if waits.reminders_ms:
        after = joined([(duration(ms),) for ms in waits.reminders_ms], "and")
        told = (" Those who may answer are told again after ", *after, *hours, ".")
    if expires_ms is None:
        return (*told, " There is no time limit.")
    told = (*told, f" Without {what} within {duration(expires_ms)}", *hours)
    for number, level in enumerate(waits.escalate, 1):
        who = several(Seat(level.of, level.quorum))
        verb = "are" if level.quorum > 1 else "is"
        void = "; what was answered before does not count any more" if number == 1 else ""
        told = (*told, ", ", *who, f" {verb} asked instead{void}.")
        if level.expires_ms is None:
            return (*told, " There is no time limit then.")
        told = (*told, f" Without {what} from there within another {duration(level.expires_ms)}", *hours)
    return (*told, f"{',' if hours else ''} {then}.")


def edits(editing: Editing | None) -> Text:
    """What a yes may change; nothing is said where it may change anything."""
    if editing is None:
        return ()
    if not editing.fields:
        return (" Whoever says yes cannot change the arguments.",)
    named: list[Text] = []
    for name, schema in editing.fields.items():
        lower = name in editing.lower
        rest = {} if lower and schema == _NUMBER else schema
        fit: Text = (" (where it fits ", Code(json.dumps(rest, ensure_ascii=False)), ")") if rest else ()
        named.append((Code(name), *((" to a lower number",) if lower else ()), *fit))
    return (" Whoever says yes can change ", *joined(named, "and"), ", and no other argument.")


def remembered(grant: GrantOffer | None) -> Text:
    """How far a yes may be remembered; nothing is said where it may not."""
    if grant is None:
        return ()
    calls = "one further call" if grant.uses == 1 else f"{grant.uses} further calls"
    scopes = joined([(_SCOPES[scope],) for scope in grant.scopes], "or")
    bounds = f"for at most {calls} of the same tool, for at most {duration(grant.for_ms)}, "
    told: Text = (" Whoever says yes can let it hold ", bounds, *scopes, ";")
    if grant.vary:
        told = (*told, " of the arguments only ", *codes(grant.vary), " may differ.")
    else:
        told = (*told, " the arguments must be exactly the same.")
    if grant.budget_of:
        told = (*told, " The sum of ", Code(grant.budget_of), f" over these calls is at most {grant.budget}.")
    return told


def emergency(of: tuple[str, ...]) -> Text:
    """Who may say yes alone; nothing is said where nobody may."""
    if not of:
        return ()
    return (
        " In an emergency, ",
        *people(of),
        " can say yes alone, with a reason; somebody else must look at it afterwards.",
    )
