"""Lines that are signed in the transaction that writes them: one that no signature covers was written by somebody else.

So neither a kill nor a power cut leaves a decision without its signature, nor more lines than are signed together.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from hitl_fsm.audit.findings import Finding

EVERY_LINES = 256
"""Lines after which a checkpoint is signed, whatever they say."""
DECISIONS = frozenset(
    {
        *("requirement_resolved", "requirement_rejected", "requirement_expired", "requirement_advised"),
        *("requirement_voted", "requirement_vote_withdrawn", "requirement_cancelled"),
        *("approval_revoked", "break_glass", "override_reviewed", "grant_made", "grant_revoked"),
        *("delegation_made", "delegation_ended", "run_cancelled", "subject_erased", "hold_placed", "hold_released"),
        *("key_added", "key_rotated", "record_pruned", "reader_retired"),
    }
)
"""Events after which the record is signed at once."""


class _Line(msgspec.Struct, gc=False):
    event: str


_line = msgspec.json.Decoder(_Line).decode


def unsigned(rows: Iterable[tuple[Any, Any]]) -> Iterator[Finding]:
    """Of the lines (number, body) after the newest checkpoint: those that nobody who signs can have written."""
    for count, (seq, body) in enumerate(rows, 1):
        if event_of(body) in DECISIONS:
            what = f"{event_of(body)} is signed in the transaction that writes it, and nobody signed this"
            yield Finding(seq, what, "signature")
        if count == EVERY_LINES:
            what = f"at most {EVERY_LINES - 1} lines are written without a signature on them, and these are more"
            yield Finding(seq, what, "signature")


def event_of(body: Any) -> str:
    """Of a stored line, whatever it is; "" where it has none."""
    try:
        return _line(body).event
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, TypeError):
        return ""
