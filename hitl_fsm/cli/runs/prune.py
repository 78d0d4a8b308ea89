"""`runs prune`: forgetting runs that ended long ago."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from hitl_fsm.cli.answers.identity import As

if TYPE_CHECKING:
    from hitl_fsm.cli.session import Session
    from hitl_fsm.ports import RunRow
    from hitl_fsm.runtime.prune import Pruned

DRY_ROWS = 10_000
"""Runs that a dry run looks at."""
EXIT_KEPT = 3


def prune_runs(
    ctx: typer.Context,
    older_than: Annotated[
        str, typer.Option("--older-than", metavar="AGE", help="Only runs whose last step is older: 7y, 90d, 12h, 30m.")
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List what would be forgotten; change nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask first.")] = False,
    as_: As = None,
) -> None:
    """Forget done and cancelled runs; the record keeps its lines, and says who forgot what.

    Never a run that waits, runs or failed, nor one with a call whose end nobody knows. Logs, calls and answered
    questions are deleted for good: make a backup first if you may want to read them again.

    JSON: {"before", "dry_run", "count", "more", "kept": [{"run", "error"}]}; with --dry-run also "runs", as of
    `runs list`. Exit 3 when a run that ended was kept: it could not be read, or a legal hold covers it.
    """
    from hitl_fsm.cli.when import now_ms  # noqa: PLC0415 - as it is used

    session: Session = ctx.obj
    before = now_ms() - age_ms(older_than)
    found = _prunable(session, before)
    if dry_run:
        _tell_dry(session, before, found)
        return
    if not yes:
        _confirm(found)
    from hitl_fsm.cli.answers.identity import typist  # noqa: PLC0415 - as it is used

    pruned = session.engine().prune(before=before, by=typist(session, as_))
    _tell(session, before, pruned)
    if pruned.kept:
        raise typer.Exit(EXIT_KEPT)


def age_ms(text: str) -> int:
    """`7y`, `90d`, `12h`, `30m` in milliseconds; Typer's BadParameter for anything else."""
    from hitl_fsm.model import age  # noqa: PLC0415 - as it is used

    found = age.age_ms(text)
    if found is None:
        msg = f"{text!r} is no age: write a number and a unit, 7y, 90d, 12h or 30m"
        raise typer.BadParameter(msg, param_hint="--older-than")
    return found


def _prunable(session: Session, before: int) -> list[RunRow]:
    """The first ones."""
    from hitl_fsm.runtime.loop import run_sync  # noqa: PLC0415 - as it is used
    from hitl_fsm.runtime.prune import prunable  # noqa: PLC0415 - as above

    return list(run_sync(prunable(session.open_store(), before, DRY_ROWS)))


def _confirm(found: list[RunRow]) -> None:
    """Ask at a terminal; elsewhere only --yes says that it is meant."""
    from hitl_fsm.cli.output import warn  # noqa: PLC0415 - as it is used
    from hitl_fsm.cli.terminal import agreed, is_interactive  # noqa: PLC0415 - as above

    if not found:
        return
    if not is_interactive():
        msg = f"{_many(found)} would be forgotten, for good; --dry-run lists them, --yes says that it is meant"
        raise typer.BadParameter(msg, param_hint="--yes")
    if not agreed(f"Forget {_many(found)}, for good?"):
        warn("nothing was forgotten")
        raise typer.Exit(1)


def _many(found: list[RunRow]) -> str:
    more = "or more " if len(found) >= DRY_ROWS else ""
    return f"{len(found)} {more}run{'' if len(found) == 1 else 's'}"


def _tell_dry(session: Session, before: int, found: list[RunRow]) -> None:
    from hitl_fsm.cli.output import json_document, say  # noqa: PLC0415 - as it is used
    from hitl_fsm.cli.runs.lists import run_values, show_rows  # noqa: PLC0415 - as above
    from hitl_fsm.model.instant import iso  # noqa: PLC0415 - as above

    if session.json:
        rows = [run_values(row) for row in found]
        told = _document(before, len(found), more=len(found) >= DRY_ROWS)
        json_document({**told, "dry_run": True, "runs": rows})
        return
    show_rows(session, found)
    say(session, f"{_many(found)} whose last step is before {iso(before)} would be forgotten; nothing was changed")


def _tell(session: Session, before: int, pruned: Pruned) -> None:
    from hitl_fsm.cli.output import error, json_document, line, say  # noqa: PLC0415 - as it is used
    from hitl_fsm.model.instant import iso  # noqa: PLC0415 - as above

    kept = [{"run": one.run_id, "error": f"{one.error.code} {one.error.message}"} for one in pruned.kept]
    if session.json:
        json_document({**_document(before, pruned.forgotten, more=False), "kept": kept})
    else:
        many = f"{pruned.forgotten} run{'' if pruned.forgotten == 1 else 's'}"
        line(f"forgot {many} whose last step is before {iso(before)}")
        if pruned.forgotten:
            say(session, "their space is used again; `hitl-fsm doctor` tells when a VACUUM is worth it")
    if kept:
        problems = tuple(f"{one['run']}: {one['error']}" for one in kept)
        help_ = (
            "`hitl-fsm audit hold list`, where a hold covers them; else `hitl-fsm audit verify`, and restore a backup"
        )
        error(f"{len(kept)} were kept", help_, problems)


def _document(before: int, count: int, *, more: bool) -> dict[str, Any]:
    from hitl_fsm.model.instant import iso  # noqa: PLC0415 - as above

    return {"before": iso(before), "dry_run": False, "count": count, "more": more, "kept": []}
