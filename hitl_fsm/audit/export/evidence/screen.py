"""What somebody had before the eyes, as a card: a presentation, in the order in which a person reads one. Total."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from hitl_fsm.audit.export.evidence.parts import Html, block, facts, join, tag, value

_TOLD_ELSEWHERE: Final = frozenset(
    {
        *("id", "run", "call", "digest", "short_digest", "nonce", "state", "run_state", "stage", "stages", "kind"),
        *("agent", "user", "args", "arguments", "opened_at", "path", "tool", "severity", "asks"),
    }
)
"""Ids and digests, which stand beside the card; and what the card begins with."""
_ORDER: Final = ("who", "needs", "quorum", "excluded", "expires_at", "on_expiry", "editing", "break_glass", "masked")
_NAMES: Final = {
    "who": "Who may answer",
    "needs": "What it takes",
    "quorum": "So far",
    "excluded": "Who may not",
    "expires_at": "Open until",
    "on_expiry": "After that",
    "editing": "What may be changed",
    "break_glass": "In an emergency",
    "masked": "Not shown",
    "why": "Why it was asked",
    "votes": "Votes so far",
    "flags": "Worth a second look",
    "said": "The model's own words",
    "how": "What could be answered",
    "result": "The result",
}


def screen(shown: Any) -> Html:
    """The card; anything else than an object as it is."""
    if not isinstance(shown, dict):
        return value(shown)
    title = join((str(shown.get("asks", "")), " ", tag("code", str(shown.get("tool", "")))))
    arguments = shown.get("arguments", shown.get("args"))
    rows: list[tuple[str, Html | str]] = [("Arguments", _value(arguments))] if arguments not in (None, "", {}) else []
    names = [*_ORDER, *(name for name in shown if name not in _ORDER)]
    rows += [
        (_NAMES.get(str(name), str(name).replace("_", " ").capitalize()), _value(shown[name]))
        for name in names
        if name not in _TOLD_ELSEWHERE and shown.get(name) not in (None, "", [], {}, False)
    ]
    return tag("div", tag("p", title, cls="screen-title"), facts(rows), cls="screen")


def _value(found: Any) -> Html:
    if isinstance(found, str):
        return tag("pre", block(found)) if "\n" in found else tag("span", block(found))
    if isinstance(found, list) and all(isinstance(one, str) for one in found):
        return join([", ".join(found)])
    if isinstance(found, list) and all(isinstance(one, dict) for one in found):
        return join([tag("ul", join(tag("li", _line(one)) for one in found))])
    return value(found)


def _line(one: Mapping[str, Any]) -> Html:
    """One of several (a rule, a vote, an answer, a flag): its values, the names left out that are plain."""
    told = [str(found) for name, found in one.items() if isinstance(found, str) and found and name != "command"]
    more = {
        name: found for name, found in one.items() if not isinstance(found, str | bool) and found not in (None, [], {})
    }
    return join((" · ".join(told), value(more) if more else ""))
