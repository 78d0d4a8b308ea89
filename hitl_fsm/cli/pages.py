"""The pages on codes: `docs/rules/HF*.md` for policies, the rows of `docs/reference/errors.md` for errors."""

from __future__ import annotations

import re
from typing import NamedTuple

from hitl_fsm.cli.starter import starter

_TITLE = re.compile(r"# (HF\d{3}): (.+)")
_ROW = re.compile(r"\| (HF\d{3}) \| `(\w+)` \| (\d+) \| (.+) \| (.+) \|")
_LINK = re.compile(r"\[([^\]]+)\]\([^)]+\)")


class Entry(NamedTuple):
    """One code: what it is about in a line, and its whole page in Markdown."""

    code: str
    title: str
    text: str


def entries() -> dict[str, Entry]:
    """Every code that there is, in order."""
    found = [*_policy_pages(), *_error_rows()]
    return {entry.code: entry for entry in sorted(found)}


def _policy_pages() -> list[Entry]:
    texts = [path.read_text(encoding="utf-8") for path in starter("docs/rules").glob("HF*.md")]
    titles = [(_TITLE.match(text), text) for text in texts]
    return [Entry(title[1], title[2], text) for title, text in titles if title]


def _error_rows() -> list[Entry]:
    text = starter("docs/reference/errors.md").read_text(encoding="utf-8")
    return [
        Entry(
            row[1],
            row[4].split(". ")[0].split("; ")[0].rstrip("."),
            f"# {row[1]}: {row[2]}\n\nAn error; the program ends with exit code {row[3]}.\n\n"
            f"## What\n\n{row[4]}\n\n## What to do\n\n{row[5]}\n",
        )
        for row in _ROW.finditer(text)
    ]


def as_plain(text: str) -> str:
    """Markdown as a terminal shows it well: no signs before headings, examples indented, links as words."""
    lines: list[str] = []
    in_block = False
    for line in text.splitlines():
        if line.startswith("```"):
            in_block = not in_block
        elif in_block:
            lines.append(f"    {line}".rstrip())
        else:
            lines.append(_LINK.sub(r"\1", re.sub(r"^#+ ", "", line)))
    return "\n".join(lines)
