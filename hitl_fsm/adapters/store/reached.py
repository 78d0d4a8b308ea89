"""How far each reader of the record has come, and a reader that nobody has any more."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hitl_fsm.adapters.store import holding
from hitl_fsm.adapters.store import statements as sql
from hitl_fsm.adapters.store.batch import Written
from hitl_fsm.adapters.store.database import Connection
from hitl_fsm.adapters.store.recording import Encoded
from hitl_fsm.model.reader import channel_of
from hitl_fsm.ports_record import ReaderAt, Retired

_MARKS = (holding.LOCKED, "people", "policies")  # nobody reads on from these: a lock, the newest lines about each
_ALL = "SELECT name, seq FROM cursor WHERE name NOT IN (?, ?, ?) ORDER BY seq, name"
_DELETE = "DELETE FROM cursor WHERE name = ?"
# Not those that a sender holds: it says itself what became of them.
_NOTICES_DELETE = f"DELETE FROM delivery WHERE {sql.PENDING} AND kind = 'notice' AND target = ? AND state = 'waiting'"  # noqa: S608 - a constant


def readers(connection: Connection) -> Sequence[ReaderAt]:
    """The slowest first. All of them: they are few."""
    return [ReaderAt(*row) for row in connection.execute(_ALL, _MARKS)]


def retire(connection: Connection, name: str, told: Callable[[Retired], Encoded]) -> Written:
    """See `ports_record.Contents`; its value is what was retired, None where there is none.

    A channel's notices that wait go with it, or they would wait for ever: one of that name that comes back makes those
    anew that are still of use. Calls that wait for a route stay, since somebody may still report what came of them.
    """
    row = None if name in _MARKS else connection.execute(sql.CURSOR + sql.LOCK, (name,)).fetchone()
    if row is None:
        return Written(None)
    connection.execute(_DELETE, (name,))
    channel = channel_of(name)
    notices = connection.execute(_NOTICES_DELETE, (channel,)).rowcount if channel else 0
    retired = Retired(int(row[0]), notices)
    return Written(retired, (told(retired),))
