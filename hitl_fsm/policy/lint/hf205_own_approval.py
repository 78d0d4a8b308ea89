"""HF205: an approval that the requester can give."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hitl_fsm.errors import Diagnostic
from hitl_fsm.policy.asked_people import REQUESTER
from hitl_fsm.policy.lint.people import levels_in, ways_in
from hitl_fsm.policy.lint.rule import Rule
from hitl_fsm.policy.lint.walk import PlacedGate, RulePath, gates_of, stages_of
from hitl_fsm.policy.project import Project

RULE = Rule("HF205", "own-approval", "warning", "The requester can approve their own action")
_PREVIOUS = "previous_approver"


def check(project: Project) -> Iterator[Diagnostic]:
    """Approvals that one person can give, and that do not exclude the requester.

    With a quorum, somebody else has to agree anyway; also where another stage is somebody else's.
    """
    for member in project.members:
        for gate in gates_of(member):
            if gate.kind != "approval":
                continue
            path = _by_one(stages_of(gate) or (gate,))
            if path is None:
                continue
            of = gate.details.of or ()
            if REQUESTER in of:
                help_text = "`gate: confirm` asks the requester; an approval is somebody else's"
            else:
                help_text = "add `not: [requester]`"
            message = f"who asks for the action can approve it: `{gate.rule.id}` does not exclude the requester"
            yield RULE.at(member, path, message, help_text)


def _by_one(stages: Sequence[PlacedGate]) -> RulePath | None:
    """Where it is written that one person, who may be the requester, can give all of it; None: it takes another."""
    places: list[RulePath] = []
    for number, stage in enumerate(stages):
        excluded = stage.details.excluded
        place = None if REQUESTER in excluded or (number and _PREVIOUS in excluded) else _alone(stage)
        if place is None:
            return None
        places.append(place)
    return places[0] if places else None


def _alone(stage: PlacedGate) -> RulePath | None:
    """Where it is written that one yes is enough."""
    details = stage.details
    if details.of and details.quorum == 1:
        return (*stage.path, "of")
    seats = tuple(ways_in(stage))
    one = next((seat.path for seat in seats if seat.number == 1), None)
    if one is not None and (details.any_of or len(seats) == 1):
        return one
    return next((level.path for level in levels_in(stage) if level.number == 1), None)
