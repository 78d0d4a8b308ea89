"""Tokens, prices, schemas of the final answer and models that stand in, over real HTTP on loopback."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import pytest
import pytest_asyncio
from msgspec.structs import replace

from hitl_fsm.adapters.model_litellm.model import LiteLLMModel
from hitl_fsm.adapters.models import model_source
from hitl_fsm.model.message import ChatRequest, Message, ModelReply, ToolSpec, Usage
from hitl_fsm.runtime.agents.ask_model import Candidate, ask_model
from hitl_fsm.runtime.parts import Silent
from wire.anthropic_wire import AnthropicWire
from wire.base import Asks, Fails, Says, Wire
from wire.cleanup import close_connections
from wire.gemini_wire import GeminiWire
from wire.ollama_wire import OllamaWire
from wire.openai_wire import OpenAIWire

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

LOOK = (ToolSpec("orders_lookup", "Look an order up.", {"type": "object", "properties": {"id": {"type": "string"}}}),)
ASKED = (Message("user", "Order 42?"),)
SCHEMA = {
    "type": "object",
    "properties": {"n": {"type": "integer"}},
    "required": ["n"],
    "additionalProperties": False,
}
both_ways = pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.filterwarnings(r"ignore::DeprecationWarning:litellm\..*"),
    pytest.mark.filterwarnings(r"ignore:Pydantic serializer warnings:UserWarning"),
]


@pytest_asyncio.fixture(autouse=True, scope="module", loop_scope="module")
async def _closed_connections() -> AsyncIterator[None]:
    yield
    await close_connections()


def on_text(*, streamed: bool) -> Any:
    return (lambda _: None) if streamed else None


async def ask(wire: Wire, name: str, *, streamed: bool, **more: Any) -> ModelReply:
    options = {**wire.options, **more.pop("options", {})}
    reply = await model_source(name, options).reply(ChatRequest(name, ASKED, **more), on_text(streamed=streamed))
    assert not wire.problems
    return reply


# -- prices


@both_ways
@pytest.mark.parametrize(
    ("kind", "name", "options", "cost"),
    [
        (OpenAIWire, "openai/gpt-4o-mini", {}, 6),  # 11 at $0.15 and 7 at $0.60 a million: 5.85 micro-dollars
        (AnthropicWire, "anthropic/claude-sonnet-4-5", {}, 138),  # 11 at $3 and 7 at $15
        (GeminiWire, "gemini/gemini-2.5-flash", {}, 21),  # 11 at $0.30 and 7 at $2.50: 20.8
        (OpenAIWire, "openai/gpt-test", {}, None),
        (AnthropicWire, "anthropic/claude-test", {}, None),
        (OllamaWire, "ollama_chat/llama-test", {}, None),
        (OpenAIWire, "openai/gpt-test", {"input_cost_per_token": 2e-6, "output_cost_per_token": 3e-6}, 43),
        (OllamaWire, "ollama_chat/llama-test", {"input_cost_per_token": 0, "output_cost_per_token": 0}, 0),
        (OpenAIWire, "openai/gpt-4o-mini", {"input_cost_per_token": 1e-6, "output_cost_per_token": 0.0}, 11),
    ],
)
async def test_what_a_reply_cost(
    kind: type[Wire], name: str, options: dict[str, Any], cost: int | None, streamed: bool
) -> None:
    with kind([Says("Hello.")]) as wire:
        reply = await ask(wire, name, streamed=streamed, options=options)
    assert reply.usage == Usage(11, 7, cost=cost)
    assert not any("cost_per_token" in str(body) for body in wire.bodies), "prices are nobody else's matter"


class Detailed(OpenAIWire):
    """Tells what of its tokens were cached, and what were thoughts."""

    details: ClassVar[dict[str, Any]] = {
        "prompt_tokens": 1000,
        "completion_tokens": 100,
        "total_tokens": 1100,
        "prompt_tokens_details": {"cached_tokens": 800},
        "completion_tokens_details": {"reasoning_tokens": 60},
    }

    def whole(self, says: Says) -> dict[str, Any]:
        return {**super().whole(says), "usage": self.details}

    def pieces(self, says: Says) -> Any:
        import json

        plain = json.dumps({"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18})
        return (piece.replace(plain, json.dumps(self.details)) for piece in super().pieces(says))


class Silently(OpenAIWire):
    """Tells nothing of tokens."""

    def whole(self, says: Says) -> dict[str, Any]:
        return {key: value for key, value in super().whole(says).items() if key != "usage"}


@both_ways
async def test_cached_tokens_and_thoughts(streamed: bool) -> None:
    with Detailed([Says("Hello.")]) as wire:
        reply = await ask(wire, "openai/gpt-5", streamed=streamed)
    assert reply.usage == Usage(1000, 100, 800, 60, 1350)  # 200 at $1.25, 800 at $0.125, 100 at $10 a million
    if streamed:
        assert wire.bodies[0]["stream_options"] == {"include_usage": True}


async def test_a_provider_that_tells_no_tokens_has_no_known_price() -> None:
    with Silently([Says("Hello.")]) as wire:
        reply = await ask(wire, "openai/gpt-4o-mini", streamed=False)
    assert reply.usage.cost is None


# -- the schema of the final answer


def told(wire: Wire) -> Any:
    """The schema as the provider got it, wherever its format has it."""
    (body,) = wire.bodies
    generation = body.get("generationConfig", {})
    found = (
        body.get("response_format", {}).get("json_schema", {}).get("schema"),
        body.get("output_format", {}).get("schema"),
        generation.get("responseJsonSchema") or generation.get("response_json_schema"),
        generation.get("responseSchema") or generation.get("response_schema"),
        body.get("format"),
    )
    return next((one for one in found if one), None)


@both_ways
@pytest.mark.parametrize(
    ("kind", "name", "alone", "beside_tools"),
    [
        (OpenAIWire, "openai/gpt-4o-mini", True, True),
        (AnthropicWire, "anthropic/claude-sonnet-4-5", True, False),
        (GeminiWire, "gemini/gemini-2.5-flash", True, False),
        (OllamaWire, "ollama_chat/llama-test", True, False),
        (OpenAIWire, "openai/gpt-test", False, False),
    ],
)
async def test_a_provider_that_can_is_told_the_schema(
    kind: type[Wire], name: str, alone: bool, beside_tools: bool, streamed: bool
) -> None:
    for tools, expected in (((), alone), (LOOK, beside_tools)):
        with kind([Says('{"n": 1}')]) as wire:
            reply = await ask(wire, name, streamed=streamed, tools=tools, output_schema=SCHEMA)
        assert (reply.text, reply.calls) == ('{"n": 1}', ())
        sent = told(wire)
        assert (sent is not None) is expected
        if sent is not None:
            assert "n" in sent["properties"]
        assert len(wire.seen[0].tools) == len(tools), "no tool of LiteLLM's own making"
        assert "tool_choice" not in wire.bodies[0]


async def test_no_schema_nothing_told_and_the_options_own_word_stays() -> None:
    own = {"type": "json_object"}
    with OpenAIWire([Says("Hello."), Says("{}")]) as wire:
        await ask(wire, "openai/gpt-4o-mini", streamed=False)
        await ask(wire, "openai/gpt-4o-mini", streamed=False, options={"response_format": own}, output_schema=SCHEMA)
    assert "response_format" not in wire.bodies[0]
    assert wire.bodies[1]["response_format"] == own


# -- models that stand in


def candidate(wire: Wire) -> Candidate:
    return Candidate(wire.model, LiteLLMModel(wire.model, wire.options))


async def turn(request: ChatRequest, *wires: Wire, streamed: bool) -> ModelReply:
    reply = await ask_model([candidate(one) for one in wires], request, on_text(streamed=streamed), Silent(), "run_1")
    assert not [problem for one in wires for problem in one.problems]
    return reply


def after(request: ChatRequest, reply: ModelReply) -> ChatRequest:
    said = Message("assistant", reply.text, calls=reply.calls, echo=reply.echo, origin=reply.origin)
    results = (Message("tool", "found", provider_id=call.provider_id, tool=call.tool) for call in reply.calls)
    return replace(request, messages=(*request.messages, said, *results))


THOUGHT, SIGNATURE = "The order comes first.", "c2lnbmVk"


@both_ways
@pytest.mark.parametrize(
    ("first", "second"),
    [
        (AnthropicWire, OpenAIWire),
        (AnthropicWire, GeminiWire),
        (GeminiWire, OpenAIWire),
        (GeminiWire, AnthropicWire),
        (OpenAIWire, OllamaWire),
        (OllamaWire, AnthropicWire),
    ],
)
async def test_what_one_provider_thought_reaches_no_other(
    first: type[Wire], second: type[Wire], streamed: bool
) -> None:
    asks = (Asks("orders_lookup", {"id": "42"}, id="call_a", signature=SIGNATURE),)
    thinks = Says("", asks, thinking=THOUGHT, signature=SIGNATURE)
    refused = Fails(401, "no such key", "authentication_error")
    with first([thinks, refused, Says("It is here.")]) as one, second([Says("Elsewhere it is here, too.")]) as two:
        request = ChatRequest(one.model, ASKED, LOOK)
        asked = await turn(request, one, two, streamed=streamed)
        request = after(request, asked)
        answered = await turn(request, one, two, streamed=streamed)
        again = await turn(request, one, two, streamed=streamed)
    assert asked.echo
    assert asked.instead_of == ()
    assert answered.text == "Elsewhere it is here, too."
    assert len(answered.instead_of) == 1
    assert "refused the credentials" in answered.instead_of[0]
    for secret in (THOUGHT, SIGNATURE):
        assert secret not in str(two.bodies), "it was sent to another provider"
    (call,) = next(one for one in two.seen[0].turns if one.calls).calls
    assert call[1] == "orders_lookup"
    assert again.text == "It is here."
    back = str(one.bodies[-1])
    assert THOUGHT in back or SIGNATURE in back, "its own thoughts go back to it"


async def test_the_key_of_one_provider_reaches_no_other() -> None:
    with OpenAIWire([Fails(401, "no", "authentication_error")]) as one, AnthropicWire([Says("Hello.")]) as two:
        first = Candidate(one.model, LiteLLMModel(one.model), {**one.options, "api_key": "test-first-key-0123"})
        request = ChatRequest(one.model, ASKED, options=dict(first.options))
        reply = await ask_model([first, candidate(two)], request, None, Silent(), "run_1")
    assert reply.text == "Hello."
    assert "test-first-key-0123" in str(one.headers)
    assert "test-first-key-0123" not in str(two.headers) + str(two.bodies)
