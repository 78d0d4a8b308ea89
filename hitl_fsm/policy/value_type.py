"""What a part of a condition can be, read from JSON Schemas and from plain values.

A type is a set of alternatives, or `DYN`: nothing is known, and nothing is said about it. What a schema says in a way
that is not understood here makes the type wider, never narrower.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

from hitl_fsm.policy.expression_read import Uint
from hitl_fsm.policy.overloads import NUMBERS

MAX_REFERENCES = 16
MAX_ALTERNATIVES = 64
MAX_VALUES = 1000

Presence = Literal["always", "maybe", "never"]

_KINDS: dict[str, tuple[str, ...]] = {
    "string": ("string",),
    "integer": ("int",),
    "number": ("int", "double"),
    "boolean": ("bool",),
    "null": ("null",),
    "array": ("list",),
    "object": ("map",),
}
_WORDS = {
    "string": "text", "int": "a number", "uint": "a number", "double": "a number", "bool": "true or false",
    "null": "null", "list": "a list", "map": "an object", "timestamp": "an instant", "duration": "a duration",
    "bytes": "bytes", "type": "a type",
}  # fmt: skip
_FURTHER = frozenset(
    {
        *("allOf", "anyOf", "oneOf", "if", "then", "else", "not", "$ref", "$dynamicRef", "patternProperties"),
        *("dependentSchemas", "dependentRequired", "dependencies", "unevaluatedProperties"),
    }
)
"""Keywords that can say more of an object than `properties` and `required` do."""


@dataclass(frozen=True, slots=True)
class Alternative:
    """One kind that a value can have.

    `values` are all that it can be, where they are known; `schema` (in the document `root`) describes an object or a
    list; `items` a list that has no schema; with `filled`, an object's arguments have their defaults.
    """

    kind: str
    values: tuple[Any, ...] | None = None
    schema: Mapping[str, Any] | None = None
    root: Mapping[str, Any] | None = None
    items: Type | None = None
    filled: bool = False


@dataclass(frozen=True, slots=True)
class Type:
    """`alternatives` is None when nothing is known."""

    alternatives: tuple[Alternative, ...] | None = None

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds without repetition; `*` alone when nothing is known."""
        return ("*",) if self.alternatives is None else tuple(dict.fromkeys(one.kind for one in self.alternatives))

    @property
    def values(self) -> tuple[Any, ...] | None:
        """All that it can be, where that is known."""
        found: list[Any] = []
        for one in self.alternatives or (Alternative("*"),):
            if one.values is None:
                return None
            found += one.values
        return tuple(found)

    @property
    def words(self) -> str:
        """For a message: `text or a number`."""
        return " or ".join(dict.fromkeys(_WORDS.get(kind, kind) for kind in self.kinds))

    def item(self) -> Type:
        """What a list holds, or a map's keys are."""
        found: list[Type] = []
        for one in self.alternatives or ():
            if one.kind == "map":
                found.append(of_kind("string"))
            elif one.kind == "list":
                found.append(_items(one))
        return union(found) if found else DYN


class Field(NamedTuple):
    """What an object holds under a name."""

    type: Type
    presence: Presence


DYN = Type()


def of_kind(*kinds: str) -> Type:
    """Any value of these kinds."""
    return Type(tuple(Alternative(kind) for kind in kinds))


def of_value(value: object) -> Type:
    """Exactly this value."""
    return Type((Alternative(kind_of(value), (value,)),))


def of_values(values: Iterable[object]) -> Type:
    """One of these values; only their kinds, when there are too many."""
    found: dict[str, list[object]] = {}
    for value in values:
        found.setdefault(kind_of(value), []).append(value)
    return Type(
        tuple(
            Alternative(kind, tuple(those) if len(those) <= MAX_VALUES or kind == "map" else None)
            for kind, those in found.items()
        )
        or None
    )


def of_list(items: Iterable[Type]) -> Type:
    """A list written out in a condition."""
    return Type((Alternative("list", items=union(items)),))


def of_parameters(parameters: Mapping[str, Any]) -> Type:
    """A tool's arguments, completed with the defaults of those left out; DYN when they are no object."""
    read = of_schema({"type": "object", **parameters}, parameters)
    return Type(tuple(replace(one, filled=True) for one in read.alternatives or () if one.kind == "map") or None)


def union(types: Iterable[Type]) -> Type:
    """Either of them; DYN when one is, or when there are too many alternatives."""
    found: list[Alternative] = []
    for one in types:
        if one.alternatives is None:
            return DYN
        found += (other for other in one.alternatives if other not in found)
        if len(found) > MAX_ALTERNATIVES:
            return DYN
    return Type(tuple(found)) if found else DYN


def of_schema(schema: Any, root: Mapping[str, Any], depth: int = 0) -> Type:
    """What a value that fits the schema can be; `root` is the document in which its references stand."""
    if not isinstance(schema, Mapping) or depth > MAX_REFERENCES:
        return DYN
    if isinstance(reference := schema.get("$ref"), str):
        return of_schema(_pointed(reference, root), root, depth + 1)
    if "const" in schema:
        return of_value(schema["const"])
    named = schema.get("type")
    kinds = [kind for name in ([named] if isinstance(named, str) else _list(named)) for kind in _kinds(name)]
    if isinstance(values := schema.get("enum"), list) and values:
        return of_values(value for value in values if not kinds or kind_of(value) in kinds)
    if kinds or "properties" in schema:
        return Type(tuple(Alternative(kind, schema=schema, root=root) for kind in kinds or ["map"]))
    return _one_of_several(schema, root, depth)


def _one_of_several(schema: Mapping[str, Any], root: Mapping[str, Any], depth: int) -> Type:
    """`anyOf`, `oneOf`, or an `allOf` that wraps one schema, where nothing else is said beside it."""
    said = _FURTHER.intersection(schema)
    among = _list(schema[next(iter(said))]) if len(said) == 1 else []
    if said <= {"anyOf", "oneOf"} or (said == {"allOf"} and len(among) == 1):
        return union(of_schema(one, root, depth + 1) for one in among)
    return DYN


def field(alternative: Alternative, name: str) -> Field:
    """What stands under a name in an object."""
    if alternative.values is not None:
        holding = [value[name] for value in alternative.values if name in value]
        if not holding:
            return Field(DYN, "never")
        return Field(of_values(holding), "always" if len(holding) == len(alternative.values) else "maybe")
    schema, root = alternative.schema, alternative.root
    if schema is None or root is None:
        return Field(DYN, "always")
    open_ended = bool(_FURTHER.intersection(schema))
    properties, more = schema.get("properties"), schema.get("additionalProperties")
    if isinstance(properties, Mapping) and name in properties:
        inner = properties[name]
        found = of_schema(inner, root)
        required = name in _list(schema.get("required")) or open_ended
        return Field(found, "always" if required or (alternative.filled and _is_filled(inner, found)) else "maybe")
    if open_ended or (more is None and not isinstance(properties, Mapping)):
        return Field(DYN, "always")
    allowed = more is True or isinstance(more, Mapping)
    return Field(of_schema(more, root) if allowed else DYN, "maybe" if allowed else "never")


def can_be_equal(left: Type, right: Type) -> bool:
    """Whether there is a value of one that equals one of the other; true when that is not known."""
    if left.alternatives is None or right.alternatives is None:
        return True
    return any(_alike(one, other) for one in left.alternatives for other in right.alternatives)


def _alike(one: Alternative, other: Alternative) -> bool:
    if group(one.kind) != group(other.kind):
        return False
    if one.values is None or other.values is None or one.kind in ("list", "map"):
        return True
    return any(value in other.values for value in one.values)


def group(kind: str) -> str:
    """Kinds that are compared with each other by value."""
    return "number" if kind in NUMBERS else kind


def names(alternative: Alternative) -> tuple[str, ...]:
    """The names that an object is known to have or take."""
    if alternative.values is not None:
        return tuple(dict.fromkeys(name for value in alternative.values for name in value))
    properties = (alternative.schema or {}).get("properties")
    return tuple(properties) if isinstance(properties, Mapping) else ()


def kind_of(value: object) -> str:
    """The kind of a plain value, or of a literal."""
    for kind, classes in _CLASSES:
        if isinstance(value, classes):
            return kind
    return "null"


_CLASSES: tuple[tuple[str, type | tuple[type, ...]], ...] = (
    ("bool", bool), ("uint", Uint), ("int", int), ("double", float), ("string", str), ("bytes", bytes),
    ("list", (list, tuple)), ("map", Mapping),
)  # fmt: skip


def _items(alternative: Alternative) -> Type:
    if alternative.items is not None:
        return alternative.items
    if alternative.values is not None:
        return of_values(one for value in alternative.values for one in value)
    schema = alternative.schema
    if schema is None or alternative.root is None or "prefixItems" in schema or isinstance(schema.get("items"), list):
        return DYN
    return of_schema(schema.get("items"), alternative.root)


def _is_filled(schema: Any, found: Type) -> bool:
    """Whether a default of the argument's own kind is there: another one is never written into a call."""
    if not isinstance(schema, Mapping) or "default" not in schema:
        return False
    return found.alternatives is None or kind_of(schema["default"]) in found.kinds


def _kinds(name: Any) -> tuple[str, ...]:
    return _KINDS.get(name, ()) if isinstance(name, str) else ()


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _pointed(reference: str, root: Mapping[str, Any]) -> Any:
    """`#/$defs/card` within the document; None for what is elsewhere, or not there."""
    start, _, pointer = reference.partition("#")
    if start:
        return None
    found: Any = root
    for part in pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if not isinstance(found, Mapping) or name not in found:
            return None
        found = found[name]
    return found
