"""What a model was asked, by digest: a record can be held against a provider's log by it, and tells nothing itself."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from hitl_fsm.model.message import ChatRequest
from hitl_fsm.model.secret_names import asks_for_secret

REQUEST_DOMAIN = b"hitl-fsm/request/v1\0"
"""Goes before the bytes that are hashed, so that no other statement can have a request's digest."""
_SECRET = frozenset({"authorization", "cookie", "default_headers", "extra_headers", "headers"})


def request_digest(request: ChatRequest, salt: str) -> str:
    """SHA-256 (hex) of the run's salt and all that was asked: model, messages, tools, options but for secrets."""
    asked = {"salt": salt, "request": msgspec.structs.replace(request, options=_without_secrets(request.options))}
    encoded = msgspec.json.encode(asked, enc_hook=_by_kind, order="sorted")
    return hashlib.sha256(REQUEST_DOMAIN + encoded).hexdigest()


def _without_secrets(value: Any) -> Any:
    """At any depth; a secret's name stays, so that one without it is another request."""
    if isinstance(value, dict):
        return {str(key): None if _is_secret(str(key)) else _without_secrets(one) for key, one in value.items()}
    return [_without_secrets(one) for one in value] if isinstance(value, list | tuple) else value


def _is_secret(name: str) -> bool:
    return name.lower() in _SECRET or asks_for_secret(name)


def _by_kind(value: Any) -> str:
    """An option that is no JSON, such as a client of the provider's library."""
    return f"{type(value).__module__}.{type(value).__qualname__}"
