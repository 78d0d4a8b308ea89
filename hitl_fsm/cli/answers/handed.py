"""How far an external call has come on its way: below the question about it, and beside it in JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hitl_fsm.cli.page import Lines, Page, Tone
from hitl_fsm.model.states import RequirementState
from hitl_fsm.model.verdict import External
from hitl_fsm.runtime.loop import run_sync

if TYPE_CHECKING:
    from hitl_fsm.cli.session import Session
    from hitl_fsm.model.delivery import Delivery, DeliveryState
    from hitl_fsm.model.requirement import Requirement

WORDS: dict[DeliveryState, str] = {
    "waiting": "it certainly did not begin, and is tried again",
    "sending": "it is being handed over now, or whoever did so died",
    "sent": "it was handed over; the system calls back",
    "unknown": "nobody knows whether it was carried out, and it is not sent again: find out, then report or reject",
    "dead": "it certainly did not begin, and is not sent again by itself",
}


def handed(session: Session, requirement: Requirement) -> Delivery | None:
    """The way of an open question's call; None for what no route was given."""
    if not isinstance(requirement.question, External) or requirement.state is not RequirementState.OPEN:
        return None
    found = run_sync(session.open_store().deliveries(kind="dispatch", about=requirement.requirement_id))
    return found[0] if found else None


def dispatch_page(one: Delivery) -> Page:
    """For people."""
    detail = _detail(one)
    body = [WORDS[one.state], f"attempts: {one.attempts}", *([f"what was heard: {detail}"] if detail else [])]
    tone: Tone = "bad" if one.state in {"unknown", "dead"} else "plain"
    return Page((Lines(f"route {one.target}", tuple(body), tone),))


def dispatch_row(one: Delivery | None) -> dict[str, Any] | None:
    """For programs; `detail` is what was heard of the system, null where nothing was."""
    if one is None:
        return None
    return {"route": one.target, "state": one.state, "attempts": one.attempts, "detail": _detail(one) or None}


def _detail(one: Delivery) -> str:
    return str(one.content.get("detail", ""))
