"""A span as values: what it has, and the ids that make two of the same one span."""

from __future__ import annotations

import hashlib
from typing import Final, Literal

import msgspec

SCHEMA_URL: Final = "https://opentelemetry.io/schemas/1.44.0"

_DOMAIN = b"hitl-fsm/trace/v1\0"

Value = str | int | bool | tuple[str, ...]
Attributes = dict[str, Value]
Status = Literal["unset", "ok", "error"]

PROVIDERS: Final = {
    "anthropic": "anthropic",
    "azure": "azure.ai.openai",
    "azure_ai": "azure.ai.inference",
    "bedrock": "aws.bedrock",
    "cohere": "cohere",
    "deepseek": "deepseek",
    "gemini": "gcp.gemini",
    "groq": "groq",
    "mistral": "mistral_ai",
    "openai": "openai",
    "perplexity": "perplexity",
    "vertex_ai": "gcp.vertex_ai",
    "watsonx": "ibm.watsonx.ai",
    "xai": "x_ai",
}
"""A model's provider, as a model's name begins with it, in the words of the conventions; others keep their own."""


class SpanEvent(msgspec.Struct, frozen=True):
    """Something at one moment of a span."""

    name: str
    at_ns: int
    attributes: Attributes = {}


class Span(msgspec.Struct, frozen=True):
    """One span, ids in hex, times in ns since the epoch. `ended_ns` is None while it goes on.

    `links` are spans of the same trace on which it relies: the waiting that let a tool begin.
    """

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    kind: Literal["internal", "client"]
    began_ns: int
    ended_ns: int | None = None
    attributes: Attributes = {}
    events: tuple[SpanEvent, ...] = ()
    events_dropped: int = 0
    links: tuple[str, ...] = ()
    status: Status = "unset"
    message: str = ""


def trace_id(run_id: str) -> str:
    """32 hex digits."""
    return hashlib.sha256(_DOMAIN + b"trace\0" + run_id.encode()).hexdigest()[:32]


def span_id(*parts: str) -> str:
    """16 hex digits of a span: what it is of, by ids that the record has."""
    return hashlib.sha256(_DOMAIN + "\0".join(("span", *parts)).encode()).hexdigest()[:16]


def run_span(run_id: str, beginning: int = 1) -> str:
    """The span of a run; one that failed and was taken up again has another one each time."""
    return span_id("run", run_id, str(beginning))


def provider_of(model: str) -> str:
    """Whose a model is, by its name, in the words of the conventions."""
    prefix, slash, _ = model.partition("/")
    return PROVIDERS.get(prefix, prefix) if slash else "_OTHER"
