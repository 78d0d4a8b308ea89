"""Run ids that are drawn from nothing random, so that a history can be told again."""

from __future__ import annotations

from dataclasses import dataclass, field

from hitl_fsm.ports import IdSource
from hitl_fsm.runtime.parts import Parts


class Numbered:
    """In the order of their making."""

    def __init__(self) -> None:
        self.count = 0

    def run_id(self) -> str:
        self.count += 1
        return f"run_{self.count:018d}"

    def salt(self) -> str:
        return f"{self.count:032x}"


@dataclass(frozen=True, slots=True)
class NumberedParts(Parts):
    """Parts with such ids; several engines may share them."""

    numbered: Numbered = field(default_factory=Numbered)

    @property
    def ids(self) -> IdSource:
        return self.numbered
