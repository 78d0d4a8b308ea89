"""Which changes of a call's arguments a policy lets the person make who approves it."""

from __future__ import annotations

from typing import Any

from hitl_fsm.audit.canonical import canonical
from hitl_fsm.model.verdict import Editing
from hitl_fsm.policy.form import value_problems


def edit_problems(
    editing: Editing | None, proposed: dict[str, Any], before: dict[str, Any], after: dict[str, Any]
) -> tuple[str, ...]:
    """One line an argument that may not be changed so. `proposed`: what the model asked for, before anybody's edit."""
    if editing is None:
        return ()
    changed = [name for name in {**before, **after} if _text(before, name) != _text(after, name)]
    found = {name: _problem(editing, proposed, after, name) for name in changed}
    return tuple(f"{name}: {why}" for name, why in found.items() if why)


def _text(args: dict[str, Any], name: str) -> object:
    return canonical(args[name]) if name in args else None


def _problem(editing: Editing, proposed: dict[str, Any], after: dict[str, Any], name: str) -> str:
    if name in editing.lower:
        return _not_lower(proposed.get(name), after.get(name))
    if name not in editing.fields:
        return "the policy does not let an approver change it"
    if name not in after:
        return "it may be changed, not left out"
    return "; ".join(value_problems(editing.fields[name], after[name]))


def _not_lower(was: Any, now: Any) -> str:
    numbers = all(isinstance(one, int | float) and not isinstance(one, bool) for one in (was, now))
    if not numbers:
        return "it may only be a smaller number"
    return "" if 0 <= now <= was else f"it may only be lowered, from {was}, and not below 0"
