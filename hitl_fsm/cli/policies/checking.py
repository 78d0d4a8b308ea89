"""One check of policy files, and how it is told."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import hitl_fsm
from hitl_fsm.adapters.policy_around import gather_around
from hitl_fsm.adapters.policy_files import gather, not_empty
from hitl_fsm.adapters.workflow_files import Resolves, gather_workflows
from hitl_fsm.cli.output import line, say
from hitl_fsm.cli.policies.catalogue import not_told
from hitl_fsm.policy.catalogue import Known
from hitl_fsm.policy.formats.report import Report, summary
from hitl_fsm.policy.lint.run import lint
from hitl_fsm.policy.load import check
from hitl_fsm.policy.render import render

if TYPE_CHECKING:
    from hitl_fsm.cli.session import Session


class Format(StrEnum):
    """How findings are printed."""

    TEXT = "text"
    CONCISE = "concise"
    JSON = "json"
    SARIF = "sarif"
    GITHUB = "github"
    JUNIT = "junit"


def no_tools() -> Known:
    """Nobody knows the tools, so that nothing is said of them."""
    return Known(None)


class Request(NamedTuple):
    """What is to be checked, how strictly, and where the tools come from."""

    paths: tuple[str, ...]
    strict: bool = False
    tools: Callable[[], Known] = no_tools
    resolves: Resolves | None = None


class Look(NamedTuple):
    """What was found, and the files beside the policies that it depends on."""

    report: Report
    beside: frozenset[str]


def look_at(request: Request) -> Look:
    """Read and check everything once."""
    with _uncollected():
        return _look_at(request)


@contextmanager
def _uncollected() -> Iterator[None]:
    """All that is read is kept until it was told: to look for garbage in it takes a tenth of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _look_at(request: Request) -> Look:
    beside: set[str] = set()
    gathered = gather(request.paths)

    def read(path: str) -> bytes:
        beside.add(path)
        return gathered.read(path)

    around, wrong_around, files_around = gather_around(request.paths, read)
    flows = gather_workflows(request.paths, request.resolves)
    known = request.tools()
    beside.update([known.file] if known.file else ())
    project = check(gathered.files, read, around._replace(tools=known.tools))
    could_not = not_empty(gathered.findings, [*files_around, *flows.files])
    findings = list(dict.fromkeys([*could_not, *flows.findings, *wrong_around, *project.findings, *lint(project)]))
    findings += not_told(known, findings)
    findings.sort(key=lambda found: (found.place, found.code, found.message))
    policies = project.policies
    report = Report(
        findings=tuple(findings),
        files=tuple(sorted((*gathered.files, *files_around, *flows.files))),
        policies=len(policies.names) if policies else 0,
        rules=policies.rule_count if policies else 0,
        strict=request.strict,
        base=Path.cwd().as_posix(),
    )
    return Look(report, frozenset(beside))


def tell(session: Session, report: Report, chosen: Format) -> None:
    """Findings to stdout, the summary to stderr."""
    told = render(report, chosen.value, hitl_fsm.__version__)
    if told:
        line(told)
    say(session, summary(report))
    if report.worst and chosen is Format.TEXT:
        say(session, f"what a finding means, and what to do: hitl-fsm help {report.worst.code}")
