"""Verdicts, gates and expectations in the words that test files use."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from hitl_fsm.model.verdict import Approval, Gate, Reason, UserInput, Verdict
from hitl_fsm.policy.testing.document import NEVER, PinnedGate

_UNITS = (("w", 604_800_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1))
_TIMES = {"expires", "timeout"}
_NAMES = {"excluded": "not"}
_QUIET = {"allow", "audit"}


def kind_of(gate: Gate) -> str:
    """`confirm`, `approval`, …: the word that an author writes."""
    return str(gate.__struct_config__.tag)


def outcome_of(verdict: Verdict) -> str:
    """`allow`, `audit`, `deny` or `gated`."""
    return "audit" if verdict.outcome == "allow" and verdict.audit else verdict.outcome


def told(verdict: Verdict) -> str:
    """What a verdict comes to, in short: `deny`, or its gates in order."""
    return in_order(kind_of(gate) for gate in verdict.gates) if verdict.gates else outcome_of(verdict)


def in_order(words: Iterable[str]) -> str:
    """`user_input, then approval`."""
    return ", then ".join(words) or "no gate"


def rule_name(reason: Reason) -> str:
    """`POLICY/ID`."""
    return f"{reason.policy}/{reason.rule}"


def names_rule(name: str, reason: Reason) -> bool:
    """Whether `ID` or `POLICY/ID` means this one."""
    return name in (reason.rule, rule_name(reason))


def deciding(verdict: Verdict) -> tuple[Reason, ...]:
    """The reasons that made the verdict what it is: those that deny, else those that ask, else all."""
    if verdict.outcome == "deny":
        return tuple(reason for reason in verdict.reasons if reason.effect == "deny")
    if verdict.outcome == "gated":
        return tuple(reason for reason in verdict.reasons if reason.effect not in _QUIET)
    return verdict.reasons


def details_of(gate: Gate) -> dict[str, Any]:
    """A gate's details by the names that a test file gives them. Lists stand for sets, times are in milliseconds."""
    fields: dict[str, Any] = {
        "of": getattr(gate, "of", ()),
        "not": getattr(gate, "excluded", ()),
        "quorum": getattr(gate, "quorum", 1),
        "route": getattr(gate, "route", None),
        "expires": gate.expires_ms,
        "timeout": gate.expires_ms,
    }
    if isinstance(gate, Approval):
        levels = gate.patience.escalate if gate.patience is not None else ()
        fields["name"] = gate.name
        fields["escalate"] = tuple(name for level in levels for name in level.of)
        fields["edit"] = ("any",) if gate.edit is None else tuple(gate.edit.fields) or ("none",)
        fields["grant"] = gate.grant.uses if gate.grant is not None else 0
        fields["break_glass"] = gate.break_glass
    if isinstance(gate, UserInput):
        fields["fields"] = tuple(gate.schema.get("properties", {}))
        fields["required"] = tuple(gate.schema.get("required", ()))
    return fields


def pins_of(item: str | PinnedGate) -> tuple[str, dict[str, Any]]:
    """The gate that an item of `gates` names, and the details that it pins, by their names in the file."""
    if isinstance(item, str):
        return item, {}
    for kind in item.model_fields_set:
        body = getattr(item, kind)
        names: list[str] = list(type(body).model_fields)
        pinned = {_NAMES.get(name, name): getattr(body, name) for name in names}
        return kind, {name: value for name, value in pinned.items() if value is not None}
    return "", {}


def is_same(name: str, pinned: Any, found: Any) -> bool:
    """Whether a detail is as it was pinned."""
    if name in _TIMES:
        return bool((None if pinned == NEVER else pinned) == found)
    return set(pinned) == set(found) if isinstance(pinned, list) else bool(pinned == found)


def spelled(name: str, value: Any) -> str:
    """A detail as it would be written."""
    if name in _TIMES:
        return duration(value) if isinstance(value, int) else NEVER
    if isinstance(value, (list, tuple)):
        return listed(value)
    return "nothing" if value is None else str(value)


def listed(items: Sequence[str]) -> str:
    """`[a, b]`."""
    return f"[{', '.join(items)}]"


def duration(milliseconds: int) -> str:
    """`24h` -> `1d`: the largest unit that fits."""
    for unit, size in _UNITS:
        if milliseconds and milliseconds % size == 0:
            return f"{milliseconds // size}{unit}"
    return "0s"
