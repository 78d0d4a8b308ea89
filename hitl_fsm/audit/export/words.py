"""What several formats say alike of a line: its time, its rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from hitl_fsm.model.instant import iso

_LAST_INSTANT: Final = 253_402_300_799_999
"""ms: the end of the year 9999, after which there is no such text."""


class Rule(NamedTuple):
    """A rule that took part, and where it stands."""

    policy: str
    rule: str
    effect: str
    file: str
    line: int
    note: str

    @property
    def name(self) -> str:
        """`policy/rule`."""
        return f"{self.policy}/{self.rule}"

    @property
    def place(self) -> str:
        """`file:line`; "" where it stands in no file."""
        return f"{self.file}:{self.line}" if self.file else ""

    @property
    def told(self) -> str:
        """Name, place and effect in one text."""
        return f"{self.name} ({self.place}): {self.effect}" if self.file else f"{self.name}: {self.effect}"


def rules_of(data: Mapping[str, Any], name: str = "reasons") -> tuple[Rule, ...]:
    """The rules behind a verdict."""
    found = data.get(name)
    return tuple(_rule(one) for one in found if isinstance(one, dict)) if isinstance(found, list) else ()


def _rule(one: Mapping[str, Any]) -> Rule:
    policy, rule, effect, file, note = (
        str(one.get(name) or "") for name in ("policy", "rule", "effect", "file", "note")
    )
    line = one.get("line")
    return Rule(policy, rule, effect, file, line if isinstance(line, int) else 0, note)


def stamp(at: int) -> str:
    """An instant (ms) as ISO 8601 in UTC; one that has no such text, as the number that it is."""
    return iso(at) if 0 <= at <= _LAST_INSTANT else str(at)
