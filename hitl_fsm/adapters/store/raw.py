"""The part of the store that `ports_record.Raw` describes: rows as they stand, for who verifies them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from hitl_fsm.adapters.store.database import Connection
from hitl_fsm.adapters.store.log import LOG
from hitl_fsm.adapters.store.readers import Query

T = TypeVar("T")
RawRow = tuple[Any, ...]

_LINES = "SELECT seq, run_id, body, leaf FROM record WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?"
_LOOSE = "SELECT seq, run_id, body, leaf FROM record WHERE run_id = ? AND seq > ? AND seq <= ? ORDER BY seq LIMIT ?"
_BEFORE = "SELECT seq, run_id, body, leaf FROM record WHERE seq <= ? ORDER BY seq DESC LIMIT 1"
_LEAVES = "SELECT seq, leaf FROM record WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?"
_CHECKPOINTS = (
    "SELECT log, size, frontier, note FROM checkpoint WHERE log = ? AND size > ? AND size <= ? ORDER BY size LIMIT ?"
)
_POLICIES = "SELECT id, digest, text FROM policy_set WHERE id > ? ORDER BY id LIMIT ?"
_STATES = {
    "requirement": "SELECT id, requirement_id, state, body FROM requirement WHERE id > ? ORDER BY id LIMIT ?",
    "permission": "SELECT id, grant_id, state, body, used, spent FROM permission WHERE id > ? ORDER BY id LIMIT ?",
    "delegation": "SELECT id, delegation_id, state, body FROM delegation WHERE id > ? ORDER BY id LIMIT ?",
    "override": "SELECT id, requirement_id, state, body FROM override WHERE id > ? ORDER BY id LIMIT ?",
    "hold": "SELECT id, hold_id, state, body FROM hold WHERE id > ? ORDER BY id LIMIT ?",
    "run": "SELECT id, run_id, state, version FROM run WHERE id > ? ORDER BY id LIMIT ?",
}
_CALLS = "SELECT call_id, state, digest FROM call WHERE run_id = ?"
_HEAD = "SELECT seq, leaf FROM log_head WHERE name = ?"
_COUNT = "SELECT (SELECT count(*) FROM record), (SELECT count(*) FROM checkpoint)"


class RawTable(ABC):
    """Nothing that is read here is looked at here."""

    async def raw_lines(self, after: int, upto: int, limit: int, *, loose: bool = False) -> Sequence[RawRow]:
        """See `ports_record.Raw`."""
        if loose:
            return await self._rows(_LOOSE, ("", after, upto, limit))
        return await self._rows(_LINES, (after, upto, limit))

    async def raw_line_before(self, seq: int) -> RawRow | None:
        """See `ports_record.Raw`."""
        rows = await self._rows(_BEFORE, (seq,))
        return rows[0] if rows else None

    async def raw_leaves(self, after: int, upto: int, limit: int) -> Sequence[RawRow]:
        """See `ports_record.Raw`."""
        return await self._rows(_LEAVES, (after, upto, limit))

    async def raw_checkpoints(self, after: int, upto: int, limit: int) -> Sequence[RawRow]:
        """See `ports_record.Raw`."""
        return await self._rows(_CHECKPOINTS, (LOG, after, upto, limit))

    async def raw_policies(self, after: int, limit: int) -> Sequence[RawRow]:
        """See `ports_record.Raw`."""
        return await self._rows(_POLICIES, (after, limit))

    async def raw_states(self, table: str, after: int, limit: int) -> Sequence[RawRow]:
        """See `ports_record.Raw`."""
        return await self._rows(_STATES[table], (after, limit))

    async def raw_calls(self, run_id: str) -> Sequence[RawRow]:
        """See `ports_record.Raw`."""
        return await self._rows(_CALLS, (run_id,))

    async def raw_head(self) -> RawRow | None:
        """See `ports_record.Raw`."""
        rows = await self._rows(_HEAD, (LOG,))
        return rows[0] if rows else None

    async def raw_counts(self) -> tuple[int, int]:
        """See `ports_record.Raw`."""
        ((lines, checkpoints),) = await self._rows(_COUNT, ())
        return int(lines), int(checkpoints)

    async def _rows(self, statement: str, values: Sequence[Any]) -> list[RawRow]:
        def query(connection: Connection) -> list[RawRow]:
            try:
                return connection.execute(statement, values).fetchall()
            except Exception:
                if not hasattr(connection, "text_factory"):
                    raise
            with _any_text(connection):
                return connection.execute(statement, values).fetchall()

        return await self._read(query, long=True)

    @abstractmethod
    async def _read(self, query: Query[T], *, long: bool = False) -> T: ...


@contextmanager
def _any_text(connection: Connection) -> Iterator[None]:
    """SQLite keeps any bytes as a text, and its driver raises at the first that is no UTF-8: here it comes as another
    text, which then is not what the record has.
    """
    plain = getattr(connection, "text_factory")  # noqa: B009 - of the driver, not of `Connection`
    setattr(connection, "text_factory", _replaced)  # noqa: B010 - as above
    try:
        yield
    finally:
        setattr(connection, "text_factory", plain)  # noqa: B010 - as above


def _replaced(data: bytes) -> str:
    return data.decode("utf-8", "replace")
