"""What a model adapter returned, held to its types and to limits before it is judged or stored.

Adapters are anybody's code, and what they pass on was written by a model. Text for people is repaired; a name or an id
is not, for a repaired one would name something else.
"""

from __future__ import annotations

from math import isfinite
from typing import Any, NoReturn

import msgspec

from hitl_fsm.errors import ModelError
from hitl_fsm.model.message import COUNT_MAX, ModelReply, ToolCall, Usage
from hitl_fsm.model.text import is_whole, repaired

REPLY_TEXT_LIMIT = 4 * 1024 * 1024
"""Bytes of a reply's text, and again of its calls' names, of its echo and of its value, as UTF-8."""
CALLS_PER_REPLY = 128
"""Calls that one reply may ask for."""
ECHO_DEPTH = 64
"""Containers inside each other in the echo, or the value."""

_INTEGER_MIN, _INTEGER_MAX = -(2**63), 2**64 - 1  # what the log's JSON holds
_HELP = "nothing of this reply was used; continue the run to ask again"


def checked_reply(reply: ModelReply) -> ModelReply:
    """The reply as the log can hold it, equal to what was given unless text, echo or value had to be repaired.

    Raises ModelError, not retryable, for a field of another type, an id or a tool's name with half of a surrogate pair,
    an echo or a value that is not JSON, and what is beyond the limits above. A call's arguments stay as the model wrote
    them: who reads them refuses them by themselves, so that the model is told.
    """
    given: Any = reply  # annotations promise nothing here
    if not isinstance(given, ModelReply):
        _refuse(f"it is {_named(given)}, not a ModelReply")
    text = repaired(_text(given.text, "its text"))
    _fits(len(text.encode()), "its text")
    return ModelReply(
        text=text,
        calls=_calls(given.calls),
        usage=_usage(given.usage),
        model=repaired(_text(given.model, "the name of its model")),
        echo=_echo(given.echo),
        value=_value(given.value),
    )


def _calls(calls: Any) -> tuple[ToolCall, ...]:
    if not isinstance(calls, (tuple, list)):
        _refuse(f"its calls are {_named(calls)}, not a tuple")
    if len(calls) > CALLS_PER_REPLY:
        _refuse(f"it asks for {len(calls)} calls, the limit is {CALLS_PER_REPLY}")
    checked = tuple(_call(call) for call in calls)
    _fits(sum(_size(part) for call in checked for part in (call.provider_id, call.tool)), "the names in its calls")
    return checked


def _call(call: Any) -> ToolCall:
    if not isinstance(call, ToolCall):
        _refuse(f"one of its calls is {_named(call)}, not a ToolCall")
    if not isinstance(call.arguments, str):
        _refuse(f"the arguments of a call are {_named(call.arguments)}, not text")
    return ToolCall(
        provider_id=_name(call.provider_id, "the id of a call"),
        tool=_name(call.tool, "the tool of a call"),
        arguments=str.__str__(call.arguments),
    )


def _usage(usage: Any) -> Usage:
    if not isinstance(usage, Usage):
        _refuse(f"its usage is {_named(usage)}, not a Usage")
    for count in (usage.prompt, usage.completion, usage.cached, usage.reasoning):
        if type(count) is not int or not 0 <= count <= COUNT_MAX:
            _refuse("its usage does not count tokens in whole numbers")
    if usage.cost is not None and (type(usage.cost) is not int or not 0 <= usage.cost <= COUNT_MAX):
        _refuse("its cost is neither a whole number of micro-dollars nor None")
    return usage


def _echo(echo: Any) -> dict[str, Any] | None:
    if echo is None:
        return None
    if not isinstance(echo, dict):
        _refuse(f"its echo is {_named(echo)}, not a dict")
    plain: dict[str, Any] = _plain(echo, "its echo")
    return plain


def _value(value: Any) -> Any:
    return None if value is None else _plain(value, "its value")


def _plain(value: Any, what: str) -> Any:
    """The JSON value that it is, with whole text; a refusal for what is none, or is too large."""
    plain = _read(value, 1, what)
    _fits(len(msgspec.json.encode(plain)), what)
    return plain


def _read(value: Any, depth: int, what: str) -> Any:
    if isinstance(value, str):
        return repaired(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        if not _INTEGER_MIN <= value <= _INTEGER_MAX:
            _refuse(f"{what} has an integer beyond 64 bits")
        return int(value)
    if isinstance(value, float):
        if not isfinite(value):
            _refuse(f"{what} has a number that JSON does not know")
        return float(value)
    if not isinstance(value, (dict, list, tuple)):
        _refuse(f"{what} holds {_named(value)}, which is not JSON")
    if depth > ECHO_DEPTH:
        _refuse(f"{what} is nested deeper than {ECHO_DEPTH} levels")
    if isinstance(value, dict):
        return {_key(key, what): _read(inner, depth + 1, what) for key, inner in value.items()}
    return [_read(inner, depth + 1, what) for inner in value]


def _key(key: Any, what: str) -> str:
    if not isinstance(key, str):
        _refuse(f"{what} has {_named(key)} as a key")
    return _name(key, f"a key of {what}")


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str):
        _refuse(f"{what} is {_named(value)}, not text")
    if len(value) > REPLY_TEXT_LIMIT:  # before anything walks it
        _fits(len(value), what)
    return str.__str__(value)


def _name(value: Any, what: str) -> str:
    text = _text(value, what)
    if not is_whole(text):
        _refuse(f"{what} has half of a surrogate pair")
    return text


def _size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode(errors="surrogatepass"))


def _fits(size: int, what: str) -> None:
    if size > REPLY_TEXT_LIMIT:
        _refuse(f"{what} is larger than {REPLY_TEXT_LIMIT // 1024} KiB")


def _named(value: object) -> str:
    return "None" if value is None else f"of type {repaired(type(value).__name__)}"


def _refuse(why: str) -> NoReturn:
    msg = f"the model's reply cannot be used: {why}"
    raise ModelError(msg, help=_HELP)
