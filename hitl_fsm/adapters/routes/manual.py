"""Nothing is sent: the question waits until somebody, a person or a program, reports the result."""

from __future__ import annotations

from hitl_fsm.model.dispatch import Handover, Outcome, Refused


class Manual:
    """`Manual()`: the same as a route that is not named at all, for who wants to see it written."""

    idempotent = False

    def __repr__(self) -> str:
        return "<manual>"

    async def hand_over(self, handover: Handover) -> Outcome:
        """An engine never does this."""
        del handover
        return Refused("somebody reports its result by hand")
