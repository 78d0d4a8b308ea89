"""What `doctor` says of the ways out of an application's engine: which channels it tells, which routes it serves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from hitl_fsm.cli.check import Check
from hitl_fsm.errors import HitlError

if TYPE_CHECKING:
    from hitl_fsm.cli.session import Session


def outgoing(session: Session) -> Iterator[Check]:
    """Its channels and routes by name and kind, no address and no secret; silent without an application that loads."""
    if not session.app_name:
        return
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


def _listed(named: Iterable[tuple[str, object]]) -> str:
    return ", ".join(f"{name} ({type(one).__name__})" for name, one in named)
