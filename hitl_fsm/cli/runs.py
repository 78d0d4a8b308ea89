"""`runs`: list, show, continue, cancel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from hitl_fsm.cli.identity import As
from hitl_fsm.cli.lazy import SharedOptions, plain_app
from hitl_fsm.model.states import RunState

if TYPE_CHECKING:
    from hitl_fsm.cli.reading import RunReport
    from hitl_fsm.cli.session import Session

DEFAULT_ROWS = 50

app = plain_app(cls=SharedOptions, help="List, show, continue and cancel runs.")

RunId = Annotated[str, typer.Argument(metavar="RUN", help="As `runs list` lists it.")]


@app.command("list")
def list_runs(
    ctx: typer.Context,
    state: Annotated[RunState | None, typer.Option(help="Only those in this state.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the newest ones.")] = DEFAULT_ROWS,
) -> None:
    """List runs, newest first.

    JSON lines: {"run", "kind", "name", "state", "user", "created_at", "updated_at", "open_requirements"}.
    """
    from hitl_fsm.cli.output import json_line, say, show  # noqa: PLC0415 - as it is used
    from hitl_fsm.cli.page import Grid, Page  # noqa: PLC0415 - as above
    from hitl_fsm.cli.when import now_ms, relative  # noqa: PLC0415 - as above
    from hitl_fsm.model.instant import iso  # noqa: PLC0415 - as above
    from hitl_fsm.runtime.loop import run_sync  # noqa: PLC0415 - as above

    session: Session = ctx.obj
    found = run_sync(session.open_store().runs(state=state.value if state else None, limit=limit + 1))
    rows = found[:limit]
    if session.json:
        for row in rows:
            json_line(
                {
                    "run": row.run_id,
                    "kind": row.kind,
                    "name": row.name,
                    "state": row.state,
                    "user": row.user,
                    "created_at": iso(row.created_at),
                    "updated_at": iso(row.updated_at),
                    "open_requirements": row.open_requirements,
                }
            )
    elif rows:
        now = now_ms()
        cells = tuple(
            (
                row.run_id,
                row.name,
                row.state,
                row.user,
                f"{iso(row.created_at)} ({relative(row.created_at, now)})",
                relative(row.updated_at, now),
                str(row.open_requirements or ""),
            )
            for row in rows
        )
        show(session, Page((Grid(("run", "agent", "state", "for", "created", "last step", "open"), cells),)))
    else:
        say(session, "no runs")
    if len(found) > limit:
        say(session, f"there are more; --limit shows more than {limit}")


@app.command("show")
def show_run(ctx: typer.Context, run: RunId) -> None:
    """Show a run: its state and path, every call and question, and its timeline from the record.

    JSON: {"run", "kind", "name", "state", "user", "prompt", "created_at", "updated_at", "path", "output", "error",
    "calls", "requirements": [schemas/presentation.schema.json], "timeline": [schemas/record.schema.json]}.
    """
    from hitl_fsm.cli.listing import record_lines  # noqa: PLC0415 - as above
    from hitl_fsm.cli.output import json_document, show  # noqa: PLC0415 - as it is used
    from hitl_fsm.cli.reading import read_run  # noqa: PLC0415 - as above
    from hitl_fsm.cli.run_page import run_page  # noqa: PLC0415 - as above

    session: Session = ctx.obj
    report = read_run(session, run)
    timeline = record_lines(session.open_store(), run)
    if session.json:
        json_document(_document(report, timeline))
    else:
        show(session, run_page(report, timeline))


@app.command("continue")
def continue_run(
    ctx: typer.Context,
    run: RunId,
    stream: Annotated[bool, typer.Option("--stream", help="Print the text as it comes, and a line an event.")] = False,
) -> None:
    """Go on with a run whose questions are answered, or try a failed one again; exits 8 when it still waits.

    Needs the application (--app). Output and JSON are those of `run`.
    """
    from hitl_fsm.cli.outcome import finish, teller  # noqa: PLC0415 - as it is used
    from hitl_fsm.runtime.loop import run_sync  # noqa: PLC0415 - as above

    session: Session = ctx.obj
    engine = session.need_app()
    handle = run_sync(engine.aadvance(run, teller(session) if stream else None))
    finish(session, handle.value, streamed=stream)


@app.command("cancel")
def cancel_run(
    ctx: typer.Context,
    run: RunId,
    note: Annotated[str | None, typer.Option(help="Why; kept on the record.")] = None,
    as_: As = None,
) -> None:
    """Cancel a run, for good: what waits is closed, and nothing of it runs later.

    JSON: {"run", "state"}.
    """
    from hitl_fsm.cli.identity import typist  # noqa: PLC0415 - as it is used
    from hitl_fsm.cli.output import json_line, line  # noqa: PLC0415 - as above
    from hitl_fsm.model.visible import visible  # noqa: PLC0415 - as above

    session: Session = ctx.obj
    by = typist(session, as_)
    handle = session.engine().cancel(run, by=by, reason=note)
    if session.json:
        json_line({"run": handle.run_id, "state": handle.state})
    else:
        line(visible(f"{handle.run_id} is {handle.state.value}"))


def _document(report: RunReport, timeline: list[dict[str, Any]]) -> dict[str, Any]:
    from hitl_fsm.model.instant import iso  # noqa: PLC0415 - JSON only
    from hitl_fsm.runtime.presentation import presentation  # noqa: PLC0415 - as above

    run = report.run
    return {
        "run": run.run_id,
        "kind": run.kind,
        "name": run.name,
        "state": run.state,
        "user": run.user,
        "prompt": report.prompt,
        "created_at": iso(run.created_at),
        "updated_at": iso(report.updated_at),
        "path": report.path,
        "output": run.output,
        "error": run.error,
        "calls": report.calls,
        "requirements": [presentation(one, run) for one in report.requirements],
        "timeline": timeline,
    }
