"""The scripted model: which reply comes, what a script may hold, and what is said of one that is wrong."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from hitl_fsm.adapters.model_scripted import MAX_SCRIPT_BYTES, ScriptedModel, find, load, register
from hitl_fsm.adapters.models import model_source
from hitl_fsm.errors import ModelError, SettingsError
from hitl_fsm.model.message import ChatRequest, Message, ModelReply, ToolCall

if TYPE_CHECKING:
    from pathlib import Path

SCRIPT = """\
- say: "Let me look that order up."
  calls: [{tool: orders.lookup, args: {order_id: "42"}}]
- calls: [{tool: payments.refund, args: {order_id: "42", amount: 120.5}}, {tool: x, raw: "{not json"}]
- say: "Done: {last_result}"
"""


def request(*roles_and_contents: tuple[str, str]) -> ChatRequest:
    messages = tuple(Message(role=role, content=content) for role, content in roles_and_contents)  # type: ignore[arg-type]
    return ChatRequest(model="scripted/test", messages=messages)


START = (("user", "refund order 42"),)
ONE = (*START, ("assistant", "a"), ("tool", "paid"))
TWO = (*ONE, ("assistant", "b"), ("tool", "first"), ("tool", "second"))


async def test_the_documented_script_replays_in_order(tmp_path: Path) -> None:
    path = tmp_path / "script.yaml"
    path.write_text(SCRIPT)
    model = model_source(f"scripted/{path}", {"temperature": 1})
    first, second, third = [await model.reply(request(*roles)) for roles in (START, ONE, TWO)]
    assert first.text == "Let me look that order up."
    assert first.calls == (ToolCall("call_1_1", "orders.lookup", '{"order_id": "42"}'),)
    assert [call.tool for call in second.calls] == ["payments.refund", "x"]
    assert json.loads(second.calls[0].arguments) == {"order_id": "42", "amount": 120.5}
    assert second.calls[1].arguments == "{not json"
    assert second.calls[0].provider_id != second.calls[1].provider_id
    assert third.text == "Done: second"
    assert not third.calls


async def test_which_reply_comes_depends_on_the_request_alone() -> None:
    one, other = (ScriptedModel([{"say": "one"}, {"say": "two"}]) for _ in range(2))
    assert (await one.reply(request(*ONE))).text == "two"
    assert (await one.reply(request(*START))).text == "one"
    assert (await other.reply(request(*ONE))).text == "two"


async def test_a_script_that_ended_is_an_error_that_no_retry_helps() -> None:
    model = ScriptedModel([{"say": "only"}])
    with pytest.raises(ModelError, match="1 replies, and reply 2") as caught:
        await model.reply(request(*ONE))
    assert not caught.value.retryable
    assert caught.value.help


async def test_replies_may_be_values_and_callables() -> None:
    value = ModelReply(text="value", calls=(ToolCall("p", "t", "[]"),), echo={"k": 1})
    seen: list[ChatRequest] = []

    def answer(asked: ChatRequest) -> dict[str, str]:
        seen.append(asked)
        return {"text": f"{asked.messages[0].content}!"}

    model = ScriptedModel([value, answer])
    assert await model.reply(request(*START)) == value
    assert (await model.reply(request(*ONE))).text == "refund order 42!"
    assert seen == [request(*ONE)]


async def test_last_result_is_empty_without_a_tool_message_and_is_not_expanded_twice() -> None:
    model = ScriptedModel([{"say": "<{last_result}>"}, {"say": "<{last_result}>"}])
    assert (await model.reply(request(*START))).text == "<>"
    echoing = (*START, ("assistant", ""), ("tool", "{last_result}"))
    assert (await model.reply(request(*echoing))).text == "<{last_result}>"


@pytest.mark.parametrize("text", ["Let me look  that\nup. ", " leading", "one", "   ", "a b "])
async def test_streaming_hands_over_words_that_add_up_to_the_text(text: str) -> None:
    pieces: list[str] = []
    reply = await ScriptedModel([{"say": text}]).reply(request(*START), pieces.append)
    assert "".join(pieces) == text == reply.text
    assert all(len(piece.split()) <= 1 for piece in pieces)


async def test_latency_is_waited_before_the_reply(monkeypatch: pytest.MonkeyPatch) -> None:
    happened: list[object] = []

    async def sleep(seconds: float) -> None:
        happened.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)

    def late(_request: ChatRequest) -> dict[str, str]:
        happened.append("asked")
        return {"say": "late"}

    register("slow", ScriptedModel([late], latency=0.05))
    assert (await model_source("scripted/slow", {}).reply(request(*START))).text == "late"
    assert happened == [0.05, "asked"]
    with pytest.raises(SettingsError, match="below 0"):
        ScriptedModel([], latency=-1)


async def test_a_json_script(tmp_path: Path) -> None:
    path = tmp_path / "script.json"
    path.write_text('[{"calls": [{"tool": "t", "args": {"a": true}, "id": "mine"}]}]')
    reply = await load(path).reply(request(*START))
    assert reply.calls == (ToolCall("mine", "t", '{"a": true}'),)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("say: hello", "holds a mapping"),
        ("", "holds nothing"),
        ("- hello", "reply 1 is text"),
        ("- {say: a}\n- {sya: b}", "reply 2 has the unknown key 'sya'"),
        ("- {say: 1}", "says a value of type int"),
        ("- {}", "neither says anything nor calls"),
        ("- {calls: {tool: x}}", "a mapping as calls"),
        ("- {calls: [x]}", "call 1 is text"),
        ("- {calls: [{args: {}}]}", "names no tool"),
        ("- {calls: [{tool: t, args: [1]}]}", "a list as args"),
        ("- {calls: [{tool: t, args: {}, raw: x}]}", "either args"),
        ("- {calls: [{tool: t, args: {a: .nan}}]}", "args that are not JSON"),
        ("- {calls: [{tool: t, args: {a: 2026-01-01}}]}", "args that are not JSON"),
        ("- {calls: [{tool: t, id: 1}]}", "as id, not text"),
        ("- {calls: [{tool: t, argz: {}}]}", "unknown key 'argz'"),
        ("- say: [", "not YAML"),
        ("- say: a\n  say: !!python/object/apply:os.system [ls]", "not YAML"),
        ("- &a {say: x}\n- *a", ":2 uses an alias"),
        ("- " + "[" * 5000, "deep"),
        ("- say: \x00", "not YAML"),
    ],
)
def test_a_malformed_script_is_an_error_with_place_and_hint(tmp_path: Path, body: str, says: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(body)
    with pytest.raises(SettingsError) as caught:
        load(path)
    assert says in caught.value.message
    assert str(path) in caught.value.message
    assert caught.value.help


@pytest.mark.parametrize("body", [b"{", b"[" * 200_000, b"\xff\xfe\xfa"])
def test_a_malformed_json_script(tmp_path: Path, body: bytes) -> None:
    path = tmp_path / "bad.json"
    path.write_bytes(body)
    with pytest.raises(SettingsError, match="not JSON"):
        load(path)


def test_a_script_that_is_missing_or_too_large(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read: No such file"):
        model_source(f"scripted/{tmp_path}/none.yaml", {})
    with pytest.raises(SettingsError, match="cannot be read"):
        find("\x00.yaml")
    large = tmp_path / "large.yaml"
    large.write_bytes(b"#" * (MAX_SCRIPT_BYTES + 1))
    with pytest.raises(SettingsError, match="larger than 1048576 bytes"):
        load(large)


def test_names_that_mean_nothing() -> None:
    register("known-one", ScriptedModel([{"say": "x"}]))
    with pytest.raises(SettingsError, match=r"'nope' \(known: .*known-one"):
        model_source("scripted/nope", {})
    for name in ("scripted/", "scripted/../../etc/passwd", "", "  "):
        with pytest.raises(SettingsError):
            model_source(name, {})
    with pytest.raises(SettingsError, match="latency"):
        model_source("scripted/known-one", {"latency": "soon"})


async def test_a_callable_that_returns_nonsense_is_named() -> None:
    model = ScriptedModel([lambda _: {"calls": 3}], source="demo")
    with pytest.raises(SettingsError, match="demo: reply 1"):
        await model.reply(request(*START))


def test_the_scripted_model_loads_neither_litellm_nor_yaml() -> None:
    code = (
        "import sys, hitl_fsm.adapters.models as m; m.model_source; "
        "print(sorted({'litellm', 'yaml', 'pydantic', 'openai', 'httpx'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
