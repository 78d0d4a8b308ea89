"""`kind: Routes` and `kind: Roles`: what policies refer to by name, written down so that a wrong name is found.

Both serve the checks of `validate`; what a route says of its results holds for every gate that names it. Who has which
role in a run is told by the application or a credential (law 13).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, StringConstraints

from hitl_fsm.policy.fields import JsonObject, Model, Name, Text, listed, one_or_list

MAX_MEMBERS = 10_000
MAX_ENTRIES = 1_000

_PERSON = {"type": "string", "minLength": 1, "maxLength": 200, "examples": ["alice", "maria@example.com"]}
Person = Annotated[str, StringConstraints(min_length=1, max_length=200)]
People = Annotated[
    list[Person],
    BeforeValidator(listed),
    Field(min_length=1, max_length=MAX_MEMBERS),
    one_or_list(_PERSON, MAX_MEMBERS),
]
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
    members: People = Field([], description="The ids of people, such as `[alice, maria@example.com]`.")
    groups: GroupNames = Field([], description="Groups whose people belong to it too, such as `[treasury]`.")


class RolesDocument(_Document):
    """Who has which role, for the checks of policies."""

    kind: Literal["Roles"] = Field(description="What this file is: `Roles`.")
    roles: Annotated[dict[Name, GroupEntry], Field(max_length=MAX_ENTRIES)] = Field(
        description="Each role by its name, as `role:NAME` in a policy: `{finance: {members: [maria, frank]}}`."
    )
    groups: Annotated[dict[Name, GroupEntry], Field(max_length=MAX_ENTRIES)] = Field(
        {}, description="People who are named together, in roles or in other groups: `{treasury: {members: [otto]}}`."
    )
