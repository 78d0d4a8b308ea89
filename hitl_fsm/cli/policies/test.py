"""`test`: the cases beside the policies."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from hitl_fsm.adapters.policy_tests import collect
from hitl_fsm.cli.output import json_document, line, say
from hitl_fsm.cli.policies.existing import refuse_absent
from hitl_fsm.policy.testing.as_text import summary
from hitl_fsm.policy.testing.suite import Wish, examine

if TYPE_CHECKING:
    from hitl_fsm.cli.session import Session
    from hitl_fsm.policy.testing.report import Report

EXIT_FAILED = 1


class Format(StrEnum):
    """How results are printed."""

    TEXT = "text"
    JSON = "json"
    JUNIT = "junit"


def run_tests(
    ctx: typer.Context,
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH…", help="Files, or folders with `*.policytest.yaml` files.")
    ],
    coverage: Annotated[bool, typer.Option("--coverage", help="Tell what no case and no example has tried.")] = False,
    min_coverage: Annotated[
        float | None, typer.Option(metavar="PERCENT", min=0, max=100, help="Exit 1 below this coverage.")
    ] = None,
    case: Annotated[
        str, typer.Option(metavar="PATTERN", help="Only cases with this in their name; `*` stands for any text.")
    ] = "",
    format: Annotated[Format | None, typer.Option(help="text unless told otherwise.")] = None,  # noqa: A002 - its name
) -> None:
    """Run the cases beside the policies, and tell what no case has tried.

    Each failure shows what was expected, what came, and which rule decided.

    Exit 1 when a case failed, when a file is wrong, when there is no case at all, or below --min-coverage.
    JSON: {"ok", "passed", "failed", "findings", "cases": [{"file", "line", "column", "name", "passed", "got",
    "differs": [{"what", "expected", "got", "line", "column", "width"}], "findings"}], "coverage"}; the last is null, or
    {"covered", "total", "percent", "minimum", "policies": [{"policy", "file", "covered", "total", "percent",
    "parts": [{"kind", "rule", "text", "line", "column", "width", "true", "false", "problems", "missing",
    "unreachable"}]}], "untried"}.
    """
    session: Session = ctx.obj
    refuse_absent(paths)
    wants = coverage or min_coverage is not None
    suites, untested, findings = collect(paths, with_untested=wants)
    report = examine(suites, Wish(case, wants, min_coverage, tuple(untested)))
    report = report._replace(findings=tuple(sorted({*findings, *report.findings}, key=lambda found: found.place)))
    _tell(session, report, format or (Format.JSON if session.json else Format.TEXT))
    if case and not report.results and not report.findings:
        say(session, f"no case has {case!r} in its name")
    if not report.ok or not report.results:
        raise typer.Exit(EXIT_FAILED)


def _tell(session: Session, report: Report, chosen: Format) -> None:
    """Results to stdout, the summary to stderr."""
    if chosen is Format.JSON:
        from hitl_fsm.policy.testing.as_data import as_object  # noqa: PLC0415 - only then

        json_document(as_object(report))
    elif chosen is Format.JUNIT:
        from hitl_fsm.policy.testing import as_junit  # noqa: PLC0415 - as above

        line(as_junit.render(report))
    else:
        from hitl_fsm.policy.testing import as_text  # noqa: PLC0415 - as above

        told = as_text.render(report, every=bool(session.verbose))
        if told:
            line(told)
    say(session, summary(report))
