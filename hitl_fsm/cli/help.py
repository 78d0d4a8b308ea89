"""`help`: what a code means, and what to do about it."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated

import typer

from hitl_fsm.cli.output import json_document, line
from hitl_fsm.cli.pages import Entry, as_plain, entries
from hitl_fsm.errors import SettingsError

if TYPE_CHECKING:
    from hitl_fsm.cli.session import Session

_HEADS = {
    "HF1": "Policy files: errors",
    "HF2": "Policy files: what is allowed and seldom meant",
    "HF3": "Runs, requirements and answers",
    "HF4": "Tools and models",
    "HF5": "The store",
    "HF6": "The record",
    "HF7": "Settings and the command line",
    "HF0": "This program",
}


def help_(
    ctx: typer.Context,
    code: Annotated[
        str | None, typer.Argument(metavar="CODE", help="As a finding or an error shows it: HF205.")
    ] = None,
) -> None:
    """Explain a code of a finding or an error; without one, list all.

    JSON: {"code", "title", "text"}, the text in Markdown; a list of {"code", "title"} without a code.
    """
    session: Session = ctx.obj
    known = entries()
    if code is None:
        if session.json:
            json_document([{"code": entry.code, "title": entry.title} for entry in known.values()])
        else:
            line(_contents(known))
        return
    entry = _find(code, known)
    if session.json:
        json_document(entry._asdict())
    else:
        line(as_plain(entry.text))


def _find(code: str, known: dict[str, Entry]) -> Entry:
    """The entry; case and a missing `HF` do not matter. SettingsError for a code that there is not."""
    wanted = code.strip().upper()
    wanted = f"HF{wanted}" if wanted.isdigit() else wanted
    if wanted in known:
        return known[wanted]
    near = get_close_matches(wanted[:20], known, n=1, cutoff=0.8)
    message = f"there is no code {code[:40]!r}"
    hint = f"did you mean {near[0]}? " if near else ""
    raise SettingsError(message, help=f"{hint}`hitl-fsm help` lists all; for a command: `hitl-fsm COMMAND --help`")


def _contents(known: dict[str, Entry]) -> str:
    """All codes under their headings."""
    parts = []
    for head, title in _HEADS.items():
        rows = [f"  {entry.code}  {entry.title}" for entry in known.values() if entry.code.startswith(head)]
        if rows:
            parts.append("\n".join([title, *rows]))
    return "\n\n".join(parts)
