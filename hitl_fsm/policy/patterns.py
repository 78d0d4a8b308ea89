"""Tool patterns: names in which `*` stands for any text, dots included. Case counts. Linear in the name's length."""

from __future__ import annotations

import re

MAX_CHARS = 128

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
