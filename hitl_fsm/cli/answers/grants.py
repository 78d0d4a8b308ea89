"""`grants`: what people need not be asked again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from hitl_fsm.cli.answers.identity import As
from hitl_fsm.cli.lazy import SharedOptions, plain_app

if TYPE_CHECKING:
    from hitl_fsm.cli.session import Session
    from hitl_fsm.model.grant import Grant, GrantRow
    from hitl_fsm.ports import Store

PAGE = 1_000
"""Rows asked of the store at once."""

app = plain_app(cls=SharedOptions, help="List, show, revoke and export what need not be asked again.")

GrantId = Annotated[str, typer.Argument(metavar="GRANT", help="As `grants list` lists it.")]


@app.command("list")
def list_grants(
    ctx: typer.Context,
    tool: Annotated[str | None, typer.Option(help="Only those of this tool.")] = None,
    agent: Annotated[str | None, typer.Option(help="Only those of this agent.")] = None,
    all_: Annotated[bool, typer.Option("--all", help="Those too that are over, used up or revoked.")] = False,
) -> None:
    """List what passes without a person's word, oldest first.

    JSON lines: {"id", "state", "tool", "agent", "args", "vary", "scope", "run", "session", "user", "uses", "used",
    "budget_of", "budget", "spent", "granted_by", "granted_at", "until", "requirement"}; `state` is active, over,
    used_up or revoked; `spent` is a decimal number as text.
    """
    from hitl_fsm.cli.output import json_line, say, show  # noqa: PLC0415 - as it is used
    from hitl_fsm.cli.when import now_ms  # noqa: PLC0415 - as above

    session: Session = ctx.obj
    now = now_ms()
    rows = _rows(session.open_store(), tool, agent, None if all_ else now)
    if session.json:
        for row in rows:
            json_line(grant_values(row, now))
        return
    if not rows:
        say(session, "no grants" if all_ else "no grants that could be used; --all lists those that are over, too")
        return
    show(session, _table(rows, now))
    say(session, "`hitl-fsm grants show GRANT` tells all of one; `hitl-fsm grants revoke GRANT` ends it")


@app.command("show")
def show_grant(ctx: typer.Context, grant: GrantId) -> None:
    """Show one: what it covers, how far it reaches, what was used of it, whose word it is.

    JSON: as a line of `grants list`.
    """
    from hitl_fsm.cli.output import json_document, show  # noqa: PLC0415 - as it is used
    from hitl_fsm.cli.when import now_ms  # noqa: PLC0415 - as above

    session: Session = ctx.obj
    session.open_store()
    row, now = session.engine().grants.get(grant), now_ms()
    if session.json:
        json_document(grant_values(row, now))
    else:
        show(session, _page(row, now))


@app.command("revoke")
def revoke_grant(
    ctx: typer.Context,
    grant: GrantId,
    note: Annotated[str | None, typer.Option(help="Why; kept on the record.")] = None,
    as_: As = None,
) -> None:
    """End a grant, for good. A call that it let pass and that has not begun is asked about again.

    JSON: as a line of `grants list`.
    """
    from hitl_fsm.cli.answers.identity import typist  # noqa: PLC0415 - as it is used
    from hitl_fsm.cli.output import json_document, line  # noqa: PLC0415 - as above
    from hitl_fsm.cli.when import now_ms  # noqa: PLC0415 - as above
    from hitl_fsm.model.visible import visible  # noqa: PLC0415 - as above

    session: Session = ctx.obj
    by = typist(session, as_)
    row = session.engine().grants.revoke(grant, by=by, reason=note)
    if session.json:
        json_document(grant_values(row, now_ms()))
    else:
        line(visible(f"{row.grant.grant_id} is revoked; it was used {row.used} of {row.grant.uses} times"))


@app.command("export")
def export_grant(ctx: typer.Context, grant: GrantId) -> None:
    """Print a grant as a policy change: the `unless:` to write under the rule that asked, for somebody to look at.

    A policy has no end and counts nothing, so it holds longer than the grant; the comment says what the grant was.
    JSON: {"id", "yaml"}.
    """
    from hitl_fsm.cli.output import json_document, text_block  # noqa: PLC0415 - as it is used

    session: Session = ctx.obj
    text = session.engine().grants.export(grant)
    if session.json:
        json_document({"id": grant, "yaml": text})
    else:
        text_block(text.rstrip("\n"))


def grant_values(row: GrantRow, now: int) -> dict[str, Any]:
    """A grant as `--format json` prints it; what nobody is shown is masked."""
    from hitl_fsm.model.instant import iso  # noqa: PLC0415 - JSON only
    from hitl_fsm.policy.sensitive import masked  # noqa: PLC0415 - as above

    grant = row.grant
    return {
        "id": grant.grant_id,
        "state": standing(row, now),
        "tool": grant.tool,
        "agent": grant.agent,
        "args": masked(grant.args, grant.sensitive),
        "vary": grant.vary,
        "scope": scope_of(grant),
        "run": grant.run_id,
        "session": grant.session,
        "user": grant.user,
        "uses": grant.uses,
        "used": row.used,
        "budget_of": grant.budget_of,
        "budget": grant.budget if grant.budget_of else None,
        "spent": f"{row.spent:f}" if grant.budget_of else None,
        "granted_by": [actor.id for actor in grant.by],
        "granted_at": iso(grant.at),
        "until": iso(grant.until),
        "requirement": grant.requirement_id,
    }


def standing(row: GrantRow, now: int) -> str:
    """What has become of it."""
    if row.state == "revoked":
        return "revoked"
    if row.used >= row.grant.uses:
        return "used_up"
    return "over" if now >= row.grant.until else "active"


def scope_of(grant: Grant) -> str:
    """Where it holds."""
    return "run" if grant.run_id else "session" if grant.session else "agent"


def _rows(store: Store, tool: str | None, agent: str | None, active_at: int | None) -> list[GrantRow]:
    from hitl_fsm.runtime.loop import run_sync  # noqa: PLC0415 - as it is used

    found: list[GrantRow] = []
    while True:
        after = found[-1].grant.grant_id if found else ""
        page = run_sync(store.grants(tool=tool, agent=agent, active_at=active_at, after=after, limit=PAGE))
        found += page
        if len(page) < PAGE:
            return found


def _covered(grant: Grant) -> dict[str, Any]:
    """The arguments, with `any` where they may differ."""
    from hitl_fsm.policy.sensitive import masked  # noqa: PLC0415 - as it is used

    args = masked(grant.args, grant.sensitive)
    return {name: "(any)" if name in grant.vary else value for name, value in args.items()}


def _table(rows: list[GrantRow], now: int) -> Any:
    from hitl_fsm.cli.answers.present import one_line  # noqa: PLC0415 - as above
    from hitl_fsm.cli.page import Grid, Page  # noqa: PLC0415 - text only
    from hitl_fsm.cli.when import relative  # noqa: PLC0415 - as above

    cells = tuple(
        (
            row.grant.grant_id,
            standing(row, now),
            f"{row.grant.tool} {one_line(_covered(row.grant))}",
            row.grant.agent,
            scope_of(row.grant),
            f"{row.used} of {row.grant.uses}",
            f"{row.spent:f} of {row.grant.budget}" if row.grant.budget_of else "",
            relative(row.grant.until, now),
            ", ".join(actor.id for actor in row.grant.by),
        )
        for row in rows
    )
    return Page((Grid(("grant", "", "action", "agent", "in", "used", "spent", "ends", "granted by"), cells),))


def _page(row: GrantRow, now: int) -> Any:
    import json  # noqa: PLC0415 - as it is used

    from hitl_fsm.cli.page import Field, Fields, Lines, Page  # noqa: PLC0415 - text only
    from hitl_fsm.cli.when import stamp  # noqa: PLC0415 - as above

    grant = row.grant
    where = {"run": f"in {grant.run_id}", "session": f"in session {grant.session} of {grant.user}"}
    everywhere = f"wherever {grant.agent} does it{f' for {grant.user}' if grant.user else ''}"
    fields = [
        Field("grant", grant.grant_id, "strong"),
        Field("state", standing(row, now)),
        Field("tool", grant.tool),
        Field("agent", grant.agent),
        Field("holds", where.get(scope_of(grant), everywhere)),
        Field("used", f"{row.used} of {grant.uses}"),
        Field("granted by", ", ".join(actor.signature for actor in grant.by)),
        Field("at", f"{stamp(grant.at, now)}, to {grant.requirement_id}"),
        Field("until", stamp(grant.until, now)),
    ]
    if grant.budget_of:
        fields.insert(6, Field("spent", f"{row.spent:f} of {grant.budget} ({grant.budget_of})"))
    lines = [f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in _covered(grant).items()]
    return Page((Fields(tuple(fields)), Lines("exactly these arguments", tuple(lines) or ("none",))))
