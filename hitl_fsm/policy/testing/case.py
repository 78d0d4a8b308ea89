"""Cases as values: an action, and what must be so of its verdict, each at its place in the file."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from hitl_fsm.model.action import Action
from hitl_fsm.policy.source import Node, Source
from hitl_fsm.policy.testing.document import PolicyTestDocument

What = Literal["outcome", "gates", "audit", "rule", "rules", "severity", "problem", "batch", "shadow"]


class Check(NamedTuple):
    """One thing that must be so: `value` as the document has it, `node` where it is written."""

    what: What
    value: Any
    node: Node


class Case(NamedTuple):
    """One case or one row of a table. `node` is where it is named, or where the row begins."""

    name: str
    action: Action
    checks: tuple[Check, ...]
    node: Node


class PolicyTest(NamedTuple):
    """One test file. `document` is None where only parts of it could be read; then there are findings, too."""

    source: Source
    document: PolicyTestDocument | None
    cases: tuple[Case, ...]


def actions(test: PolicyTest) -> list[tuple[str, Action]]:
    """The actions of all cases with the cases' names, in the order of the file."""
    return [(case.name, case.action) for case in test.cases]
