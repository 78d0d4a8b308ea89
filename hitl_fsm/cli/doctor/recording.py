"""What `doctor` says of what must stand before anything begins: second copies of the record, and room for outcomes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from hitl_fsm.cli.doctor.check import Check
from hitl_fsm.cli.doctor.store import OVERDUE_MS, size
from hitl_fsm.cli.when import now_ms
from hitl_fsm.errors import HitlError, SettingsError
from hitl_fsm.model.reader import COPY

if TYPE_CHECKING:
    from hitl_fsm.cli.session import Session
    from hitl_fsm.ports import Store
    from hitl_fsm.ports_out import Sink


class _At(msgspec.Struct):
    at: int = 0


def recording(session: Session) -> Iterator[Check]:
    """How far each copy has come, and whether the room is kept; silent where there is no store yet."""
    from hitl_fsm.runtime.loop import run_sync  # noqa: PLC0415 - not for --help

    try:
        store, sinks, own = _store_and_sinks(session)
    except SettingsError as error:
        if not session.app_name:  # else `application` says it
            yield Check("copies", "problem", f"{error.code} {error.message}", error.help or "see the message")
        return
    except HitlError:
        return  # `store`, or `application`, says it
    try:
        yield from _headroom(session, run_sync(store.info()).url)
        if sinks:
            session.need_there(store)
        for sink in sinks:
            yield run_sync(_standing(store, sink))
        if not sinks:
            yield Check("copies", "ok", "none: the record is in the store alone")
    except HitlError:
        return
    finally:
        if own:
            run_sync(store.close())


def _store_and_sinks(session: Session) -> tuple[Store, Sequence[Sink], bool]:
    """Those of the application, or of the settings; and whether the store is ours to close."""
    if session.app_name:
        parts = session.load(session.app_name).engine.parts
        return parts.store, () if parts.copies is None else parts.copies.sinks, False
    sinks: Sequence[Sink] = ()
    if session.settings.record_sinks:
        from hitl_fsm.adapters.sinks.kinds import sinks_of  # noqa: PLC0415 - with ssl

        sinks = sinks_of(session.settings.record_sinks)
    return session.open_store(), sinks, True


async def _standing(store: Store, sink: Sink) -> Check:
    topic = f"copy {sink.name}"
    at = await store.cursor(f"{COPY}{sink.name}")
    head, _ = await store.head()
    if at is None:
        return Check(topic, "note", "nothing was copied yet", "it begins with the next run of an engine that has it")
    if at >= head:
        return Check(topic, "ok", f"took every line since it began, up to {head}")
    missing = await store.records(after=at, limit=1)
    since = _at(missing[0].body) if missing else 0
    told = f"{head - at} lines behind{_since(since)}"
    if now_ms() - since < OVERDUE_MS:
        return Check(topic, "note", told, "a worker ships them: `hitl-fsm worker`")
    remedy = "what people allow waits for it: put the copy right; a worker ships what is missing by itself"
    return Check(topic, "problem", told, remedy)


def _at(body: bytes) -> int:
    try:
        return msgspec.json.decode(body, type=_At).at
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return 0


def _since(at: int) -> str:
    from hitl_fsm.model.instant import iso  # noqa: PLC0415 - not for --help

    return f", since {iso(at)}" if at else ""


def _headroom(session: Session, url: str) -> Iterator[Check]:
    """Only where the database is a file."""
    from hitl_fsm.adapters.settings import size_of  # noqa: PLC0415 - not for --help
    from hitl_fsm.adapters.store.sqlite.reserve import SUFFIX  # noqa: PLC0415 - as above
    from hitl_fsm.cli.store_file import store_file  # noqa: PLC0415 - as above

    path, wanted = store_file(url), size_of(session.settings.record_headroom)
    if path is None or not wanted:
        return
    file = Path(f"{path}{SUFFIX}")
    kept = file.stat().st_size if file.exists() else 0
    if kept >= wanted:
        yield Check("headroom", "ok", f"{size(kept)} are kept for outcomes")
    elif not file.exists():
        yield Check("headroom", "note", "no room is kept for outcomes yet", "the next worker makes it")
    else:
        told = f"{size(kept)} of {size(wanted)} are kept for outcomes: nothing begins"
        yield Check("headroom", "problem", told, f"free some space for {file}; it is made whole by itself")
