"""A model's reply is held to its types and limits before anything else sees it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from hitl_fsm.errors import ModelError
from hitl_fsm.model.event import Entry, ModelReplied
from hitl_fsm.model.message import ModelReply, ToolCall, Usage
from hitl_fsm.runtime.agents.reply import CALLS_PER_REPLY, ECHO_DEPTH, REPLY_TEXT_LIMIT, checked_reply

HALF = "\ud800"
CALL = ToolCall("a", "pay", '{"to": "x"}')
LARGE = "x" * (REPLY_TEXT_LIMIT + 1)


def nested(depth: int) -> dict[str, Any]:
    value: Any = 1
    for _ in range(depth):
        value = {"a": value}
    found: dict[str, Any] = value
    return found


REFUSED: list[Any] = [
    None,
    "hello",
    {"text": "hello"},
    ModelReply(text=None),  # type: ignore[arg-type]
    ModelReply(text=b"x"),  # type: ignore[arg-type]
    ModelReply(text=LARGE),
    ModelReply(text="é" * (REPLY_TEXT_LIMIT // 2 + 1)),
    ModelReply(model=None),  # type: ignore[arg-type]
    ModelReply(usage=None),  # type: ignore[arg-type]
    ModelReply(usage=Usage(prompt=None)),  # type: ignore[arg-type]
    ModelReply(usage=Usage(prompt=1.5)),  # type: ignore[arg-type]
    ModelReply(usage=Usage(completion=-1)),
    ModelReply(calls=None),  # type: ignore[arg-type]
    ModelReply(calls=("pay",)),  # type: ignore[arg-type]
    ModelReply(calls=(CALL,) * (CALLS_PER_REPLY + 1)),
    ModelReply(calls=(ToolCall(LARGE, "pay", "{}"),)),
    ModelReply(calls=(ToolCall("a", "x" * (REPLY_TEXT_LIMIT // 2), "{}"),) * 3),
    *(ModelReply(calls=(msgspec.structs.replace(CALL, **{name: None}),)) for name in CALL.__struct_fields__),
    *(ModelReply(calls=(msgspec.structs.replace(CALL, **{name: HALF}),)) for name in ("provider_id", "tool")),
    ModelReply(calls=(msgspec.structs.replace(CALL, arguments={"to": "x"}),)),
    ModelReply(echo=["x"]),  # type: ignore[arg-type]
    ModelReply(echo={"a": object()}),
    ModelReply(echo={"a": float("nan")}),
    ModelReply(echo={"a": 2**64}),
    ModelReply(echo={"a": {1: 2}}),
    ModelReply(echo={HALF: 1}),
    ModelReply(echo={"a": b"x"}),
    ModelReply(echo={"a": LARGE}),
    ModelReply(echo={"a": ["x" * (REPLY_TEXT_LIMIT // 2)] * 3}),
    ModelReply(echo=nested(ECHO_DEPTH + 1)),
    ModelReply(echo=nested(100_000)),
]


@pytest.mark.parametrize("reply", REFUSED, ids=range(len(REFUSED)))
def test_what_cannot_be_used_is_a_model_error(reply: Any) -> None:
    with pytest.raises(ModelError) as caught:
        checked_reply(reply)
    assert not caught.value.retryable
    assert caught.value.help
    assert len(str(caught.value).encode()) < 500


def test_a_good_reply_comes_back_equal() -> None:
    echo = {"thinking": [{"text": "hm ✓", "n": 1.5, "ok": True, "none": None, "big": 2**63}], **nested(ECHO_DEPTH)}
    reply = ModelReply("héllo", (CALL,) * CALLS_PER_REPLY, Usage(3, 4), "some/model", echo)
    assert checked_reply(reply) == reply
    assert checked_reply(ModelReply()) == ModelReply()


def test_text_and_echo_are_repaired_and_arguments_left_to_who_reads_them() -> None:
    reply = ModelReply(
        f"a{HALF}b",
        [ToolCall("a", "pay", HALF)],  # type: ignore[arg-type]
        model=HALF,
        echo={"a": (f"{HALF}!",)},
    )
    checked = checked_reply(reply)
    assert checked == ModelReply("a\ufffdb", (ToolCall("a", "pay", HALF),), model="\ufffd", echo={"a": ["\ufffd!"]})
    msgspec.json.encode(checked.text)


class Text(str):
    __slots__ = ()


def test_what_passes_can_be_written_and_read_again() -> None:
    from hitl_fsm.model.actor import ENGINE

    checked = checked_reply(ModelReply(Text("x"), echo={Text("k"): Text("v")}))
    assert type(checked.text) is str
    entry = Entry(1, 1, ENGINE, ModelReplied(checked.text, usage=checked.usage, echo=checked.echo))
    assert msgspec.json.decode(msgspec.json.encode(entry), type=Entry) == entry
