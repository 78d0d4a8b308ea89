"""The actions that rules give as their own examples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hitl_fsm.model.action import Action
from hitl_fsm.policy.examples import Trial
from hitl_fsm.policy.project import Member
from hitl_fsm.policy.subject_names import Names, narrowed


def example_actions(members: Sequence[Member]) -> Iterator[tuple[str, int, str, Action]]:
    """File, line, what it is an example of, and the action; those that fit their rule, in the order of the files."""
    for member in members:
        policy = member.policy
        covered = Names(policy.tools, policy.steps, policy.agents)
        for index, (rule, written) in enumerate(zip(policy.rules, member.document.rules, strict=True)):
            names = narrowed(Names(rule.tools, rule.steps, rule.agents), covered)
            trial = Trial(member.source, rule, names, policy.variables, [])
            for key in ("match", "not_match"):
                for number, example in enumerate(getattr(written.examples, key)):
                    path = ("rules", index, "examples", key, number)
                    action = trial.action(example, path)
                    if action is not None:
                        label = f"{policy.name}/{rule.reason.rule} {key} {number + 1}"
                        yield member.source.file, member.source.node(path).line, label, action
