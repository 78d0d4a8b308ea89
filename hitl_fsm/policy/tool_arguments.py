"""The arguments that a gate names for edits and grants, held against the tools that its rule covers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from hitl_fsm.errors import Diagnostic
from hitl_fsm.policy.codes import Code
from hitl_fsm.policy.document import Rule
from hitl_fsm.policy.document_gates import ApprovalGate, ConfirmGate, GateMapping, StageEntry, gate_items
from hitl_fsm.policy.names import did_you_mean
from hitl_fsm.policy.project import Member
from hitl_fsm.policy.source import Path
from hitl_fsm.policy.value_type import Type, field, names, union

_MAX_NAMED = 8
_NUMBERS = {"int", "uint", "double", "*"}


class _Used(NamedTuple):
    """One argument that is named at a path; `counts` says what needs it to be a number."""

    name: str
    path: Path
    counts: str = ""


def check_arguments(
    member: Member, path: Path, rule: Rule, arguments: Mapping[str, Type], covered: Sequence[str]
) -> Iterator[Diagnostic]:
    """A finding for each name that no tool of the rule has, and for what cannot be counted in any of them."""
    tools = [arguments[name] for name in covered if name in arguments]
    if not tools:
        return
    for used in _in_rule(rule, path):
        found = [known for tool in tools if (known := _argument(tool, used.name)) is not None]
        node = member.source.node(used.path, key=isinstance(used.path[-1], str))
        if not found:
            message = f"there is no argument `{used.name}`"
            yield member.source.diagnostic(Code.UNKNOWN_ARGUMENT, message, node, _hint(used.name, tools))
        elif used.counts and not _NUMBERS & set(union(found).kinds):
            message = f"`{used.name}` is {union(found).words}, and {used.counts} needs a number"
            yield member.source.diagnostic(Code.WRONG_TYPE, message, node, None)


def _in_rule(rule: Rule, path: Path) -> Iterator[_Used]:
    for below, item in gate_items(rule.gate):
        here = (*path, "gate", *below)
        if not isinstance(item, GateMapping):
            continue
        if item.confirm is not None:
            yield from _in_gate(item.confirm, (*here, "confirm"))
        if item.approval is not None:
            yield from _in_gate(item.approval, (*here, "approval"))
            for index, stage in enumerate(item.approval.stages or ()):
                yield from _in_gate(stage, (*here, "approval", "stages", index))


def _in_gate(gate: ConfirmGate | ApprovalGate | StageEntry, path: Path) -> Iterator[_Used]:
    edit: Mapping[str, Any] = gate.edit if isinstance(gate.edit, dict) else {}
    for name, item in edit.items():
        yield _Used(name, (*path, "edit", name), "`lower`" if item == "lower" else "")
    if gate.grant is not None:
        for index, name in enumerate(gate.grant.vary):
            budgeted = name in (gate.grant.budget or {})
            yield _Used(name, (*path, "grant", "vary", index), "a budget" if budgeted else "")


def _argument(tool: Type, name: str) -> Type | None:
    """What the argument can be; None where the tool certainly has none of this name."""
    if tool.alternatives is None:
        return tool
    fields = (field(one, name) for one in tool.alternatives)
    found = [one.type for one in fields if one.presence != "never"]
    return union(found) if found else None


def _hint(name: str, tools: Sequence[Type]) -> str:
    alternatives = [one for tool in tools for one in tool.alternatives or ()]
    known = tuple(dict.fromkeys(argument for one in alternatives for argument in names(one)))
    if not known:
        return "the tool has no arguments"
    more = ", …" if len(known) > _MAX_NAMED else ""
    return did_you_mean(name, known) or f"there is {', '.join(known[:_MAX_NAMED])}{more}"
