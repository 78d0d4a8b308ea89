"""The LiteLLM adapter over real HTTP on loopback: the same scenarios on four providers' wire formats."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from msgspec.structs import replace

from hitl_fsm.adapters.models import model_source
from hitl_fsm.errors import ModelError
from hitl_fsm.model.message import ChatRequest, Message, ModelReply, ToolCall, ToolSpec, Usage
from wire.anthropic_wire import AnthropicWire
from wire.base import Asks, BreaksOff, Fails, Says, Step, Wire
from wire.cleanup import close_connections
from wire.gemini_wire import GeminiWire
from wire.ollama_wire import OllamaWire
from wire.openai_wire import OpenAIWire, WholeCallsWire

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

WIRES = (OpenAIWire, AnthropicWire, GeminiWire, OllamaWire)
ORDER = {"type": "object", "properties": {"order_id": {"type": "string"}, "amount": {"type": "number"}}}
TOOLS = (
    ToolSpec("payments.refund", "Pay money back.", ORDER),
    ToolSpec("payments_refund", "Another tool, whose wire name is the obvious one.", ORDER),
    ToolSpec("orders.lookup", "Look an order up.", ORDER),
)
ASKED = (Message("system", "You help."), Message("user", "Refund order 42, 120.50 €."))
UNSTREAMED, STREAMED = pytest.param(False, id="whole"), pytest.param(True, id="streamed")
both_ways = pytest.mark.parametrize("streamed", [UNSTREAMED, STREAMED])
every_wire = pytest.mark.parametrize("kind", WIRES, ids=lambda kind: kind.__name__)


# One event loop for all: LiteLLM keeps its connections per loop, and they are closed once, in that loop.
pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    # Its own code, under a pydantic newer than it knows.
    pytest.mark.filterwarnings(r"ignore::DeprecationWarning:litellm\..*"),
]


@pytest_asyncio.fixture(autouse=True, scope="module", loop_scope="module")
async def _closed_connections() -> AsyncIterator[None]:
    yield
    await close_connections()


async def ask(
    wire: Wire, *messages: Message, streamed: bool, tools: tuple[ToolSpec, ...] = TOOLS, pieces: list[str] | None = None
) -> ModelReply:
    model = model_source(wire.model, wire.options)
    request = ChatRequest(wire.model, messages or ASKED, tools)
    got: list[str] = [] if pieces is None else pieces
    reply = await model.reply(request, got.append if streamed else None)
    assert not wire.problems
    if streamed:
        assert "".join(got) == reply.text
    return reply


def answered(reply: ModelReply, *results: str) -> tuple[Message, ...]:
    said = Message("assistant", reply.text, calls=reply.calls, echo=reply.echo)
    told = (
        Message("tool", result, provider_id=call.provider_id, tool=call.tool)
        for call, result in zip(reply.calls, results, strict=True)
    )
    return (*ASKED, said, *told)


def args(call: ToolCall) -> object:
    return json.loads(call.arguments)


@every_wire
@both_ways
async def test_text_usage_and_system(kind: type[Wire], streamed: bool) -> None:
    text = "Order 42 — I shall look it up."
    with kind([Says(text)]) as wire:
        pieces: list[str] = []
        reply = await ask(wire, streamed=streamed, pieces=pieces)
    assert reply.text == text
    assert reply.calls == ()
    assert replace(reply.usage, cost=None) == Usage(11, 7)
    assert reply.model
    seen = wire.seen[0]
    assert seen.stream is streamed
    assert seen.system == "You help."
    assert [(turn.role, turn.text) for turn in seen.turns] == [("user", "Refund order 42, 120.50 €.")]
    assert len(seen.tools) == 3
    assert all({"order_id", "amount"} <= set(schema["properties"]) for schema in seen.tools.values())
    if streamed:
        assert len(pieces) > 2


@every_wire
@both_ways
async def test_two_calls_go_out_and_their_results_come_back(kind: type[Wire], streamed: bool) -> None:
    asks = (
        Asks("orders_lookup", {"order_id": "42"}, id="call_a"),
        Asks("payments_refund_2", {"order_id": "42", "amount": 120.5}, id="call_b"),
    )
    with kind([Says("Let me see.", asks), Says("Done.")]) as wire:
        first = await ask(wire, streamed=streamed)
        second = await ask(wire, *answered(first, "found", '{"paid": "é"}'), streamed=streamed)
    assert first.text == "Let me see."
    assert [call.tool for call in first.calls] == ["orders.lookup", "payments.refund"]
    assert [args(call) for call in first.calls] == [{"order_id": "42"}, {"order_id": "42", "amount": 120.5}]
    ids = [call.provider_id for call in first.calls]
    assert len(set(ids)) == 2
    assert all(ids)
    assert second.text == "Done."
    turns = wire.seen[1].turns
    asked = next(turn for turn in turns if turn.calls)
    assert asked.text == "Let me see."
    assert [name for _, name, _ in asked.calls] == ["orders_lookup", "payments_refund_2"]
    results = [result for turn in turns for result in turn.results]
    assert [content for _, content in results] == ["found", '{"paid": "é"}']
    if kind in {OpenAIWire, AnthropicWire}:
        assert ids == ["call_a", "call_b"]
        assert [id_ for id_, _ in results] == ids


@every_wire
@both_ways
async def test_one_call_without_text_and_a_tool_nobody_has(kind: type[Wire], streamed: bool) -> None:
    ask_unknown = Asks("delete_everything", {"really": True}, id="call_x")
    with kind([Says("", (ask_unknown,)), Says("Sorry.")]) as wire:
        first = await ask(wire, streamed=streamed)
        second = await ask(wire, *answered(first, "no such tool"), streamed=streamed)
    assert first.text == ""
    assert [(call.tool, args(call)) for call in first.calls] == [("delete_everything", {"really": True})]
    assert second.text == "Sorry."


@both_ways
@pytest.mark.parametrize("raw", ["{not json", "", '{"a": 1, "a": 2}', "[1]", '{"a": NaN}', "null", '{"n": 1e999}'])
@pytest.mark.parametrize("kind", [OpenAIWire, AnthropicWire], ids=["openai", "anthropic"])
async def test_arguments_pass_raw_and_do_not_break_the_next_turn(kind: type[Wire], raw: str, streamed: bool) -> None:
    if not (kind.raw_arguments_streamed if streamed else kind.raw_arguments):
        pytest.skip("this wire carries arguments as an object")
    with kind([Says("", (Asks("orders_lookup", raw=raw, id="call_r"),)), Says("I see.")]) as wire:
        first = await ask(wire, streamed=streamed)
        second = await ask(wire, *answered(first, "unreadable arguments"), streamed=streamed)
    (call,) = first.calls
    # LiteLLM itself writes "{}" for Anthropic's empty text: there that is how a call without arguments streams.
    raw = call.arguments if not raw and kind is AnthropicWire else raw
    assert call.arguments == raw
    assert second.text == "I see."
    ((_, _, told),) = next(turn for turn in wire.seen[1].turns if turn.calls).calls
    sent = told if isinstance(told, dict) else json.loads(str(told))
    assert sent == ({"a": 2} if raw.startswith('{"a": 1') else {} if raw == "{}" else {"unreadable_arguments": raw})


@pytest.mark.parametrize("kind", [GeminiWire, OllamaWire], ids=["gemini", "ollama"])
async def test_unreadable_history_reaches_wires_that_carry_objects(kind: type[Wire]) -> None:
    earlier = ModelReply(calls=(ToolCall("id-1", "orders.lookup", "{not json"), ToolCall("id-2", "no such.tool", "[]")))
    with kind([Says("I see.")]) as wire:
        await ask(wire, *answered(earlier, "unreadable", "unknown"), streamed=False)
    calls = next(turn for turn in wire.seen[0].turns if turn.calls).calls
    assert [(name, given) for _, name, given in calls] == [
        ("orders_lookup", {"unreadable_arguments": "{not json"}),
        ("no_such_tool", {"unreadable_arguments": "[]"}),
    ]


@both_ways
@pytest.mark.parametrize("kind", [OpenAIWire, AnthropicWire], ids=["openai", "anthropic"])
async def test_a_reply_cut_at_its_length_keeps_its_torn_arguments(kind: type[Wire], streamed: bool) -> None:
    if not (kind.raw_arguments_streamed if streamed else kind.raw_arguments):
        pytest.skip("this wire carries arguments as an object")
    torn = '{"order_id": "4'
    with kind([Says("", (Asks("orders_lookup", raw=torn, id="call_r"),), finish="length")]) as wire:
        reply = await ask(wire, streamed=streamed)
    assert [call.arguments for call in reply.calls] == [torn]


@both_ways
@pytest.mark.parametrize("ids", [(None, None), ("", ""), ("same", "same")])
async def test_calls_without_ids_of_their_own_get_fresh_ones(
    ids: tuple[str | None, str | None], streamed: bool
) -> None:
    asks = tuple(Asks("orders_lookup", {"order_id": str(n)}, id=id_) for n, id_ in enumerate(ids))
    with OpenAIWire([Says("", asks), Says("ok")]) as wire:
        reply = await ask(wire, streamed=streamed)
        await ask(wire, *answered(reply, "a", "b"), streamed=streamed)
    assert [args(call) for call in reply.calls] == [{"order_id": "0"}, {"order_id": "1"}]
    assert len({call.provider_id for call in reply.calls}) == 2
    assert all(call.provider_id for call in reply.calls)


async def test_whole_calls_that_share_an_index_stay_apart() -> None:
    asks = tuple(Asks("orders_lookup", {"order_id": id_}, id=id_) for id_ in ("a", "b", "c"))
    with WholeCallsWire([Says("", asks)]) as wire:
        reply = await ask(wire, streamed=True)
    assert [args(call) for call in reply.calls] == [{"order_id": "a"}, {"order_id": "b"}, {"order_id": "c"}]


@every_wire
@both_ways
async def test_an_empty_reply_is_empty_text(kind: type[Wire], streamed: bool) -> None:
    with kind([Says("")]) as wire:
        reply = await ask(wire, streamed=streamed)
    assert (reply.text, reply.calls) == ("", ())


@both_ways
async def test_thinking_goes_back_to_anthropic_with_its_signature(streamed: bool) -> None:
    thought = "The order comes first, then the money."
    asks = (Asks("orders_lookup", {"order_id": "42"}, id="call_a"),)
    with AnthropicWire([Says("", asks, thinking=thought, signature="c2lnbmVk"), Says("ok")]) as wire:
        reply = await ask(wire, streamed=streamed)
        await ask(wire, *answered(reply, "found"), streamed=streamed)
    assert reply.text == ""
    sent_back = next(turn for turn in wire.seen[1].turns if turn.calls)
    assert sent_back.extra == {"thinking": [(thought, "c2lnbmVk")]}


@both_ways
async def test_thought_signatures_go_back_to_gemini(streamed: bool) -> None:
    asks = (Asks("orders_lookup", {"order_id": "42"}, signature="c2lnbmVk"), Asks("orders_lookup", {"order_id": "43"}))
    with GeminiWire([Says("", asks), Says("ok")]) as wire:
        reply = await ask(wire, streamed=streamed)
        await ask(wire, *answered(reply, "a", "b"), streamed=streamed)
    sent_back = next(turn for turn in wire.seen[1].turns if turn.calls)
    assert sent_back.extra["signatures"][0] == "c2lnbmVk"


@both_ways
@pytest.mark.parametrize("kind", [OpenAIWire, OllamaWire], ids=["openai", "ollama"])
async def test_reasoning_goes_back(kind: type[Wire], streamed: bool) -> None:
    asks = (Asks("orders_lookup", {"order_id": "42"}, id="call_a"),)
    with kind([Says("Hm.", asks, thinking="First the order."), Says("ok")]) as wire:
        reply = await ask(wire, streamed=streamed)
        await ask(wire, *answered(reply, "found"), streamed=streamed)
    assert reply.text == "Hm."
    sent_back = next(turn for turn in wire.seen[1].turns if turn.calls)
    assert "First the order." in sent_back.extra.values()


@every_wire
@both_ways
@pytest.mark.parametrize(
    ("step", "retryable", "says"),
    [
        (Fails(429, "slow down", "rate_limit_error"), True, ("limits the rate",)),
        (Fails(500, "oh no", "api_error"), True, ("failed",)),
        (Fails(503, "overloaded", "overloaded_error"), True, ("unavailable", "failed")),
        (
            Fails(401, "the key sk-proj-abcdef123456 is wrong", "authentication_error"),
            False,
            ("refused the credentials",),
        ),
        (Fails(404, "no such model", "not_found_error"), False, ("does not know the model",)),
        (Fails(400, "the tools' schema is odd", "invalid_request_error"), False, ("refused the request",)),
        (BreaksOff(), True, ("broke the stream off", "could not be reached", "failed")),
    ],
    ids=["429", "500", "503", "401", "404", "400", "cut"],
)
async def test_errors_say_whether_to_try_again_and_hold_no_secret(
    kind: type[Wire],
    streamed: bool,
    step: Step,
    retryable: bool,
    says: tuple[str, ...],
    capfd: pytest.CaptureFixture[str],
) -> None:
    # LiteLLM sends a request once more, whatever it is told, when its body was cut (not on OpenAI's wire).
    again = isinstance(step, BreaksOff) and not streamed and kind is not OpenAIWire
    with kind([step, *[step] * again, Says("Better now.")]) as wire:
        with pytest.raises(ModelError) as caught:
            await ask(wire, streamed=streamed)
        assert len(wire.seen) == 1 + again, "LiteLLM tried again by itself"
        reply = await ask(wire, streamed=streamed)
    error = caught.value
    assert error.retryable is retryable, error
    assert any(words in error.message for words in says)
    assert wire.model.split("/")[0].removesuffix("_chat") in error.message
    assert error.help
    assert "\n" not in error.message
    assert error.__cause__ is None
    assert error.__context__ is None
    for secret in ("test-key-not-secret-0123", "sk-proj", "Traceback"):
        assert secret not in str(error)
    assert reply.text == "Better now."
    assert capfd.readouterr() == ("", "")


@every_wire
async def test_a_stream_that_just_stops_is_an_error_and_not_half_a_reply(kind: type[Wire]) -> None:
    pieces: list[str] = []
    with kind([BreaksOff("half a sen", cleanly=True)]) as wire, pytest.raises(ModelError) as caught:
        await ask(wire, streamed=True, pieces=pieces)
    assert caught.value.retryable
    assert "".join(pieces) == "half a sen"


async def test_a_stream_whose_usage_comes_after_its_end() -> None:
    with GeminiWire([Says("Hello there")]) as wire:
        wire.usage_last = True
        reply = await ask(wire, streamed=True)
    assert (reply.text, replace(reply.usage, cost=None)) == ("Hello there", Usage(11, 7))


async def test_a_provider_that_is_not_there() -> None:
    with OpenAIWire() as wire:
        pass
    with pytest.raises(ModelError) as caught:
        await ask(wire, streamed=False)
    assert caught.value.retryable
    assert "could not be reached" in caught.value.message


@both_ways
@every_wire
async def test_a_provider_that_does_not_answer_in_time(kind: type[Wire], streamed: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        options = {"api_base": address, "api_key": "test-key-not-secret-0123", "timeout": 0.3}
        model = model_source(kind.model, options)
        with pytest.raises(ModelError) as caught:
            await model.reply(ChatRequest(kind.model, ASKED, TOOLS), (lambda _: None) if streamed else None)
    assert caught.value.retryable
    assert "in time" in caught.value.message


async def test_an_exception_in_on_text_is_the_callers_own() -> None:
    def broken(_: str) -> None:
        message = "the screen is gone"
        raise RuntimeError(message)

    with OpenAIWire([Says("Hello there")]) as wire, pytest.raises(RuntimeError, match="the screen is gone"):
        await model_source(wire.model, wire.options).reply(ChatRequest(wire.model, ASKED), broken)


async def test_halves_of_surrogate_pairs_do_not_break_the_request() -> None:
    earlier = ModelReply(calls=(ToolCall("id-1", "orders.lookup", '{"a": "\\ud800"}'),))
    with OpenAIWire([Says("ok")]) as wire:
        await ask(wire, *answered(earlier, "found \udcff"), streamed=False)
    assert wire.seen[0].turns[-1].results == (("id-1", "found ?"),)
