"""Closing what LiteLLM leaves open, so that no later test meets it as a ResourceWarning."""

from __future__ import annotations

import asyncio
import gc
import inspect
import sys
import warnings


async def close_connections() -> None:
    """Close the provider clients that LiteLLM keeps for this event loop; does nothing when it was never imported."""
    litellm = sys.modules.get("litellm")
    if litellm is None:
        return
    # It logs after each call in tasks of its own; they end before the loop does.
    await asyncio.sleep(0.1)
    for client in list(litellm.in_memory_llm_clients_cache.cache_dict.values()):
        close = getattr(client, "close", None) or getattr(client, "aclose", None)
        closing = close() if close is not None else None
        if inspect.isawaitable(closing):
            await closing
    forget_connections()


def forget_connections() -> None:
    """Drop the clients of event loops that are gone, without the warnings that this brings."""
    litellm = sys.modules["litellm"]
    litellm.in_memory_llm_clients_cache.flush_cache()
    vars(litellm).pop("module_level_aclient", None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gc.collect()
