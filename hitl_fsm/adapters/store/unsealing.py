"""Reading what lines are committed to, held against their commitments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from hitl_fsm.adapters.store.database import Connection
from hitl_fsm.adapters.store.sealing import SubjectKey, unwrapped
from hitl_fsm.audit.contents import Opened, bound, opened
from hitl_fsm.audit.keys import Keys
from hitl_fsm.errors import Tampered

CONTENTS_AT_ONCE = 500
"""Lines whose contents one statement reads."""

_SELECT = (
    "SELECT content.seq, record.body, subject_key.subject, subject_key.key_id, subject_key.wrapped, content.nonce,"
    " content.body FROM content JOIN record ON record.seq = content.seq"
    " JOIN subject_key ON subject_key.key_id = content.subject_key WHERE content.seq IN"
)


class _Row(NamedTuple):
    """As it stands: in SQLite any column may hold anything, if somebody else wrote it."""

    seq: int
    line: bytes
    subject: str
    key_id: str
    wrapped: bytes
    nonce: bytes
    body: bytes

    @property
    def is_sound(self) -> bool:
        texts, blobs = (self.subject, self.key_id), (self.line, self.wrapped, self.nonce, self.body)
        return all(isinstance(one, str) for one in texts) and all(isinstance(one, bytes) for one in blobs)


class _Line(msgspec.Struct):
    contents: dict[str, str] = {}


_line = msgspec.json.Decoder(_Line)


def openings(connection: Connection, keys: Keys, seqs: Sequence[int]) -> dict[int, Opened]:
    """By line; see `ports_record.Contents`."""
    ciphers: dict[str, SubjectKey | None] = {}
    found: dict[int, Opened] = {}
    wanted = sorted(set(seqs))
    for start in range(0, len(wanted), CONTENTS_AT_ONCE):
        page = wanted[start : start + CONTENTS_AT_ONCE]
        marks = ", ".join("?" * len(page))
        for row in map(_Row._make, connection.execute(f"{_SELECT} ({marks}) ORDER BY content.seq", page).fetchall()):
            if not row.is_sound:
                raise _changed(row)
            if row.key_id not in ciphers:
                ciphers[row.key_id] = _key(keys, row)
            key = ciphers[row.key_id]
            if key is not None:
                found[row.seq] = _opened(row, key)
    return found


def _key(keys: Keys, row: _Row) -> SubjectKey | None:
    """None where it went with a key of the store that is lost."""
    try:
        return unwrapped(keys, row.subject, row.key_id, row.wrapped)
    except Tampered:
        if not keys.lost:
            raise
        return None


def _opened(row: _Row, key: SubjectKey) -> Opened:
    from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - as where it is encrypted

    try:
        commitments = _line.decode(row.line).contents
        body = key.cipher.decrypt(row.nonce, row.body, bound(commitments))
    except (InvalidTag, ValueError, msgspec.DecodeError, RecursionError) as error:
        raise _changed(row) from error
    return opened(body, commitments)


def _changed(row: _Row) -> Tampered:
    message = f"what is kept beside line {row.seq} of the record is not what it is committed to"
    return Tampered(message, help="`hitl-fsm audit verify --contents` tells more")
