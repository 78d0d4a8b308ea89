"""Protocols of the ways out of an engine, beside `ports`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from hitl_fsm.model.dispatch import Callback, Handover, Outcome


class Route(Protocol):
    """A way to a system that carries calls out, instead of the tool.

    `idempotent`: it may be given the same handover again, and the system recognises it by its key.
    """

    @property
    def idempotent(self) -> bool: ...

    async def hand_over(self, handover: Handover) -> Outcome:
        """Once, within a bounded time. The intent is on disk (law 3).

        Whatever it raises means that nobody knows what it did; who knows better returns it.
        """
        ...


@runtime_checkable
class CallsBack(Protocol):
    """A route whose system may answer later."""

    def callback(self, headers: Mapping[str, str], body: bytes) -> Callback:
        """What the message says, once it is certain that the system sent it, and lately. CallbackRefused otherwise."""
        ...
