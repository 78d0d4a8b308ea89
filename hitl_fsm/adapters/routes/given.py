"""What a route's settings are made of: times, secrets that only the environment has, and JSON from outside."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterable
from typing import Any

from hitl_fsm.errors import SettingsError

TIMEOUT_MAX_S = 3600.0
"""The longest that a route may take to answer at once; what takes longer is called back."""
_SECRET = re.compile(r"env:([A-Za-z_][A-Za-z0-9_]{0,127})")


def seconds(given: object, what: str) -> float:
    """`30s`, `5m`, or a number of seconds; SettingsError for anything else, and beyond the bound."""
    if isinstance(given, str):
        from hitl_fsm.policy.fields import duration_ms  # noqa: PLC0415 - with pydantic

        try:
            return _bounded(duration_ms(given) / 1000, what)
        except ValueError as error:
            msg = f"{what}: {error}"
            raise SettingsError(msg, help="as in timeout='30s'") from error
    if isinstance(given, bool) or not isinstance(given, int | float):
        msg = f"{what} is {given!r}"
        raise SettingsError(msg, help="write '30s', '5m', or a number of seconds")
    return _bounded(float(given), what)


def _bounded(value: float, what: str) -> float:
    if not (math.isfinite(value) and 0 < value <= TIMEOUT_MAX_S):
        msg = f"{what} is {value:g} seconds"
        raise SettingsError(msg, help=f"more than 0, and at most {TIMEOUT_MAX_S:g}")
    return value


def secret_name(given: object, what: str) -> str:
    """The variable's name of `env:NAME`. The value itself is never taken here: it would stand in somebody's code."""
    found = _SECRET.fullmatch(given) if isinstance(given, str) else None
    if found is None:
        msg = f"{what} must be env:NAME, the name of an environment variable that has it"
        raise SettingsError(msg, help="as in 'env:BANK_SECRET'; the secret itself stands in no file")
    return found[1]


def secret_value(name: str) -> str:
    """Read when it is used, so that a process that sends nothing needs none. SettingsError without saying a value."""
    value = os.environ.get(name, "")
    if not value:
        msg = f"the environment variable {name} is not set"
        raise SettingsError(msg, help="set it for the processes that send and receive")
    return value


class UnreadableError(ValueError):
    """Bytes that are not one JSON value."""


def json_value(body: bytes) -> Any:
    """Strictly: UTF-8, one value, no name twice in an object, no NaN. UnreadableError, without the body's own words."""
    try:
        return json.loads(body.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_constant)
    except UnreadableError:
        raise
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        msg = "it is not one JSON value"
        raise UnreadableError(msg) from error


def _once(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            msg = "a name stands twice in one object"
            raise UnreadableError(msg)
        found[name] = value
    return found


def _no_constant(word: str) -> Any:
    msg = f"{word} is no JSON"
    raise UnreadableError(msg)
