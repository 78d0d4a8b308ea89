"""HF233: who may pass a gate alone in an emergency is who has to agree anyway."""

from __future__ import annotations

from collections.abc import Iterator

from hitl_fsm.errors import Diagnostic
from hitl_fsm.policy.lint.people import ways_in
from hitl_fsm.policy.lint.rule import Rule
from hitl_fsm.policy.lint.walk import PlacedGate, asking_gates_of
from hitl_fsm.policy.project import Project

RULE = Rule("HF233", "needless-break-glass", "warning", "Who breaks the glass is who has to agree anyway")


def check(project: Project) -> Iterator[Diagnostic]:
    """`break_glass` that names nobody but those who are asked."""
    for member in project.members:
        for gate in asking_gates_of(member):
            alone = set(getattr(gate.details, "break_glass", None) or ())
            if not alone or not alone <= _asked(gate):
                continue
            if _takes_several(gate):
                message = "each of those of whom several must agree may pass the gate alone"
            else:
                message = "these can say yes without an emergency"
            help_text = "name others, such as those on duty, or leave out `break_glass`"
            yield RULE.at(member, (*gate.path, "break_glass"), message, help_text, key=True)


def _asked(gate: PlacedGate) -> set[str]:
    return {*(gate.details.of or ()), *(one for seats in ways_in(gate) for one in seats.of)}


def _takes_several(gate: PlacedGate) -> bool:
    seats = list(ways_in(gate))
    if gate.details.all_of:
        return sum(one.number for one in seats) > 1
    return bool(gate.details.quorum > 1 or (seats and all(one.number > 1 for one in seats)))
