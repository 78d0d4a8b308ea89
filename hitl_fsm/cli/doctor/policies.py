"""What `doctor` says of the policies: whether they load, and whether those on disk are those that runs go by."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from hitl_fsm.cli.doctor.check import Check
from hitl_fsm.errors import HitlError, PolicyError

if TYPE_CHECKING:
    from hitl_fsm.cli.session import Session
    from hitl_fsm.policy.evaluate import PolicySet
    from hitl_fsm.ports import Store

POLICY_FOLDER = "policies"
RECORD_TAIL = 1000
"""Lines at the end of the record in which the policies in force are looked for."""
SHORT = 12


class _Told(NamedTuple):
    """What the record says last: the set that governed, and what was refused since ("" when nothing was)."""

    digest: str
    refused: str


def policies() -> Check:
    """Whether the policies of `policies/` load, if there are any here."""
    folder = Path(POLICY_FOLDER)
    if not folder.is_dir():
        return Check("policies", "note", f"no folder {POLICY_FOLDER}/ here", "`hitl-fsm init` writes one to start from")
    loaded = _load(folder)
    if isinstance(loaded, PolicyError):
        count = len(loaded.diagnostics)
        told = f"{count} problem{'s' * (count != 1)} in {POLICY_FOLDER}/"
        return Check("policies", "problem", told, f"hitl-fsm validate {POLICY_FOLDER}")
    return Check("policies", "ok", f"{len(loaded.names)} in {POLICY_FOLDER}/: {', '.join(loaded.names)}")


def in_force(session: Session) -> Iterator[Check]:
    """Which set governs by the record, and whether what stands on disk is another one, or does not load."""
    try:
        told = _told(session)
    except HitlError:  # the store's own checks say it better
        return
    if told is None:
        return
    here, now = _here(session), told.digest[:SHORT]
    if told.refused and (here is None or here.digest != told.digest):
        yield Check(
            "in force",
            "problem",
            f"{now}: a running process refused changed policies: {told.refused}",
            "`hitl-fsm validate` shows every finding; the process takes the files when they load",
        )
    elif here is None:
        yield Check("in force", "ok", f"{now}, says the record; which files are meant, an application tells (--app)")
    elif here.digest == told.digest:
        yield Check("in force", "ok", f"{now}, as on disk")
    else:
        yield Check(
            "in force",
            "note",
            f"{now}; the policies on disk are {here.digest[:SHORT]}",
            "a running process takes them at its next look, or at its restart with reload='off'",
        )


def _load(folder: Path) -> PolicySet | PolicyError:
    from hitl_fsm.connect import load_policies  # noqa: PLC0415 - with pydantic

    try:
        return load_policies(folder)
    except PolicyError as error:
        return error


def _here(session: Session) -> PolicySet | None:
    """What a process that started now would enforce; None when that cannot be told, or does not load."""
    if session.app_loaded:
        try:
            return session.need_app().policies
        except HitlError:
            return None
    loaded = _load(Path(POLICY_FOLDER)) if Path(POLICY_FOLDER).is_dir() else None
    return None if isinstance(loaded, PolicyError) else loaded


def _store(session: Session) -> Store:
    """That of the application; one that does not load, as with policies that a worker refused, has to be guessed."""
    try:
        return session.open_store()
    except HitlError:
        return session.stated_store()


def _told(session: Session) -> _Told | None:
    from hitl_fsm.runtime.loop import run_sync  # noqa: PLC0415 - not for --help

    store = _store(session)
    try:
        seq, _ = run_sync(store.head())
        tail = run_sync(store.records(after=max(0, seq - RECORD_TAIL), limit=RECORD_TAIL))
    finally:
        run_sync(store.close())
    refused = ""
    for row in reversed(tail):
        line: dict[str, Any] = json.loads(row.body or b"{}")
        data: dict[str, Any] = line.get("data", {})
        if line.get("event") == "policies_refused" and not refused:
            refused = str((data.get("findings") or ["they do not load"])[0])
        if line.get("event") in {"policies_activated", "run_created"} and data.get("policies"):
            return _Told(str(data["policies"]), refused)
    return None
