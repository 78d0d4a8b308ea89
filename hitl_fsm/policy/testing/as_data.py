"""A test run as one JSON value."""

from __future__ import annotations

from typing import Any

from hitl_fsm.policy.render import as_json
from hitl_fsm.policy.testing.coverage import PolicyCoverage, Tried, share
from hitl_fsm.policy.testing.report import Report
from hitl_fsm.policy.testing.run import Result
from hitl_fsm.policy.testing.words import kind_of, outcome_of


def as_object(report: Report) -> dict[str, Any]:
    """`ok` is what the exit code says; `coverage` is null where nobody asked for it."""
    return {
        "ok": report.ok,
        "passed": len(report.results) - report.failed,
        "failed": report.failed,
        "findings": as_json(report.findings),
        "cases": [_case(result) for result in report.results],
        "coverage": None if report.coverage is None else _coverage(report, report.coverage),
    }


def _case(result: Result) -> dict[str, Any]:
    verdict, node = result.verdict, result.case.node
    return {
        "file": result.file,
        "line": node.line,
        "column": node.column,
        "name": result.case.name,
        "passed": result.passed,
        "got": {
            "outcome": outcome_of(verdict),
            "gates": [kind_of(gate) for gate in verdict.gates],
            "severity": verdict.severity,
            "rules": [
                {"policy": one.policy, "rule": one.rule, "effect": one.effect, "file": one.file, "line": one.line}
                for one in verdict.reasons
            ],
            "problem": verdict.problem,
        },
        "differs": [
            {
                "what": one.what,
                "expected": one.expected,
                "got": one.got,
                "line": one.node.line,
                "column": one.node.column,
                "width": one.node.width,
            }
            for one in result.differs
        ],
        "findings": as_json(result.findings),
    }


def _coverage(report: Report, coverage: tuple[PolicyCoverage, ...]) -> dict[str, Any]:
    covered, total = report.share
    return {
        "covered": covered,
        "total": total,
        "percent": report.share.tenths / 10,
        "minimum": report.minimum,
        "policies": [_policy(policy) for policy in coverage],
        "untried": as_json(report.untried()),
    }


def _policy(policy: PolicyCoverage) -> dict[str, Any]:
    own = share(policy.tried)
    return {
        "policy": policy.member.policy.name,
        "file": policy.member.source.file,
        "covered": own.covered,
        "total": own.total,
        "percent": own.tenths / 10,
        "parts": [_part(tried) for tried in policy.tried],
    }


def _part(tried: Tried) -> dict[str, Any]:
    part = tried.part
    return {
        "kind": part.kind,
        "rule": part.rule,
        "text": part.text,
        "line": part.line,
        "column": part.column,
        "width": part.width,
        "true": tried.true,
        "false": tried.false,
        "problems": tried.problems,
        "missing": list(tried.missing),
        "unreachable": list(tried.unreachable),
    }
