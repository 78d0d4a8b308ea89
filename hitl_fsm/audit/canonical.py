"""Canonical JSON (RFC 8785) and the digest that binds an approval to exactly one action (law 5).

Two encoders, one result: `rfc8785` is the reference; data of a plain kind takes a faster path, whose bytes are the same
(a property test holds the two against each other).
"""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from hitl_fsm.errors import Uncanonical

ACTION_DOMAIN = b"hitl-fsm/action/v1\0"
"""Goes before the bytes that are hashed, so that no other statement can have an action's digest."""

MAX_DEPTH = 64
"""Containers within containers, the outermost one counted."""

_MAX_INT = 2**53 - 1
_PLAIN_FLOAT_FROM = 1e-4
_PLAIN_FLOAT_BELOW = 1e15

_HELP_NUMBER = "write numbers beyond 9007199254740991, NaN and infinity as text"
_HELP_DEPTH = f"flatten the value; at most {MAX_DEPTH} levels"
_HELP_TYPE = "use only what JSON has: objects with text keys, arrays, text, numbers, booleans, null"


def action_digest(  # noqa: PLR0913 - the six things that an approval is bound to
    run_id: str, call_id: str, tool: str, args: dict[str, Any], tool_version: str, policy_digest: str
) -> str:
    """SHA-256 (hex) of one action; raises Uncanonical when `args` has no canonical form.

    Numbers are compared as JSON does: 1000 and 1000.0 are one value, 1 and true are two.
    """
    action = {
        "args": args,
        "call": call_id,
        "policy": policy_digest,
        "run": run_id,
        "tool": tool,
        "tool_version": tool_version,
    }
    return hashlib.sha256(ACTION_DOMAIN + canonical(action, extra_depth=1)).hexdigest()


def canonical(value: Any, *, extra_depth: int = 0) -> bytes:  # noqa: ANN401 - any JSON value
    """The RFC 8785 bytes of a JSON value; `extra_depth` allows for wrapping that is not the user's."""
    if _is_plain(value, MAX_DEPTH + extra_depth):
        try:
            return msgspec.json.encode(value, order="sorted")
        except UnicodeEncodeError as error:
            raise _lone_surrogate() from error
    return _reference(value)


def _is_plain(value: Any, depth: int) -> bool:  # noqa: ANN401
    """Whether the fast encoder writes the canonical bytes of this value. Raises when it is nested too deep."""
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return True
    if kind is int:
        return bool(-_MAX_INT <= value <= _MAX_INT)
    if kind is float:
        # An integral float loses its `.0` in canonical form, very small and large ones have another exponent form.
        return bool(_PLAIN_FLOAT_FROM <= abs(value) < _PLAIN_FLOAT_BELOW) and not value.is_integer()
    # Both answers need the whole walk: an over-deep part may stand behind one that is merely not plain.
    if isinstance(value, dict):
        _spend(depth)
        # Text order is UTF-16 order only where no key has a character beyond the first plane.
        keys = kind is dict and all([type(key) is str and key.isascii() for key in value])
        return all([_is_plain(part, depth - 1) for part in value.values()]) and keys
    if isinstance(value, (list, tuple)):
        _spend(depth)
        return all([_is_plain(part, depth - 1) for part in value]) and kind in {list, tuple}
    return False


def _spend(depth: int) -> None:
    if depth <= 0:
        message = f"the value is nested deeper than {MAX_DEPTH} levels"
        raise Uncanonical(message, help=_HELP_DEPTH)


def _reference(value: Any) -> bytes:  # noqa: ANN401
    import rfc8785  # noqa: PLC0415 - most actions never need it

    try:
        return rfc8785.dumps(value)
    except (rfc8785.IntegerDomainError, rfc8785.FloatDomainError) as error:
        raise Uncanonical(str(error), help=_HELP_NUMBER) from error
    except UnicodeEncodeError as error:
        raise _lone_surrogate() from error
    except rfc8785.CanonicalizationError as error:
        if "codepoints" in str(error):
            raise _lone_surrogate() from error
        raise Uncanonical(f"the value has no canonical form: {error}", help=_HELP_TYPE) from error


def _lone_surrogate() -> Uncanonical:
    return Uncanonical(
        "a text holds half of a surrogate pair, which is no character",
        help="remove the broken character; it cannot be stored or shown",
    )
