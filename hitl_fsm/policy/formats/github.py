"""Findings as workflow commands of GitHub Actions, which shows each beside its line of the change."""

from __future__ import annotations

from hitl_fsm.errors import Diagnostic
from hitl_fsm.model.visible import visible, visible_block
from hitl_fsm.policy.formats.report import Report, level_of

_COMMANDS = {"error": "error", "warning": "warning", "info": "notice"}
# `%` first: it is what the others become.
_IN_DATA = (("%", "%25"), ("\r", "%0D"), ("\n", "%0A"))
_IN_PROPERTY = (*_IN_DATA, (":", "%3A"), (",", "%2C"))


def render(report: Report) -> str:
    """One line a finding. No text of a file can end its line, or begin a command of its own."""
    return "\n".join(_command(found) for found in report.findings)


def _command(found: Diagnostic) -> str:
    place, level = found.place, level_of(found)
    properties = {
        "file": visible(place.file),
        "line": str(place.line),
        "col": str(place.column),
        "endColumn": str(place.column + found.width),
        "title": found.code,
    }
    told = visible_block(found.message) + (f"\nhint: {visible_block(found.help)}" if found.help else "")
    named = ",".join(f"{name}={_escaped(value, _IN_PROPERTY)}" for name, value in properties.items())
    return f"::{_COMMANDS[level]} {named}::{_escaped(told, _IN_DATA)}"


def _escaped(text: str, signs: tuple[tuple[str, str], ...]) -> str:
    for sign, written in signs:
        text = text.replace(sign, written)
    return text
