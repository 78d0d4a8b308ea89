"""A page through Rich, on a terminal with colour. Values are Text: markup in them is text."""

from __future__ import annotations

from io import StringIO

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from hitl_fsm.cli.page import Field, Fields, Grid, Lines, Page, made_visible

GAP = 2

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
    "substituted": "yellow",
    "failed": "bold red",
    "denied": "bold red",
    "rejected": "bold red",
    "cancelled": "dim",
    "high": "bold red",
    "critical": "bold red",
    "outcome_unknown": "bold red",
    "problem": "bold red",
    "note": "yellow",
    "ok": "green",
}
"""Cells of tables that are read by their colour."""


def render(page: Page, width: int | None = None) -> str:
    """The text with its colour codes; nothing is cut, however narrow the screen (`width`: cells) is."""
    out = StringIO()
    console = Console(
        file=out, force_terminal=True, width=width or Console().width, highlight=False, markup=False, emoji=False
    )
    for number, block in enumerate(made_visible(page).blocks):
        if number:
            console.print()
        match block:
            case Fields(rows):
                _print_fields(console, rows)
            case Grid():
                _print_grid(console, block)
            case Lines(title, body, tone):
                _print_lines(console, [Text(title, "bold")] if title else [])
                _print_lines(console, [Text(f"  {line}", STYLES[tone]) for line in body])
    return out.getvalue()


def _print_lines(console: Console, lines: list[Text]) -> None:
    """Whole lines: the terminal wraps them where it must, so that what is copied from it is one line still."""
    for line in lines:
        console.print(line, soft_wrap=True)


def _print_fields(console: Console, rows: tuple[Field, ...], indent: str = "") -> None:
    width = max((cell_len(row.label) for row in rows), default=0)
    for row in rows:
        label = f"{indent}{row.label}{' ' * (width - cell_len(row.label))}  "
        value = Text(row.value, STYLES[row.tone] or WORDS.get(row.value, ""))
        _print_lines(console, [Text.assemble((label, "dim"), value)])


def _print_grid(console: Console, grid: Grid) -> None:
    """A table where it fits; else one block a row, since a table that does not fit loses columns."""
    columns = list(zip(grid.head, *grid.rows, strict=True))
    needed = sum(max(map(cell_len, column)) for column in columns) + GAP * (len(columns) - 1)
    if needed > console.width:
        for first, *others in grid.rows:
            fields = zip(grid.head[1:], others, strict=True)
            _print_lines(console, [Text(first, "bold")])
            _print_fields(console, tuple(Field(head, value) for head, value in fields if value), "  ")
        return
    table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), show_header=any(grid.head), header_style="dim")
    for title in grid.head:
        table.add_column(Text(title), no_wrap=True)
    for cells in grid.rows:
        table.add_row(*(Text(cell, WORDS.get(cell, "")) for cell in cells))
    console.print(table)
