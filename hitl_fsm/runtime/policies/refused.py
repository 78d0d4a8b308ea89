"""What a line of the record says of files that were refused: how many findings, and the first of them in words."""

from __future__ import annotations

from typing import Any

from hitl_fsm.errors import PolicyError

FINDINGS_TOLD = 5
"""Findings of refused files that stand on their line of the record; the rest is counted."""
FINDING_CHARS = 300
"""Characters of one of them."""


def told_of(error: PolicyError) -> dict[str, Any]:
    """`count` and `findings`."""
    found = error.diagnostics
    told = [f"{one.place} {one.code} {one.message}"[:FINDING_CHARS] for one in found[:FINDINGS_TOLD]]
    return {"count": len(found), "findings": told or [error.message[:FINDING_CHARS]]}
