"""A test run as JUnit XML: a suite a test file, a test case a case. What cannot be shown is spelled out by `visible`.

Readers differ in what they look at. `classname` and `name` together name a case; the text of `failure` says it all,
since some readers leave out its `message`.
"""

from __future__ import annotations

from collections.abc import Sequence

from hitl_fsm.errors import Diagnostic
from hitl_fsm.model.visible import visible
from hitl_fsm.policy.formats.junit import escaped, escaped_block
from hitl_fsm.policy.render import text
from hitl_fsm.policy.testing.as_text import summary
from hitl_fsm.policy.testing.report import Report
from hitl_fsm.policy.testing.run import Result

SUITE = "hitl-fsm test"
_MAX_UNTRIED = 50


def render(report: Report) -> str:
    """The document, without a newline at its end."""
    suites: list[str] = []
    errors = _by_file([found for found in report.findings if found.severity == "error"])
    for file, found in errors.items():
        case = f"    <testcase {_names(file, 'loads', found[0].place.line)}>"
        body = f'      <error type="{escaped(found[0].code)}" message="{_headline(found)}">{_body(found)}</error>'
        suites += _suite(file, [case, body, "    </testcase>"], (1, 0, 1))
    for file, results in report.by_file():
        lines = [line for result in results for line in _case(result)]
        suites += _suite(file, lines, (len(results), sum(not result.passed for result in results), 0))
    low = not report.is_covered
    if report.minimum is not None:
        suites += _suite("coverage", _minimum(report), (1, int(low), 0))
    tests = len(report.results) + len(errors) + (report.minimum is not None)
    counts = f'tests="{tests}" failures="{report.failed + low}" errors="{len(errors)}"'
    opening = f'<testsuites name="{SUITE}" {counts}>'
    return "\n".join(('<?xml version="1.0" encoding="UTF-8"?>', opening, *suites, "</testsuites>"))


def _by_file(findings: Sequence[Diagnostic]) -> dict[str, list[Diagnostic]]:
    files: dict[str, list[Diagnostic]] = {}
    for found in findings:
        files.setdefault(found.place.file, []).append(found)
    return files


def _suite(name: str, lines: Sequence[str], counts: tuple[int, int, int]) -> list[str]:
    tests, failures, errors = counts
    numbers = f'tests="{tests}" failures="{failures}" errors="{errors}" skipped="0"'
    return [f'  <testsuite name="{escaped(visible(name))}" {numbers}>', *lines, "  </testsuite>"]


def _case(result: Result) -> list[str]:
    opening = f"    <testcase {_names(result.file, result.case.name, result.case.node.line)}"
    if result.passed:
        return [f"{opening}/>"]
    code, message = escaped(result.findings[0].code), _headline(result.findings)
    body = f'      <failure type="{code}" message="{message}">{_body(result.findings)}</failure>'
    return [f"{opening}>", body, "    </testcase>"]


def _minimum(report: Report) -> list[str]:
    opening = f'    <testcase classname="{SUITE}" name="coverage of at least {report.minimum:g} %"'
    if report.is_covered:
        return [f"{opening}/>"]
    message = escaped(visible(summary(report)))
    body = escaped_block(text(report.untried()[:_MAX_UNTRIED]))
    return [f"{opening}>", f'      <failure type="coverage" message="{message}">{body}</failure>', "    </testcase>"]


def _names(file: str, name: str, line: int) -> str:
    shown = escaped(visible(file))
    return f'classname="{shown}" name="{escaped(visible(name))}" file="{shown}" line="{line}"'


def _headline(found: Sequence[Diagnostic]) -> str:
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return escaped(visible(found[0].message + more))


def _body(found: Sequence[Diagnostic]) -> str:
    return escaped_block(text(found))
