"""The chain (DESIGN section 9): each stored line names the hash of the line before it.

A line is `{"seq":N,"prev":"<leaf of the line before>",` and then the record's own JSON. Its leaf is
SHA-256(0x00 ‖ line), which is also the leaf hash of an RFC 6962 tree. Stored bytes are never written anew.
"""

from __future__ import annotations

import hashlib
from binascii import hexlify
from collections.abc import Mapping

import msgspec
from msgspec.structs import replace

from hitl_fsm.errors import RecordError
from hitl_fsm.model.record import Record

GENESIS = "0" * 64
"""What the first line names as its predecessor."""

LEAF_PREFIX = b"\x00"

_encode = msgspec.json.Encoder().encode


def seal(record: Record, seq: int, prev: str) -> tuple[bytes, str]:
    """The bytes to store for a record at place `seq` after the leaf `prev`, and their own leaf (both hashes in hex)."""
    return seal_encoded(encode_record(record), seq, prev)


def encode_record(record: Record, commitments: Mapping[str, str] = {}) -> bytes:
    """A record's own JSON, with `commitments` for its contents, whose values never stand in it.

    RecordError when it has none (law 6: what cannot be recorded does not happen).
    """
    try:
        return _encode(replace(record, contents=dict(commitments), subject=""))
    except (TypeError, ValueError, RecursionError, OverflowError) as error:
        message = f"the record {record.event!r} cannot be written: {error}"
        raise RecordError(message, help="its data must be plain JSON values with valid text") from error


def seal_encoded(record: bytes, seq: int, prev: str) -> tuple[bytes, str]:
    """`seal`, for a record that is already JSON."""
    body = head(seq, prev) + record[1:]
    return body, leaf_of(body)


def sealed(record: bytes, seq: int, prev: bytes) -> tuple[bytes, bytes]:
    """`seal_encoded` with raw hashes instead of hex, for who seals many: the same bytes in two thirds of the time."""
    body = b'{"seq":%d,"prev":"%b",%b' % (seq, hexlify(prev), record[1:])
    return body, hashlib.sha256(LEAF_PREFIX + body).digest()


def head(seq: int, prev: str) -> bytes:
    """How the line at `seq` after the leaf `prev` begins."""
    return b'{"seq":%d,"prev":"%s",' % (seq, prev.encode())


def leaf_of(body: bytes) -> str:
    """The leaf hash of stored bytes (hex)."""
    return hashlib.sha256(LEAF_PREFIX + body).hexdigest()
