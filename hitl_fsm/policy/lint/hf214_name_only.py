"""HF214: what is let through for a name's sake."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hitl_fsm.errors import Diagnostic
from hitl_fsm.policy.expression import Node, path_of
from hitl_fsm.policy.lint.conditions import Placed, conditions, rests_on, shown
from hitl_fsm.policy.lint.rule import Rule
from hitl_fsm.policy.project import Project

RULE = Rule("HF214", "name-only", "warning", "What is let through rests on a name alone")
_NAMES = {("agent",): "an agent's name is what the application calls it", ("user", "id"): "one person is named"}
_PARTS = frozenset({"startsWith", "endsWith", "contains", "matches"})
_HELP = {
    ("agent",): "add what the action itself must be, such as a limit, or ask for a role: 'finance' in user.roles",
    ("user", "id"): "ask for a role, which is given and taken away elsewhere: 'finance' in user.roles",
    ("tool",): "list the tools: tools: [wiki.read, wiki.search]",
}


def check(project: Project) -> Iterator[Diagnostic]:
    """All of a rule's `when`, where it lets through, and each `unless` of the others; exact names of tools may."""
    for group in _loosening(conditions(project)):
        if all(rests_on(placed.tree, lambda node: _named(node) is not None) for placed in group):
            for placed in group:
                yield from _findings(placed)


def _loosening(placed: Sequence[Placed]) -> Iterator[list[Placed]]:
    """Conditions that loosen together."""
    together: dict[tuple[int, object], list[Placed]] = {}
    for one in placed:
        if one.decides and one.lets_through and one.key == "when" and not one.rule.unless:
            together.setdefault((id(one.member), one.path[1]), []).append(one)
        elif one.decides and not one.lets_through and one.key == "unless":
            yield [one]
    yield from together.values()


def _findings(placed: Placed) -> Iterator[Diagnostic]:
    for question in placed.questions:
        path = _named(question.node)
        if path is not None:
            node = question.node
            why = _NAMES.get(path, "a server, or a model, may give a tool any name")
            message = f"`{shown(placed, node)}` alone lets the action through: {why}"
            yield RULE.inside(placed.member, placed.path, (node.offset, node.width), message, _HELP[path])
            return


def _named(node: Node) -> tuple[str, ...] | None:
    """The name that a question is only about."""
    if node.kind != "call" or len(node.children) != 2:  # noqa: PLR2004
        return None
    for one, other in (node.children, node.children[::-1]):
        path = path_of(one)
        if path == ("tool",) and node.value in _PARTS and one is node.children[0]:
            return path
        if path in _NAMES and node.value in {"==", "!=", "in", *_PARTS} and _is_fixed(other):
            return path
    return None


def _is_fixed(node: Node) -> bool:
    path = path_of(node)
    return node.kind in ("literal", "list") or (path is not None and path[0] == "vars")
