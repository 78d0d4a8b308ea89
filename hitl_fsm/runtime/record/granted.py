"""Grants that hold, against what is kept beside their lines: with which arguments, and what their uses came to.

Where the contents cannot be opened (no keys, erased, redacted) nothing is compared; `audit verify --contents` tells of
what should be there and is not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from hitl_fsm.audit.redact import MARK
from hitl_fsm.audit.stated import Stated
from hitl_fsm.audit.verify import Verification
from hitl_fsm.core.grants import exact
from hitl_fsm.errors import StoreError, Tampered
from hitl_fsm.model.grant import Grant
from hitl_fsm.model.visible import MASK
from hitl_fsm.ports import Store
from hitl_fsm.runtime.loop import run_sync

PAGE = 500
"""Grants that are read at once."""
_grant = msgspec.json.Decoder(Grant).decode
_BROKEN = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, TypeError)


def check_granted(store: Store, verification: Verification) -> None:
    """Each grant that was not revoked, and that the record has as its row has it."""
    for grant, used, spent in _active(store):
        told = verification.stated.get(("permission", grant.grant_id))
        if told is None or len(told.uses) != used:  # that is told by whoever compares the row itself, or it moves
            continue
        what = _difference(store, grant, spent, told)
        if what:
            verification.found(told.seq, "answer", f"the row of the grant {grant.grant_id!r:.80} has {what}")


def _active(store: Store) -> Iterator[tuple[Grant, Any, Any]]:
    after = 0
    while page := run_sync(store.raw_states("permission", after, PAGE)):
        for _, _, state, body, used, spent in page:
            try:
                grant = _grant(body) if state == "active" else None
            except _BROKEN:
                grant = None
            if grant is not None:
                yield grant, used, spent
        after = page[-1][0]


def _difference(store: Store, grant: Grant, spent: Any, told: Stated) -> str:
    try:
        beside = run_sync(store.contents([told.seq, *told.uses]))
    except (Tampered, StoreError):
        return ""
    made = beside.get(told.seq, {}).get("args")
    if isinstance(made, dict) and not _is_same(made, grant.args):
        return "other arguments than the record"
    amounts = [exact(beside.get(seq, {}).get("amount")) for seq in told.uses]
    known = sum((one for one in amounts if one is not None), Decimal(0))
    try:
        found = Decimal(str(spent))
    except InvalidOperation:
        return f"spent {spent!r:.20}, which is no number"
    whole = None not in amounts or not grant.budget_of
    if found < known or (whole and found != known):
        return f"spent {spent!r:.20}, and the record {known}"
    return ""


def _is_same(told: Any, there: Any) -> bool:
    """But for what stands in no record: masked by a schema, or redacted."""
    if isinstance(told, str) and (told == MASK or MARK in told):
        return True
    if isinstance(told, Mapping) and isinstance(there, Mapping):
        if told.keys() != there.keys():
            return any(MARK in name for name in told)
        return all(_is_same(value, there[name]) for name, value in told.items())
    if isinstance(told, list) and isinstance(there, list):
        return len(told) == len(there) and all(map(_is_same, told, there))
    return bool(told == there) and isinstance(told, bool) == isinstance(there, bool)
