"""`audit checkpoint` and `audit anchor`: what says, signed, how far the record goes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hitl_fsm.cli.answers.identity import As

if TYPE_CHECKING:
    from hitl_fsm.cli.session import Session
    from hitl_fsm.ports_record import Checkpoint

EXIT_FAILED = 3


def checkpoint(
    ctx: typer.Context,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write it there instead.")] = None,
) -> None:
    """Sign the record as it is now, and print the checkpoint: how many lines, the root of their tree, who signed it.

    Keep it where the store's owner cannot reach it; `audit verify --anchor FILE` holds the record against it. It is a
    signed note (https://c2sp.org/tlog-checkpoint).

    JSON: {"size", "at", "note"}.
    """
    from hitl_fsm.cli.audit.out import write_out  # noqa: PLC0415 - as it is used
    from hitl_fsm.cli.output import json_document, say  # noqa: PLC0415 - as above

    session: Session = ctx.obj
    found = _signed(session)
    if out is not None:
        write_out(out, found.note)
        say(session, f"{out}: {found.size} lines")
    elif session.json:
        json_document({"size": found.size, "at": found.at, "note": found.note.decode()})
    else:
        typer.echo(found.note.decode(), nl=False)


def anchor(
    ctx: typer.Context,
    to: Annotated[
        list[str] | None,
        typer.Option("--to", metavar="URL", help="There, instead of the anchors of the setting record_anchors."),
    ] = None,
    as_: As = None,
) -> None:
    """Sign the record as it is now, and keep the checkpoint beyond the store: in a file, a git repository, an object
    store. The record tells of it.

    URLs: file:///path, git+file:///path, git+file:///path?push=origin, https://host/path/. Exit 3 when one fails.

    JSON lines: {"url", "size", "new", "error"}.
    """
    from hitl_fsm.adapters.anchors.kinds import anchors_of  # noqa: PLC0415 - as it is used
    from hitl_fsm.cli.answers.identity import typist  # noqa: PLC0415 - as above
    from hitl_fsm.cli.output import json_line, line  # noqa: PLC0415 - as above
    from hitl_fsm.errors import SettingsError  # noqa: PLC0415 - as above
    from hitl_fsm.model.visible import visible  # noqa: PLC0415 - as above
    from hitl_fsm.runtime.loop import run_sync  # noqa: PLC0415 - as above
    from hitl_fsm.runtime.parts import SystemClock  # noqa: PLC0415 - as above
    from hitl_fsm.runtime.record.anchoring import anchor as keep  # noqa: PLC0415 - as above

    session: Session = ctx.obj
    anchors = anchors_of(" ".join(to) if to else session.settings.record_anchors)
    if not anchors:
        msg = "no anchor is named"
        raise SettingsError(msg, help="give --to URL, or set record_anchors")
    _signed(session)
    found = run_sync(keep(session.open_store(), anchors, SystemClock(), typist(session, as_)))
    for one in found:
        error = None if one.error is None else str(one.error)
        if session.json:
            json_line({"url": one.url, "size": one.size, "new": one.new, "error": error})
        else:
            line(visible(f"{one.url}: {error or (f'{one.size} lines' if one.new else 'nothing new')}"))
    if any(one.error is not None for one in found):
        raise typer.Exit(EXIT_FAILED)


def _signed(session: Session) -> Checkpoint:
    """KeysError where nothing signs, or nothing is there to be signed."""
    from hitl_fsm.errors import KeysError  # noqa: PLC0415 - as above
    from hitl_fsm.runtime.loop import run_sync  # noqa: PLC0415 - as above

    found = run_sync(session.open_store().sign())
    if found is None:
        msg = "there is no checkpoint: the record has no lines, or the store has no keys"
        raise KeysError(msg, help="see docs/how-to/record-keys.md; a PostgreSQL store needs HITL_FSM_RECORD_KEYS")
    return found
