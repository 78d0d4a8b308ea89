"""LiteLLM keeps connections between calls; none may outlive the event loop that it belongs to."""

from __future__ import annotations

import asyncio

import pytest

from hitl_fsm.adapters.models import model_source
from hitl_fsm.model.message import ChatRequest, Message
from wire.anthropic_wire import AnthropicWire
from wire.base import Says, Wire
from wire.cleanup import forget_connections
from wire.gemini_wire import GeminiWire
from wire.ollama_wire import OllamaWire
from wire.openai_wire import OpenAIWire

pytestmark = pytest.mark.filterwarnings(r"ignore::DeprecationWarning:litellm\..*")


@pytest.mark.parametrize("kind", [OpenAIWire, AnthropicWire, GeminiWire, OllamaWire], ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_each_event_loop_of_its_own_can_ask(kind: type[Wire], streamed: bool) -> None:
    async def once() -> str:
        model = model_source(wire.model, wire.options)
        pieces: list[str] = []
        reply = await model.reply(
            ChatRequest(wire.model, (Message("user", "Hello"),)), pieces.append if streamed else None
        )
        await asyncio.sleep(0.05)  # LiteLLM logs in tasks of its own
        return reply.text

    with kind([Says("one"), Says("two"), Says("three")]) as wire:
        try:
            assert [asyncio.run(once()) for _ in range(3)] == ["one", "two", "three"]
        finally:
            forget_connections()
