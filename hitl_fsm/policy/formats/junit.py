"""Findings as JUnit XML: one test case a file, failed by what stands against using it."""

from __future__ import annotations

from collections.abc import Sequence

from hitl_fsm.errors import Diagnostic
from hitl_fsm.model.visible import visible
from hitl_fsm.policy.formats.report import Report, by_file
from hitl_fsm.policy.formats.text import text

SUITE = "hitl-fsm validate"
_SIGNS = (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;"), ("\n", "&#10;"), ("\t", "&#9;"))


def render(report: Report) -> str:
    """The document. What does not fail a file stands in its `system-out`."""
    cases: list[str] = []
    failures = 0
    for file, findings in by_file(report).items():
        bad = [found for found in findings if report.is_blocking(found)]
        failures += bool(bad)
        cases += _case(file, bad, [found for found in findings if not report.is_blocking(found)])
    counts = f'tests="{len(by_file(report))}" failures="{failures}" errors="0" skipped="0"'
    return "\n".join(
        (
            '<?xml version="1.0" encoding="UTF-8"?>',
            f'<testsuites name="{SUITE}" {counts}>',
            f'  <testsuite name="{SUITE}" {counts}>',
            *cases,
            "  </testsuite>",
            "</testsuites>",
        )
    )


def _case(file: str, bad: Sequence[Diagnostic], rest: Sequence[Diagnostic]) -> list[str]:
    name = escaped(visible(file))
    opening = f'    <testcase classname="{SUITE}" name="{name}" file="{name}"'
    if not bad and not rest:
        return [f"{opening}/>"]
    lines = [f"{opening}>"]
    if bad:
        first = bad[0]
        more = f" (and {len(bad) - 1} more)" if len(bad) > 1 else ""
        message = escaped(visible(f"{first.place.line}:{first.place.column} {first.code} {first.message}{more}"))
        body = escaped_block(text(bad))
        lines.append(f'      <failure type="{escaped(first.code)}" message="{message}">{body}</failure>')
    if rest:
        lines.append(f"      <system-out>{escaped_block(text(rest))}</system-out>")
    return [*lines, "    </testcase>"]


def escaped(value: str) -> str:
    """For an attribute. `visible` has left no character that XML forbids."""
    for sign, written in _SIGNS:
        value = value.replace(sign, written)
    return value


def escaped_block(value: str) -> str:
    """For text that was made visible already: its lines stay lines."""
    return escaped(value).replace("&#10;", "\n")
