"""A notice as text for people: short, plain, and with nothing in it that could repaint where it is shown."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from hitl_fsm.model.instant import iso
from hitl_fsm.model.notice import Notice
from hitl_fsm.model.visible import visible

TITLE_MAX = 120
"""Characters of a title."""
FIELD_MAX = 300
"""Characters of one line; a longer one says that it was cut."""
PROGRAM = "hitl-fsm"


def title(notice: Notice) -> str:
    """What is asked, or what happened, on one line."""
    return _cut(visible(notice.asks[: 2 * TITLE_MAX]), TITLE_MAX)


def body(notice: Notice) -> str:
    """Lines of `what: text`. Nothing in it answers the question; the link, and the command, show it."""
    return "\n".join(
        f"{name}: {_cut(visible(text[: 2 * FIELD_MAX]), FIELD_MAX)}" for name, text in _lines(notice) if text
    )


def _lines(notice: Notice) -> Iterator[tuple[str, str]]:
    yield "For", notice.who
    yield "Severity", notice.severity
    yield "Tool", notice.tool
    yield "Agent", notice.agent
    yield "Asked for by", notice.user
    yield "By", notice.by if notice.event not in _OPENING else ""
    yield "Reason", notice.note
    yield "Until", "" if notice.expires_at is None else iso(notice.expires_at)
    yield "Digest", notice.digest
    if notice.args is not None:
        yield "Arguments", msgspec.json.encode(notice.args).decode()
    if notice.omitted:
        yield "Arguments", "too long to be shown here"
    yield "Not shown", ", ".join(notice.hidden)
    yield "See", notice.link
    yield "Or", f"{PROGRAM} show {notice.requirement}"


_OPENING = frozenset({"requirement_opened", "requirement_reminded", "requirement_escalated"})


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
