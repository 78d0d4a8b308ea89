"""What the keywords of an `Engine` may be: a wrong value is told when the engine is made, by its name."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hitl_fsm.errors import InputRefused, SettingsError
from hitl_fsm.model.actor import Actor
from hitl_fsm.policy.evaluate import PolicySet
from hitl_fsm.policy.people import Directory
from hitl_fsm.runtime.given import checked_actor

RELOAD_S = 2.0
"""How often an engine looks at its policy files, unless it is told otherwise."""

_ROUTE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_SHOWN_CHARS = 80


def checked_keywords(given: Mapping[str, Any]) -> None:
    """SettingsError for the first of them that is of no use; `reload` has a look of its own."""
    for keyword, (fits, told) in _WANTED.items():
        if not fits(given[keyword]):
            is_word = keyword in {"default", "open_per_agent"}  # a text of the others may be an address with a password
            msg = f"{keyword} is {_shown(given[keyword]) if is_word else _kind(given[keyword])}"
            raise SettingsError(msg, help=told)
    if isinstance(given["actors"], Mapping):
        for name, roles in given["actors"].items():
            _check_roles(name, roles)
    for name, route in (given["routes"] or {}).items():
        _check_route(name, route)


def _are_paths(value: Any) -> bool:
    several = isinstance(value, Sequence) and all(isinstance(one, str | Path) for one in value)
    return value is None or isinstance(value, str | Path | PolicySet) or several


def _are_several(value: Any) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, str | Mapping)


def _are_texts(value: Any) -> bool:
    return _are_several(value) and all(isinstance(one, str) for one in value)


def _takes_spans(value: Any) -> bool:
    return value is None or (isinstance(getattr(value, "name", None), str) and callable(getattr(value, "send", None)))


def _can(method: str) -> Callable[[Any], bool]:
    """None, or what has that method."""
    return lambda value: value is None or callable(getattr(value, method, None))


_WANTED: dict[str, tuple[Callable[[Any], bool], str]] = {
    "policies": (_are_paths, "give a folder or files, as in policies='policies/', or a PolicySet"),
    "store": (
        lambda value: isinstance(value, str) or _can("watch")(value),
        "give a URL, as in store='sqlite:///hitl.db', or a store",
    ),
    "default": (lambda value: value in ("deny", "confirm"), "it is deny or confirm"),
    "actors": (
        lambda value: value is None or isinstance(value, str | Path | Directory | Mapping) or callable(value),
        "give a mapping of names to roles, as in actors={'maria': ['finance']}, a function of a name, or a roles file",
    ),
    "models": (_can("__call__"), "give a function of a model's name and its options; one model is its agent's `model`"),
    "clock": (_can("now"), "give an object whose now() is the milliseconds since 1970, as an int"),
    "routes": (
        lambda value: value is None or isinstance(value, Mapping),
        "give a mapping of names to routes, as in routes={'bank': Webhook(…)}; see `hitl_fsm.routes`",
    ),
    "channels": (_are_several, "give a list, as in channels=[Webhook(…)]; see `hitl_fsm.notify`"),
    "sinks": (_are_several, "give a list, as in sinks=[File(…)]; see `hitl_fsm.sinks`"),
    "telemetry": (_takes_spans, "give OpenTelemetry(…) of `hitl_fsm.otel`, or a `ports_out.Telemetry` of your own"),
    "open_per_agent": (
        lambda value: isinstance(value, int) and not isinstance(value, bool) and value >= 1,
        "it is a number of questions, 1 or more",
    ),
    "record_keys": (lambda value: isinstance(value, str | Path), "give the path of a file, or leave it out"),
    "record_anchors": (_are_texts, "give a list of URLs, as in record_anchors=['file:///var/lib/anchor']"),
}
"""By the keyword: whether a value can be used, and what to give."""


def _check_roles(name: Any, roles: Any) -> None:
    """A text would come apart into letters; a whole Actor comes of a lookup."""
    told = "give names and lists of roles, as in actors={'maria': ['finance']}; a function of a name gives an Actor"
    if isinstance(roles, str | bytes) or not isinstance(roles, Iterable):
        msg = f"actors: the roles of {_shown(name)} are {_shown(roles)}"
        raise SettingsError(msg, help=told)
    try:
        checked_actor(Actor(id=name, roles=tuple(roles)), f"{_shown(name)} in `actors`")
    except InputRefused as error:
        raise SettingsError(error.message, help=told) from None


def _check_route(name: Any, route: Any) -> None:
    if not isinstance(name, str) or not _ROUTE.fullmatch(name):
        msg = f"{name!r} cannot be the name of a route"
        raise SettingsError(msg, help="at most 64 letters, digits, `.`, `_` and `-`, as policies write it")
    if not callable(getattr(route, "hand_over", None)):
        msg = f"route {name}: {type(route).__name__} is no route"
        raise SettingsError(msg, help="give a Webhook, a Command or an MCP of hitl_fsm.routes; Manual is nothing")


def checked_reload(given: Any, *, files: bool) -> float | None:
    """Seconds between two looks; None: nobody looks."""
    if isinstance(given, str) and given in {"auto", "off"}:
        return RELOAD_S if given == "auto" and files else None
    if isinstance(given, bool) or not isinstance(given, int | float) or not (math.isfinite(given) and given >= 0):
        msg = f"reload is {_shown(given)}"
        raise SettingsError(msg, help="it is auto, off, or a number of seconds")
    if not files:
        msg = "reload names a time, but the policies are not from files"
        raise SettingsError(msg, help="give policies='policies/', or leave reload out")
    return float(given)


def _kind(given: Any) -> str:
    return "None" if given is None else f"of type {type(given).__name__}"


def _shown(given: Any) -> str:
    """A word or a number as it is written."""
    if not isinstance(given, str | int | float):
        return _kind(given)
    text = repr(given)
    return text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}…"
