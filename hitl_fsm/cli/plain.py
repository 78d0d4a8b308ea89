"""A page as plain text: for files, pipes, and terminals without colour."""

from __future__ import annotations

from hitl_fsm.cli.page import Fields, Grid, Lines, Page, made_visible

GAP = "  "


def render(page: Page) -> str:
    """Aligned lines, blocks with an empty line between them."""
    return "\n".join("".join(f"{line.rstrip()}\n" for line in _lines(block)) for block in made_visible(page).blocks)


def _lines(block: Fields | Grid | Lines) -> list[str]:
    match block:
        case Fields(rows):
            width = max((len(row.label) for row in rows), default=0)
            return [f"{row.label.ljust(width)}{GAP}{row.value}" for row in rows]
        case Grid(head, rows):
            table = [head, *rows] if any(head) else list(rows)
            widths = [max(len(row[column]) for row in table) for column in range(len(head))] if table else []
            return [GAP.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in table]
        case Lines(title, body, _):
            indented = [GAP + line for line in body]
            return [title, *indented] if title else indented
