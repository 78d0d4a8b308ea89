"""Comments that set a finding aside, with a reason: `# hitl-fsm: ignore HF205 because …`.

One at the end of a line is for that line; one that stands alone is for the next line that holds anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import yaml

from hitl_fsm.policy.source import Source

_MARK = "hitl-fsm:"
_COMMENT = re.compile(r"(?:^|(?<=\s))#\s*hitl-fsm:\s*(.*)$")
_BECAUSE = re.compile(r"\bbecause\b")
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Suppression(NamedTuple):
    """One comment: where it is (1-based), the line it is for, what it sets aside and why.

    `codes` is None when the comment is addressed to us but says something else than `ignore`.
    """

    line: int
    column: int
    width: int
    target: int
    codes: tuple[str, ...] | None
    reason: str


def suppressions(source: Source) -> Iterator[Suppression]:
    """Every comment of a file that is addressed to us, also those that are written wrong."""
    if not any(_MARK in line for line in source.lines):
        return
    texts = _texts(source.lines)
    for index, line in enumerate(source.lines):
        found = _COMMENT.search(line) if _MARK in line else None
        if found is None or any(start <= (index, found.start()) < end for start, end in texts):
            continue
        target = index if line[: found.start()].strip() else _following(source.lines, index)
        what, *why = _BECAUSE.split(found[1], maxsplit=1)
        words = what.replace(",", " ").split()
        codes = tuple(words[1:]) if words[:1] == ["ignore"] else None
        reason = why[0].strip(" :.…") if why else ""
        width = len(line.rstrip()) - found.start()
        yield Suppression(index + 1, found.start() + 1, width, target + 1, codes, reason)


def _following(lines: Sequence[str], index: int) -> int:
    """The next line that is neither blank nor a comment."""
    for later in range(index + 1, len(lines)):
        text = lines[later].strip()
        if text and not text.startswith("#"):
            return later
    return index


def _texts(lines: Sequence[str]) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Where values stand (from, to): a `#` inside a text is no comment."""
    try:
        tokens = list(yaml.scan("\n".join(lines), Loader=_LOADER))
    except yaml.YAMLError:
        return [((0, 0), (len(lines), 0))]
    return [
        ((token.start_mark.line, token.start_mark.column), (token.end_mark.line, token.end_mark.column))
        for token in tokens
        if isinstance(token, yaml.ScalarToken)
    ]
