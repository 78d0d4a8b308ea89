"""What a line only commits to: values that can be forgotten while the chain stays whole.

A line's `contents` has, by name, SHA-256(domain ‖ salt of that name ‖ the value's JSON). The salt of a name is
HMAC-SHA256 of it under the line's own salt: whoever learns one value and its salt can check that one, and guesses
nothing of the others.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from hitl_fsm.errors import RecordError, Tampered

DOMAIN = b"hitl-fsm/commitment/v1\0"
SALT_BYTES = 16
VALUES_AT = len('{"salt":"","values":') + 2 * SALT_BYTES
"""Where in a body the values begin; the salt before them is random, and so looks like anything now and then."""

_BLOCK_BYTES = 64
_INNER, _OUTER = (bytes(byte ^ pad for byte in range(256)) for pad in (0x36, 0x5C))

_encode = msgspec.json.Encoder(order="sorted").encode


class Plain(NamedTuple):
    """Contents before they are encrypted: whom they are about, their JSON with the line's salt, and what binds them.

    `bound` are the line's commitments, sorted by name: the encryption's associated data.
    """

    subject: str
    body: bytes
    bound: bytes


class Opened(NamedTuple):
    """What a line is committed to, by name, and the salts with which anybody can hold each value against it (hex)."""

    values: dict[str, Any]
    salts: dict[str, str]


class _Body(msgspec.Struct):
    salt: str
    values: dict[str, Any]


_body = msgspec.json.Decoder(_Body)


def commit(contents: Mapping[str, Any], salt: bytes, subject: str) -> tuple[dict[str, str], Plain]:
    """The commitments (hex, by name) of some values, and what is to be encrypted; RecordError if they are no JSON."""
    try:
        commitments = {name: commitment(value, salt, name) for name, value in contents.items()}
        body = _encode(_Body(salt.hex(), dict(contents)))
    except (TypeError, ValueError, RecursionError, OverflowError) as error:
        message = f"the contents of a record cannot be written: {error}"
        raise RecordError(message, help="they must be plain JSON values with valid text") from error
    return commitments, Plain(subject, body, bound(commitments))


def commitment(value: Any, salt: bytes, name: str) -> str:
    """Of one value, under the salt of its line (hex)."""
    return hashlib.sha256(DOMAIN + _salt(salt, name) + _encode(value)).hexdigest()


def bound(commitments: Mapping[str, str]) -> bytes:
    """The associated data of a line's encrypted contents."""
    return _encode(dict(commitments))


def opened(body: bytes, commitments: Mapping[str, str]) -> Opened:
    """The values of a line's decrypted contents; Tampered unless they are those to which it is committed."""
    try:
        found = _body.decode(body)
        salt = bytes.fromhex(found.salt)
        same = {name: commitment(value, salt, name) for name, value in found.values.items()} == dict(commitments)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise _changed() from error
    if not same:
        raise _changed()
    return Opened(found.values, {name: _salt(salt, name).hex() for name in found.values})


def _salt(line: bytes, name: str) -> bytes:
    """HMAC-SHA256 (RFC 2104) out of its two hashes: OpenSSL looks its own up anew each time, which takes it twice as
    long. A longer key than a block, which no line has, is left to it.
    """
    if len(line) > _BLOCK_BYTES:
        return hmac.digest(line, name.encode(), "sha256")
    key = line.ljust(_BLOCK_BYTES, b"\0")
    inner = hashlib.sha256(key.translate(_INNER) + name.encode()).digest()
    return hashlib.sha256(key.translate(_OUTER) + inner).digest()


def _changed() -> Tampered:
    return Tampered(
        "the contents kept beside a line of the record are not those to which it is committed",
        help="`hitl-fsm audit verify` tells more",
    )
