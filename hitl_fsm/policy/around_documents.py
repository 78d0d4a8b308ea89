"""`kind: Routes` and `kind: Roles`: what policies refer to by name, written down so that a wrong name is found.

Both serve the checks of `validate`; what a route says of its results holds for every gate that names it. Who has which
role in a run is told by the application, which may hand the engine these very files, or by a credential (law 13).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from hitl_fsm.policy.fields import JsonObject, Model, Name, Text, listed, one_or_list
from hitl_fsm.policy.people_documents import (
    MAX_ABSENCES,
    MAX_DELEGATIONS,
    MAX_PERSONS,
    AbsenceEntry,
    DelegationEntry,
    Members,
    Person,
    PersonEntry,
    Zone,
)

MAX_ENTRIES = 1_000

GroupNames = Annotated[
    list[Name],
    BeforeValidator(listed),
    Field(min_length=1, max_length=MAX_ENTRIES),
    one_or_list({"type": "string", "examples": ["treasury"]}, MAX_ENTRIES),
]


class _Document(Model):
    api_version: Literal["hitl-fsm/v1"] = Field(
        alias="apiVersion", description="The version of the language: `hitl-fsm/v1`."
    )
    owner: Text | None = Field(None, description="Who answers for it, such as `platform@example.com`.")
    description: Text | None = Field(None, description="What it is for, in a sentence.")


class RouteEntry(Model):
    """Where external calls may go."""

    description: Text = Field(description="Which system it is, and who runs it, in a sentence.")
    result_schema: JsonObject | None = Field(
        None,
        description="What every result of it must look like, whatever else a policy asks of it: a JSON Schema, inline "
        "or in a file (`{$ref: receipt.schema.json}`). Without it: anything.",
    )


class RoutesDocument(_Document):
    """The routes that the gate `external` may name."""

    kind: Literal["Routes"] = Field(description="What this file is: `Routes`.")
    routes: Annotated[dict[Name, RouteEntry], Field(max_length=MAX_ENTRIES)] = Field(
        description="Each route by its name: `{bank: {description: Executes SEPA transfers}}`."
    )


class GroupEntry(Model):
    """People, by name or by the groups that they are in."""

    description: Text | None = Field(None, description="Who they are, in a sentence.")
    members: Members = Field(
        [],
        description="The ids of people, such as `[alice, maria@example.com]`; for a while: "
        "`{id: maria, until: 2026-12-31}`.",
    )
    groups: GroupNames = Field([], description="Groups whose people belong to it too, such as `[treasury]`.")


class RolesDocument(_Document):
    """Who is who, who has which role, and who stands in for whom."""

    kind: Literal["Roles"] = Field(description="What this file is: `Roles`.")
    timezone: Zone = Field("UTC", description="Where the days of this file begin and end, such as `Europe/Madrid`.")
    roles: Annotated[dict[Name, GroupEntry], Field(max_length=MAX_ENTRIES)] = Field(
        {},
        description="Each role by its name, as `role:NAME` in a policy: `{finance: {members: [maria, frank]}}`.",
    )
    groups: Annotated[dict[Name, GroupEntry], Field(max_length=MAX_ENTRIES)] = Field(
        {}, description="People who are named together, in roles or in other groups: `{treasury: {members: [otto]}}`."
    )
    people: Annotated[dict[Person, PersonEntry], Field(max_length=MAX_PERSONS)] = Field(
        {},
        description="Each person by an id: `{maria: {name: Maria López, identities: [os:1001]}}`. With any, the other "
        "parts of all roles files name nobody else.",
    )
    delegations: Annotated[list[DelegationEntry], Field(max_length=MAX_DELEGATIONS)] = Field(
        [], description="Who may speak for whom: `[{from: maria, to: frank, until: 2026-12-31}]`."
    )
    absences: Annotated[list[AbsenceEntry], Field(max_length=MAX_ABSENCES)] = Field(
        [], description="Who is away: `[{who: maria, since: 2026-08-01, until: 2026-08-21}]`."
    )
