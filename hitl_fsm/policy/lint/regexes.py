"""Regular expressions as RE2 reads them: whether they are held at both ends, and which characters they let stand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

import re2  # type: ignore[import-untyped]

from hitl_fsm.policy.form_check import compiled

MAX_PATTERN = 4000
_MAX_GROUPS = 20

_TOKEN = re.compile(
    r"\\Q.*?(?:\\E|$)|\\[pP]\{[^}]*\}|\\[pP].|\\x\{[^}]*\}|\\.|\[\^?\]?(?:\[:\^?\w+:\]|\\.|[^\]\\])*\]|.", re.DOTALL
)
_GROUP = re.compile(r"\((?:\?(?:P?<\w+>|[a-zA-Z-]*:))?")
_FLAGS = re.compile(r"\(\?([a-zA-Z-]+)\)")
_REPEATS = (["?"], ["*"], ["{"])
_WIDE = re.compile(r"\.|\[.{2,}|\\[DSWspP].*", re.DOTALL)
_SEPARATORS = ";|&$`\n<>()"


@lru_cache(maxsize=1024)
def not_re2(pattern: str) -> str | None:
    """Why RE2 does not take it, or None."""
    try:
        compiled(pattern)
    except (re2.error, UnicodeEncodeError) as error:
        said = error.args[0] if error.args else error
        return said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    return None


@lru_cache(maxsize=1024)
def is_held(pattern: str) -> bool:
    """Whether it says where the text begins and where it ends: `^…$`, on each side of a `|`; `.*` says `anything`."""
    if len(pattern) > MAX_PATTERN:
        return True  # nothing is said of it
    return _is_held(list(_TOKEN.findall(pattern)), at_start=True, at_end=True, depth=0)


def _is_held(items: list[str], *, at_start: bool, at_end: bool, depth: int) -> bool:
    if depth > _MAX_GROUPS:
        return True
    items = _without_flags(items)
    if items is _BY_LINE:
        return False
    return all(_is_branch_held(branch, depth, at_start=at_start, at_end=at_end) for branch in _branches(items))


def _is_branch_held(items: list[str], depth: int, *, at_start: bool, at_end: bool) -> bool:
    anchored = items[:1] in (["^"], ["\\A"]) and items[1:2] not in _REPEATS
    start = not at_start or anchored or items[:2] == [".", "*"]
    end = not at_end or items[-1:] in (["$"], ["\\z"]) or items[-2:] in ([".", "*"], [".", "+"])
    if start and end:
        return True
    groups = list(_groups(items))
    if not start:
        opening = groups[0] if groups and groups[0][0] == 0 else None
        start = opening is not None and not _is_repeated(items, opening) and _inside(items, opening, depth, start=True)
    if not end:
        closing = groups[-1] if groups and groups[-1][1] == len(items) - 1 else None
        end = closing is not None and _inside(items, closing, depth, start=False)
    return start and end


def _inside(items: list[str], group: tuple[int, int], depth: int, *, start: bool) -> bool:
    """Whether all branches of a group are held at its start, or at its end."""
    first, last = group
    opening = _GROUP.match("".join(items[first:last]))
    body = list(_TOKEN.findall("".join(items[first:last])[opening.end() if opening else 1 :]))
    return _is_held(body, at_start=start, at_end=not start, depth=depth + 1)


def _is_repeated(items: list[str], group: tuple[int, int]) -> bool:
    return items[group[1] + 1 : group[1] + 2] in _REPEATS


_BY_LINE: list[str] = ["(?m)"]


def _without_flags(items: list[str]) -> list[str]:
    """Without `(?i)` at the beginning; `_BY_LINE` where `^` and `$` stand for lines."""
    text = "".join(items)
    while found := _FLAGS.match(text):
        if "m" in found[1].partition("-")[0]:
            return _BY_LINE
        text = text[found.end() :]
    return list(_TOKEN.findall(text))


def _branches(items: list[str]) -> Iterator[list[str]]:
    depth, branch = 0, list[str]()
    for item in items:
        depth += (item == "(") - (item == ")")
        if item == "|" and depth == 0:
            yield branch
            branch = []
        else:
            branch.append(item)
    yield branch


def _groups(items: list[str]) -> Iterator[tuple[int, int]]:
    """First and last item of each group that is in no other."""
    depth = first = 0
    for index, item in enumerate(items):
        if item == "(":
            first = index if depth == 0 else first
            depth += 1
        elif item == ")":
            depth -= 1
            if depth == 0:
                yield first, index


@lru_cache(maxsize=1024)
def separator_in(pattern: str) -> str | None:
    """A part of a pattern that stands for several characters, one of which separates or embeds commands in a shell."""
    if len(pattern) > MAX_PATTERN or not_re2(pattern) is not None:
        return None
    wide = (item for item in _TOKEN.findall(pattern) if _WIDE.fullmatch(item) and not_re2(item) is None)
    return next((str(item) for item in wide if any(compiled(item).fullmatch(sign) for sign in _SEPARATORS)), None)
