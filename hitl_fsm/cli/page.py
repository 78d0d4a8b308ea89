"""What a command shows a person, as values: two renderers print them, plain and with colour.

Both begin with `made_visible`, once, so that no command can forget it; a line stays one line, whatever is in it.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from hitl_fsm.model.visible import visible

Tone = Literal["plain", "good", "bad", "warn", "dim", "strong"]


class Field(NamedTuple):
    """One labelled line."""

    label: str
    value: str
    tone: Tone = "plain"


class Fields(NamedTuple):
    """Labelled lines, aligned."""

    rows: tuple[Field, ...]


class Grid(NamedTuple):
    """A table; cells wrap where the screen ends, nothing is cut off."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


class Lines(NamedTuple):
    """A heading and the lines under it, indented."""

    title: str
    body: tuple[str, ...]
    tone: Tone = "plain"


class Page(NamedTuple):
    """Blocks, one below the other."""

    blocks: tuple[Fields | Grid | Lines, ...]


def made_visible(page: Page) -> Page:
    """The same page with everything that hides spelled out; both renderers start with this."""
    return Page(tuple(_block(block) for block in page.blocks))


def _block(block: Fields | Grid | Lines) -> Fields | Grid | Lines:
    match block:
        case Fields(rows):
            return Fields(tuple(Field(row.label, visible(row.value), row.tone) for row in rows))
        case Grid(head, rows):
            return Grid(head, tuple(tuple(visible(cell) for cell in row) for row in rows))
        case Lines(title, body, tone):
            return Lines(visible(title), tuple(visible(line) for line in body), tone)
