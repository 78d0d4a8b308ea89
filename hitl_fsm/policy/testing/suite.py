"""All test files of one use of the program, each with its policies -> one report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from hitl_fsm.errors import Diagnostic
from hitl_fsm.model.action import Action
from hitl_fsm.policy.patterns import matches
from hitl_fsm.policy.project import Project
from hitl_fsm.policy.testing.case import PolicyTest, actions
from hitl_fsm.policy.testing.claims import Claim, apply, claims_of
from hitl_fsm.policy.testing.coverage import measure
from hitl_fsm.policy.testing.report import Report
from hitl_fsm.policy.testing.run import Result, rule_findings, run


class Suite(NamedTuple):
    """A test file, and the policies that it tries. `findings` is what is wrong with the test file itself."""

    test: PolicyTest
    project: Project
    findings: tuple[Diagnostic, ...]

    @property
    def is_sound(self) -> bool:
        """Whether its cases can be run."""
        return self.project.policies is not None and not self.findings


class Wish(NamedTuple):
    """What is wanted: the cases whose names hold `case` (`*` in it stands for any text), and how much is covered.

    `untested` are policies that no test file tries; their coverage counts, too.
    """

    case: str = ""
    coverage: bool = False
    minimum: float | None = None
    untested: tuple[Project, ...] = ()


def examine(suites: Sequence[Suite], wish: Wish) -> Report:
    """Run everything that can be run; what cannot is among the findings."""
    findings: list[Diagnostic] = []
    results: list[Result] = []
    tried: list[tuple[Project, Sequence[Action]]] = []
    claims: list[Claim] = []
    for suite in suites:
        findings += [*_errors(suite.project), *suite.findings]
        if not suite.is_sound:
            tried += [(suite.project, ())] if suite.project.policies is not None else []
            continue
        unknown = list(rule_findings(suite.project, suite.test))
        findings += unknown
        test = suite.test if not wish.case else _chosen(suite.test, wish.case)
        results += [] if unknown else run(suite.project, test)
        tried.append((suite.project, [action for _, action in actions(test)]))
        claims += claims_of(test, {member.source.file for member in suite.project.members})
    coverage = None
    if wish.coverage:
        for project in wish.untested:
            findings += _errors(project)
            if project.policies is not None:
                tried.append((project, ()))
        coverage, wrong = apply(measure(tried), claims)
        findings += wrong
    ordered = sorted(dict.fromkeys(findings), key=lambda found: (found.place, found.code, found.message))
    return Report(tuple(ordered), tuple(results), None if coverage is None else tuple(coverage), wish.minimum)


def _errors(project: Project) -> list[Diagnostic]:
    """Why the policies do not load; nothing where they do."""
    return [found for found in project.findings if found.severity == "error"] if project.policies is None else []


def _chosen(test: PolicyTest, pattern: str) -> PolicyTest:
    wanted = f"*{pattern.casefold()}*"
    return test._replace(cases=tuple(case for case in test.cases if matches(wanted, case.name.casefold())))
