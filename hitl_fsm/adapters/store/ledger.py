"""All that a transaction adds to the record, in it (law 10): the chained lines, their contents, a signed checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from hitl_fsm.adapters.store import log, signing
from hitl_fsm.adapters.store.database import Connection
from hitl_fsm.adapters.store.recording import Encoded
from hitl_fsm.adapters.store.sealing import Sealing
from hitl_fsm.audit.chain import encode_record
from hitl_fsm.audit.keys import Keys
from hitl_fsm.errors import KeysError
from hitl_fsm.model.actor import ENGINE, Actor


class KeySource(Protocol):
    """The keys of a store, looked up each time that they are needed; None where it has none, or none yet.

    KeysError for keys that must not be used. `make`: for a store that was never signed; where keys belong to it, they
    are made, and are on disk before this returns.
    """

    def __call__(self, *, make: bool = False) -> Keys | None: ...


class Landed(NamedTuple):
    """Of some records: the number of the first one, and where the log ends now."""

    first: int
    head: tuple[int, bytes]
    own: tuple[Encoded, ...] = ()


def no_keys(*, make: bool = False) -> Keys | None:  # noqa: ARG001 - there is nothing to make
    """Lines are committed to contents that are not kept, and no checkpoint is signed."""
    return None


class Ledger:
    """Writes records for one store. Used by one thread at a time, like the writing connection."""

    def __init__(self, keys: KeySource) -> None:
        self.source = keys
        self._sealing = Sealing()
        self._signing = signing.Signing()
        self._asked: Actor | None = None

    @property
    def is_behind(self) -> bool:
        """Whether it wrote lines that no checkpoint covers yet."""
        return self._signing.is_behind

    def ask(self, by: Actor = ENGINE) -> None:
        """Have the transaction that is under way end with a checkpoint; a key that is new is introduced by `by`."""
        self._asked = by

    def append(self, connection: Connection, records: Sequence[Encoded]) -> Landed | None:
        """None if nothing was written."""
        asked, self._asked = self._asked, None
        if not records and asked is None:
            return None
        added = log.append(connection, [(record.run_id, record.line) for record in records])
        first, head = added.before[0] + 1, added.head
        keys = self._keys(connection) if head[0] else None
        if keys is None:
            return Landed(first, head) if records else None
        self._signing.follow(connection, keys, added)
        if self._signing.keys_were_lost:
            self._sealing.forget(connection)
        self._sealing.write(connection, keys, first, records)
        introduction = self._signing.introduction(asked)
        own: tuple[Encoded, ...] = ()
        if introduction is not None:
            own = (Encoded("", encode_record(introduction), introduction.event, None),)
            added = log.append(connection, [("", own[0].line)])
            head = added.head
            self._signing.follow(connection, keys, added)
        if asked is not None or introduction is not None or self._signing.is_due([one.event for one in records]):
            self._signing.sign(connection)
        return Landed(first, head, own) if head[0] >= first else None

    def _keys(self, connection: Connection) -> Keys | None:
        """KeysError where there are none, but the log was signed before."""
        keys = self.source()
        if keys is not None:
            return keys
        if signing.exists(connection):
            msg = "the record of this store is signed, and its keys are not there"
            help_ = "nothing was written; restore the keys file, or name it (HITL_FSM_RECORD_KEYS); if it is lost for"
            raise KeysError(msg, help=f"{help_} good: `hitl-fsm audit keys --replace-lost`")
        return self.source(make=True)
