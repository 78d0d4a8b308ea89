"""What `doctor` says of the ways out of an application's engine: which channels it tells, which routes it serves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from shlex import quote
from typing import TYPE_CHECKING

from hitl_fsm.cli.doctor.check import Check
from hitl_fsm.errors import HitlError

if TYPE_CHECKING:
    from hitl_fsm.cli.session import Session
    from hitl_fsm.runtime.record.retiring import Reader


def outgoing(session: Session) -> Iterator[Check]:
    """Its channels and routes by name and kind, no address and no secret; silent without an application that loads."""
    if not session.app_name:
        return
    from hitl_fsm.runtime.loop import run_sync  # noqa: PLC0415 - not for --help
    from hitl_fsm.runtime.record.retiring import readers  # noqa: PLC0415 - as above

    try:
        parts = session.load(session.app_name).engine.parts
    except HitlError:
        return  # `application` says it
    if parts.channels:
        yield Check("channels", "ok", _listed((channel.name, channel) for channel in parts.channels))
    else:
        yield Check("channels", "note", "none: nobody is told that a question waits", "Engine(…, channels=[…])")
    if parts.routes:
        yield Check("routes", "ok", _listed(sorted(parts.routes.items())))
    else:
        yield Check("routes", "ok", "none: an external call waits until somebody reports its result")
    try:
        session.need_there(parts.store)
        yield from _readers(session, run_sync(readers(parts)))
    except HitlError:
        return  # `store` says it


def _readers(session: Session, found: Iterable[Reader]) -> Iterator[Check]:
    """Those that this application does not have: another one may."""
    for one in found:
        if not one.here and one.behind:
            told = f"this application has no such {one.kind}; nothing after line {one.seq} is pruned"
            remedy = f"if no other application has it: `{session.program} audit readers retire {quote(one.name)}`"
            yield Check(f"reader {one.name}", "note", told, f"{remedy}, with --reason")


def _listed(named: Iterable[tuple[str, object]]) -> str:
    return ", ".join(f"{name} ({type(one).__name__})" for name, one in named)
