"""`validate`: policy files, and workflow files beside them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from hitl_fsm.cli.policies.catalogue import known_tools
from hitl_fsm.cli.policies.checking import Format, Request, look_at, no_tools, tell
from hitl_fsm.cli.policies.existing import refuse_absent
from hitl_fsm.errors import HitlError

if TYPE_CHECKING:
    from hitl_fsm.cli.session import Session

EXIT_FINDINGS = 1


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
    known = partial(known_tools, session, target) if target else no_tools
    request = Request(tuple(paths), strict, known, _what_is_wrong if session.app else None)
    if watch:
        from hitl_fsm.cli.policies.watch import keep_looking  # noqa: PLC0415 - only then

        keep_looking(session, request, chosen)
    look = look_at(request)
    tell(session, look.report, chosen)
    if not look.report.ok:
        raise typer.Exit(EXIT_FINDINGS)


def _what_is_wrong(text: str) -> str | None:
    """With an import path, once the application may be imported."""
    from hitl_fsm.cli.target import named  # noqa: PLC0415 - only with an application

    try:
        named(text)
    except HitlError as error:
        return error.message
    return None
