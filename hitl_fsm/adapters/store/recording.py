"""Records on their way into the chain: encoded before the lock is taken, so that nothing slow happens inside it."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from msgspec.structs import replace

from hitl_fsm.audit.chain import encode_record
from hitl_fsm.audit.contents import SALT_BYTES, VALUES_AT, Plain, commit
from hitl_fsm.model.record import Record

if TYPE_CHECKING:
    from hitl_fsm.audit.redact import Redactor

RedactorSource = Callable[[], "Redactor"]
"""What is taken out of the lines of a store; asked for when its first record is written."""


class Encoded(NamedTuple):
    """A record's own JSON, its run ("" for none) and event, and its contents, encrypted in the transaction."""

    run_id: str
    line: bytes
    event: str
    plain: Plain | None


class Recording:
    """Encodes the records of one store."""

    def __init__(self, source: RedactorSource | None) -> None:
        self._source = source
        self._redactor: Redactor | None = None

    def __call__(self, record: Record) -> Encoded:
        """See `encoded`."""
        if self._redactor is None:
            self._redactor = _builtin() if self._source is None else self._source()
        return encoded(record, self._redactor)


def encoded(record: Record, redactor: Redactor | None = None) -> Encoded:
    """Redacted first; without `redactor` by the built-in patterns. RecordError when it cannot be written."""
    redactor = redactor or _builtin()
    commitments: dict[str, str] = {}
    plain = None
    if record.contents:
        commitments, plain = commit(record.contents, secrets.token_bytes(SALT_BYTES), record.subject)
        contents = redactor.contents(record.contents, plain.body[VALUES_AT:])
        if contents is not None:
            commitments, plain = commit(contents, secrets.token_bytes(SALT_BYTES), record.subject)
    line = encode_record(record, commitments)
    if record.data:
        data = redactor.data(record.data, line)
        if data is not None:
            line = encode_record(replace(record, data=data), commitments)
    return Encoded(record.run, line, record.event, plain)


def _builtin() -> Redactor:
    from hitl_fsm.audit.redact import builtin  # noqa: PLC0415 - its patterns are compiled when they are needed

    return builtin()
