"""What policies are checked against beside themselves. None: nobody told, so nothing is said about it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from hitl_fsm.policy.calendar import Calendar
from hitl_fsm.policy.people import Directory

RouteSchemas = Mapping[str, dict[str, Any]]
"""By the route's name, what every result of it must fit; routes that take any result are not in it."""

NO_ROUTE_SCHEMAS: RouteSchemas = MappingProxyType({})


class ToolShape(NamedTuple):
    """A tool as a condition sees it: `parameters` is the JSON Schema (an object schema) of its arguments."""

    name: str
    parameters: Mapping[str, Any]
    description: str = ""
    version: str = ""
    idempotent: bool = False


class Surroundings(NamedTuple):
    """`tools`: every tool that there is, by name. `routes`: the names that external gates may use.

    `roles`: every role, with the ids of the people who have it. `route_schemas`: what the results of routes must fit;
    this alone is not for checks only, it becomes part of the gates that name these routes. `people`: who is who, and
    who speaks for whom, for an engine that is told to take it from these files. `calendars`: every calendar, by name;
    those that a gate names become part of the set.
    """

    tools: Mapping[str, ToolShape] | None = None
    routes: frozenset[str] | None = None
    roles: Mapping[str, frozenset[str]] | None = None
    route_schemas: RouteSchemas = NO_ROUTE_SCHEMAS
    people: Directory | None = None
    calendars: Mapping[str, Calendar] | None = None
