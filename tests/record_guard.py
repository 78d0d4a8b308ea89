"""Holds every line of the record that a test writes to the model of its event."""

from __future__ import annotations

from collections.abc import Mapping

from hitl_fsm.adapters.store import recording
from hitl_fsm.audit.chain import GENESIS, head
from hitl_fsm.audit.chain import encode_record as _encode
from hitl_fsm.model.record import Record

problems: list[str] = []
"""What did not fit, since somebody looked last. A list, for a line may be written where an exception would be lost."""


def _checked(record: Record, commitments: Mapping[str, str] = {}) -> bytes:
    written = _encode(record, commitments)
    from hitl_fsm.audit.events.all import problem_of  # for tests that write records

    problem = problem_of(head(1, GENESIS) + written[1:])
    if problem:
        problems.append(problem)
    return written


def guard() -> None:
    """From now on."""
    recording.encode_record = _checked
