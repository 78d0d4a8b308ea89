"""`graph`: the machines, and a run's path."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from hitl_fsm.cli.output import json_document, show, write
from hitl_fsm.core import diagram
from hitl_fsm.core.table import TABLES, Table

if TYPE_CHECKING:
    from hitl_fsm.cli.session import Session

JSON = "json"


class Machine(StrEnum):
    """Which machine."""

    RUN = "run"
    REQUIREMENT = "requirement"
    CALL = "call"


class Picture(StrEnum):
    """How it is drawn."""

    MERMAID = "mermaid"
    DOT = "dot"
    TABLE = "table"
    JSON = "json"


def graph(
    ctx: typer.Context,
    machine: Annotated[Machine, typer.Argument(help="Which machine.")] = Machine.RUN,
    run: Annotated[
        str | None, typer.Option("--run", metavar="ID", help="Mark the states that this run went through.")
    ] = None,
    format: Annotated[Picture | None, typer.Option(help="mermaid unless told otherwise.")] = None,  # noqa: A002 - its name
) -> None:
    """Draw a state machine, or the path that a run took through it.

    JSON: {"machine", "states", "transitions": [{"source", "trigger", "target", "why"}], "path"}.
    """
    session: Session = ctx.obj
    if run is not None and machine is not Machine.RUN:
        msg = "a run's path is one through the machine `run`"
        raise typer.BadParameter(msg, param_hint="--run")
    table = TABLES[machine.value]
    path = _path(session, run) if run else []
    picture = format or (Picture.JSON if session.json else Picture.MERMAID)
    match picture:
        case Picture.MERMAID:
            write(diagram.mermaid(table, path))
        case Picture.DOT:
            write(diagram.dot(table, path))
        case Picture.TABLE:
            _show_table(session, table, path)
        case Picture.JSON:
            json_document(_document(table, path))


def _path(session: Session, run_id: str) -> list[str]:
    from hitl_fsm.cli.reading import read_run  # noqa: PLC0415 - only with --run

    return read_run(session, run_id).path


def _show_table(session: Session, table: Table, path: list[str]) -> None:
    from hitl_fsm.cli.page import Grid, Page  # noqa: PLC0415 - only for this form

    been = set(path)
    rows = [("*" if row[0] in been and row[2] in been else "", *row) for row in diagram.rows(table)]
    show(session, Page((Grid(("", "from", "trigger", "to", "why"), tuple(rows)),)))


def _document(table: Table, path: list[str]) -> dict[str, object]:
    names = ("source", "trigger", "target", "why")
    return {
        "machine": table.name,
        "states": [state.value for state in table.states],
        "transitions": [dict(zip(names, row, strict=True)) for row in diagram.rows(table)],
        "path": path,
    }
