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

REVIEW_DOMAIN = b"hitl-fsm/review/v1\0"
"""The same for the digest of a result that a person reviews."""

ASKED_DOMAIN = b"hitl-fsm/asked/v1\0"
"""The same for the digest of what is asked for, in whatever run."""

MAX_DEPTH = 64
"""Containers within containers, the outermost one counted."""

_MAX_INT = 2**53 - 1
_PLAIN_FLOAT_FROM = 1e-4
_PLAIN_FLOAT_BELOW = 1e15

_HELP_NUMBER = "write numbers beyond 9007199254740991, NaN and infinity as text"
_HELP_DEPTH = f"flatten the value; at most {MAX_DEPTH} levels"
_HELP_TYPE = "use only what JSON has: objects with text keys, arrays, text, numbers, booleans, null"


def action_digest(  # noqa: PLR0913 - each is a part of what is bound
    run_id: str, call_id: str, tool: str, args: dict[str, Any], tool_version: str, policy_digest: str, *, salt: str = ""
) -> str:
    """SHA-256 (hex) of one action; raises Uncanonical when `args` has no canonical form.

    `salt` is the run's: without it nobody can find out by trying which arguments a digest
    is of. Numbers are compared as JSON does: 1000 and 1000.0 are one value, 1 and true are two.
    """
    action = {
        "args": args,
        "call": call_id,
        "policy": policy_digest,
        "run": run_id,
        "tool": tool,
        "tool_version": tool_version,
    }
    if salt:
        action["salt"] = salt
    return hashlib.sha256(ACTION_DOMAIN + canonical(action, extra_depth=1)).hexdigest()


def asked_digest(tool: str, args: dict[str, Any]) -> str:
    """SHA-256 (hex) of a tool and its arguments, wherever and under whatever policies they are asked for."""
    return hashlib.sha256(ASKED_DOMAIN + canonical({"args": args, "tool": tool}, extra_depth=1)).hexdigest()


def review_digest(action: str, execution: int, result: str, *, salt: str = "") -> str:
    """SHA-256 (hex) that binds a review to one result: the action's digest, which execution of it, the result's.

    `salt` is the run's: the action's digest is on the record, and a short result could be found by trying.
    """
    reviewed: dict[str, Any] = {"action": action, "execution": execution, "result": result}
    if salt:
        reviewed["salt"] = salt
    return hashlib.sha256(REVIEW_DOMAIN + canonical(reviewed)).hexdigest()


def canonical(value: Any, *, extra_depth: int = 0) -> bytes:
    """The RFC 8785 bytes of a JSON value; `extra_depth` allows for wrapping that is not the user's."""
    depth = MAX_DEPTH + extra_depth
    try:
        return msgspec.json.encode(_plain(value, depth), order="sorted")
    except _NotPlainError:
        _check_depth(value, depth)
        return _reference(value)
    except UnicodeEncodeError as error:
        raise _lone_surrogate() from error


class _NotPlainError(Exception):
    """The fast encoder would not write the canonical bytes of this value."""


def _plain(value: Any, depth: int) -> Any:
    """The value as the fast encoder has to get it for the canonical bytes. Raises when it is nested too deep."""
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return value
    if kind is dict:
        _spend(depth)
        for key in value:
            # Text order is UTF-16 order only where no key has a character beyond the first plane.
            if type(key) is not str or not key.isascii():
                raise _NotPlainError
        return {key: _plain(part, depth - 1) for key, part in value.items()}
    if kind is list or kind is tuple:
        _spend(depth)
        return [_plain(part, depth - 1) for part in value]
    if kind is float and value.is_integer():
        value = int(value)
        kind = int
    if kind is int and -_MAX_INT <= value <= _MAX_INT:
        return value
    # Smaller and larger fractions are written with an exponent, in another form than the encoder's.
    if kind is float and _PLAIN_FLOAT_FROM <= abs(value) < _PLAIN_FLOAT_BELOW:
        return value
    raise _NotPlainError


def _check_depth(value: Any, depth: int) -> None:
    if isinstance(value, (dict, list, tuple)):
        _spend(depth)
        for part in value.values() if isinstance(value, dict) else value:
            _check_depth(part, depth - 1)


def _spend(depth: int) -> None:
    if depth <= 0:
        message = f"the value is nested deeper than {MAX_DEPTH} levels"
        raise Uncanonical(message, help=_HELP_DEPTH)


def _reference(value: Any) -> bytes:
    import rfc8785  # noqa: PLC0415 - most actions never need it

    try:
        return rfc8785.dumps(value)
    except UnicodeEncodeError as error:
        raise _lone_surrogate() from error
    except (rfc8785.IntegerDomainError, rfc8785.FloatDomainError) as error:
        raise _bad_number() from error
    except rfc8785.CanonicalizationError as error:
        if isinstance(error.__cause__, UnicodeEncodeError):
            raise _lone_surrogate() from error
        message = f"the value has no canonical form: {error}"
        raise Uncanonical(message, help=_HELP_TYPE) from error
    except ValueError as error:  # an integer of more digits than Python writes
        raise _bad_number() from error


def _bad_number() -> Uncanonical:
    return Uncanonical("a number is not finite, or too large to be exact in JSON", help=_HELP_NUMBER)


def _lone_surrogate() -> Uncanonical:
    return Uncanonical(
        "a text holds half of a surrogate pair, which is no character",
        help="remove the broken character; it cannot be stored or shown",
    )
