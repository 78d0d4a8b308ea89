"""The policies' own text, as the store kept it, and which lines of it a rule is. Pure and total."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import msgspec


class File(NamedTuple):
    """One file of a set of policies, in lines."""

    name: str
    lines: tuple[str, ...]


class _Set(msgspec.Struct):
    files: dict[str, str] = {}


_decode = msgspec.json.Decoder(_Set).decode


def files_of(text: str) -> tuple[File, ...]:
    """The files of a set as it is kept; one file without a name where it is kept otherwise."""
    try:
        found: Mapping[str, str] = _decode(text).files
    except (msgspec.DecodeError, RecursionError):
        found = {}
    if not found:
        return (File("", tuple(text.splitlines())),)
    return tuple(File(name, tuple(body.splitlines())) for name, body in found.items())


def rule_lines(file: File, line: int) -> range:
    """The lines (from 1) of the rule that begins at `line`: up to what stands no deeper than it."""
    if not 0 < line <= len(file.lines):
        return range(0)
    own = _indent(file.lines[line - 1])
    end = line + 1
    while end <= len(file.lines) and (not file.lines[end - 1].strip() or _indent(file.lines[end - 1]) > own):
        end += 1
    while end - 1 > line and not file.lines[end - 2].strip():
        end -= 1
    return range(line, end)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))
