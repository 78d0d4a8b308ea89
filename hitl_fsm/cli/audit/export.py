"""`audit export`: lines of the record, in a folder that a stranger can check, or as one stream."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hitl_fsm.cli.answers.identity import As

if TYPE_CHECKING:
    from hitl_fsm.cli.session import Session
    from hitl_fsm.ports import Store
    from hitl_fsm.runtime.record.exported import By
    from hitl_fsm.runtime.record.exporting import Wanted


class Form(StrEnum):
    """What is written."""

    JSONL = "jsonl"
    CSV = "csv"
    OCSF = "ocsf"
    CLOUDEVENTS = "cloudevents"
    OTEL = "otel"
    HTML = "html"


_FILES = {".jsonl", ".json", ".csv", ".html", ".htm", ".txt"}
"""How a file of one format is named; anything else is a folder."""


def export_record(
    ctx: typer.Context,
    run: Annotated[str | None, typer.Argument(metavar="[RUN]", help="Only the lines of this run.")] = None,
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="T", help="Only lines from then on: 2026-10-01, 2026-10-01T12:00:00Z, 90d."),
    ] = None,
    until: Annotated[str | None, typer.Option("--until", metavar="T", help="Only lines before then; the same.")] = None,
    format: Annotated[Form, typer.Option("--format", help="What is written.")] = Form.JSONL,  # noqa: A002 - its name
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR|FILE", help="A new folder, or a file of the format alone (.csv, .html, …)."),
    ] = None,
    contents: Annotated[
        bool, typer.Option("--contents", help="With people's data that is kept beside the lines, in the clear.")
    ] = False,
    as_: As = None,
) -> None:
    """Take a copy of the record, or of a part of it, that a stranger can check.

    A folder has the exact lines, the signed checkpoint, the key, proofs, verify.py, and the format beside them. A file,
    or stdout without --out, has the format alone. The export is itself on the record.

    JSON, with a folder: {"path", "format", "lines", "sha256", "signed", "files"}.
    """
    from hitl_fsm.cli.answers.identity import typist  # noqa: PLC0415 - as it is used
    from hitl_fsm.cli.output import json_document, line, say  # noqa: PLC0415 - as above
    from hitl_fsm.cli.since import since_ms  # noqa: PLC0415 - as above
    from hitl_fsm.cli.when import now_ms  # noqa: PLC0415 - as above
    from hitl_fsm.model.visible import visible  # noqa: PLC0415 - as above
    from hitl_fsm.runtime.record.exported import By, export  # noqa: PLC0415 - as above
    from hitl_fsm.runtime.record.exporting import Wanted  # noqa: PLC0415 - as above

    session: Session = ctx.obj
    begin = since_ms(since) if since else None
    end = since_ms(until, "--until") if until else None
    wanted, store = Wanted(run or "", begin, end, contents), session.engine().store
    by = By(typist(session, as_), now_ms())
    if out is None or out.suffix.lower() in _FILES:
        _alone(session, store, wanted, format, by, out)
        return
    done = export(store, wanted, format.value, by, out.absolute())
    if session.json:
        json_document({**done._asdict(), "path": str(done.path)})
    else:
        line(visible(f"{done.path}: {done.lines} lines, {', '.join(done.files)}"))
        check = f"check it: python3 -I -S {done.path / 'verify.py'}"
        say(session, check if done.signed else "no checkpoint is signed: nobody can check that these lines are whole")


def _alone(session: Session, store: Store, wanted: Wanted, form: Form, by: By, out: Path | None) -> None:
    """One format as one file or to stdout; nothing goes with it that checks it."""
    import sys  # noqa: PLC0415 - as it is used

    from hitl_fsm.cli.output import say, write_bytes  # noqa: PLC0415 - as above
    from hitl_fsm.errors import ExportRefused, SettingsError  # noqa: PLC0415 - as above
    from hitl_fsm.runtime.record.exported import stream, write_file  # noqa: PLC0415 - as above

    if out is None and sys.stdout.isatty():
        msg = "an export is a file, and this is a terminal"
        raise SettingsError(msg, help="give --out DIR, or send it to a file; `hitl-fsm audit show` is for reading")
    chunks = stream(store, wanted, form.value, by)
    if out is None:
        write_bytes(chunks)
    elif out.exists():
        msg = f"{out} is there already"
        raise ExportRefused(msg, help="name a file that is new: nothing is written over")
    else:
        write_file(out, chunks)
    say(session, "nothing goes with this that checks it: --out DIR writes the exact lines, proofs and verify.py, too")
