"""Every model that LiteLLM knows, behind `ports.ChatModel`.

Importing this module costs nothing; LiteLLM itself (seconds) is imported once, in a thread, when the first reply asks
for it. Retrying is the engine's: LiteLLM's and the provider SDK's own retries are off.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import threading
import weakref
from collections.abc import Awaitable, Callable, Mapping
from types import ModuleType
from typing import Any, Final, TypeVar

from msgspec.structs import replace

from hitl_fsm.adapters.model_litellm.errors import model_error
from hitl_fsm.adapters.model_litellm.schema import answer_format
from hitl_fsm.adapters.model_litellm.stream import MAX_REPLY_CHARS, Assembly, Ending
from hitl_fsm.adapters.model_litellm.usage import OWN_PRICES, counted, price
from hitl_fsm.adapters.model_litellm.wire import Names, make_reply, names_of, wire_request
from hitl_fsm.errors import ModelError, SettingsError
from hitl_fsm.model.message import ChatRequest, ModelReply, Usage

DEFAULT_TIMEOUT_S: Final = 600
"""Seconds to wait for a whole reply, or for the next piece of a streamed one; the option `timeout` overrides it."""

# What the adapter itself says in each call. A list of tools slipped in here would go past the policies.
RESERVED_OPTIONS: Final = frozenset(
    {"model", "messages", "tools", "functions", "function_call", "stream", "stream_options", "n"}
)

_T = TypeVar("_T")
_lock = threading.Lock()
_loaded: list[ModuleType] = []
_last_loop: list[weakref.ref[asyncio.AbstractEventLoop]] = []
_END: Final = object()


class LiteLLMModel:
    """One model by LiteLLM's name (`openai/gpt-5`, `anthropic/…`, `gemini/…`, `ollama_chat/…`).

    `options` are keyword arguments of `litellm.acompletion` (`api_base`, `api_key`, `temperature`, `fallbacks`, …);
    those of a request win over them. Raises SettingsError for an option that the adapter sets itself.
    """

    def __init__(self, name: str, options: Mapping[str, Any] | None = None) -> None:
        self.name = name
        self.options = dict(options or {})
        _check(self.options)

    @property
    def origin(self) -> str:
        """Whose opaque data (`echo`) a reply of this model holds: the provider's, at the address that was given for it.

        The address goes in as a digest, for it may hold a password.
        """
        provider, base = self.name.partition("/")[0], self.options.get("api_base") or self.options.get("base_url")
        return f"{provider} {hashlib.sha256(str(base).encode()).hexdigest()[:12]}" if base else provider

    async def reply(self, request: ChatRequest, on_text: Callable[[str], None] | None = None) -> ModelReply:
        """Ask once. With `on_text` the reply is streamed, and a stream that breaks off is an error, never half a reply.

        Text that was handed to `on_text` before an error is not taken back. Raises ModelError.
        """
        _check(request.options)
        names = names_of(request)
        options = {**self.options, **request.options}
        # LiteLLM would else load its own tool gateway for every call with tools, and could run tools by itself.
        asked = {"timeout": DEFAULT_TIMEOUT_S, "num_retries": 0, "max_retries": 0, "_skip_mcp_handler": True, **options}
        asked |= {"model": self.name, **wire_request(request, names)}
        for own_price in OWN_PRICES:  # LiteLLM would take it for the price of every model of that name, for good
            asked.pop(own_price, None)
        if on_text is None:
            return await self._whole(asked, request, names)
        return await self._streamed(asked, request, names, on_text)

    async def _whole(self, asked: dict[str, Any], request: ChatRequest, names: Names) -> ModelReply:
        litellm = await _litellm()
        asked |= answer_format(litellm, self.name, request, asked)
        response = await self._guarded(litellm.acompletion(**asked), asked)
        choices = getattr(response, "choices", None)
        if not choices:
            problem = self._broken("sent a reply without a message")
            raise problem
        message = choices[0].message.model_dump(warnings=False)
        usage = self._usage(litellm, getattr(response, "usage", None), request)
        reply = make_reply(message, usage=usage, model=_name(response, self.name), request=request, names=names)
        if len(reply.text) + sum(len(call.arguments) for call in reply.calls) > MAX_REPLY_CHARS:
            text = f"{self.name}: the reply is longer than {MAX_REPLY_CHARS} characters"
            raise ModelError(text, help="set max_tokens in model_options")
        return reply

    async def _streamed(
        self, asked: dict[str, Any], request: ChatRequest, names: Names, on_text: Callable[[str], None]
    ) -> ModelReply:
        litellm = await _litellm()
        asked = {**asked, "stream": True, "stream_options": {"include_usage": True}}
        asked |= answer_format(litellm, self.name, request, asked)
        stream = await self._guarded(litellm.acompletion(**asked), asked)
        assembly, ending, usage, model = Assembly(), Ending(stream), None, self.name
        try:
            await self._guarded(ending.watch(), asked)
            while (chunk := await self._guarded(anext(stream, _END), asked)) is not _END:
                usage = getattr(chunk, "usage", None) or usage
                model = _name(chunk, model)
                ending.look()
                for choice in getattr(chunk, "choices", None) or ():
                    text = assembly.add(choice.delta.model_dump(warnings=False))
                    if text:
                        on_text(text)
            if not ending:
                problem = self._broken("broke the stream off before its end")
                raise problem
        finally:
            await _close(stream)
        used = self._usage(litellm, usage, request)
        return make_reply(assembly.message(), usage=used, model=model, request=request, names=names)

    def _usage(self, litellm: Any, usage: object, request: ChatRequest) -> Usage:
        cost = price(litellm, self.name, usage, {**self.options, **request.options})
        return replace(counted(usage), cost=cost)

    async def _guarded(self, awaitable: Awaitable[_T], asked: Mapping[str, Any]) -> _T:
        """Await one step of LiteLLM's, in time (not all of its providers keep the timeout), errors made ours."""
        problem: ModelError
        try:
            async with asyncio.timeout(_limit(asked)):
                return await awaitable
        except Exception as error:  # noqa: BLE001 - LiteLLM lets anything through when a reply is malformed
            options = {key: value for key, value in asked.items() if key not in RESERVED_OPTIONS}
            problem = model_error(error, model=self.name, options=options)
        # Raised out here, so that the original, which may quote the key, is not chained to it.
        raise problem

    def _broken(self, what: str) -> ModelError:
        provider = self.name.partition("/")[0]
        return ModelError(f"{provider} {what} (model {self.name})", retryable=True, help="try again; check api_base")


async def _litellm() -> ModuleType:
    litellm = _loaded[0] if _loaded else await asyncio.to_thread(_import)
    loop = weakref.ref(asyncio.get_running_loop())
    if _last_loop[:] != [loop]:
        # It keeps one client for all streams, whose connections belong to the loop that opened them. Without it the
        # next stream takes one of its own loop.
        vars(litellm).pop("module_level_aclient", None)
        _last_loop[:] = [loop]
    return litellm


def _import() -> ModuleType:
    with _lock:
        if _loaded:
            return _loaded[0]
        # Before the import: no download of a price list, and no search for a .env file to put into our environment.
        os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
        os.environ.setdefault("LITELLM_MODE", "PRODUCTION")
        problem: ModelError
        try:
            import litellm  # noqa: PLC0415 - takes seconds; only a run with a real model needs it
        except ImportError as error:
            message = f"LiteLLM cannot be imported: {error}"
            problem = ModelError(message, help="reinstall hitl-fsm, which brings a LiteLLM version that works")
        else:
            _configure(litellm)
            _loaded.append(litellm)
            return litellm
    raise problem


def _configure(litellm: Any) -> None:
    litellm.suppress_debug_info = True
    litellm.telemetry = False
    # Its aiohttp sessions cry "Unclosed client session" on stderr when an event loop ends, as after each asyncio.run.
    litellm.disable_aiohttp_transport = True
    # Its errors reach the user as ModelError; LITELLM_LOG asks for more.
    if "LITELLM_LOG" not in os.environ:
        for name in ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy"):
            logging.getLogger(name).setLevel(logging.CRITICAL)


def _limit(asked: Mapping[str, Any]) -> float | None:
    timeout = asked["timeout"]
    if isinstance(timeout, bool) or not isinstance(timeout, (int, float)):
        return None  # an httpx.Timeout: LiteLLM's matter
    return timeout * (1 + len(asked.get("fallbacks") or ()))


async def _close(stream: object) -> None:
    close = getattr(stream, "aclose", None)
    if close is not None:
        await close()


def _name(response: object, default: str) -> str:
    name = getattr(response, "model", None)
    return name if isinstance(name, str) and name else default


def _check(options: Mapping[str, Any]) -> None:
    reserved = sorted(RESERVED_OPTIONS & set(options))
    if reserved:
        message = f"the model option {reserved[0]!r} is set by the engine, not by model_options"
        raise SettingsError(message, help="take it out of model_options; tools belong to the agent")
