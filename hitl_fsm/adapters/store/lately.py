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
KEPT_ROWS = 256
"""Questions that need not be decoded again while their rows stay as they are."""
KEPT_BYTES = 4_096
"""Of a row; a longer one is decoded each time."""

_before = msgspec.json.Decoder(AskedBefore)


class Lately:
    """Reads for one store, from any thread. Each new question is compared with mostly the same ones as the last."""

    def __init__(self) -> None:
        self._kept: dict[int, tuple[bytes, AskedBefore]] = {}

    def asked_before(self, connection: Connection, agent: str, limit: int) -> Sequence[AskedBefore]:
        """Newest first; Tampered when one cannot be read."""
        kept, read = self._kept, dict[int, tuple[bytes, AskedBefore]]()
        found: list[AskedBefore] = []
        for number, body in connection.execute(sql.REQUIREMENTS_LATELY, (LATELY_ROWS, fitted(agent), limit)):
            known = kept.get(number)
            if known is None or known[0] != body:
                known = read[number] = body, _decoded(body)
            found.append(known[1])
        if read:
            short = {number: one for number, one in read.items() if len(one[0]) <= KEPT_BYTES}
            more = {**kept, **short}
            self._kept = more if len(more) <= KEPT_ROWS else short
        return found


def _decoded(body: bytes) -> AskedBefore:
    try:
        return _before.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        message = "a stored requirement cannot be read"
        raise Tampered(message, help="`hitl-fsm audit verify` and the database's backups tell what changed") from error
