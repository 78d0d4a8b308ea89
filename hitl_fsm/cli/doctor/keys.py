"""What `doctor` says of the keys of the record, and of where its checkpoints are kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from hitl_fsm.cli.doctor.check import Check
from hitl_fsm.errors import KeysError

if TYPE_CHECKING:
    from hitl_fsm.cli.session import Session
    from hitl_fsm.ports import Store

_PAGE = "docs/how-to/record-keys.md"


def keys(session: Session, store: Store) -> Iterator[Check]:
    """Whether the record is signed, how far, and whether its keys can be used."""
    from hitl_fsm.adapters.keys import key_source  # noqa: PLC0415 - not for --help
    from hitl_fsm.adapters.store.ledger import no_keys  # noqa: PLC0415 - as above
    from hitl_fsm.runtime.loop import run_sync  # noqa: PLC0415 - as above

    newest, info = run_sync(store.newest_checkpoint()), run_sync(store.info())
    source = key_source(info.url, info.keys)
    try:
        found = source()
    except KeysError as error:
        yield Check("record keys", "problem", error.message, error.help or _PAGE)
        return
    if found is None and newest is not None:
        told = "the record is signed, and its keys are not there: nothing can be written"
        yield Check("record keys", "problem", told, "restore them, or name their file: HITL_FSM_RECORD_KEYS")
    elif source is no_keys:
        told = "none: the record is chained, but not signed, and what it commits to of people is not kept"
        yield Check("record keys", "note", told, f"name a file for them, HITL_FSM_RECORD_KEYS; see {_PAGE}")
    elif found is None or newest is None:
        yield Check("record keys", "ok", "made with the next line of the record")
    else:
        head, _ = run_sync(store.head())
        yield Check("record keys", "ok", f"the first {newest.size} of {head} lines are signed")
        yield _anchors(session)


def _anchors(session: Session) -> Check:
    if session.settings.record_anchors:
        return Check("anchors", "ok", f"{len(session.settings.record_anchors.split())} by the settings")
    told = "none: whoever has both the store and its keys could write the record anew"
    return Check("anchors", "note", told, f"name one, HITL_FSM_RECORD_ANCHORS; see {_PAGE}")
