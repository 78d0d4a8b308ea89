"""What a worker says: an event a line on stderr, a run a line of JSON on stdout."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hitl_fsm.cli.answers.handed import WORDS
from hitl_fsm.cli.output import json_line, say, warn
from hitl_fsm.cli.runs.ready import values
from hitl_fsm.cli.when import now_ms
from hitl_fsm.model.instant import iso
from hitl_fsm.runtime.streaming.stream import ContentDelta, ToolCallCompleted, ToolCallStarted

if TYPE_CHECKING:
    from collections.abc import Callable

    from hitl_fsm.cli.session import Session
    from hitl_fsm.errors import HitlError
    from hitl_fsm.model.delivery import Delivery, DeliveryState
    from hitl_fsm.model.timer import Timer
    from hitl_fsm.runtime.outgoing.outbox import Told
    from hitl_fsm.runtime.policies.in_force import Reloaded
    from hitl_fsm.runtime.streaming.stream import StreamEvent
    from hitl_fsm.runtime.work import Continued

SHORT = 12
"""Characters of a digest, for people."""
HANDED: dict[DeliveryState, str] = {**WORDS, "sent": "it was handed over"}
TOLD = ("sent", "given up", "too late to be sent")
"""The fields of `outbox.Told`, in words."""


class Words:
    """For `work.Worker`: troubles always, everything else with -v; in JSON a line for each run.

    Where the operational log is on the same stderr, troubles stand there, and only there.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self.publish = self._event if session.verbose else None
        self._warn: Callable[[str], None] = _nothing if session.settings.log else warn

    def _event(self, event: StreamEvent) -> None:
        """A line, but for a model's text."""
        if not isinstance(event, ContentDelta):
            about = f" {event.tool_name}" if isinstance(event, ToolCallStarted | ToolCallCompleted) else ""
            self._line(event.run_id, f"{event.event}{about}")

    def fired(self, timer: Timer) -> None:
        """A question that expired."""
        if self._session.verbose:
            self._line(timer.run_id, f"{timer.about} had expired, and is closed")

    def continued(self, one: Continued) -> None:
        """A run that went on, or why it did not."""
        if self._session.json:
            json_line(values(one))
        if one.error is not None:
            self._warn(f"{iso(now_ms())} {one.run_id} did not go on: {one.error.code} {one.error.message}")

    def trouble(self, error: HitlError) -> None:
        """The store is away; the worker stays."""
        self._warn(f"{iso(now_ms())} {error.code} {error.message}; trying again")

    def defect(self, run_id: str, error: BaseException) -> None:
        """An error that has no class of its own; the run is tried again later."""
        self._warn(f"{iso(now_ms())} {run_id} HF000 {type(error).__name__}: {error}")

    def policies(self, found: Reloaded) -> None:
        """Another set is in force, or what is written now was refused."""
        if found.outcome == "activated":
            say(self._session, f"{iso(now_ms())} the policies are now those of {found.digest[:SHORT]}")
            return
        first = found.findings[0]
        told = f"{first.place} {first.code} {first.message}"
        self._warn(
            f"{iso(now_ms())} changed policies refused ({len(found.findings)} found, first {told}); the old ones stay"
        )

    def handed(self, delivery: Delivery, became: DeliveryState | None) -> None:
        """A call that was handed to its route; what nobody knows of is told always."""
        if became is None:
            return
        told = f"{delivery.about} to route {delivery.target}: {HANDED[became]}"
        if became in {"unknown", "dead"}:
            self._warn(f"{iso(now_ms())} {delivery.run_id} {told}")
        elif self._session.verbose:
            self._line(delivery.run_id, told)

    def told(self, channel: str, told: Told) -> None:
        """A round of a channel; what was given up is told always."""
        words = ", ".join(f"{count} {word}" for count, word in zip(told, TOLD, strict=True) if count)
        if told.dead:
            self._warn(f"{iso(now_ms())} channel {channel}: {words}; `hitl-fsm notices list` lists them")
        elif self._session.verbose:
            say(self._session, f"{iso(now_ms())} channel {channel}: {words}")

    def _line(self, run_id: str, told: str) -> None:
        say(self._session, f"{iso(now_ms())} {run_id} {told}")


def _nothing(line: str) -> None:
    """The log has it."""
