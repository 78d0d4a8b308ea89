"""Which calendars policies name, and where."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from hitl_fsm.errors import Diagnostic
from hitl_fsm.model.verdict import External, Gate
from hitl_fsm.policy.calendar import Calendar
from hitl_fsm.policy.codes import Code
from hitl_fsm.policy.compiled import CompiledPolicy
from hitl_fsm.policy.names import did_you_mean
from hitl_fsm.policy.source import Node, Source

_SHOWN = 5


def calendars_of(policy: CompiledPolicy) -> frozenset[str]:
    """The names of the calendars in whose hours its questions wait."""
    gates: list[Gate] = [gate for rule in policy.rules for gate in rule.gates]
    gates += [] if policy.on_error is None else [policy.on_error]
    patient = [gate.patience for gate in gates if not isinstance(gate, External) and gate.patience is not None]
    return frozenset(patience.calendar for patience in patient if patience.calendar)


def unknown_calendars(source: Source, policy: CompiledPolicy, known: Mapping[str, Calendar]) -> Iterator[Diagnostic]:
    """A finding at each place where the policy names a calendar that there is not."""
    for name in sorted(calendars_of(policy) - set(known)):
        places = [node for gate in _gates(source) for node in _places(gate) if node.value == name]
        help_text = did_you_mean(name, known) or _there_are(known)
        for node in places or [source.node(("name",))]:
            yield source.diagnostic(Code.CALENDAR, f"there is no calendar `{name}`", node, help_text)


def _there_are(known: Mapping[str, Calendar]) -> str:
    if not known:
        return "calendars are files named `*.calendar.yaml`, below the same folders as the policies"
    more = ", …" if len(known) > _SHOWN else ""
    return f"calendars: {', '.join(sorted(known)[:_SHOWN])}{more}"


def _gates(source: Source) -> Iterator[Node]:
    """Where gates are written, in order."""
    root = source.root
    rules = root.children.get("rules") if root is not None else None
    for rule in rules.children.values() if rules is not None else ():
        if "gate" in rule.children:
            yield rule.children["gate"]
    if root is not None and "on_error" in root.children:
        yield root.children["on_error"]


def _places(node: Node) -> Iterator[Node]:
    """The values of every `calendar` below."""
    for key, child in node.children.items():
        if key == "calendar" and isinstance(child.value, str):
            yield child
        yield from _places(child)
