"""What of an action can be put before CEL, and how large it is. Its depth and kind are not known before this looked."""

from __future__ import annotations

import math
from typing import Any

from hitl_fsm.model.action import Action

MAX_DATA_DEPTH = 64
MAX_DATA_NODES = 20_000
MAX_DATA_CHARS = 1_000_000
NODE_SIZE = 50
"""The size of a value, beside 1 for each of its characters: about what CEL takes for either, in nanoseconds."""
MAX_DATA_SIZE = MAX_DATA_CHARS + NODE_SIZE * MAX_DATA_NODES

_MIN_INT, _MAX_INT = -(2**63), 2**63 - 1
_FIRST_INSTANT, _LAST_INSTANT = -62_135_596_800_000, 253_402_300_799_999  # those that a datetime can tell
_FEW = 100
"""Arguments, roles and environment values that are looked at in the short way."""


def action_size(action: Action) -> int | str:
    """How much data an action brings, or why CEL cannot have it."""
    size = _flat_size(action)
    if size is None:
        user = action.user
        names = [action.tool, action.step, action.agent, action.team, action.workflow, action.run_id]
        found = data_size([action.args, names, [user.id, list(user.roles), user.kind], dict(action.env)])
        if isinstance(found, str):
            return found
        size = found
    if type(action.now) is not int or not _FIRST_INSTANT <= action.now <= _LAST_INSTANT:
        return "`now` is not an instant"
    return size


def _flat_size(action: Action) -> int | None:
    """The size where a glance tells it: few arguments, none nested, all text plain ASCII. None: look closer."""
    user, args, env = action.user, action.args, action.env
    if type(args) is not dict or len(args) + len(user.roles) + len(env) > _FEW:
        return None
    texts = [action.tool, action.step, action.agent, action.team, action.workflow, action.run_id, user.id, user.kind]
    texts += user.roles
    texts += args
    for value in args.values():
        if type(value) is str:
            texts.append(value)
        elif value.__class__ in _NUMBERS and _number_problem(value) is None:
            continue
        else:
            return None
    if env:
        texts += env
        texts += env.values()
    try:
        together = "".join(texts)
    except TypeError:
        return None
    if not together.isascii() or "\x00" in together or len(together) > MAX_DATA_CHARS:
        return None
    return len(together) + NODE_SIZE * (len(texts) + len(args))


_NUMBERS = frozenset({int, float, bool, type(None)})


def data_problem(value: Any) -> str | None:
    """Why this value cannot be put before CEL, or None."""
    found = data_size(value)
    return found if isinstance(found, str) else None


def data_size(value: Any) -> int | str:
    """The size of a value, or why it cannot be put before CEL. Iterative: its depth is not yet known to be safe."""
    nodes = chars = 0
    level: list[Any] = [value]
    for _ in range(MAX_DATA_DEPTH + 1):
        below: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                below.extend(map(_key, item))
                below.extend(item.values())
            elif isinstance(item, list):
                below.extend(item)
            elif isinstance(item, str):
                chars += len(item)
                if "\x00" in item or not (item.isascii() or _encodable(item)):
                    return "text holds a NUL or half of a surrogate pair"
            elif problem := _number_problem(item):
                return problem
        nodes += len(below)
        if nodes > MAX_DATA_NODES or chars > MAX_DATA_CHARS:
            return f"more than {MAX_DATA_NODES} values or {MAX_DATA_CHARS} characters"
        if not below:
            return chars + NODE_SIZE * nodes
        level = below
    return f"nested deeper than {MAX_DATA_DEPTH} levels"


def _key(key: Any) -> Any:
    """A key that is not text is made a value that is not JSON."""
    return key if isinstance(key, str) else (key,)


def _number_problem(item: Any) -> str | None:
    if item is None or isinstance(item, bool):
        return None
    if isinstance(item, float):
        return None if math.isfinite(item) else f"{item} is not a finite number"
    if isinstance(item, int):
        return None if _MIN_INT <= item <= _MAX_INT else "an integer is beyond 64 bits"
    return f"a value of type {type(item).__name__} is not JSON"


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
