"""What an agent asked people before: its questions among the newest of the store, as far as others are compared."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from hitl_fsm.adapters.store import statements as sql
from hitl_fsm.adapters.store.columns import fitted
from hitl_fsm.adapters.store.database import Connection
from hitl_fsm.errors import Tampered
from hitl_fsm.ports import AskedBefore

LATELY_ROWS = 500
"""So many of the newest questions, of whatever agent, are looked through."""

_before = msgspec.json.Decoder(AskedBefore)


def asked_before(connection: Connection, agent: str, limit: int) -> Sequence[AskedBefore]:
    """Newest first; Tampered when one cannot be read."""
    rows = connection.execute(sql.REQUIREMENTS_LATELY, (LATELY_ROWS, fitted(agent), limit))
    try:
        return [_before.decode(body) for (body,) in rows]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        message = "a stored requirement cannot be read"
        raise Tampered(message, help="`hitl-fsm audit verify` and the database's backups tell what changed") from error
