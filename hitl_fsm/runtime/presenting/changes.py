"""What people changed of what the model proposed, place by place."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, Literal, NamedTuple

import msgspec

from hitl_fsm.audit.canonical import canonical
from hitl_fsm.policy.sensitive import MASK, wrapped


class Change(msgspec.Struct, frozen=True, omit_defaults=True):
    """One argument that is not what the model proposed. `where` is dotted; what was not there has no `was`."""

    where: str
    how: Literal["changed", "added", "removed"]
    was: Any = None
    now: Any = None


class _Hidden(NamedTuple):
    """A value that nobody is shown, but whose change is told."""

    value: Any


def changes(proposed: dict[str, Any], args: dict[str, Any], sensitive: Collection[str]) -> tuple[Change, ...]:
    """From what was proposed to what it is now; numbers are compared as JSON does, 1 and 1.0 are one."""
    return tuple(_differences("", wrapped(proposed, sensitive, _Hidden), wrapped(args, sensitive, _Hidden)))


def _differences(where: str, was: Any, now: Any) -> Iterator[Change]:
    if type(was) is dict and type(now) is dict:
        for name in {**was, **now}:
            inner = f"{where}.{name}" if where else name
            if name not in now:
                yield Change(inner, "removed", was=_shown(was[name]))
            elif name not in was:
                yield Change(inner, "added", now=_shown(now[name]))
            else:
                yield from _differences(inner, was[name], now[name])
    elif type(was) is list and type(now) is list and len(was) == len(now):
        for number, (before, after) in enumerate(zip(was, now, strict=True)):
            yield from _differences(f"{where}[{number}]", before, after)
    elif canonical(_true(was)) != canonical(_true(now)):
        yield Change(where, "changed", _shown(was), _shown(now))


def _shown(value: Any) -> Any:
    return _without(value, lambda _: MASK)


def _true(value: Any) -> Any:
    return _without(value, lambda hidden: hidden.value)


def _without(value: Any, put: Any) -> Any:
    if isinstance(value, _Hidden):
        return put(value)
    if isinstance(value, dict):
        return {name: _without(one, put) for name, one in value.items()}
    return [_without(one, put) for one in value] if isinstance(value, list) else value
