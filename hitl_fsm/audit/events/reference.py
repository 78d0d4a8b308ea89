"""The page `docs/reference/record.md`: `python -m hitl_fsm.audit.events.reference > docs/reference/record.md`."""

from __future__ import annotations

import sys
from typing import Any

from hitl_fsm.audit.events.all import THEMES
from hitl_fsm.audit.events.base import Data

HEAD = """\
# The record: every event

One line an event, in the transaction that changes the state. This page is generated from the models of the events
(`hitl_fsm/audit/events`); each line that the tests write is held to them. The JSON Schemas are
`schemas/record/EVENT.v1.schema.json`, and `schemas/record.schema.json` for any line.

Around the event's own `data` every line has:

| Member | What it is |
|---|---|
| `seq` | The line's number, from 1, without gaps. |
| `prev` | The leaf of the line before: SHA-256(0x00 ‖ its stored bytes), hex; 64 zeros in the first line. |
| `event` | What happened: one of the names below. |
| `at` | When, in milliseconds since the epoch, UTC. |
| `by` | Who: `id`, `kind` (absent: `human`), `roles`, `groups`, `authenticated_by` (absent: \
`application`, whose word it is), `on_behalf_of`, `person` (absent: the `id`), `printed_name`. |
| `run` | Which run; absent where it is of none. |
| `contents` | By name, salted commitments (SHA-256, hex) to what is kept beside the line and can be erased. |
| `v` | The version of the event's schema; absent: 1. |

A member with `?` may be absent: what is empty, zero or false by default is left out. There are no floats: times are
milliseconds, money is in minor units, other fractions are decimal text. People's data never stands in the line, but for
the ids of those who act, are asked, and are acted for.
"""


def page() -> str:
    """All of it."""
    parts = [HEAD]
    for theme, events in THEMES.items():
        parts.append(f"\n## {theme}\n")
        parts += [_section(event, kind) for event, kind in events.items()]
    return "\n".join(parts)


def _section(event: str, kind: type[Data]) -> str:
    told = " ".join((kind.__doc__ or "").split())
    data = ", ".join(_member(name, field) for name, field in kind.model_fields.items()) or "none"
    contents = "; ".join(f"`{name}` ({meaning})" for name, meaning in kind.CONTENTS.items()) or "none"
    return f"### `{event}`\n\n{told}\n\n- data: {data}\n- contents: {contents}\n"


def _member(name: str, field: Any) -> str:
    return f"`{name}`" if field.is_required() else f"`{name}`?"


if __name__ == "__main__":
    sys.stdout.write(page())
