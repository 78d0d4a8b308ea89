"""A page through Rich, on a terminal with colour. Values are Text: markup in them is text."""

from __future__ import annotations

from io import StringIO

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from hitl_fsm.cli.page import Fields, Grid, Lines, Page, made_visible

STYLES = {
    "plain": "",
    "good": "green",
    "bad": "bold red",
    "warn": "yellow",
    "dim": "dim",
    "strong": "bold",
}
WORDS = {
    "done": "green",
    "succeeded": "green",
    "resolved": "green",
    "paused": "yellow",
    "resolving": "yellow",
    "open": "yellow",
    "gated": "yellow",
    "failed": "bold red",
    "denied": "bold red",
    "rejected": "bold red",
    "cancelled": "dim",
    "high": "bold red",
    "critical": "bold red",
    "outcome_unknown": "bold red",
}
"""Cells of tables that are read by their colour."""


def render(page: Page, width: int | None = None) -> str:
    """The text with its colour codes, wrapped (never cut) at the screen's width."""
    out = StringIO()
    console = Console(
        file=out, force_terminal=True, width=width or Console().width, highlight=False, markup=False, emoji=False
    )
    for number, block in enumerate(made_visible(page).blocks):
        if number:
            console.print()
        console.print(_renderable(block), soft_wrap=isinstance(block, Lines))
    return out.getvalue()


def _renderable(block: Fields | Grid | Lines) -> RenderableType:
    match block:
        case Fields(rows):
            grid = Table.grid(padding=(0, 2))
            grid.add_column(style="dim", no_wrap=True)
            grid.add_column(overflow="fold")
            for row in rows:
                grid.add_row(Text(row.label), Text(row.value, STYLES[row.tone]))
            return grid
        case Grid(head, rows):
            table = Table(box=None, pad_edge=False, show_header=any(head), header_style="dim")
            for title in head:
                table.add_column(Text(title), overflow="fold")
            for cells in rows:
                table.add_row(*(Text(cell, WORDS.get(cell, "")) for cell in cells))
            return table
        case Lines(title, body, tone):
            text = Padding(Text("\n".join(body), STYLES[tone]), (0, 0, 0, 2), expand=False)
            return Group(Text(title, "bold"), text) if title else text
