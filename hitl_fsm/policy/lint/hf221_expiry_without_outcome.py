"""HF221: an end without an outcome, or an outcome without an end."""

from __future__ import annotations

from collections.abc import Iterator

from hitl_fsm.errors import Diagnostic
from hitl_fsm.policy.lint.rule import Rule
from hitl_fsm.policy.lint.walk import asking_gates_of, is_grave
from hitl_fsm.policy.project import Project

RULE = Rule("HF221", "expiry-without-outcome", "info", "A time runs out and nothing says what follows, or the reverse")


def check(project: Project) -> Iterator[Diagnostic]:
    """`on_expiry` without `expires` anywhere; `expires` without `on_expiry` where the rule's severity is high."""
    for member in project.members:
        for gate in asking_gates_of(member):
            written: set[str] = getattr(gate.details, "model_fields_set", set())
            if "on_expiry" in written and "expires" not in written and gate.details.on_expiry == "deny":
                message = "the time never runs out: there is no `expires`"
                yield RULE.at(member, (*gate.path, "on_expiry"), message, "add `expires: 4h`", key=True)
            elif "expires" in written and "on_expiry" not in written and is_grave(gate.rule):
                message = "nothing is said of what follows when the time is over: the action is denied"
                help_text = "write it for the reader: `on_expiry: deny`"
                yield RULE.at(member, (*gate.path, "expires"), message, help_text, key=True)
