"""From a model's name to something that answers (`ports.ModelSource`): the composition root's one list of models.

`scripted/<file or name>` replays a script; every other name goes to LiteLLM, which is imported when the first such
model is asked, not here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from hitl_fsm.adapters import model_scripted
from hitl_fsm.errors import SettingsError
from hitl_fsm.ports import ChatModel

SCRIPTED_PREFIX: Final = "scripted/"
LATENCY_OPTION: Final = "latency"


def model_source(name: str, options: Mapping[str, Any]) -> ChatModel:
    """Give the model of that name.

    `options` are LiteLLM's keyword arguments; of them a scripted model knows only `latency` (seconds) and passes over
    the rest, so that a script can stand in for a real model by changing the name alone.
    Raises SettingsError when there is no such script, or no name.
    """
    if is_scripted(name):
        return model_scripted.find(name.removeprefix(SCRIPTED_PREFIX), _latency(options))
    if not name.strip():
        message = "the model has no name"
        raise SettingsError(message, help="give a LiteLLM name (openai/gpt-5, ollama_chat/…) or scripted/<file>")
    from hitl_fsm.adapters.model_litellm.model import LiteLLMModel  # noqa: PLC0415 - scripted runs must not load it

    return LiteLLMModel(name, options)


def is_scripted(name: str) -> bool:
    """Whether the name is answered by a script, offline."""
    return name.startswith(SCRIPTED_PREFIX)


def _latency(options: Mapping[str, Any]) -> float:
    latency = options.get(LATENCY_OPTION, 0)
    if isinstance(latency, bool) or not isinstance(latency, (int, float)):
        message = f"the option latency is {latency!r}, not a number of seconds"
        raise SettingsError(message, help="for example model_options={'latency': 0.2}")
    return latency
