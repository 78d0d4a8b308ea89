"""Contents of the record's lines, encrypted under the keys of those whom they are about (AES-256-GCM).

Each person's key is random, and is kept wrapped under the key of the store (`Keys.wrap`), which is not in it. Without
the row of its key a content is noise: that is how it is forgotten. All of this happens with the log's head locked, so
that of two processes one makes a person's key, and the other finds it.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from hitl_fsm.adapters.store.columns import holds
from hitl_fsm.adapters.store.database import Connection
from hitl_fsm.adapters.store.recording import Encoded
from hitl_fsm.audit.keys import Keys
from hitl_fsm.errors import Tampered

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE_BYTES = 12
_KEY_BYTES = 32
KEYS_KNOWN = 512
"""Keys of people that one store keeps unwrapped between two transactions."""
SUBJECT_CHARS = 500
"""Characters of whom contents are about; a longer text, or one that no column holds, is named by its SHA-256."""

_WRAPPED = b"hitl-fsm/subject-key/v1\0"
_ROWS = 64  # of one INSERT
_COLUMNS = 4
_KEYS = "SELECT subject, key_id, wrapped FROM subject_key WHERE subject IN"
_KEY_INSERT = "INSERT INTO subject_key (key_id, subject, wrapped, at) VALUES (?, ?, ?, ?)"
_KEY_DELETE = "DELETE FROM subject_key WHERE key_id = ?"
_INSERT = "INSERT INTO content (seq, subject_key, nonce, body) VALUES (?, ?, ?, ?)"
_MORE = ", (?, ?, ?, ?)"


class SubjectKey(NamedTuple):
    """As its row has it, and the cipher under it."""

    key_id: str
    wrapped: bytes
    cipher: AESGCM


class Sealing:
    """Seals for one store. Used by one thread at a time, like the writing connection."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, SubjectKey] = OrderedDict()

    def write(self, connection: Connection, keys: Keys, first: int, records: Sequence[Encoded]) -> None:
        """Keep what the lines from number `first` on are committed to."""
        plains = [(seq, record.plain) for seq, record in enumerate(records, first) if record.plain is not None]
        if not plains:
            return
        found = self._keys(connection, keys, {subject_of(plain.subject) for _, plain in plains})
        values: list[object] = []
        for seq, plain in plains:
            key = found[subject_of(plain.subject)]
            nonce = os.urandom(_NONCE_BYTES)
            values += (seq, key.key_id, nonce, key.cipher.encrypt(nonce, plain.body, plain.bound))
        for start in range(0, len(values), _COLUMNS * _ROWS):
            rows = values[start : start + _COLUMNS * _ROWS]
            connection.execute(_INSERT + _MORE * (len(rows) // _COLUMNS - 1), rows)

    def forget(self, connection: Connection) -> None:
        """The keys of people that are wrapped in a key which nobody has any more; new ones are made when needed."""
        connection.execute("DELETE FROM subject_key")
        self._known.clear()

    def _keys(self, connection: Connection, keys: Keys, subjects: Iterable[str]) -> Mapping[str, SubjectKey]:
        """Of each of them; what is remembered counts only as its row stands in this transaction."""
        wanted = sorted(subjects)
        marks = ", ".join("?" * len(wanted))
        rows = {row[0]: row[1:] for row in connection.execute(f"{_KEYS} ({marks})", wanted)}
        found: dict[str, SubjectKey] = {}
        for subject in wanted:
            row = rows.get(subject)
            known = self._known.get(subject)
            if row is None:
                known = _made(connection, keys, subject)
            elif known is None or (known.key_id, known.wrapped) != row:
                known = _unwrapped_or_new(connection, keys, subject, *row)
            found[subject] = self._known[subject] = known
            self._known.move_to_end(subject)
        while len(self._known) > max(KEYS_KNOWN, len(wanted)):
            self._known.popitem(last=False)
        return found


def subject_of(subject: str) -> str:
    """As the column has it, which is indexed."""
    if len(subject) > SUBJECT_CHARS or not holds(subject):
        return f"sha256:{hashlib.sha256(subject.encode('utf-8', 'surrogatepass')).hexdigest()}"
    return subject


def _unwrapped_or_new(connection: Connection, keys: Keys, subject: str, key_id: str, wrapped: bytes) -> SubjectKey:
    """Where the store's own key was lost, so is this one, with all that is under it; another one takes its place."""
    try:
        return unwrapped(keys, subject, key_id, wrapped)
    except Tampered:
        if not keys.lost:
            raise
    connection.execute(_KEY_DELETE, (key_id,))
    return _made(connection, keys, subject)


def _made(connection: Connection, keys: Keys, subject: str) -> SubjectKey:
    key_id, key, nonce = secrets.token_hex(16), secrets.token_bytes(_KEY_BYTES), os.urandom(_NONCE_BYTES)
    wrapped = nonce + cipher_of(keys.wrap).encrypt(nonce, key, _bound(key_id, subject))
    connection.execute(_KEY_INSERT, (key_id, subject, wrapped, time.time_ns() // 1_000_000))
    return SubjectKey(key_id, wrapped, cipher_of(key))


def unwrapped(keys: Keys, subject: str, key_id: str, wrapped: bytes) -> SubjectKey:
    """Tampered where it was not wrapped by this store's key, for this person."""
    from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - as in cipher_of

    try:
        key = cipher_of(keys.wrap).decrypt(wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:], _bound(key_id, subject))
        return SubjectKey(key_id, wrapped, cipher_of(key))
    except (InvalidTag, ValueError) as error:
        message = f"the key of the contents about {subject!r} cannot be unwrapped"
        raise Tampered(message, help="the store's keys file is another one, or the row was changed") from error


def cipher_of(key: bytes) -> AESGCM:
    """AES-256-GCM."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - 20 ms that reading need not pay

    return AESGCM(key)


def _bound(key_id: str, subject: str) -> bytes:
    return _WRAPPED + key_id.encode() + b"\0" + subject.encode()
