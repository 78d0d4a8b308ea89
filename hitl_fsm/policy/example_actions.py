"""The actions that rules give as their own examples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from hitl_fsm.model.action import Action
from hitl_fsm.policy.examples import Trial
from hitl_fsm.policy.project import Member
from hitl_fsm.policy.subject_names import Names, narrowed


class ExampleAction(NamedTuple):
    """The action of an example: of which rule of its policy (by index), under which key, the how manieth (from 0)."""

    rule: int
    key: str
    number: int
    action: Action


def actions_of(member: Member) -> Iterator[ExampleAction]:
    """Those examples of one policy that fit their rule, in the order of the file."""
    policy = member.policy
    covered = Names(policy.tools, policy.steps, policy.agents)
    for index, (rule, written) in enumerate(zip(policy.rules, member.document.rules, strict=True)):
        names = narrowed(Names(rule.tools, rule.steps, rule.agents), covered)
        trial = Trial(member.source, rule, names, policy.variables, [])
        for key in ("match", "not_match"):
            for number, example in enumerate(getattr(written.examples, key)):
                action = trial.action(example, ("rules", index, "examples", key, number))
                if action is not None:
                    yield ExampleAction(index, key, number, action)


def example_actions(members: Sequence[Member]) -> Iterator[tuple[str, int, str, Action]]:
    """File, line, what it is an example of, and the action; in the order of the files."""
    for member in members:
        policy = member.policy
        for index, key, number, action in actions_of(member):
            label = f"{policy.name}/{policy.rules[index].reason.rule} {key} {number + 1}"
            line = member.source.node(("rules", index, "examples", key, number)).line
            yield member.source.file, line, label, action
