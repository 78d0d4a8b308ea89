"""Which values nobody is shown: a schema says so of a property with `x-sensitive: true`.

A place is dotted (`card.number`); `*` stands for any key, or any item of a list. What is hidden stays bound: the digest
of an action is that of its true values.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, Final

from hitl_fsm.model.visible import MASK

__all__ = [
    "KEYWORD",
    "MASK",
    "Sensitive",
    "below",
    "hidden",
    "masked",
    "parts_of",
    "sensitive_places",
    "target_of",
    "unmasked",
    "without",
    "wrapped",
]

KEYWORD: Final = "x-sensitive"

_SIDE_BY_SIDE = ("allOf", "anyOf", "oneOf")
_SAME_PLACE = ("if", "then", "else")
_ANY_ITEM = ("items", "additionalProperties", "unevaluatedItems", "unevaluatedProperties", "contains")


class Sensitive:
    """Marks a parameter, or a field, that nobody is shown: `card: Annotated[str, Sensitive]`."""

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: Any, handler: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        """What it says of itself in a JSON Schema: `x-sensitive: true`."""
        return {**handler(core_schema), KEYWORD: True}


def sensitive_places(schema: Mapping[str, Any]) -> tuple[str, ...]:
    """The places that an object schema marks, sorted."""
    return tuple(sorted(set(_marked(schema, schema, "", frozenset()))))


def _marked(node: Any, root: Mapping[str, Any], place: str, inside: frozenset[str]) -> Iterator[str]:
    if not isinstance(node, Mapping):
        return
    if node.get(KEYWORD) is True and place:
        yield place
        return
    reference = node.get("$ref")
    if reference in inside:  # it leads into itself: what it marks there stands at any depth below
        if place and f'"{KEYWORD}": true' in json.dumps(target_of(root, str(reference))):
            yield place
    elif isinstance(reference, str):
        yield from _marked(target_of(root, reference), root, place, inside | {reference})
    for name, one in parts_of(node):
        yield from _marked(one, root, below(place, name) if name else place, inside)


def parts_of(node: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The schemas in one, each with the name of what it describes; "" for the very same value."""
    for key in _SIDE_BY_SIDE:
        yield from (("", one) for one in _list(node.get(key)))
    for key in _SAME_PLACE:
        yield "", node.get(key)
    yield from (("", one) for one in _mapping(node.get("dependentSchemas")).values())
    yield from _mapping(node.get("properties")).items()
    for key in _ANY_ITEM:
        yield "*", node.get(key)
    yield from (("*", one) for one in _list(node.get("prefixItems")))
    yield from (("*", one) for one in _mapping(node.get("patternProperties")).values())


def masked(value: Any, places: Collection[str]) -> Any:
    """The same value with MASK at each of these places; where there are none, the value itself."""
    return _walked(value, places, lambda _hidden, _other: MASK)


def without(value: Any, places: Collection[str]) -> Any:
    """The same value with None at each of these places."""
    return _walked(value, places, lambda _hidden, _other: None)


def wrapped(value: Any, places: Collection[str], wrap: Callable[[Any], Any]) -> Any:
    """The same value with what `wrap` makes of it at each of these places."""
    return _walked(value, places, lambda hidden_one, _other: wrap(hidden_one))


def unmasked(value: Any, places: Collection[str], true: Any) -> Any:
    """The same value with the hidden one of `true` wherever a place still says MASK: who was not shown it keeps it."""

    def put_back(given: Any, other: Any) -> Any:
        return given if other is _NOTHING or given != MASK else other

    return _walked(value, places, put_back, true)


def hidden(value: Any, places: Collection[str]) -> tuple[str, ...]:
    """Those of the places at which the value has something to hide."""
    return tuple(place for place in places if masked(value, (place,)) != value)


def _walked(
    value: Any,
    places: Collection[str],
    put: Callable[[Any, Any], Any],
    beside: Any = None,
    above: tuple[str, ...] = ("",),
) -> Any:
    """With `put` at each place, of what stands there and in the value `beside`.

    `above` are the ways in which what leads here may be written, each with its dot at the end.
    """
    if not places or not isinstance(value, dict | list | tuple):
        return value
    found: list[Any] = []
    for key, one in value.items() if isinstance(value, dict) else enumerate(value):
        names = {"*"} if isinstance(key, int) else {key, "*"}
        here = {f"{before}{name}" for before in above for name in names}
        leads = tuple(f"{name}." for name in here if any(place.startswith(f"{name}.") for place in places))
        other = _part(beside, key)
        if here.isdisjoint(places):
            found.append(_walked(one, places, put, other, leads) if leads else one)
        else:
            found.append(put(one, other))
    return dict(zip(value, found, strict=True)) if isinstance(value, dict) else found


def _part(value: Any, key: Any) -> Any:
    if isinstance(value, dict):
        return value.get(key, _NOTHING)
    at_hand = isinstance(value, list | tuple) and isinstance(key, int) and key < len(value)
    return value[key] if at_hand else _NOTHING


_NOTHING = object()


def below(place: str, name: str) -> str:
    """The place of a member."""
    return f"{place}.{name}" if place else name


def target_of(root: Mapping[str, Any], reference: str) -> Any:
    """What a local reference (`#/$defs/card`) names; nothing for any other."""
    node: Any = root
    for part in reference.removeprefix("#").split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        node = node.get(name) if isinstance(node, Mapping) else None
    return node


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else ()
