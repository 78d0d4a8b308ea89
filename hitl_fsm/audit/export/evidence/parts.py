"""Pieces of the page. Whatever comes from a line passes `esc` or `block`; nothing else may go into markup."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from html import escape
from typing import Any, Final, NamedTuple

from hitl_fsm.audit.export.words import stamp
from hitl_fsm.model.visible import MASK, visible, visible_block

VALUE_LIMIT: Final = 20_000
"""Characters of one value that the page shows; the record has all of it."""
_SECOND, _MINUTE, _HOUR, _DAY = 1_000, 60_000, 3_600_000, 86_400_000
_SHORT = 12
_REDACTED = re.compile(r"⟦U\+27E6⟧(redacted: [a-z0-9_ -]{1,40})⟦U\+27E7⟧")
_HIDDEN = r'<span class="hidden">\1</span>'


class Html(NamedTuple):
    """Markup that is safe: made of nothing but literals and what passed `esc`."""

    text: str


def esc(text: object) -> Html:
    """A text of one line."""
    return Html(escape(visible(str(text)), quote=True))


def block(text: str) -> Html:
    """A text of several lines, cut where it is longer than anybody reads; what was hidden in it stands out."""
    left_out = len(text) - VALUE_LIMIT
    shown = escape(visible_block(text[:VALUE_LIMIT]), quote=True)
    shown = _REDACTED.sub(_HIDDEN, shown).replace(MASK, _HIDDEN.replace(r"\1", "masked"))
    return Html(shown if left_out <= 0 else f"{shown}\n… {left_out} characters more stand in the record")


def join(parts: Iterable[Html | str], between: str = "") -> Html:
    """One after the other; a bare text is escaped first."""
    return Html(between.join(one.text if isinstance(one, Html) else esc(one).text for one in parts))


def tag(name: str, *inner: Html | str, cls: str = "", id: str = "") -> Html:  # noqa: A002 - its name
    """An element. `name`, `cls` and `id` are ours, never a line's."""
    attributes = (f' class="{cls}"' if cls else "") + (f' id="{id}"' if id else "")
    return Html(f"<{name}{attributes}>{join(inner).text}</{name}>")


def link(anchor: str, *inner: Html | str) -> Html:
    """To a place of this page; `anchor` is ours."""
    return Html(f'<a href="#{anchor}">{join(inner).text}</a>')


def table(head: Iterable[str], rows: Iterable[Iterable[Html | str]], *, cls: str = "") -> Html:
    """A table whose head is repeated on each printed page."""
    names = join(Html(f'<th scope="col">{esc(name).text}</th>') for name in head)
    body = join((tag("tr", join(tag("td", cell) for cell in row)) for row in rows), "\n")
    return tag("table", tag("thead", tag("tr", names)), tag("tbody", body), cls=cls)


def facts(rows: Iterable[tuple[str, Html | str]], *, cls: str = "facts") -> Html:
    """Names and what they are; a row without anything to say is left out."""
    told = (
        Html(f'<tr><th scope="row">{esc(name).text}</th><td>{join([value]).text}</td></tr>')
        for name, value in rows
        if value not in ("", Html(""))
    )
    return tag("table", tag("tbody", join(told, "\n")), cls=cls)


def code(text: str) -> Html:
    """A name or a text as it is written."""
    return tag("code", text) if text else Html("")


def digest(text: str) -> Html:
    """All of it; a reader who compares needs each digit."""
    return tag("code", text, cls="digest") if text else Html("")


def short(text: str) -> str:
    """The beginning of a digest, for a name."""
    return text[:_SHORT]


def value(found: Any) -> Html:
    """A JSON value, laid out."""
    if isinstance(found, str):
        return tag("pre", block(found))
    return tag("pre", block(json.dumps(found, indent=2, ensure_ascii=False, sort_keys=True)))


def when(at: int) -> Html:
    """An instant as people read it, to the millisecond, in UTC."""
    text = stamp(at)
    if not text.endswith("Z"):
        return esc(text)
    date, _, time = text[:-1].partition("T")
    return Html(f'<time datetime="{text}">{date} {time} UTC</time>')


def lasted(ms: int | None) -> str:
    """A duration in its two largest units."""
    if ms is None:
        return ""
    if ms < 0:
        return f"{ms} ms"
    if ms < _MINUTE:
        return f"{ms / _SECOND:.1f} s" if ms >= _SECOND else f"{ms} ms"
    for unit, name, below, small in (
        (_DAY, "d", _HOUR, "h"),
        (_HOUR, "h", _MINUTE, "min"),
        (_MINUTE, "min", _SECOND, "s"),
    ):
        if ms >= unit:
            rest = ms % unit // below
            return f"{ms // unit} {name}" + (f" {rest} {small}" if rest else "")
    return f"{ms} ms"


def seq(number: int) -> Html:
    """A line of the record, with the way to its leaf."""
    return Html(f'<a class="seq" href="#line-{number}">{number}</a>')
