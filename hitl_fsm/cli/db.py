"""`db`: the database's schema."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from hitl_fsm.cli.lazy import SharedOptions, plain_app

if TYPE_CHECKING:
    from hitl_fsm.cli.session import Session
    from hitl_fsm.ports import StoreInfo

EXIT_NOT_CURRENT = 1

app = plain_app(cls=SharedOptions, help="Show and upgrade the database's schema.")


@app.command("status")
def show_schema(ctx: typer.Context) -> None:
    """Show the database's schema, and whether this program can use it as it is. Exit 1 when it cannot.

    JSON: {"store", "schema", "expected", "current"}.
    """
    from hitl_fsm.cli.output import json_document, line  # noqa: PLC0415 - as it is used
    from hitl_fsm.model.visible import visible  # noqa: PLC0415 - as above
    from hitl_fsm.runtime.loop import run_sync  # noqa: PLC0415 - as above

    session: Session = ctx.obj
    info = run_sync(session.open_store().info())
    current = info.schema == info.expected_schema
    if session.json:
        json_document(_values(info))
    else:
        line(visible(f"{info.url}: schema {info.schema or 'none'}, {_meaning(info)}"))
    if not current:
        raise typer.Exit(EXIT_NOT_CURRENT)


@app.command("upgrade")
def upgrade(ctx: typer.Context) -> None:
    """Bring the database to this program's schema, whole or not at all. Make a backup first.

    Any other use of the store would do so too; this does nothing else. A newer schema is refused (HF502).
    JSON: {"store", "schema", "expected", "current"}, as it is afterwards.
    """
    from hitl_fsm.cli.output import json_document, line  # noqa: PLC0415 - as it is used
    from hitl_fsm.model.visible import visible  # noqa: PLC0415 - as above
    from hitl_fsm.runtime.loop import run_sync  # noqa: PLC0415 - as above

    session: Session = ctx.obj
    store = session.open_store()
    before = run_sync(store.info()).schema
    run_sync(store.head())  # whoever uses it opens it, and whoever opens it migrates it
    info = run_sync(store.info())
    if session.json:
        json_document(_values(info))
    elif before == info.schema:
        line(visible(f"{info.url}: schema {info.schema} already"))
    else:
        line(visible(f"{info.url}: schema {before or 'none'} is now {info.schema}"))


def _values(info: StoreInfo) -> dict[str, object]:
    return {
        "store": info.url,
        "schema": info.schema,
        "expected": info.expected_schema,
        "current": info.schema == info.expected_schema,
    }


def _meaning(info: StoreInfo) -> str:
    from hitl_fsm.adapters.store.revisions import REVISIONS  # noqa: PLC0415 - as it is used

    if info.schema == info.expected_schema:
        return "as this program expects it"
    if info.schema is None or info.schema in REVISIONS:
        return f"which `hitl-fsm db upgrade` brings to {info.expected_schema}"
    return f"newer than {info.expected_schema}: upgrade hitl-fsm"
