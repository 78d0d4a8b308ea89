"""`audit prune`: what old lines of the record say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from hitl_fsm.cli.answers.identity import As

if TYPE_CHECKING:
    from hitl_fsm.cli.session import Session
    from hitl_fsm.runtime.record.keeping import PrunedRecord

EXIT_KEPT = 3
_WHY = (
    "a legal hold covers them (`hitl-fsm audit hold list`)",
    "their runs are not over, or have something that somebody must look at",
    "what they are about is in the store still (`hitl-fsm runs prune` forgets runs)",
)


def prune_record(
    ctx: typer.Context,
    older_than: Annotated[
        str, typer.Option("--older-than", metavar="AGE", help="Only lines that are older: 7y, 90d, 12h, 30m.")
    ],
    contents_only: Annotated[
        bool, typer.Option("--contents-only", help="Only what is kept beside the lines; the lines stay.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask first.")] = False,
    as_: As = None,
) -> None:
    """Drop what old lines of the record say; their hashes stay, so that the rest still verifies.

    Only what a signed checkpoint covers. Lines about keys, policies, erasures and holds stay, and what a legal hold
    covers; what is left alone for now is told. Refused for what the setting record_retention keeps.

    JSON: {"before", "lines", "contents", "last", "upto", "stopped_by", "kept": {"hold", "run", "row"}}: it came to the
    line `last` of those to `upto`, which are old enough, and no further for `stopped_by`: "checkpoint", "reader NAME",
    or "". Exit 3 where a hold or a reader keeps what is old enough.
    """
    from hitl_fsm.cli.answers.identity import typist  # noqa: PLC0415 - as above
    from hitl_fsm.cli.audit.erase import confirm  # noqa: PLC0415 - as it is used
    from hitl_fsm.cli.output import json_document, line  # noqa: PLC0415 - as above
    from hitl_fsm.cli.runs.prune import age_ms  # noqa: PLC0415 - as above
    from hitl_fsm.cli.when import now_ms  # noqa: PLC0415 - as above
    from hitl_fsm.model.instant import iso  # noqa: PLC0415 - as above
    from hitl_fsm.model.visible import visible  # noqa: PLC0415 - as above

    session: Session = ctx.obj
    before = max(0, now_ms() - age_ms(older_than))
    by = typist(session, as_)
    if not yes:
        what = "what is kept beside the lines of the record" if contents_only else "what the lines of the record say"
        confirm(f"drop {what} before {iso(before)}, for good")
    pruned = session.engine().audit.prune(before=before, by=by, contents_only=contents_only)
    if session.json:
        json_document({"before": iso(before), **pruned._asdict(), "kept": pruned.kept._asdict()})
    else:
        line(f"dropped {pruned.lines} lines and {pruned.contents} contents from before {iso(before)}")
        for told in left(pruned):
            line(visible(told))
    if pruned.kept.hold or pruned.stopped_by.startswith("reader "):
        raise typer.Exit(EXIT_KEPT)


def left(pruned: PrunedRecord) -> Iterator[str]:
    """How far it came, what holds it there, and what was left alone, each with what to do about it."""
    if pruned.stopped_by:
        what, then = _stop(pruned.stopped_by)
        yield f"it came to line {pruned.last} of {pruned.upto} that are old enough: {what}; {then}"
    for count, why in zip(pruned.kept, _WHY, strict=True):
        if count:
            yield f"{count} {'line stays' if count == 1 else 'lines stay'} for now: {why}"


def _stop(stopped_by: str) -> tuple[str, str]:
    if stopped_by.startswith("reader "):
        then = "`hitl-fsm audit readers` lists them, and retires one that nobody has any more"
        return f"the {stopped_by} has come no further", then
    return "no signed checkpoint covers more yet", "`hitl-fsm audit checkpoint` signs one"
