"""`validate`: policy files, and workflow files beside them."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from hitl_fsm.adapters.policy_around import gather_around
from hitl_fsm.adapters.policy_files import gather, not_empty
from hitl_fsm.adapters.workflow_files import Resolves, gather_workflows
from hitl_fsm.cli.catalogue import known_tools, not_told
from hitl_fsm.cli.existing import refuse_absent
from hitl_fsm.cli.output import line, say
from hitl_fsm.errors import HitlError
from hitl_fsm.policy.catalogue import Known
from hitl_fsm.policy.formats.report import Report, summary
from hitl_fsm.policy.lint.run import lint
from hitl_fsm.policy.load import check
from hitl_fsm.policy.render import render

if TYPE_CHECKING:
    from hitl_fsm.cli.session import Session

EXIT_FINDINGS = 1


class Format(StrEnum):
    """How findings are printed."""

    TEXT = "text"
    CONCISE = "concise"
    JSON = "json"
    SARIF = "sarif"
    GITHUB = "github"
    JUNIT = "junit"


def _no_tools() -> Known:
    return Known(None)


class Request(NamedTuple):
    """What is to be checked, how strictly, and where the tools come from."""

    paths: tuple[str, ...]
    strict: bool = False
    tools: Callable[[], Known] = _no_tools
    resolves: Resolves | None = None


class Look(NamedTuple):
    """What was found, and the files beside the policies that it depends on."""

    report: Report
    beside: frozenset[str]


def validate(
    ctx: typer.Context,
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH…", help="Files, or folders with `*.policy.yaml` or `*.workflow.yaml`.")
    ],
    format: Annotated[Format | None, typer.Option(help="text unless told otherwise.")] = None,  # noqa: A002 - its name
    strict: Annotated[bool, typer.Option("--strict", help="A warning is as bad as an error.")] = False,
    tools: Annotated[
        str | None,
        typer.Option(metavar="APP|FILE", help="Check conditions against these tools: module:engine, or a tools.json."),
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Check again whenever a file changes, until Ctrl-C.")] = False,
) -> None:
    """Check policy files; every problem of every file in one pass.

    Each finding says file:line:column, a code, what is wrong and what may have been meant. Exit 1 when there is an
    error, with --strict also when there is a warning. Without --tools, those of --app count, if it is given. Import
    paths of workflows are followed with --app alone: only then is your code imported.
    JSON: {"ok", "policies", "rules", "errors", "warnings", "infos", "findings": [{"code", "severity", "message",
    "file", "line", "column", "width", "help", "excerpt"}]}.
    """
    session: Session = ctx.obj
    refuse_absent(paths)
    chosen = format or (Format.JSON if session.json else Format.TEXT)
    target = tools or session.app
    known = partial(known_tools, session, target) if target else _no_tools
    request = Request(tuple(paths), strict, known, _what_is_wrong if session.app else None)
    if watch:
        from hitl_fsm.cli.validate_watch import keep_looking  # noqa: PLC0415 - only then

        keep_looking(session, request, chosen)
    look = look_at(request)
    tell(session, look.report, chosen)
    if not look.report.ok:
        raise typer.Exit(EXIT_FINDINGS)


def look_at(request: Request) -> Look:
    """Read and check everything once."""
    from pathlib import Path  # noqa: PLC0415 - imported by then

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


def _what_is_wrong(text: str) -> str | None:
    """With an import path, once the application may be imported."""
    from hitl_fsm.cli.target import named  # noqa: PLC0415 - only with an application

    try:
        named(text)
    except HitlError as error:
        return error.message
    return None


def tell(session: Session, report: Report, chosen: Format) -> None:
    """Findings to stdout, the summary to stderr."""
    import hitl_fsm  # noqa: PLC0415 - imported by then

    told = render(report, chosen.value, hitl_fsm.__version__)
    if told:
        line(told)
    say(session, summary(report))
    if report.worst and chosen is Format.TEXT:
        say(session, f"what a finding means, and what to do: hitl-fsm help {report.worst.code}")
