"""The names by which a policy or a rule chooses what it is about, checked: `tools`, `steps` and `agents`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from hitl_fsm.errors import Diagnostic
from hitl_fsm.policy.codes import Code
from hitl_fsm.policy.document import PolicyDocument, Rule
from hitl_fsm.policy.names import did_you_mean
from hitl_fsm.policy.patterns import any_covers, is_name_pattern, is_pattern
from hitl_fsm.policy.source import Path, Source

_SHOWN = 5


class Names(NamedTuple):
    """Patterns, as `subjects.selects` takes them."""

    tools: tuple[str, ...]
    steps: tuple[str, ...]
    agents: tuple[str, ...]


class _Kind(NamedTuple):
    key: str
    word: str
    is_valid: Callable[[str], bool]
    help: str


_KINDS = (
    _Kind("tools", "tool", is_pattern, "letters, digits, `_ . : / -`, and `*` for any text"),
    _Kind("steps", "step", is_name_pattern, "the name of a step, and `*` for any text; no spaces around it"),
    _Kind("agents", "agent", is_name_pattern, "the name of an agent, and `*` for any text; no spaces around it"),
)


def names_of(
    source: Source, document: PolicyDocument | Rule, path: Path, findings: list[Diagnostic], within: Names | None = None
) -> Names:
    """What the document at `path` names; `within` is what its policy covers, beyond which a rule cannot reach."""
    found: list[tuple[str, ...]] = []
    for index, kind in enumerate(_KINDS):
        names: Sequence[str] = getattr(document, kind.key) or ()
        covered = within[index] if within is not None else ()
        barred = within is not None and kind.key != "agents" and not covered and bool(within.tools or within.steps)
        kept: list[str] = []
        for number, name in enumerate(names):
            message = help_text = None
            if not kind.is_valid(name):
                message, help_text = f"{name!r} is not a {kind.word} pattern", kind.help
            elif barred:
                message, help_text = f"the policy covers no {kind.key}", f"add `{kind.key}` to the policy"
            elif covered and not any_covers(covered, name):
                message = f"the policy does not cover `{name}`"
                help_text = did_you_mean(name, covered) or f"it covers: {', '.join(covered[:_SHOWN])}"
            if message is None or kind.is_valid(name):
                kept.append(name)
            if message is not None:
                node = source.node((*path, kind.key, number))
                findings.append(source.diagnostic(Code.TOOLS, message, node, help_text))
        found.append(tuple(kept))
    return Names(*found)


def narrowed(names: Names, covered: Names) -> Names:
    """What a rule is about in the end: its own names, and those of its policy where it has none."""
    own = bool(names.tools or names.steps)
    return Names(
        names.tools if own else covered.tools, names.steps if own else covered.steps, names.agents or covered.agents
    )
