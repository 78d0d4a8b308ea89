"""What every lint rule has: a code, a name, a severity, a title, and a way to make findings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Literal, NamedTuple, Protocol

from hitl_fsm.errors import Diagnostic
from hitl_fsm.policy.project import Member, Project
from hitl_fsm.policy.source import Path

Severity = Literal["error", "warning", "info"]
Need = Literal["tools", "routes", "roles"]


class Rule(NamedTuple):
    """`error`: it cannot do what it says. `warning`: it does something that is seldom meant. `info`: worth a look.

    `name` is kebab-case. `needs` is the part of `Project.around` without which the rule is silent.
    """

    code: str
    name: str
    severity: Severity
    title: str
    needs: Need | None = None

    def at(
        self,
        member: Member,
        path: Path,
        message: str,
        help: str | None = None,  # noqa: A002 - the word users know
        *,
        key: bool = False,
    ) -> Diagnostic:
        """A finding at a path of the file; with `key`, at the last key instead of its value."""
        source = member.source
        found = source.diagnostic(self.code, message, source.node(path, key=key), help)
        return replace(found, severity=self.severity)

    def inside(
        self,
        member: Member,
        path: Path,
        span: tuple[int, int],
        message: str,
        help: str | None = None,  # noqa: A002
    ) -> Diagnostic:
        """A finding inside a text at a path: `span` is offset and width, in characters of the text."""
        source = member.source
        line, column = source.locate(source.node(path), span[0])
        return replace(source.at(self.code, message, line, column, width=span[1], help=help), severity=self.severity)


class LintRule(Protocol):
    """A module of this package that holds a rule."""

    RULE: Rule

    def check(self, project: Project) -> Iterator[Diagnostic]:
        """Every finding of this rule. Pure; the members are files whose shape is right."""
        ...
