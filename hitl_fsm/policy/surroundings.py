"""What policies are checked against beside themselves. None: nobody told, so nothing is said about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class ToolShape(NamedTuple):
    """A tool as a condition sees it: `parameters` is the JSON Schema (an object schema) of its arguments."""

    name: str
    parameters: Mapping[str, Any]
    description: str = ""
    version: str = ""
    idempotent: bool = False


class Surroundings(NamedTuple):
    """`tools`: every tool that there is, by name. `routes`: the names that external gates may use.

    `roles`: every role, with the ids of the people who have it.
    """

    tools: Mapping[str, ToolShape] | None = None
    routes: frozenset[str] | None = None
    roles: Mapping[str, frozenset[str]] | None = None
