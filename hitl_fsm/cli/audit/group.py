"""`audit`: the record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from hitl_fsm.cli.audit.checkpoint import anchor, checkpoint
from hitl_fsm.cli.audit.erase import erase_subject
from hitl_fsm.cli.audit.export import export_record
from hitl_fsm.cli.audit.hold import app as hold_app
from hitl_fsm.cli.audit.keys import keys
from hitl_fsm.cli.audit.prove import check_proof, prove_lines
from hitl_fsm.cli.audit.prune import prune_record
from hitl_fsm.cli.audit.q import ask_record
from hitl_fsm.cli.audit.readers import readers
from hitl_fsm.cli.audit.verify import verify
from hitl_fsm.cli.lazy import SharedOptions, plain_app

if TYPE_CHECKING:
    from hitl_fsm.cli.session import Session

app = plain_app(cls=SharedOptions, help="Show, verify, question, export and prune the record.")
app.command("anchor")(anchor)
app.command("checkpoint")(checkpoint)
app.command("keys")(keys)
app.command("erase")(erase_subject)
app.command("prune")(prune_record)
app.command("readers")(readers)
app.command("export")(export_record)
app.command("q")(ask_record)
app.command("verify")(verify)
app.command("prove")(prove_lines)
app.command("check-proof")(check_proof)
app.add_typer(hold_app, name="hold")


@app.command("show")
def show_record(
    ctx: typer.Context,
    run: Annotated[str | None, typer.Option("--run", metavar="RUN", help="Only the lines of this run.")] = None,
    after: Annotated[int, typer.Option(min=0, metavar="SEQ", help="Only the lines after this one.")] = 0,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many lines.")] = None,
    contents: Annotated[
        bool, typer.Option("--contents", help="Also what the lines are only committed to: people's data.")
    ] = False,
) -> None:
    """Show the record, oldest line first.

    Lines by themselves are ids and digests, and reading them is not recorded. That you read contents is, before they
    are shown (`record_read`).

    JSON lines: the record's own lines (schemas/record.schema.json); with --contents each has `opened`, by name, without
    what was erased or pruned.
    """
    from hitl_fsm.cli.audit.line import line_cells  # noqa: PLC0415 - as above
    from hitl_fsm.cli.listing import open_contents, record_lines  # noqa: PLC0415 - as above
    from hitl_fsm.cli.output import json_line, say, show  # noqa: PLC0415 - as it is used
    from hitl_fsm.cli.page import Grid, Page  # noqa: PLC0415 - as above

    session: Session = ctx.obj
    store = session.open_store()
    lines = record_lines(store, run, after, limit)
    if contents:
        open_contents(session, store, lines, run or "")
    if session.json:
        for line in lines:
            json_line(line)
    elif lines:
        head = ("seq", "time", "event", "by", "run", "what")
        rows = []
        for line in lines:
            seq, time, event, by, what = line_cells(line)
            rows.append((seq, time, event, by, str(line.get("run", "")), what))
        show(session, Page((Grid(head, tuple(rows)),)))
    else:
        say(session, "the record has no such lines")
