"""Findings in one line each, as editors and `grep` read them."""

from __future__ import annotations

from collections.abc import Sequence

from hitl_fsm.errors import Diagnostic
from hitl_fsm.policy.formats.report import Report, headline


def render(report: Report) -> str:
    """The whole report; empty where there is no finding."""
    return concise(report.findings)


def concise(diagnostics: Sequence[Diagnostic]) -> str:
    """One line a finding, without a newline at the end."""
    return "\n".join(headline(diagnostic) for diagnostic in diagnostics)
