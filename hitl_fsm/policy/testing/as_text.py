"""A test run as text for people: each failure with its places, then what nobody tried, then a table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from hitl_fsm.model.visible import visible
from hitl_fsm.policy.render import text
from hitl_fsm.policy.testing.coverage import PolicyCoverage, Tried, share
from hitl_fsm.policy.testing.report import Report, percent

_GAP = "  "
_NONE = "-"


def render(report: Report, *, every: bool = False) -> str:
    """Empty where all is well and nobody asked for coverage; `every` also names the cases that passed."""
    blocks: list[str] = []
    if report.findings:
        blocks.append(text(report.findings))
    for result in report.results:
        name = visible(f"{result.file}:{result.case.node.line} {result.case.name}")
        if not result.passed:
            blocks.append(f"FAILED  {name}\n{text(result.findings)}")
        elif every:
            blocks.append(f"passed  {name}")
    if report.coverage is not None:
        untried = report.untried()
        blocks += [text(untried)] if untried else []
        blocks += ["\n".join(_table(report.coverage, percent(report.share)))] if report.coverage else []
    return "\n\n".join(blocks)


def summary(report: Report) -> str:
    """One line."""
    count, failed = len(report.results), report.failed
    wrong = len([found for found in report.findings if found.severity == "error"])
    told = f"{count} {'case' if count == 1 else 'cases'}: {'all passed' if not failed else f'{failed} failed'}"
    parts = [told if count else "no case was run"]
    if wrong:
        parts.append(f"{wrong} {'problem' if wrong == 1 else 'problems'}")
    if report.coverage:
        parts.append(f"coverage {percent(report.share)}")
    if not report.is_covered:
        parts.append(f"below the minimum of {report.minimum:g} %")
    broken = sum(
        result.passed
        and bool(result.verdict.problem)
        and not any(check.what == "problem" for check in result.case.checks)
        for result in report.results
    )
    if broken:
        parts.append(f"{broken} passed with a condition that could not be evaluated: say `problem` in them")
    return "; ".join(parts)


def _table(coverage: Sequence[PolicyCoverage], total: str) -> list[str]:
    rows = [("policy", "rules", "conditions", "default", "unreachable", "covered")]
    for policy in coverage:
        tried = policy.tried
        rows.append(
            (
                policy.member.policy.name,
                _count(one for one in tried if one.part.kind == "rule"),
                _count(one for one in tried if one.part.kind in ("condition", "unless")),
                _count(one for one in tried if one.part.kind == "default"),
                str(sum(len(one.part.wanted) - len(one.wanted) for one in tried) or _NONE),
                percent(share(tried)),
            )
        )
    if len(coverage) > 1:
        rows.append(("total", "", "", "", "", total))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [_GAP.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _count(tried: Iterable[Tried]) -> str:
    covered, total = share(tried)
    return f"{covered}/{total}" if total else _NONE
