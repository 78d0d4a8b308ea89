"""HF206: more people must agree than there are."""

from __future__ import annotations

from collections.abc import Iterator

from hitl_fsm.errors import Diagnostic
from hitl_fsm.policy.lint.people import Known, Seats, fit, known_to, largest, levels_in, ways_in
from hitl_fsm.policy.lint.rule import Rule
from hitl_fsm.policy.lint.walk import PlacedGate, RulePath, asking_gates_of
from hitl_fsm.policy.project import Member, Project

RULE = Rule("HF206", "quorum-too-large", "error", "More people must agree than there are")


def check(project: Project) -> Iterator[Diagnostic]:
    """Approvals whose quorum is larger than the group. People of roles and groups count where these are known."""
    for member in project.members:
        known = known_to(member, project.around)
        for gate in asking_gates_of(member):
            if gate.kind == "approval":
                yield from _approval(member, gate, known)


def _approval(member: Member, gate: PlacedGate, known: Known) -> Iterator[Diagnostic]:
    details = gate.details
    ways = list(ways_in(gate))
    asked = [Seats((*gate.path, "of"), details.of, details.quorum)] if details.of else []
    too_few = False
    for seats in (*asked, *ways, *levels_in(gate)):
        group = largest(seats.of, details.excluded, known)
        if group is not None and group < seats.number:
            too_few = True
            people = "nobody" if group == 0 else "only one person" if group == 1 else f"only {group} people"
            message = f"{seats.number} must agree, but {people} can: this approval is never given"
            yield RULE.at(member, _place(member, seats.path), message, "name more people, or lower the quorum")
    if details.all_of and not too_few and not fit(ways, details.excluded, known):
        message = f"{sum(one.number for one in ways)} different people must agree, but there are not so many of these"
        yield RULE.at(member, (*gate.path, "all_of"), message, "name more people; nobody agrees for two")


def _place(member: Member, path: RulePath) -> RulePath:
    """Where the quorum is written, else who is asked."""
    return (*path[:-1], "quorum") if "quorum" in member.source.node(path[:-1]).children else path
