"""`runs`: list, show, continue, cancel, fork, prune."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from hitl_fsm.cli.answers.identity import As
from hitl_fsm.cli.lazy import SharedOptions, plain_app
from hitl_fsm.cli.runs.fork import fork_run
from hitl_fsm.cli.runs.prune import prune_runs
from hitl_fsm.model.states import RunState

if TYPE_CHECKING:
    from hitl_fsm.cli.reading import RunReport
    from hitl_fsm.cli.session import Session

DEFAULT_ROWS = 50

app = plain_app(cls=SharedOptions, help="List, show, continue, cancel and forget runs.")

RunId = Annotated[str, typer.Argument(metavar="RUN", help="As `runs list` lists it.")]


@app.command("list")
def list_runs(
    ctx: typer.Context,
    state: Annotated[RunState | None, typer.Option(help="Only those in this state.")] = None,
    stuck: Annotated[bool, typer.Option("--stuck", help="Only those whose worker is gone, oldest first.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the newest ones.")] = DEFAULT_ROWS,
) -> None:
    """List runs, newest first.

    JSON lines: {"run", "kind", "name", "state", "user", "created_at", "updated_at", "open_requirements"}; with --stuck
    also {"held_by", "last_sign_of_life", "why"}.
    """
    from hitl_fsm.cli.runs import lists as runs_list  # noqa: PLC0415 - as it is used

    session: Session = ctx.obj
    if stuck:
        runs_list.list_stuck(session, state, limit)
    else:
        runs_list.list_all(session, state, limit)


@app.command("show")
def show_run(ctx: typer.Context, run: RunId) -> None:
    """Show a run: its state and path, what is under way inside it, every call and question, its timeline.

    JSON: {"run", "kind", "name", "state", "user", "prompt", "created_at", "updated_at", "path", "output", "error",
    "usage": {"replies", "prompt", "completion", "cached", "reasoning", "micro_dollars"}, "calls", "requirements":
    [schemas/presentation.schema.json], "timeline": [schemas/record.schema.json]}. `micro_dollars` is null where the
    price of a reply is not known. "inside" are the runs inside it that are under way: [{"frame", "path", "kind",
    "name", "turn", "error"}].
    """
    from hitl_fsm.cli.listing import record_lines  # noqa: PLC0415 - as above
    from hitl_fsm.cli.output import json_document, show  # noqa: PLC0415 - as it is used
    from hitl_fsm.cli.reading import read_run  # noqa: PLC0415 - as above
    from hitl_fsm.cli.runs.page import run_page  # noqa: PLC0415 - as above

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
    run: Annotated[str | None, typer.Argument(metavar="[RUN]", help="As `runs list` lists it.")] = None,
    all_ready: Annotated[
        bool, typer.Option("--all-ready", help="Every run that could go on, after firing what is due.")
    ] = False,
    stream: Annotated[bool, typer.Option("--stream", help="Print the text as it comes, and a line an event.")] = False,
) -> None:
    """Go on with a run whose questions are answered, or try a failed one again; exits 8 when it still waits.

    Needs the application (--app). Output and JSON are those of `run`.

    With --all-ready: fires what is due, then goes on with every run that could: its questions are answered, or its
    worker is gone. Failed ones are left alone. Exits 0 when each went on as far as it could, also to the next question;
    3 when one failed or could not go on.
    JSON lines then: {"run", "name", "state", "open_requirements", "error"}; `state` is null when it did not go on.
    """
    session: Session = ctx.obj
    if (run is None) is not all_ready:
        msg = "give the run, or --all-ready for every run that could go on"
        raise typer.BadParameter(msg, param_hint="RUN")
    if run is None:
        from hitl_fsm.cli.runs.ready import continue_all_ready  # noqa: PLC0415 - as it is used

        if stream:
            msg = "one run can be streamed, not all"
            raise typer.BadParameter(msg, param_hint="--stream")
        continue_all_ready(session)
        return
    from hitl_fsm.cli.runs.outcome import finish, teller  # noqa: PLC0415 - as it is used
    from hitl_fsm.runtime.loop import run_sync  # noqa: PLC0415 - as above

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
    from hitl_fsm.cli.answers.identity import typist  # noqa: PLC0415 - as it is used
    from hitl_fsm.cli.output import json_line, line  # noqa: PLC0415 - as above
    from hitl_fsm.model.visible import visible  # noqa: PLC0415 - as above

    session: Session = ctx.obj
    by = typist(session, as_)
    handle = session.engine().cancel(run, by=by, reason=note)
    if session.json:
        json_line({"run": handle.run_id, "state": handle.state})
    else:
        line(visible(f"{handle.run_id} is {handle.state.value}"))


app.command("fork")(fork_run)
app.command("prune")(prune_runs)


def _document(report: RunReport, timeline: list[dict[str, Any]]) -> dict[str, Any]:
    from hitl_fsm.cli.runs.usage import usage_document  # noqa: PLC0415 - JSON only
    from hitl_fsm.core.frames import way_to  # noqa: PLC0415 - as above
    from hitl_fsm.model.instant import iso  # noqa: PLC0415 - as above
    from hitl_fsm.runtime.presenting.presentation import presentation, shown_call  # noqa: PLC0415 - as above

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
        "usage": usage_document(run.usage),
        "inside": [
            {
                "frame": frame.path,
                "path": way_to(run, frame.path),
                "kind": frame.kind,
                "name": frame.name,
                "turn": frame.turn,
                "error": frame.error,
            }
            for frame in run.frames
        ],
        "calls": [shown_call(one) for one in report.calls],
        "requirements": [presentation(one, run) for one in report.requirements],
        "timeline": timeline,
    }
