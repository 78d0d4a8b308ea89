"""Policies held against the tools that there are: patterns that match none, conditions that some call would break.

For each condition every tool that its rule covers is tried. What would fail on one of them is an error that names the
tool; what merely can never be (`args.currency == 'EURO'`) is one only if it is so for all of them, since a rule for
many tools may ask what only some have.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import NamedTuple

from hitl_fsm.errors import Diagnostic
from hitl_fsm.policy.certainty import certain
from hitl_fsm.policy.codes import Code
from hitl_fsm.policy.condition import ConditionError
from hitl_fsm.policy.document import Rule
from hitl_fsm.policy.expression import Node, parse_tree
from hitl_fsm.policy.names import did_you_mean
from hitl_fsm.policy.patterns import is_glob, is_pattern, matches
from hitl_fsm.policy.project import Member
from hitl_fsm.policy.source import Path
from hitl_fsm.policy.surroundings import ToolShape
from hitl_fsm.policy.tool_arguments import check_arguments
from hitl_fsm.policy.tool_groups import Groups, arguments_used
from hitl_fsm.policy.type_check import Checker, Issue
from hitl_fsm.policy.type_facts import NOTHING, Facts, asked, facts_if
from hitl_fsm.policy.value_type import DYN, Type, of_kind, of_parameters, of_schema, of_value

Fitting = Callable[[str], frozenset[str]]
"""From a pattern to the names of the tools that it fits."""

_MAX_NAMED = 3
_TEXT = {"type": "string"}
_USER = {
    "type": "object",
    "properties": {"id": _TEXT, "roles": {"type": "array", "items": _TEXT}, "kind": _TEXT},
    "required": ["id", "roles", "kind"],
}
_ALWAYS: dict[str, Type] = {
    "user": of_schema(_USER, _USER),
    "run": of_schema({"type": "object", "properties": {"id": _TEXT}, "required": ["id"]}, {}),
    "env": of_schema({"type": "object", "additionalProperties": _TEXT}, {}),
    "now": of_kind("timestamp"),
    **{name: of_kind("string") for name in ("agent", "team", "workflow", "step")},
}


class _Known(NamedTuple):
    """The tools, and what was read of their schemas once for all rules."""

    tools: Mapping[str, ToolShape]
    arguments: Mapping[str, Type]
    groups: Groups


class _Part(NamedTuple):
    """One condition of a rule: `holds` is what it is when the rule applies."""

    text: str
    tree: Node
    path: Path
    holds: bool


def check_tools(members: Iterable[Member], tools: Mapping[str, ToolShape]) -> list[Diagnostic]:
    """Every finding; the members are files whose shape is right. Conditions that do not compile are left out."""
    known = _Known(tools, {name: of_parameters(tool.parameters) for name, tool in tools.items()}, Groups(tools))
    found: list[Diagnostic] = []
    # A pattern stands in many rules, and there may be a thousand tools.
    fitting = cache(lambda pattern: frozenset(name for name in tools if matches(pattern, name)))
    for member in members:
        found += _patterns(member, tools, fitting)
        covered = _of_policy(member, tools, fitting)
        for index, rule in enumerate(member.document.rules):
            of_rule = _of_rule(rule, covered, tools, fitting)
            found += _rule(member, ("rules", index), rule, known, of_rule)
            found += check_arguments(member, ("rules", index), rule, known.arguments, of_rule or ())
    return found


def scope_of(tool: str, arguments: Type, variables: Type) -> dict[str, Type]:
    """The types of all names that a condition may use for calls of a tool; empty: nobody knows which."""
    named_so = of_value(tool) if tool else of_kind("string")
    return {**_ALWAYS, "vars": variables, "args": arguments, "tool": named_so}


def _patterns(member: Member, tools: Mapping[str, ToolShape], fitting: Fitting) -> Iterator[Diagnostic]:
    """An exact name is a mistake, or a tool that went away; a pattern may wait for tools to come."""
    source, document = member.source, member.document
    told: set[str] = set()
    places: list[tuple[Path, Sequence[str]]] = [(("tools",), document.tools or ())]
    places += [(("rules", index, "tools"), rule.tools or ()) for index, rule in enumerate(document.rules)]
    for path, patterns in places:
        for index, pattern in enumerate(patterns):
            if pattern in told or not is_pattern(pattern) or fitting(pattern):
                continue
            told.add(pattern)
            node = source.node((*path, index))
            hint = did_you_mean(pattern, tools) or f"there are {_listed(sorted(tools)) or 'no tools'}"
            if is_glob(pattern):
                found = source.diagnostic(Code.NO_SUCH_TOOL, f"no tool's name fits `{pattern}`", node, hint)
                yield replace(found, severity="warning")
            else:
                yield source.diagnostic(Code.NO_SUCH_TOOL, f"there is no tool `{pattern}`", node, hint)


def _of_policy(member: Member, tools: Mapping[str, ToolShape], fitting: Fitting) -> list[str] | None:
    """The tools that a policy covers; None where it names agents alone: which tools they have, no file tells."""
    document = member.document
    if document.tools is not None:
        return _matching(document.tools, tools, fitting)
    return [] if document.steps is not None else None


def _of_rule(rule: Rule, covered: list[str] | None, tools: Iterable[str], fitting: Fitting) -> list[str] | None:
    if rule.tools is None:
        return covered if rule.steps is None else []
    return _matching(rule.tools, tools if covered is None else covered, fitting)


def _matching(patterns: Sequence[str], names: Iterable[str], fitting: Fitting) -> list[str]:
    fit: set[str] = set().union(*map(fitting, patterns))
    return [name for name in names if name in fit]


def _rule(member: Member, path: Path, rule: Rule, known: _Known, covered: list[str] | None) -> Iterator[Diagnostic]:
    when = list(_parts(rule.when, (*path, "when"), holds=True))
    unless = list(_parts(rule.unless, (*path, "unless"), holds=False))
    if not when and not unless:
        return
    variables = of_value(dict(member.document.vars))
    groups = known.groups.alike(covered or (), arguments_used(part.tree for part in (*when, *unless))) or [[""]]
    scopes = [(names, scope_of(names[0], known.arguments.get(names[0], DYN), variables)) for names in groups]
    for part in (*when, *unless):
        beside = [other for other in (when if part.holds else (*when, *unless)) if other is not part]
        facts: Facts = NOTHING.union(*(facts_if(other.tree, holds=other.holds) | asked(other.tree) for other in beside))
        issues: dict[tuple[Code, int], dict[str, Issue]] = {}
        reached = 0
        for names, scope in scopes:
            if any(certain(other.tree, scope) is (not other.holds) for other in beside):
                continue  # these tools never get here
            reached += len(names)
            checker = Checker(part.text, scope)
            checker.check(part.tree, facts)
            for issue in checker.issues:
                issues.setdefault((issue.code, issue.offset), {}).update(dict.fromkeys(names, issue))
        for (_, offset), by_tool in issues.items():
            issue = by_tool[next(iter(by_tool))]
            if issue.by_all and len(by_tool) < reached:
                continue
            line, column = member.source.locate(member.source.node(part.path), offset)
            which = f" (for {_listed(sorted(by_tool))})" if len(covered or ()) > 1 else ""
            yield member.source.at(issue.code, issue.message + which, line, column, width=issue.width, help=issue.help)


def _parts(texts: Sequence[str], path: Path, *, holds: bool) -> Iterator[_Part]:
    for index, text in enumerate(texts):
        try:
            yield _Part(text, parse_tree(text), (*path, index), holds)
        except ConditionError:
            continue  # found where it was compiled


def _listed(names: Sequence[str]) -> str:
    told = ", ".join(f"`{name}`" for name in names[:_MAX_NAMED])
    return told if len(names) <= _MAX_NAMED else f"{told} and {len(names) - _MAX_NAMED} more"
