"""The start of a run, as an action: where policies speak of it, no model is asked before it has passed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hitl_fsm.core import below
from hitl_fsm.core.draft import Draft
from hitl_fsm.core.settling import settle
from hitl_fsm.model.action import Aspect
from hitl_fsm.model.event import ProposedCall, RunCreated
from hitl_fsm.model.message import Message
from hitl_fsm.model.paths import START
from hitl_fsm.model.states import CALL_ENDED, RUN_ADVANCING, CallState, RunTrigger

START_VERSION = "1"


def begin(draft: Draft, event: RunCreated) -> None:
    """What the model reads first: at once, or once the start is allowed, with the input as people left it."""
    draft.messages.extend(event.history)
    given = event.input if event.value is None else event.value
    fresh = event.forked is None
    if START in draft.entry.verdicts:
        start = ProposedCall(
            call_id=START,
            provider_id="",
            tool=event.name,
            args={"input": given},
            tool_version=START_VERSION,
            idempotent=True,
            parameters=("input",) if fresh else (),  # what a fork goes on from has been read already
            aspects=(Aspect("start", event.name, acts=False),),
        )
        draft.propose(start)
        settle(draft, judged=frozenset({START}))
    elif fresh:
        draft.messages.append(Message(role="user", content=event.input, value=event.value))


def let_through(created: RunCreated, messages: Sequence[Message]) -> tuple[str, Any]:
    """What the model read as the input: as people left it, who may have taken something out. Text, and more than text.

    `messages`: all that was said in that run, from its beginning.
    """
    place = len(created.history)
    if created.forked is not None or len(messages) <= place:  # what a fork goes on from was let through before
        return created.input, created.value
    return messages[place].content, messages[place].value


def follow(draft: Draft) -> None:
    """After each event: a start that is over has either begun the run, or ended it for good (law 4)."""
    run, before = draft.run, draft.before
    if not run.calls or run.calls[0].call_id != START or run.calls is before.calls:
        return
    start = run.calls[0]
    if start.state not in CALL_ENDED or (before.calls and before.calls[0].state in CALL_ENDED):
        return
    if start.state is not CallState.SUCCEEDED:
        if run.state in RUN_ADVANCING:
            draft.set_run(error=start.result)
            draft.fire(RunTrigger.CANCELLED, {"reason": start.result})
        return
    if "input" in start.parameters:
        below.tell_input(draft, (start.args or {}).get("input"))
    below.tell_answers(draft, start)
