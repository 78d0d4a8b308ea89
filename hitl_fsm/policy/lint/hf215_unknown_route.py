"""HF215: an external gate names a route that there is not."""

from __future__ import annotations

from collections.abc import Iterator

from hitl_fsm.errors import Diagnostic
from hitl_fsm.policy.lint.rule import Rule
from hitl_fsm.policy.lint.walk import gates_of
from hitl_fsm.policy.names import did_you_mean
from hitl_fsm.policy.project import Project

RULE = Rule("HF215", "unknown-route", "error", "There is no such route", needs="routes")
_SHOWN = 5


def check(project: Project) -> Iterator[Diagnostic]:
    """Routes that the routes files do not have."""
    routes = project.around.routes
    if routes is None:
        return
    for member in project.members:
        for gate in gates_of(member):
            if gate.kind == "external" and gate.details.route not in routes:
                hint = did_you_mean(gate.details.route, routes) or _known(routes)
                yield RULE.at(member, (*gate.path, "route"), f"there is no route `{gate.details.route}`", hint)


def _known(routes: frozenset[str]) -> str:
    return f"known routes: {', '.join(sorted(routes)[:_SHOWN])}" if routes else "the routes file has none"
