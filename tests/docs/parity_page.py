"""How the page on parity is made from its rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

VERSION = "3.1.10"


class Row(NamedTuple):
    """`test` is a node id, empty where the feature is not there yet; `better` may be empty."""

    group: str
    theirs: str
    ours: str
    test: str
    better: str = ""


def group(name: str, *rows: tuple[str, ...]) -> list[Row]:
    return [Row(name, *row) for row in rows]


HEAD = f"""\
# Parity with Agno

What Agno {VERSION} offers for people in the loop, and what is here: a row for each feature, with the test that shows
ours. The tests are written as a user of Agno would write them, with the import changed. What is said of Agno was read
in its source; where it says *tried*, it was run. How to change over: [come from Agno](how-to/migrate-from-agno.md).

This page is made from [`tests/docs/parity_rows.py`](../tests/docs/parity_rows.py); a test fails when it is not, and
when a test that it names is not there.
"""
NOT_YET = """\
## Not there yet

| In Agno | Here |
|---|---|
"""


def render(rows: Sequence[Row]) -> str:
    """The whole page."""
    parts = [HEAD]
    for group in dict.fromkeys(row.group for row in rows):
        shown = [row for row in rows if row.group == group and row.test]
        lines = [_line(row.theirs, row.ours, row.better, _named(row.test)) for row in shown]
        parts.append(
            f"## {group}\n\n{_line('In Agno', 'Here', 'Better here', 'Test')}|---|---|---|---|\n{''.join(lines)}"
        )
    missing = [_line(row.theirs, row.ours or "nothing") for row in rows if not row.test]
    if missing:
        parts.append(NOT_YET + "".join(missing))
    return "\n".join(parts)


def _line(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |\n"


def _named(test: str) -> str:
    file, _, name = test.partition("::")
    return f"[`{name}`](../{file})"
