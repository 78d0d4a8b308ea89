"""Policies as those see them who look at the text: each file with its places, its document and what became of it."""

from __future__ import annotations

from typing import NamedTuple

from hitl_fsm.errors import Diagnostic
from hitl_fsm.policy.document import PolicyDocument
from hitl_fsm.policy.evaluate import CompiledPolicy, PolicySet
from hitl_fsm.policy.source import Source
from hitl_fsm.policy.surroundings import Surroundings


class Member(NamedTuple):
    """One policy file."""

    source: Source
    document: PolicyDocument
    policy: CompiledPolicy


class Project(NamedTuple):
    """All files together. `policies` is None when there is any error among `findings`.

    `members` are then still those files that could be read, good for finding more, never to be enforced.
    """

    findings: tuple[Diagnostic, ...]
    members: tuple[Member, ...]
    policies: PolicySet | None
    around: Surroundings = Surroundings()
