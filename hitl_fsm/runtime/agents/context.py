"""The context variables of a run: JSON values that the application gives, for instructions and tools to read."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from copy import deepcopy
from math import isfinite
from typing import Any, NoReturn

import msgspec

from hitl_fsm.errors import HitlError, InputRefused, ModelError
from hitl_fsm.model.text import is_whole
from hitl_fsm.runtime.agents.callback import called
from hitl_fsm.runtime.tools.results import error_text

CONTEXT_LIMIT = 64 * 1024
"""Bytes of JSON that a run's context may take."""
CONTEXT_DEPTH = 32
"""Containers inside each other in it."""
INSTRUCTIONS_LIMIT = 1024 * 1024
"""Characters of instructions, filled in."""

Variables = Mapping[str, Any] | None
"""A run's context, as the application gives it."""
Instructions = str | Callable[[dict[str, Any]], Awaitable[str] | str]
"""A text, with `{name}` where a context variable stands; or what makes one out of the context."""

_INTEGER_MAX = 2**53 - 1
_PLACE_MAX = 200  # characters of a place that an error names
_PLACE = re.compile(r"\{\{([A-Za-z_][A-Za-z0-9_]*)\}\}|\{([A-Za-z_][A-Za-z0-9_]*)\}")


def checked_context(value: object) -> dict[str, Any]:
    """A copy of it, plain JSON; InputRefused, naming the place, for what JSON cannot hold and for what is too large."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        msg = f"the context must be a dict of JSON values, not {type(value).__name__}"
        raise InputRefused(msg, help='nothing was done; give it as {"customer": "Ada"}')
    plain: dict[str, Any] = _plain(value, "context", 0)
    size = len(msgspec.json.encode(plain))
    if size > CONTEXT_LIMIT:
        msg = f"the context takes {size} bytes, the limit is {CONTEXT_LIMIT}"
        raise InputRefused(msg, help="nothing was done; give a reference to the data")
    return plain


def _plain(value: Any, place: str, depth: int) -> Any:
    if depth > CONTEXT_DEPTH:
        _refuse("the context", f"is nested deeper than {CONTEXT_DEPTH} levels")
    if isinstance(value, Mapping):
        return {
            _key(key, place): _plain(inner, f"{place}.{key}"[:_PLACE_MAX], depth + 1) for key, inner in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [_plain(inner, f"{place}[{index}]"[:_PLACE_MAX], depth + 1) for index, inner in enumerate(value)]
    if isinstance(value, str):
        if not is_whole(value):
            _refuse(place, "has half of a surrogate pair")
        return str.__str__(value)
    if not (value is None or isinstance(value, (bool, int, float))):
        _refuse(place, f"is of type {type(value).__name__}, which is not JSON")
    if isinstance(value, int) and not -_INTEGER_MAX <= value <= _INTEGER_MAX:
        _refuse(place, "is an integer that a JSON reader may round")
    if isinstance(value, float) and not isfinite(value):
        _refuse(place, "is a number that JSON does not know")
    return value


def _key(key: object, place: str) -> str:
    if not isinstance(key, str) or not is_whole(key):
        _refuse(place, "has a key that is no text")
    return str.__str__(key)


def _refuse(place: str, why: str) -> NoReturn:
    msg = f"{place} {why}"
    raise InputRefused(msg, help="nothing was done; a context has text, numbers, true, false, null, lists and dicts")


def filled(text: str, context: Mapping[str, Any]) -> str:
    """Each `{name}` as the variable of that name: text as it is, anything else as JSON. `{{name}}` stays in braces.

    Nothing but a bare name is looked at: no attribute, no index, no format, and what was put in is not read again.
    InputRefused, naming it, for a variable that the context lacks.
    """

    def put(found: re.Match[str]) -> str:
        kept, name = found.groups()
        if kept is not None:
            return f"{{{kept}}}"
        if name not in context:
            msg = f"the instructions name {{{name}}}, and the context has no {name!r}"
            raise InputRefused(
                msg, help=f"give context={{{name!r}: …}}, or write {{{{{name}}}}} for the braces themselves"
            )
        value = context[name]
        return value if isinstance(value, str) else msgspec.json.encode(value).decode()

    return _PLACE.sub(put, text)


def escaped(text: str) -> str:
    """A text of somebody else's, so that `filled` leaves its `{name}` as they are."""
    return _PLACE.sub(lambda found: f"{{{{{found[1] or found[2]}}}}}", text)


async def instructed(instructions: Instructions, context: Mapping[str, Any]) -> str:
    """The instructions for one model call.

    ModelError where a callable raises or gives no text: the run has failed then, and going on with it asks again.
    """
    if isinstance(instructions, str):  # almost always without a place to fill
        return filled(instructions, context)
    try:
        made: object = await called(instructions, deepcopy(dict(context)))
    except HitlError:
        raise
    except Exception as error:
        msg = f"the instructions could not be made: {error_text(error)}"
        raise ModelError(msg, help="repair the function, then continue the run") from error
    if not isinstance(made, str) or not is_whole(made) or len(made) > INSTRUCTIONS_LIMIT:
        what = f"text of at most {INSTRUCTIONS_LIMIT} characters"
        got = type(made).__name__ if not isinstance(made, str) else "text that is longer, or broken"
        msg = f"the instructions' function returned {got}, not {what}"
        raise ModelError(msg, help="repair the function, then continue the run")
    return made
