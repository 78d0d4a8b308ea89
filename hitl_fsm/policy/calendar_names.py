"""Which calendars policies name, and where."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from hitl_fsm.errors import Diagnostic
from hitl_fsm.model.verdict import External, Gate
from hitl_fsm.policy.calendar import WINDOWS_MAX, YEARS_MAX, Calendar
from hitl_fsm.policy.codes import Code
from hitl_fsm.policy.compiled import CompiledPolicy
from hitl_fsm.policy.names import did_you_mean
from hitl_fsm.policy.source import Node, Source

_SHOWN = 5
_HOUR_MS = 3_600_000


def calendars_of(policy: CompiledPolicy) -> dict[str, int]:
    """The calendars in whose hours its questions wait, by name, and the longest of these waits (ms)."""
    gates: list[Gate] = [gate for rule in policy.rules for gate in rule.gates]
    gates += [] if policy.on_error is None else [policy.on_error]
    longest: dict[str, int] = {}
    for gate in gates:
        patience = None if isinstance(gate, External) else gate.patience
        if patience is not None and patience.calendar:
            waits = (gate.expires_ms, *patience.reminders_ms, *(level.expires_ms for level in patience.escalate))
            longest[patience.calendar] = max(longest.get(patience.calendar, 0), *(one or 0 for one in waits))
    return longest


def calendar_findings(source: Source, policy: CompiledPolicy, known: Mapping[str, Calendar]) -> Iterator[Diagnostic]:
    """A finding at each place where the policy names a calendar that there is not, or that opens too seldom."""
    for name, need_ms in sorted(calendars_of(policy).items()):
        calendar = known.get(name)
        if calendar is None:
            message = f"there is no calendar `{name}`"
            help_text = did_you_mean(name, known) or _there_are(known)
        elif not calendar.covers(need_ms):
            message = f"the calendar `{name}` opens too seldom for the {need_ms / _HOUR_MS:g} h that are waited in it"
            help_text = f"at most {WINDOWS_MAX} open times and {YEARS_MAX} years; let it wait for less"
        else:
            continue
        places = [node for gate in _gates(source) for node in _places(gate) if node.value == name]
        for node in places or [source.node(("name",))]:
            yield source.diagnostic(Code.CALENDAR, message, node, help_text)


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
