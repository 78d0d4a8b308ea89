"""One reply of a model, tried again a bounded number of times."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from hitl_fsm.errors import HitlError, ModelError
from hitl_fsm.model.message import ChatRequest, ModelReply
from hitl_fsm.ports import ChatModel, Log
from hitl_fsm.runtime.reply import checked_reply
from hitl_fsm.runtime.results import error_text

MODEL_ATTEMPTS = 3
"""Tries of one model call before the run is failed (`runs continue` goes on from there)."""
MODEL_BACKOFF_S = 0.5
"""Wait before the second try; doubled for each further one."""

OnText = Callable[[str], None]


async def ask_model(
    model: ChatModel, request: ChatRequest, on_text: OnText | None, log: Log, run_id: str
) -> ModelReply:
    """Never tried again after text has already been streamed. ModelError, whatever the model raised."""
    streamed = False

    def note(text: str) -> None:
        nonlocal streamed
        streamed = True
        if on_text is not None:
            on_text(text)

    for attempt in range(1, MODEL_ATTEMPTS + 1):
        try:
            return checked_reply(await _replied(model, request, None if on_text is None else note))
        except ModelError as error:
            if not error.retryable or streamed or attempt == MODEL_ATTEMPTS:
                raise
            log("model_retried", level="warning", run=run_id, attempt=attempt, error=error.message)
            await asyncio.sleep(MODEL_BACKOFF_S * 2 ** (attempt - 1))
    raise AssertionError  # pragma: no cover - the loop returns or raises


async def _replied(model: ChatModel, request: ChatRequest, on_text: OnText | None) -> ModelReply:
    """A model of the application's own may raise anything: the run has failed then, and no worker dies of it."""
    try:
        return await model.reply(request, on_text)
    except HitlError:
        raise
    except Exception as error:
        msg = f"the model raised {error_text(error)}"
        raise ModelError(msg, help="repair it, then continue the run") from error
