"""What an edit changed: value by value, where both are objects, else as a whole."""

from __future__ import annotations

from typing import Any

from hitl_fsm.audit.export.evidence.parts import Html, code, table, tag, value

_NONE = "—"


def changes(was: Any, now: Any) -> Html:
    """A table of what differs; a sentence where nothing does."""
    if not isinstance(was, dict) or not isinstance(now, dict):
        rows: list[tuple[Html | str, ...]] = [] if _same(was, now) else [("all of it", _old(was), _new(now))]
    else:
        names = dict.fromkeys((*was, *now))
        rows = [
            (code(name), _old(was[name]) if name in was else _NONE, _new(now[name]) if name in now else _NONE)
            for name in names
            if name not in was or name not in now or not _same(was[name], now[name])
        ]
    if not rows:
        return tag("p", "Nothing that is shown; masked values are not compared.")
    return table(("What", "Before", "After"), rows, cls="changes")


def _same(was: Any, now: Any) -> bool:
    """As JSON has it: 1 and 1.0 are one value, 1 and true are two."""
    return bool(was == now) and isinstance(was, bool) == isinstance(now, bool)


def _old(found: Any) -> Html:
    return tag("del", value(found))


def _new(found: Any) -> Html:
    return tag("ins", value(found))
