"""Findings as text for people.

policies/refunds.policy.yaml:14:16 HF112 unknown name `arg`
   |
14 |     when: arg.amount > 1000
   |           ^^^
   hint: did you mean `args`?
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hitl_fsm.errors import Diagnostic
from hitl_fsm.model.visible import visible
from hitl_fsm.policy.formats.report import Report, headline

MAX_LINE = 100
_BEFORE = 40
_CUT = "…"


def render(report: Report) -> str:
    """The whole report; empty where there is no finding."""
    return text(report.findings)


def text(diagnostics: Sequence[Diagnostic], sources: Mapping[str, str] | None = None) -> str:
    """One block a finding: place, code and message, the line with a caret under it, a hint. Ends without a newline.

    `sources` (file -> text) gives the line for a finding that has none of its own.
    """
    return "\n".join(_block(diagnostic, sources or {}) for diagnostic in diagnostics)


def _block(found: Diagnostic, sources: Mapping[str, str]) -> str:
    lines = [headline(found)]
    number = str(found.place.line)
    margin = " " * len(number)
    excerpt = found.excerpt
    if excerpt is None and found.place.file in sources:
        all_lines = sources[found.place.file].splitlines()
        excerpt = all_lines[found.place.line - 1] if found.place.line <= len(all_lines) else None
    if excerpt is not None:
        shown, caret = _excerpt(excerpt, found.place.column - 1, found.width)
        lines += [f"{margin} |", f"{number} | {shown}", f"{margin} | {caret}"]
    if found.help:
        lines.append(f"{margin}   hint: {visible(found.help)}")
    return "\n".join(lines)


def _excerpt(line: str, column: int, width: int) -> tuple[str, str]:
    """The line, cut around the caret and made visible, and the caret line below it."""
    start = max(0, column - _BEFORE) if len(line) > MAX_LINE else 0
    end = min(len(line), start + MAX_LINE)
    head, tail = (_CUT if start else ""), (_CUT if end < len(line) else "")
    before = head + visible(line[start:column].replace("\t", " "))
    marked = visible(line[column : min(end, column + width)].replace("\t", " "))
    after = visible(line[column + width : end].replace("\t", " ")) if column + width < end else ""
    return f"{before}{marked}{after}{tail}".rstrip(), " " * len(before) + "^" * max(1, len(marked))
