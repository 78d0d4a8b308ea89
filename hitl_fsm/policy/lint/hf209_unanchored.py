"""HF209: a text that is let through by a part of it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from hitl_fsm.errors import Diagnostic
from hitl_fsm.policy.expression import Node
from hitl_fsm.policy.lint.argument_names import address_kind
from hitl_fsm.policy.lint.commands import is_about_command
from hitl_fsm.policy.lint.conditions import Bound, Placed, loosening, place_of, shown, values_of
from hitl_fsm.policy.lint.regexes import is_held, not_re2
from hitl_fsm.policy.lint.rule import Rule
from hitl_fsm.policy.project import Project

RULE = Rule("HF209", "unanchored-pattern", "warning", "What is let through is told by a part of its text")
_PARTS = frozenset({"startsWith", "endsWith", "contains"})
_OPEN_URL = re.compile(r"(?:[a-z][a-z0-9+.-]*://[^/?#]+|[\w-]+(?:[.][\w-]+)+)", re.IGNORECASE)
_SCHEME = re.compile(r"(?:\\A|\^)[a-z?]+:(?://|\\/\\/)", re.IGNORECASE)
_HELP = {
    "URL": "match the whole: args.url.matches('^https://api[.]example[.]com(/.*)?$')",
    "host": "compare the whole: args.host == 'api.example.com', or endsWith('.example.com')",
    "address": "begin with the sign before the name: endsWith('@example.com')",
}


def check(project: Project) -> Iterator[Diagnostic]:
    """Patterns without `^` and `$`, and parts of addresses, where being true loosens. Commands are HF211's."""
    for placed, question in loosening(project):
        node = question.node
        if node.kind != "call" or node.value not in {"matches", *_PARTS} or len(node.children) != 2:  # noqa: PLR2004
            continue
        if is_about_command(placed, node.children[0], question.bound):
            continue
        found = _open_pattern(placed, node, question.bound)
        if node.value != "matches":
            found = _open_address(placed, node, question.bound)
        if found:
            yield RULE.inside(placed.member, placed.path, (node.offset, node.width), *found)


def _open_pattern(placed: Placed, node: Node, bound: Bound) -> tuple[str, str] | None:
    for pattern in values_of(node.children[1], placed.member, bound):
        if isinstance(pattern, str) and not (_SCHEME.fullmatch(pattern) or is_held(pattern) or not_re2(pattern)):
            message = f"`{shown(placed, node)}` also lets through what only holds `{pattern[:60]}` somewhere"
            return message, "write `^` before and `$` after the pattern, around all of its `|`"
    return None


def _open_address(placed: Placed, node: Node, bound: Bound) -> tuple[str, str] | None:
    place = place_of(node.children[0], bound)
    kind = address_kind(place[-1]) if place and place[0] == "args" else None
    for part in values_of(node.children[1], placed.member, bound):
        if not isinstance(part, str):
            continue
        which = "URL" if "://" in part else kind
        if which is not None and (other := _fooled_by(str(node.value), which, part)):
            return f"`{shown(placed, node)}` also lets `{other[:80]}` through", _HELP[which]
    return None


def _fooled_by(way: str, kind: str, part: str) -> str | None:
    """Another address that passes, or None."""
    if way == "contains":
        return {"URL": f"https://evil.test/?{part}", "host": f"{part}.evil.test", "address": f"{part}@evil.test"}[kind]
    if way == "endsWith":
        if kind == "URL":
            return f"https://evil.test/{part}"
        return None if part[:1] in ("@", ".") else f"{'x@' * (kind == 'address')}evil{part}"
    if kind == "URL":
        return f"{part}.evil.test" if _OPEN_URL.fullmatch(part) else None
    return f"{part}.evil.test" if kind == "host" else None
