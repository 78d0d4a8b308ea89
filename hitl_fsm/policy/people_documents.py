"""`people`, `delegations` and `absences` of a roles file: who is who, and who stands in for whom."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, WithJsonSchema

from hitl_fsm.policy.fields import Model, Name, Text, listed, one_or_list
from hitl_fsm.policy.spans import MOMENT_PATTERN, moment_ms, zone_named

MAX_MEMBERS = 10_000
MAX_IDENTITIES = 50
MAX_PERSONS = 10_000
MAX_DELEGATIONS = 1_000
MAX_ABSENCES = 1_000

_PERSON = {"type": "string", "minLength": 1, "maxLength": 200, "examples": ["alice", "maria@example.com"]}
_MOMENT = {"type": "string", "pattern": MOMENT_PATTERN, "examples": ["2026-12-31", "2026-12-31T18:00:00+01:00"]}
_MEMBER: dict[str, Any] = {
    "anyOf": [
        _PERSON,
        {
            "type": "object",
            "required": ["id"],
            "additionalProperties": False,
            "properties": {"id": _PERSON, "since": _MOMENT, "until": _MOMENT},
            "examples": [{"id": "maria", "until": "2026-12-31"}],
        },
    ]
}


def _moment(text: str) -> str:
    moment_ms(text)
    return text


def _zone(name: str) -> str:
    zone_named(name)
    return name


def _members(value: object) -> object:
    """An id alone is a member without an end."""
    return [one if isinstance(one, dict) else {"id": one} for one in (value if isinstance(value, list) else [value])]


Person = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Moment = Annotated[str, AfterValidator(_moment), WithJsonSchema(_MOMENT)]
Zone = Annotated[str, AfterValidator(_zone), WithJsonSchema({"type": "string", "examples": ["Europe/Madrid"]})]


class MemberEntry(Model):
    """Who belongs to a role or a group, and for how long."""

    id: Person
    since: Moment | None = None
    until: Moment | None = None


Members = Annotated[
    list[MemberEntry],
    BeforeValidator(_members),
    Field(min_length=1, max_length=MAX_MEMBERS),
    one_or_list(_MEMBER, MAX_MEMBERS),
]
Identities = Annotated[
    list[Person],
    BeforeValidator(listed),
    Field(min_length=1, max_length=MAX_IDENTITIES),
    one_or_list({**_PERSON, "examples": ["os:1001", "maria@bank.example", "slack:U12"]}, MAX_IDENTITIES),
]
RoleNames = Annotated[
    list[Name],
    BeforeValidator(listed),
    Field(min_length=1, max_length=100),
    one_or_list({"type": "string", "examples": ["finance"]}, 100),
]


class PersonEntry(Model):
    """One person, or one machine principal, whatever ids it comes with."""

    name: Text | None = Field(None, description="The name in words, as it stands under a signature: `Maria López`.")
    identities: Identities = Field(
        [],
        description="Other ids of the same person, such as `[os:1001, maria@bank.example, slack:U12]`. Whoever comes "
        "with one of them has this person's roles, and counts as this person.",
    )
    kind: Literal["human", "service", "agent"] = Field(
        "human", description="`service` and `agent` are machines: they never count as a person's yes."
    )


class DelegationEntry(Model):
    """Somebody speaks for somebody else, with that person's roles. It cannot be passed on."""

    giver: Person = Field(alias="from", description="Whose roles they are.")
    taker: Person = Field(alias="to", description="Who may speak with them.")
    roles: RoleNames | None = Field(None, description="Which of them; without it, all that the giver has then.")
    since: Moment | None = Field(None, description="From when on: a day, or an instant with its offset.")
    until: Moment | None = Field(None, description="Until when; a day is included.")
    when: Literal["always", "absent"] = Field(
        "always", description="`absent`: only while the giver is away, as listed under `absences`."
    )


class AbsenceEntry(Model):
    """Somebody is away."""

    who: Person = Field(description="Who is away, such as `maria`: one who is listed.")
    since: Moment = Field(description="From when on: a day, or an instant with its offset.")
    until: Moment = Field(description="Until when; a day is included.")
