"""What a policy, or a rule, is about: tool calls, steps of a workflow, or all that an agent does.

`tools` names tool calls, and only those; `steps` names workflow steps, and only those, not the calls inside them; with
both, both kinds are covered. `agents` narrows to what is done in the run of one of these agents; alone, it covers all
of it: calls, steps, and the start of the agent's run. In a rule, no names at all mean all that its policy covers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from hitl_fsm.model.action import Action
from hitl_fsm.policy.patterns import matches


class Subject(NamedTuple):
    """What is judged. `step` is empty for a call (also for one inside a step); both are, for the start of an agent."""

    tool: str = ""
    step: str = ""
    agent: str = ""


def subject_of(action: Action) -> Subject:
    """The part of an action by which policies and rules are chosen."""
    return Subject(action.tool, "" if action.tool else action.step, action.agent)


def selects(tools: Sequence[str], steps: Sequence[str], agents: Sequence[str], subject: Subject) -> bool:
    """Whether patterns of a policy or a rule choose a subject. A name that is empty matches nothing, not even `*`."""
    if agents and not named(agents, subject.agent):
        return False
    if not tools and not steps:
        return True
    return named(tools, subject.tool) if subject.tool else named(steps, subject.step)


def named(patterns: Sequence[str], name: str) -> bool:
    """Whether one of the patterns matches a name that is not empty."""
    return name != "" and any(matches(pattern, name) for pattern in patterns)
