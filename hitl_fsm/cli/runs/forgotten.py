"""A run that is not in the store may have been there: then the record tells who forgot it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hitl_fsm.errors import RunNotFound
from hitl_fsm.runtime.loop import run_sync
from hitl_fsm.runtime.prune import forgotten

if TYPE_CHECKING:
    from hitl_fsm.cli.session import Session


def no_run(session: Session, run_id: str) -> RunNotFound:
    """The error for a run that the store does not have; it says so if it was forgotten."""
    found = run_sync(forgotten(session.open_store(), run_id))
    if found is None:
        msg = f"no run {run_id!r} in {session.place()}"
        return RunNotFound(msg, help="`hitl-fsm runs list` shows what there is")
    return RunNotFound(
        found.told(),
        help=f"`hitl-fsm audit show --run {run_id}` tells what happened; its log of {found.entries} entries, with the "
        f"SHA-256 {found.sha256}, may be in a backup from before",
    )


def forgotten_with(session: Session, requirement_id: str) -> RunNotFound | None:
    """The error for a question whose run was forgotten; None if it was not, or never was.

    `req_x-0003` is the third question of `run_x`.
    """
    run_id = f"run_{requirement_id.removeprefix('req_').partition('-')[0]}"
    found = run_sync(forgotten(session.open_store(), run_id))
    return None if found is None else no_run(session, run_id)
