"""LiteLLM's exceptions as ModelError: whether trying again may help, and a message that holds no secret.

What the provider wrote is cut to one short line. Keys that were handed in are struck out of it, and so is whatever
looks like one; when a provider refuses the key itself, its words are not shown at all (some repeat the key).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from hitl_fsm.errors import ModelError

MAX_DETAIL_CHARS: Final = 300
STRUCK_OUT: Final = "[redacted]"

_MIN_SECRET_CHARS: Final = 6
_SECRET_NAME: Final = re.compile(r"key|token|secret|password|credential|auth|headers", re.IGNORECASE)
_SECRET_SHAPE: Final = re.compile(
    r"(?<![A-Za-z0-9])(?:sk|pk|rk|gsk|xai|hf|r8|AIza|AKIA|ya29|eyJ)[-_.A-Za-z0-9*]{8,}"
    r"|(?i:bearer|basic)\s+[^\s'\",]{6,}"
    r"|(?i:(?:api[-_]?key|key|token|secret|password)['\"]?\s*[=:]\s*)['\"]?[^\s&'\",}]{6,}"
    r"|(?<=//)[^/\s@]+@"
)
_PREFIX: Final = re.compile(r"^(?:litellm\.)?[A-Za-z]+(?:Error|Exception)?: ?(?:[A-Za-z_]+Exception -? ?)?")

_MESSAGE: Final = re.compile(r"[\"'](?:message|error)[\"']: ?\"(?P<message>[^\"]+)\"")

# Class name in LiteLLM (the first of the error's classes that is listed) -> may trying again help, what, what next.
_KINDS: Final[dict[str, tuple[bool, str, str]]] = {
    "AuthenticationError": (False, "refused the credentials", "check the API key (option api_key, or its variable)"),
    "PermissionDeniedError": (False, "refused permission", "check what the API key may do, and the model's name"),
    "ContextWindowExceededError": (False, "says the conversation is too long", "shorten it, or take a larger model"),
    "ContentPolicyViolationError": (False, "refused the content", "see the provider's content policy"),
    "UnsupportedParamsError": (False, "does not know an option", "take it out of model_options, or set drop_params"),
    "NotFoundError": (False, "does not know the model or address", "check the model's name and api_base"),
    "BudgetExceededError": (False, "is over its budget", "raise LiteLLM's budget"),
    "UnprocessableEntityError": (False, "refused the request", "check model_options and the tools' schemas"),
    "BadRequestError": (False, "refused the request", "check the model's name, model_options and the tools' schemas"),
    "RateLimitError": (True, "limits the rate", "wait, or ask the provider for a higher limit"),
    "Timeout": (True, "did not answer in time", "try again, or raise the option timeout (seconds)"),
    "TimeoutError": (True, "did not answer in time", "try again, or raise the option timeout (seconds)"),
    "APITimeoutError": (True, "did not answer in time", "try again, or raise the option timeout (seconds)"),
    "MidStreamFallbackError": (True, "broke the stream off", "try again"),
    "ServiceUnavailableError": (True, "is unavailable", "try again later"),
    "BadGatewayError": (True, "is unavailable", "try again later"),
    "InternalServerError": (True, "failed", "try again later"),
    "APIConnectionError": (True, "could not be reached", "check api_base and the network"),
    "TransportError": (True, "could not be reached", "check api_base and the network"),
    "ConnectionError": (True, "could not be reached", "check api_base and the network"),
    "APIResponseValidationError": (True, "sent a reply that cannot be read", "check api_base"),
}
_BY_CODE: Final = {
    400: "BadRequestError",
    401: "AuthenticationError",
    403: "PermissionDeniedError",
    404: "NotFoundError",
    408: "Timeout",
    422: "UnprocessableEntityError",
    429: "RateLimitError",
    500: "InternalServerError",
    502: "BadGatewayError",
    503: "ServiceUnavailableError",
}
_CATCH_ALLS: Final = frozenset({"APIConnectionError", "InternalServerError"})
_CREDENTIALS: Final = frozenset({"AuthenticationError", "PermissionDeniedError"})
# The words of OpenAI's SDK, which LiteLLM counts among the server's errors.
_NO_CONNECTION: Final = "Connection error"
_RETRYABLE_CODES: Final = frozenset({408, 409, 425, 429})
_SERVER_ERRORS: Final = 500
_OUT_OF_QUOTA: Final = "insufficient_quota"


def model_error(error: Exception, *, model: str, options: Mapping[str, Any]) -> ModelError:
    """Say what went wrong with `model`; `options` are those of the call, whose secrets must not show."""
    kind = _kind(error)
    provider = str(getattr(error, "llm_provider", None) or model.partition("/")[0])
    if kind is not None:
        retryable, what, help_ = _KINDS[kind]
    else:
        code = getattr(error, "status_code", None)
        retryable = isinstance(code, int) and (code in _RETRYABLE_CODES or code >= _SERVER_ERRORS)
        what, help_ = f"failed ({type(error).__name__})", "check the model's name, api_base and model_options"
    if kind == "RateLimitError" and _OUT_OF_QUOTA in str(error):
        retryable, what, help_ = False, "says the quota is used up", "check the plan and billing at the provider"
    detail = "" if kind in _CREDENTIALS else _detail(error, options)
    message = redact(f"{provider} {what} (model {model})", options)
    return ModelError(f"{message}: {detail}" if detail else message, retryable=retryable, help=help_)


def redact(text: str, options: Mapping[str, Any]) -> str:
    """Strike out the secrets of `options` and of the environment, and what looks like one."""
    for secret in sorted({*_secrets(options), *_environment()}, key=len, reverse=True):
        text = text.replace(secret, STRUCK_OUT)
    return _SECRET_SHAPE.sub(STRUCK_OUT, text)


def _kind(error: BaseException | None) -> str | None:
    kind = next((cls.__name__ for cls in type(error).__mro__ if cls.__name__ in _KINDS), None)
    if kind is None:
        return _BY_CODE.get(getattr(error, "status_code", None) or 0)
    if error is None or kind not in _CATCH_ALLS:
        return kind
    if kind == "InternalServerError":
        return "APIConnectionError" if _NO_CONNECTION in str(error) else kind
    # For Ollama LiteLLM's catch-all covers every HTTP error, whose code only the original still has.
    return _kind(error.__cause__ or error.__context__) or kind


def _detail(error: Exception, options: Mapping[str, Any]) -> str:
    # Redacted before it is cut: the cut must not leave half a key that no longer matches.
    text = redact(str(error), options)
    told = _MESSAGE.search(text)
    line = " ".join((told["message"] if told else text).split())
    line = "".join(char for char in line if char.isprintable())
    for _ in range(3):
        line = _PREFIX.sub("", line, count=1)
    return line if len(line) <= MAX_DETAIL_CHARS else f"{line[:MAX_DETAIL_CHARS]}…"


def _secrets(value: object, *, named: bool = False) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _secrets(inner, named=named or bool(_SECRET_NAME.search(str(key))))
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _secrets(inner, named=named)
    elif named and isinstance(value, str) and len(value) >= _MIN_SECRET_CHARS:
        yield value


def _environment() -> Iterator[str]:
    for name, value in os.environ.items():
        if len(value) >= _MIN_SECRET_CHARS and name.upper().endswith(("_API_KEY", "_TOKEN", "_SECRET", "_ACCESS_KEY")):
            yield value
