"""HF211: a list of allowed commands that another command gets around."""

from __future__ import annotations

from collections.abc import Iterator

from hitl_fsm.errors import Diagnostic
from hitl_fsm.policy.expression import Node
from hitl_fsm.policy.lint.commands import is_about_command, launcher
from hitl_fsm.policy.lint.conditions import Bound, Placed, loosening, shown, values_of
from hitl_fsm.policy.lint.regexes import is_held, not_re2, separator_in
from hitl_fsm.policy.lint.rule import Rule
from hitl_fsm.policy.project import Project

RULE = Rule("HF211", "shell-allow-list", "warning", "A list of allowed commands can be got around")
_PARTS = frozenset({"startsWith", "endsWith", "contains"})
_HELP = "let the tool take a list of words (`argv`), and compare the first one: args.argv[0] in ['date', 'df']"


def check(project: Project) -> Iterator[Diagnostic]:
    """Commands that are let through by a part of their text, or by a program that starts others."""
    for placed, question in loosening(project):
        node = question.node
        if node.kind != "call" or len(node.children) != 2:  # noqa: PLR2004
            continue
        if message := _problem(placed, node, question.bound):
            yield RULE.inside(placed.member, placed.path, (node.offset, node.width), message, _HELP)


def _problem(placed: Placed, node: Node, bound: Bound) -> str | None:
    command, other = node.children
    if node.value == "==" and command.kind == "literal":
        command, other = other, command
    if not is_about_command(placed, command, bound):
        return None
    values = [value for value in values_of(other, placed.member, bound) if isinstance(value, str)]
    part = shown(placed, node)
    if node.value in _PARTS:
        return f"`{part}` also lets through a command that another one is written into: `; rm -rf ~`, `$(…)`, `| sh`"
    if node.value == "matches":
        return next((said for pattern in values if (said := _pattern(part, pattern))), None)
    if node.value in ("==", "in"):
        starts = next((value for value in values if launcher(value)), None)
        return f"`{starts[:60]}` can start any program, so `{part}` lets everything through" if starts else None
    return None


def _pattern(part: str, pattern: str) -> str | None:
    if not_re2(pattern) is not None:
        return None
    if not is_held(pattern):
        return f"`{part}` also lets through what stands before or after it: `; rm -rf ~`, `$(…)`, `| sh`"
    wide = separator_in(pattern)
    if wide is None:
        return None
    return f"`{part}` also lets through `;`, `|`, `$(…)` or a new line, where `{wide[:40]}` stands"
