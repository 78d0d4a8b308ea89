"""Who is who, as far as the record was told: roles files that are used for the first time, or changed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from hitl_fsm.errors import PolicyError
from hitl_fsm.model.actor import ENGINE
from hitl_fsm.model.record import Record
from hitl_fsm.policy.people import Directory, Membership
from hitl_fsm.policy.spans import Span
from hitl_fsm.runtime.parts import Parts
from hitl_fsm.runtime.policies.last_told import Telling, last_told, told
from hitl_fsm.runtime.policies.refused import told_of

ACTIVATED, REFUSED = "people_activated", "people_refused"
PUT_IN_FORCE = Telling(cursor="people", event=ACTIVATED, member="people")
CHANGES_TOLD = 1_000
"""People on one line; more who gained or lost something are counted."""
_DOMAIN = b"hitl-fsm/people/v1\0"
_encode = msgspec.json.Encoder(order="sorted").encode

Held = Mapping[str, list[str]]
"""By person: roles and groups, as `role:NAME` and `group:NAME`; of one that has a beginning or an end (ms), these
follow after blanks: `role:NAME 0 -`."""


class PeopleInForce:
    """What one engine has told so far."""

    def __init__(self) -> None:
        self._told: Directory | None = None
        self._refused: PolicyError | None = None

    async def tell(self, parts: Parts) -> None:
        """Record who gained and lost what, unless the record knows; before anybody acts by it. StoreError goes on."""
        if parts.people is None:
            return
        found = parts.people()
        await self._refuse(parts, parts.people.refused, found)
        if found is self._told:
            return
        digest, held = digest_of(found), held_in(found)
        was, before = await _recorded(parts) if self._told is None else (digest_of(self._told), held_in(self._told))
        if digest != was:
            await _record(parts, (digest, held), (was, before), _beside(found))
        self._told = found

    async def _refuse(self, parts: Parts, error: PolicyError | None, found: Directory) -> None:
        """Changed files that are not in force, once for what is found."""
        if error is not None and error is not self._refused:
            data = {"in_force": digest_of(found), "worker": parts.worker, **told_of(error)}
            await parts.store.append([Record(REFUSED, parts.clock.now(), ENGINE, data=data)])
        self._refused = error


def digest_of(people: Directory) -> str:
    """SHA-256 (hex) of all that a directory says, with its times."""
    parts = [sorted(part.items()) if isinstance(part, Mapping) else part for part in people]
    return hashlib.sha256(_DOMAIN + _encode(msgspec.to_builtins(parts))).hexdigest()


def held_in(people: Directory) -> Held:
    """Who is in which roles and groups, and when."""
    held: dict[str, set[str]] = {}
    for kind, table in (("role", people.roles), ("group", people.groups)):
        for person, memberships in table.items():
            held.setdefault(person, set()).update(_holding(kind, one) for one in memberships)
    return {person: sorted(names) for person, names in sorted(held.items()) if names}


def changes(before: Held, now: Held) -> list[dict[str, Any]]:
    """By person, what was gained and what was lost; nobody for whom nothing changed."""
    found = []
    for person in sorted({*before, *now}):
        had, has = set(before.get(person, ())), set(now.get(person, ()))
        gained, kept = {_name(one) for one in has - had}, {_name(one) for one in has}
        lost = {_name(one) for one in had} - kept
        gained |= {_name(one) for one in had - has} & kept  # of several times one is gone
        times = [_times(one) for one in sorted(has) if " " in one and _name(one) in gained]
        parts: dict[str, list[Any]] = {"gained": sorted(gained), "lost": sorted(lost), "times": times}
        if had != has:
            found.append({"person": person, **{name: part for name, part in parts.items() if part}})
    return found


def _holding(kind: str, one: Membership) -> str:
    since, until = one.span
    name = f"{kind}:{one.name}"
    return name if since is None and until is None else f"{name} {_or_dash(since)} {_or_dash(until)}"


def _or_dash(at: int | None) -> str:
    return "-" if at is None else str(at)


def _name(holding: str) -> str:
    return holding.partition(" ")[0]


def _times(holding: str) -> dict[str, Any]:
    name, since, until = holding.split(" ")
    return {"name": name, **_span(Span(*(None if at == "-" else int(at) for at in (since, until))))}


def _span(span: Span) -> dict[str, int]:
    return {name: at for name, at in span._asdict().items() if at is not None}


def _beside(people: Directory) -> dict[str, Any]:
    """What gives people a say for a while beside their roles."""
    lent = [
        {
            "giver": one.giver,
            "taker": one.taker,
            **({"roles": one.roles} if one.roles else {}),
            **_span(Span(one.since, one.until)),
            **({"when": one.when} if one.when != "always" else {}),
        }
        for one in people.delegations
    ]
    away = [{"person": person, **_span(span)} for person, spans in sorted(people.absences.items()) for span in spans]
    parts = {"delegations": lent[:CHANGES_TOLD], "absences": away[:CHANGES_TOLD]}
    return {name: part for name, part in parts.items() if part}


async def _record(parts: Parts, now: tuple[str, Held], before: tuple[str, Held], beside: Mapping[str, Any]) -> None:
    changed = changes(before[1], now[1])
    data: dict[str, Any] = {"people": now[0], "count": len(changed), "changed": changed[:CHANGES_TOLD], **beside}
    if before[0]:
        data["was"] = before[0]
    if len(changed) > CHANGES_TOLD:
        data["more"] = len(changed) - CHANGES_TOLD
    start, _ = await parts.store.head()
    await parts.store.append([Record(ACTIVATED, parts.clock.now(), ENGINE, data=data, contents={"held": now[1]})])
    await told(parts.store, PUT_IN_FORCE, now[0], start)


async def _recorded(parts: Parts) -> tuple[str, Held]:
    """What the newest line says; where what is beside it is not kept, who held what before is not known."""
    seq, digest = await last_told(parts.store, PUT_IN_FORCE)
    found = (await parts.store.contents([seq])).get(seq, {}).get("held", {}) if seq else {}
    return digest, found if isinstance(found, dict) else {}
