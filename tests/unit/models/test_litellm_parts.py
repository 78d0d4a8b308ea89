"""The parts of the LiteLLM adapter that need no LiteLLM: names, history, streams, errors, options."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hitl_fsm.adapters.model_litellm import stream as model_litellm_stream
from hitl_fsm.adapters.model_litellm.errors import MAX_DETAIL_CHARS, model_error
from hitl_fsm.adapters.model_litellm.model import RESERVED_OPTIONS, LiteLLMModel
from hitl_fsm.adapters.model_litellm.stream import Assembly
from hitl_fsm.adapters.model_litellm.wire import Names, make_reply, names_of, wire_request
from hitl_fsm.adapters.models import model_source
from hitl_fsm.errors import ModelError, SettingsError
from hitl_fsm.model.message import ChatRequest, Message, ToolCall, ToolSpec, Usage

WIRE_NAME = re.compile(r"^[a-zA-Z_][a-zA-Z0-9_-]{0,63}$")
names = st.lists(st.text(alphabet="ab._-/é1 ", max_size=70), unique=True, max_size=12)


@given(tools=names, invented=names)
def test_names_go_out_legal_and_distinct_and_come_back_the_same(tools: list[str], invented: list[str]) -> None:
    mapped = Names(tools, invented)
    every = list(dict.fromkeys([*tools, *invented]))
    wires = [mapped.wire(name) for name in every]
    assert len(set(wires)) == len(every)
    assert all(WIRE_NAME.match(wire) for wire in wires)
    assert [mapped.tool(mapped.wire(name)) for name in tools] == tools


def test_a_name_that_is_legal_keeps_itself_whatever_else_maps_to_it() -> None:
    mapped = Names(["a.b", "a/b", "a_b", "a_b_2"])
    assert [mapped.wire(name) for name in ("a_b", "a_b_2", "a.b", "a/b")] == ["a_b", "a_b_2", "a_b_3", "a_b_4"]
    assert mapped.tool("invented.name") == "invented.name"
    assert Names(["a.b"]).wire("a.b") == "a_b"
    assert Names(["9.lives"]).wire("9.lives") == "_9_lives"


def test_names_that_only_the_history_has_do_not_answer_for_a_tool() -> None:
    past = Message("assistant", calls=(ToolCall("1", "gone.tool", "{}"),))
    request = ChatRequest("m", (past,), (ToolSpec("kept", "", {"type": "object"}),))
    mapped = names_of(request)
    assert mapped.wire("gone.tool") == "gone_tool"
    assert mapped.tool("gone_tool") == "gone_tool"
    assert "tools" not in wire_request(ChatRequest("m", (past,)), mapped)


def reply_of(message: dict[str, Any], *earlier: Message) -> Any:
    return make_reply(message, usage=Usage(), model="m", request=ChatRequest("m", earlier), names=Names(()))


def test_arguments_are_handed_on_as_text_whatever_they_are() -> None:
    given = [None, "", "{not json", {"a": "é"}, '{"a": 1, "a": 2}']
    calls = [{"id": str(n), "function": {"name": "t", "arguments": value}} for n, value in enumerate(given)]
    reply = reply_of({"content": None, "tool_calls": calls})
    assert [call.arguments for call in reply.calls] == ["", "", "{not json", '{"a": "é"}', '{"a": 1, "a": 2}']
    assert reply.text == ""


def test_an_id_that_an_earlier_turn_used_is_replaced() -> None:
    earlier = Message("assistant", calls=(ToolCall("call_0", "t", "{}"),))
    call = {"id": "call_0", "function": {"name": "t", "arguments": "{}"}}
    assert reply_of({"tool_calls": [call]}, earlier).calls[0].provider_id not in {"", "call_0"}
    assert reply_of({"tool_calls": [call]}).calls[0].provider_id == "call_0"


def test_content_in_parts_and_calls_without_a_function_are_read() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "image"}, {"type": "text", "text": "b"}]
    reply = reply_of({"content": parts, "tool_calls": [{"id": "x", "function": None}]})
    assert reply.text == "ab"
    assert reply.calls == (ToolCall("x", "", ""),)


def fragment(index: int | None = 0, id_: str | None = None, name: str | None = None, args: str | None = None) -> Any:
    return {"tool_calls": [{"index": index, "id": id_, "function": {"name": name, "arguments": args}}]}


@pytest.mark.parametrize(
    ("fragments", "calls"),
    [
        ([fragment(0, "a", "t", ""), fragment(0, args='{"x"'), fragment(0, args=":1}")], [("a", "t", '{"x":1}')]),
        ([fragment(0, "a", "t", "{}"), fragment(1, "b", "u", "[]")], [("a", "t", "{}"), ("b", "u", "[]")]),
        ([fragment(0, "a", "t", "{"), fragment(0, "a", "t", "}")], [("a", "t", "{}")]),
        ([fragment(0, "a", "t", "{}"), fragment(0, "b", "t", "[]")], [("a", "t", "{}"), ("b", "t", "[]")]),
        ([fragment(0, None, "t", "{}"), fragment(0, None, "u", "[]")], [(None, "t", "{}"), (None, "u", "[]")]),
        ([fragment(None, None, "t"), fragment(None, "late"), fragment(None, args="{}")], [("late", "t", "{}")]),
        (
            [fragment(1, "b", "u"), fragment(0, "a", "t"), fragment(1, args="1"), fragment(0, args="0")],
            [("b", "u", "1"), ("a", "t", "0")],
        ),
        ([fragment(0, args="{}")], [(None, "", "{}")]),
    ],
)
def test_fragments_become_calls_and_none_is_lost(fragments: list[Any], calls: list[tuple[Any, str, str]]) -> None:
    assembly = Assembly()
    for each in fragments:
        assert assembly.add(each) == ""
    made = assembly.message()["tool_calls"]
    assert [(call["id"], call["function"]["name"], call["function"]["arguments"]) for call in made] == calls


@pytest.mark.parametrize("again", ["", "one two"])
def test_thinking_is_joined_under_its_signature(again: str) -> None:
    blocks = [
        {"type": "thinking", "thinking": "one "},
        {"type": "thinking", "thinking": "two"},
        {"type": "thinking", "thinking": again, "signature": "s1"},
        {"type": "redacted_thinking", "data": "x"},
        {"type": "thinking", "thinking": "three", "signature": "s2"},
    ]
    assembly = Assembly()
    for block in blocks:
        assembly.add({"thinking_blocks": [block]})
    assert assembly.message()["thinking_blocks"] == [
        {"type": "thinking", "thinking": "one two", "signature": "s1"},
        {"type": "redacted_thinking", "data": "x"},
        {"type": "thinking", "thinking": "three", "signature": "s2"},
    ]


def test_a_stream_without_end_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_litellm_stream, "MAX_REPLY_CHARS", 10)
    assembly = Assembly()
    assembly.add({"content": "0123456789"})
    with pytest.raises(ModelError, match="longer than 10") as caught:
        assembly.add(fragment(0, "a", "t", "x"))
    assert not caught.value.retryable


class RateLimitError(Exception):
    llm_provider = "openai"


class OddError(Exception):
    def __init__(self, message: str, status_code: object = None) -> None:
        super().__init__(message)
        self.status_code = status_code


SECRETS = [
    ("the key sk-proj-abc123DEF456 is wrong", {}),
    ("url https://x.test/v1?key=AIzaSyA0123456789abcdef failed", {}),
    ("header Authorization: Bearer abcdef.ghijkl", {}),
    ("you sent my-own-odd-value", {"api_key": "my-own-odd-value"}),
    ("you sent my-own-odd-value", {"extra_headers": {"x-auth": "my-own-odd-value"}}),
    ("you sent my-own-odd-value", {"fallbacks": [{"model": "m", "api_key": "my-own-odd-value"}]}),
    ("cannot reach https://alice:my-own-odd-value@x.test/", {}),
    ("you sent from-the-environment", {}),
    ("x" * (MAX_DETAIL_CHARS - 8) + " sk-proj-abc123DEF456", {}),
]


@pytest.mark.parametrize(("text", "options"), SECRETS)
def test_no_secret_reaches_the_message(text: str, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", "from-the-environment")
    error = model_error(OddError(f"litellm.OddError: {text}\n at line 3 \x1b[31m"), model="openai/x", options=options)
    shown = str(error)
    for secret in ("sk-proj", "AIza", "abcdef.ghijkl", "my-own-odd-value", "from-the-environment"):
        assert secret not in shown
    assert "[redacted]" in shown or len(text) > MAX_DETAIL_CHARS
    assert "\n" not in error.message
    assert "\x1b" not in error.message
    assert len(error.message) < MAX_DETAIL_CHARS + 100


def test_an_options_value_that_is_no_secret_stays_readable() -> None:
    options = {"temperature": 2, "max_tokens": 5, "api_base": "http://x.test/v1"}
    error = model_error(OddError("temperature 2 at http://x.test/v1 is too hot"), model="openai/x", options=options)
    assert "temperature 2 at http://x.test/v1 is too hot" in error.message


@pytest.mark.parametrize(
    ("error", "retryable"),
    [
        (RateLimitError("slow down"), True),
        (RateLimitError("You exceeded your quota: insufficient_quota"), False),
        (TimeoutError(), True),
        (ConnectionResetError("reset"), True),
        (OddError("x", 503), True),
        (OddError("x", 529), True),
        (OddError("x", 418), False),
        (OddError("x", "503"), False),
        (OddError("x"), False),
        (KeyError("choices"), False),
    ],
)
def test_whether_another_try_may_help(error: Exception, retryable: bool) -> None:
    made = model_error(error, model="openai/x", options={})
    assert made.retryable is retryable
    assert made.message.startswith("openai ")
    assert made.help


@pytest.mark.parametrize("option", sorted(RESERVED_OPTIONS))
async def test_options_that_would_go_past_the_policies_are_refused(option: str) -> None:
    with pytest.raises(SettingsError, match=option):
        model_source("openai/x", {option: []})
    with pytest.raises(SettingsError, match=option):
        await LiteLLMModel("openai/x").reply(ChatRequest("openai/x", (), options={option: []}))


def test_making_a_model_imports_no_litellm() -> None:
    code = """
import sys
from hitl_fsm.adapters.models import model_source
model_source("openai/x", {})
assert not {"litellm", "openai", "httpx"} & set(sys.modules), "imported too early"
import asyncio
from hitl_fsm.adapters.model_litellm import model as model_litellm
module = asyncio.run(model_litellm._litellm())
assert module.suppress_debug_info and not module.telemetry and module is sys.modules["litellm"]
print("ok")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("ok\n", "")


def test_an_import_that_fails_is_a_model_error() -> None:
    code = """
import asyncio, sys
sys.modules["litellm"] = None
from hitl_fsm.adapters.models import model_source
from hitl_fsm.errors import ModelError
from hitl_fsm.model.message import ChatRequest
try:
    asyncio.run(model_source("openai/x", {}).reply(ChatRequest("openai/x", ())))
except ModelError as error:
    print(error.retryable, error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.startswith("False HF410 LiteLLM cannot be imported")
    assert done.stderr == ""


def test_another_address_is_another_provider() -> None:
    names = {
        LiteLLMModel("openai/a").origin,
        LiteLLMModel("openai/b").origin,
        LiteLLMModel("openai/a", {"api_base": "http://u:pw@127.0.0.1:1"}).origin,
        LiteLLMModel("openai/a", {"base_url": "http://127.0.0.1:2"}).origin,
        LiteLLMModel("anthropic/a").origin,
    }
    assert len(names) == 4
    assert not any("pw" in name or "127" in name for name in names)
