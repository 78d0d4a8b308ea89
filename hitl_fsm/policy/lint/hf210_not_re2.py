"""HF210: a pattern that fails on every action."""

from __future__ import annotations

from collections.abc import Iterator

from hitl_fsm.errors import Diagnostic
from hitl_fsm.policy.lint.conditions import conditions, values_of, walk_bound
from hitl_fsm.policy.lint.regexes import not_re2
from hitl_fsm.policy.lint.rule import Rule
from hitl_fsm.policy.project import Project

RULE = Rule("HF210", "pattern-not-re2", "error", "A pattern is not RE2")


def check(project: Project) -> Iterator[Diagnostic]:
    """Patterns of `matches` that are written in the policy; those of forms do not load (HF119)."""
    for placed in conditions(project):
        if "matches" not in placed.text:
            continue
        for node, bound in walk_bound(placed.tree):
            if node.kind != "call" or node.value != "matches" or len(node.children) != 2:  # noqa: PLR2004
                continue
            for pattern in values_of(node.children[1], placed.member, bound):
                why = not_re2(pattern) if isinstance(pattern, str) else None
                if why is not None:
                    at = node.children[1]
                    message = f"the pattern `{pattern[:60]}` is not RE2: {why}; it fails on every text"
                    help_text = "RE2 has no look-ahead and no back-reference; say the rest with another condition"
                    yield RULE.inside(placed.member, placed.path, (at.offset, at.width), message, help_text)
