"""A handover as JSON, the same for each kind of route."""

from __future__ import annotations

from typing import Any

from hitl_fsm.model.dispatch import Handover
from hitl_fsm.model.instant import iso


def data_of(handover: Handover) -> dict[str, Any]:
    """What goes out. `arguments` are exactly those that were judged and approved; `expires_at` is ISO 8601 or null."""
    return {
        "requirement_id": handover.requirement_id,
        "run_id": handover.run_id,
        "call_id": handover.call_id,
        "tool": handover.tool,
        "arguments": handover.args,
        "digest": handover.digest,
        "idempotency_key": handover.idempotency_key,
        "attempt": handover.attempt,
        "expires_at": None if handover.expires_at is None else iso(handover.expires_at),
        "callback_id": handover.callback_id,
    }
