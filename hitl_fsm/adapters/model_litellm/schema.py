"""Whether a model is told the JSON Schema of its final answer, and how. LiteLLM itself comes in as an argument.

Telling only helps; the engine checks the answer in any case. Beside tools most providers cannot take a schema: LiteLLM
then forces an answer as a call of its own making (Anthropic), so that no real tool is ever called, or the provider
refuses (Gemini). There the schema stays here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from hitl_fsm.adapters.model_litellm.usage import ASKS_A_SERVER
from hitl_fsm.model.message import ChatRequest

OPTION: Final = "response_format"
SCHEMA_NAME: Final = "answer"
OLLAMA: Final = frozenset({"ollama", "ollama_chat"})
BESIDE_TOOLS: Final = frozenset({"openai", "azure"})


def answer_format(litellm: Any, name: str, request: ChatRequest, options: Mapping[str, Any]) -> dict[str, Any]:
    """The keyword arguments that tell the schema; none where there is none to tell, or the options say their own."""
    if request.output_schema is None or OPTION in options:
        return {}
    if not _takes(litellm, name, beside_tools=bool(request.tools)):
        return {}
    told = {"name": SCHEMA_NAME, "schema": request.output_schema}
    return {OPTION: {"type": "json_schema", "json_schema": told}}


def _takes(litellm: Any, name: str, *, beside_tools: bool) -> bool:
    provider = name.partition("/")[0]
    if provider in ASKS_A_SERVER:  # every Ollama takes one, where it has no tools
        return provider in OLLAMA and not beside_tools
    if not litellm.supports_response_schema(model=name):
        return False
    return not beside_tools or _provider(litellm, name) in BESIDE_TOOLS


def _provider(litellm: Any, name: str) -> str:
    return str(litellm.get_llm_provider(model=name)[1])
