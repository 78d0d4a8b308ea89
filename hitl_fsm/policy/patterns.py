"""Tool patterns: names in which `*` stands for any text, dots included. Case counts. Linear in the name's length."""

from __future__ import annotations

import re
from functools import lru_cache

MAX_CHARS = 128
_REMEMBERED = 64

_ALLOWED = re.compile(rf"[A-Za-z0-9_.:/*-]{{1,{MAX_CHARS}}}")


def is_pattern(text: str) -> bool:
    """Whether a tool can be named so."""
    return _ALLOWED.fullmatch(text) is not None


def is_name_pattern(text: str) -> bool:
    """Whether a step or an agent can be named so: their names may hold spaces and letters of any language."""
    return 0 < len(text) <= MAX_CHARS and text.isprintable() and text == text.strip()


def is_glob(pattern: str) -> bool:
    """Whether it may stand for several tools."""
    return "*" in pattern


def matches(pattern: str, name: str) -> bool:
    """Whether `pattern` covers `name`; also whether it covers all that the pattern `name` stands for.

    The second holds because a `*` in `name` is then a character that only a `*` of `pattern` can match.
    """
    first, *others = pattern.split("*")
    if not others:
        return pattern == name
    last = others.pop()
    if len(name) < len(first) + len(last) or not (name.startswith(first) and name.endswith(last)):
        return False
    position, end = len(first), len(name) - len(last)
    for part in others:
        found = name.find(part, position, end)
        if found < 0:
            return False
        position = found + len(part)
    return True


def any_covers(patterns: tuple[str, ...], name: str) -> bool:
    """Whether one of many patterns `matches`: only those are tried that begin as the name does."""
    heads = _by_head(patterns)
    return any(matches(one, name) for length in range(len(name) + 1) for one in heads.get(name[:length], ()))


@lru_cache(maxsize=_REMEMBERED)  # one rule after the other is held against its policy's patterns
def _by_head(patterns: tuple[str, ...]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for pattern in patterns:
        found.setdefault(pattern.partition("*")[0], []).append(pattern)
    return found
