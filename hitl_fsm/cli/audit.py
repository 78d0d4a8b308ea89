"""`audit`: the record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from hitl_fsm.cli.lazy import SharedOptions, plain_app

if TYPE_CHECKING:
    from hitl_fsm.cli.session import Session

EXIT_BROKEN = 1

app = plain_app(cls=SharedOptions, help="Show and verify the record.")


@app.command("show")
def show_record(
    ctx: typer.Context,
    run: Annotated[str | None, typer.Option("--run", metavar="RUN", help="Only the lines of this run.")] = None,
    after: Annotated[int, typer.Option(min=0, metavar="SEQ", help="Only the lines after this one.")] = 0,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many lines.")] = None,
) -> None:
    """Show the record, oldest line first.

    JSON lines: the record's own lines (schemas/record.schema.json).
    """
    from hitl_fsm.cli.listing import record_lines  # noqa: PLC0415 - as above
    from hitl_fsm.cli.output import json_line, say, show  # noqa: PLC0415 - as it is used
    from hitl_fsm.cli.page import Grid, Page  # noqa: PLC0415 - as above
    from hitl_fsm.cli.record_line import line_cells  # noqa: PLC0415 - as above

    session: Session = ctx.obj
    lines = record_lines(session.open_store(), run, after, limit)
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


@app.command("verify")
def verify(ctx: typer.Context) -> None:
    """Verify the record: every line's hash, its link to the line before, and its end. Exit 1 when it is broken.

    JSON: {"intact", "count", "head": {"seq", "leaf"}, "findings": [{"seq", "what"}], "total_findings"}.
    """
    from hitl_fsm.cli.output import json_document, line, say  # noqa: PLC0415 - as it is used
    from hitl_fsm.model.visible import visible  # noqa: PLC0415 - as above
    from hitl_fsm.runtime.views import Audit  # noqa: PLC0415 - as above

    session: Session = ctx.obj
    report = Audit(session.open_store()).verify()
    if session.json:
        json_document(report)
    elif report.intact:
        line(f"intact: {report.count} lines, head {report.head.seq} {report.head.leaf}")
    else:
        for finding in report.findings:
            line(visible(f"line {finding.seq}: {finding.what}"))
        say(session, f"the record is broken: {report.total_findings} findings in {report.count} lines")
    if not report.intact:
        raise typer.Exit(EXIT_BROKEN)
