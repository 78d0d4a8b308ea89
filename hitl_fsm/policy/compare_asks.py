"""Which of two ways to wait, to let arguments be changed, or to remember a yes is the stricter.

1: the new one is. -1: the old one is. None: neither is for certain.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from hitl_fsm.model.verdict import Editing, External, Gate, GrantOffer, Patience

_NO_PATIENCE = Patience()


def asks_others(gate: Gate) -> bool:
    """Whether others are asked when its time is over."""
    return not isinstance(gate, External) and gate.patience is not None and bool(gate.patience.escalate)


def waits_for_fewer(old: Patience | None, new: Patience | None) -> int | None:
    """Who is asked next may say yes too, so nobody is stricter; other hours and reminders are merely others."""
    before, after = old or _NO_PATIENCE, new or _NO_PATIENCE
    if before.calendar != after.calendar or before.reminders_ms != after.reminders_ms:
        return -1 if after.escalate and not before.escalate else None
    if not before.escalate:
        return -1
    if not after.escalate or before.escalate[: len(after.escalate)] == after.escalate:
        return 1
    return -1 if after.escalate[: len(before.escalate)] == before.escalate else None


def edited_within(old: Editing | None, new: Editing | None) -> int | None:
    """Fewer arguments may be changed, or to less."""
    if old is None or new is None:
        return 1 if old is None else -1
    if _within(new, old):
        return 1
    return -1 if _within(old, new) else None


def _within(inner: Editing, outer: Editing) -> bool:
    """Whether all that one allows to be changed, the other one allows too."""
    return all(
        name in outer.fields
        and (_written(outer.fields[name]) in {_written(schema), b"{}"})
        and (name in inner.lower or name not in outer.lower)
        for name, schema in inner.fields.items()
    )


def granted_less(old: GrantOffer | None, new: GrantOffer | None) -> int | None:
    """Fewer calls, for less time, in fewer places, with less that may differ."""
    if old is None or new is None:
        return -1 if old is None else 1
    found = {one for one in _parts(old, new) if one != 0}
    return found.pop() if len(found) == 1 else None


def _parts(old: GrantOffer, new: GrantOffer) -> Iterable[int | None]:
    yield _less(old.uses, new.uses)
    yield _less(old.for_ms, new.for_ms)
    yield _fewer(old.scopes, new.scopes)
    yield _fewer(old.vary, new.vary)
    if old.budget_of == new.budget_of:
        yield _less(old.budget, new.budget)
    else:
        yield 1 if not old.budget_of else -1 if not new.budget_of else None


def _less(old: float, new: float) -> int:
    return (new < old) - (new > old)


def _fewer(old: Iterable[str], new: Iterable[str]) -> int | None:
    before, after = set(old), set(new)
    if before == after:
        return 0
    return 1 if after < before else -1 if before < after else None


def _written(value: object) -> bytes:
    """As JSON, which tells true from 1."""
    return msgspec.json.encode(value, order="sorted")
