"""A walk that is remembered comes to what one from the beginning comes to, and is never trusted against the record."""

from __future__ import annotations

import asyncio
from typing import Any

from msgspec.structs import replace
from played import Played

from hitl_fsm.model.message import ChatRequest, Message, ModelReply, ToolCall
from hitl_fsm.runtime.workflow.nodes import Condition, Loop, Step
from hitl_fsm.runtime.workflow.program import program
from hitl_fsm.runtime.workflow.walks import WALKS
from hitl_fsm.runtime.workflow.workflow import recipe_of


class Asked:
    """One workflow in one process, and how often its condition was asked."""

    def __init__(self) -> None:
        self.count = 0
        tree = [Step("a", _same), Condition("c", self._when, Step("yes", _same), Step("no", _same)), Step("z", _same)]
        self.model = recipe_of("flow", program("flow", tree)).model

    def _when(self, text: str) -> bool:
        self.count += 1
        return True

    def reply(self, *messages: Message) -> ModelReply:
        return asyncio.run(self.model.reply(ChatRequest("workflow", messages)))


def _same(text: Any) -> Any:
    return text


def said(reply: ModelReply) -> Message:
    return Message("assistant", calls=reply.calls, echo=reply.echo)


def told(reply: ModelReply, value: Any) -> Message:
    return Message("tool", str(value), provider_id=reply.calls[0].provider_id, value=value, outcome="succeeded")


def test_a_turn_goes_on_where_the_last_one_stopped() -> None:
    flow = Asked()
    first = Message("user", "-")
    one = flow.reply(first)
    messages = (first, said(one), told(one, "-"))
    two = flow.reply(*messages)
    again = flow.reply(*messages)  # the walk is taken: this one is told from the beginning
    assert two == again
    assert (two.calls[0].tool, flow.count) == ("c", 2)
    assert flow.reply(*messages, said(two), told(two, {"holds": True, "input": "-"})).calls[0].tool == "yes"
    assert flow.count == 2


def test_what_another_worker_recorded_counts() -> None:
    flow = Asked()
    first = Message("user", "-")
    one = flow.reply(first)
    messages = (first, said(one), told(one, "-"))
    two = flow.reply(*messages)
    other = replace(said(two), echo={"decided": [["c", False]]})
    assert flow.reply(*messages, other, told(two, {"holds": False, "input": "-"})).calls[0].tool == "no"


def test_the_same_run_read_anew_is_walked_anew() -> None:
    flow = Asked()
    one = flow.reply(Message("user", "-"))
    fresh = Message("user", "!")
    assert flow.reply(fresh, said(one), told(one, "!")).calls[0] == ToolCall("3.0", "c", '{"holds":true,"input":"!"}')


def test_no_more_is_remembered_than_the_bound() -> None:
    flow = Asked()
    firsts = [Message("user", str(number)) for number in range(WALKS + 20)]
    for first in firsts:
        flow.reply(first)
    assert len(flow.model._walks._waiting) == WALKS  # type: ignore[attr-defined]


def test_a_remembered_walk_and_one_from_the_beginning_agree() -> None:
    tree = [Loop("l", Step("s", lambda text: f"{text}s"), lambda text: len(text) > 9, 40)]
    made = recipe_of("flow", program("flow", tree))
    fresh, kept = Played(lambda: tree), Played(lambda: tree)
    assert fresh.run("-") == asyncio.run(kept._conversation(lambda: made, "-"))
    assert fresh.made == kept.made
