"""`validate`: policy files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from hitl_fsm.adapters.policy_files import gather
from hitl_fsm.cli.output import json_document, line, say
from hitl_fsm.errors import SettingsError
from hitl_fsm.policy.load import check
from hitl_fsm.policy.render import as_json, text

if TYPE_CHECKING:
    from hitl_fsm.cli.session import Session
    from hitl_fsm.policy.evaluate import PolicySet

EXIT_FINDINGS = 1


def validate(
    ctx: typer.Context,
    paths: Annotated[list[str], typer.Argument(metavar="PATH…", help="Files, or folders with `*.policy.yaml` files.")],
) -> None:
    """Check policy files; every problem of every file in one pass.

    Each finding says file:line:column, a code, what is wrong and what may have been meant. Exit 1 when there is any.
    JSON: {"ok", "policies", "rules", "findings": [{"code", "severity", "message", "file", "line", "column", "width",
    "help", "excerpt"}]}.
    """
    from pathlib import Path  # noqa: PLC0415 - imported by then

    session: Session = ctx.obj
    missing = [path for path in paths if not Path(path).exists()]
    if missing:
        msg = f"there is no file or folder {missing[0]!r}"
        raise SettingsError(msg, help="the path is relative to where you are")
    gathered = gather(paths)
    checked, _, policies, _ = check(gathered.files, gathered.read)
    findings = sorted([*gathered.findings, *checked], key=lambda found: (found.place, found.code, found.message))
    if session.json:
        names, rules = _counts(policies)
        json_document({"ok": not findings, "policies": names, "rules": rules, "findings": as_json(findings)})
    elif findings:
        line(text(findings))
    if findings:
        files = len({found.place.file for found in findings})
        say(session, f"{len(findings)} {_plural('problem', len(findings))} in {files} {_plural('file', files)}")
        raise typer.Exit(EXIT_FINDINGS)
    names, rules = _counts(policies)
    say(session, f"{names} {'policy' if names == 1 else 'policies'}, {rules} {_plural('rule', rules)}: ok")


def _counts(policies: PolicySet | None) -> tuple[int, int]:
    return (0, 0) if policies is None else (len(policies.names), policies.rule_count)


def _plural(word: str, count: int) -> str:
    return word if count == 1 else f"{word}s"
