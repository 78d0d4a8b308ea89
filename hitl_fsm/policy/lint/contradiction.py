"""Whether a JSON Schema certainly accepts nothing. Sound, not complete: what it does not see, it does not claim."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from typing import Any, NamedTuple

from hitl_fsm.policy.form_check import compiled, target
from hitl_fsm.policy.lint.forms import MAX_NESTING, Pointer, types_of


class Contradiction(NamedTuple):
    """`pointer` leads to the part that cannot be satisfied, `text` says why."""

    pointer: Pointer
    text: str


def contradiction(schema: Any, root: Mapping[str, Any], depth: int = 0) -> Contradiction | None:
    """Why no value satisfies a valid schema, or None. `root` is what `#/…` references start from."""
    if schema is False:
        return Contradiction((), "`false` accepts nothing")
    if not isinstance(schema, dict) or depth > MAX_NESTING:
        return None
    here = _Schema(schema, root, depth)
    return _combined(here) or _finite(here) or _typed(here)


class _Schema(NamedTuple):
    own: dict[str, Any]
    root: Mapping[str, Any]
    depth: int

    def below(self, schema: Any) -> Contradiction | None:
        return contradiction(schema, self.root, self.depth + 1)

    def is_empty(self, schema: Any) -> bool:
        return self.below(schema) is not None


def _combined(here: _Schema) -> Contradiction | None:
    own = here.own
    if "not" in own and (own["not"] is True or own["not"] == {}):
        return Contradiction(("not",), "`not` excludes every value")
    reference = own.get("$ref")
    if isinstance(reference, str):
        named = target(dict(here.root), reference)
        if named is not None and (found := here.below(named)):
            return Contradiction(("$ref",), found.text)
    for index, part in enumerate(own.get("allOf", ())):
        if found := here.below(part):
            return Contradiction(("allOf", index, *found.pointer), found.text)
    for word in ("anyOf", "oneOf"):
        parts = own.get(word)
        if parts and all(here.is_empty(part) for part in parts):
            return Contradiction((word,), f"nothing fits any part of `{word}`")
    return None


def _finite(here: _Schema) -> Contradiction | None:
    """`enum` and `const`: each value is tried against what stands beside it."""
    own = here.own
    for word, values in (("enum", own.get("enum")), ("const", [own["const"]] if "const" in own else None)):
        if values is not None and not any(_may_fit(value, own) for value in values):
            return Contradiction((word,), f"no value of `{word}` fits the rest" if values else f"`{word}` is empty")
    return None


def _may_fit(value: Any, own: Mapping[str, Any]) -> bool:
    """False only if a value certainly fails the plain keywords."""
    kind = _type_of(value)
    if kind not in types_of(own):
        return False
    if isinstance(value, str):
        pattern = own.get("pattern")
        fits: bool = own.get("minLength", 0) <= len(value) <= own.get("maxLength", math.inf)
        try:
            return fits and (pattern is None or compiled(pattern).search(value) is not None)
        except UnicodeEncodeError:
            return fits
    if kind in {"integer", "number"}:
        within: bool = own.get("minimum", -math.inf) <= value <= own.get("maximum", math.inf)
        above: bool = value > own.get("exclusiveMinimum", -math.inf)
        below: bool = value < own.get("exclusiveMaximum", math.inf)
        return within and above and below
    return True


def _type_of(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, (int, float)):
        return "integer" if isinstance(value, int) or value.is_integer() else "number"
    return "string" if isinstance(value, str) else "array" if isinstance(value, list) else "object"


def _typed(here: _Schema) -> Contradiction | None:
    """A schema accepts nothing if it accepts nothing of each type that it names."""
    types = types_of(here.own)
    for part in here.own.get("allOf", ()):
        if isinstance(part, dict):
            types &= types_of(part)
    if not types:
        return Contradiction(("type",), "no type fits this and `allOf` at once")
    reasons = [_REASONS[kind](here) if kind in _REASONS else None for kind in sorted(types)]
    return reasons[0] if all(reasons) else None


def _no_string(here: _Schema) -> Contradiction | None:
    least, most = here.own.get("minLength", 0), here.own.get("maxLength", math.inf)
    if least > most:
        return Contradiction(("minLength",), f"`minLength` {least} is more than `maxLength` {most}")
    return None


def _bounds(own: Mapping[str, Any]) -> tuple[tuple[Fraction, bool, str] | None, tuple[Fraction, bool, str] | None]:
    """The tightest lower and upper bound: value, whether it is excluded, and the keyword."""
    lower = [
        (Fraction(own[key]), exclusive, key)
        for key, exclusive in (("minimum", False), ("exclusiveMinimum", True))
        if key in own and math.isfinite(own[key])
    ]
    upper = [
        (-Fraction(own[key]), exclusive, key)
        for key, exclusive in (("maximum", False), ("exclusiveMaximum", True))
        if key in own and math.isfinite(own[key])
    ]
    highest = max(upper, default=None)
    return max(lower, default=None), (-highest[0], *highest[1:]) if highest else None


def _no_number(here: _Schema) -> Contradiction | None:
    lower, upper = _bounds(here.own)
    if lower is None or upper is None:
        return None
    if lower[0] > upper[0] or (lower[0] == upper[0] and (lower[1] or upper[1])):
        return _between(here, lower[2], upper[2], "nothing")
    return None


def _no_integer(here: _Schema) -> Contradiction | None:
    lower, upper = _bounds(here.own)
    if lower is None or upper is None:
        return None
    least = math.floor(lower[0]) + 1 if lower[1] else math.ceil(lower[0])
    most = math.ceil(upper[0]) - 1 if upper[1] else math.floor(upper[0])
    return _between(here, lower[2], upper[2], "no whole number") if least > most else None


def _between(here: _Schema, lower: str, upper: str, what: str) -> Contradiction:
    text = f"there is {what} between `{lower}` {here.own[lower]} and `{upper}` {here.own[upper]}"
    return Contradiction((lower,), text)


def _no_array(here: _Schema) -> Contradiction | None:
    own = here.own
    least, most = own.get("minItems", 0), own.get("maxItems", math.inf)
    if least > most:
        return Contradiction(("minItems",), f"`minItems` {least} is more than `maxItems` {most}")
    prefix = own.get("prefixItems", ())
    for index, part in enumerate(prefix):
        if index < least and (found := here.below(part)):
            return Contradiction(("prefixItems", index, *found.pointer), f"item {index + 1} is needed: {found.text}")
    if least > len(prefix) and "items" in own and (found := here.below(own["items"])):
        return Contradiction(("items", *found.pointer), f"an item is needed: {found.text}")
    if "contains" in own:
        wanted = own.get("minContains", 1)
        if wanted > min(own.get("maxContains", math.inf), most):
            return Contradiction(("contains",), "fewer items are allowed than `contains` needs")
        if wanted > 0 and (found := here.below(own["contains"])):
            return Contradiction(("contains", *found.pointer), found.text)
    return None


def _no_object(here: _Schema) -> Contradiction | None:
    own = here.own
    required = list(dict.fromkeys(own.get("required", ())))
    least, most = own.get("minProperties", 0), own.get("maxProperties", math.inf)
    if max(least, len(required)) > most:
        return Contradiction(("maxProperties",), f"more fields are needed than `maxProperties` {most}")
    fields = own.get("properties", {})
    named = [name for name in required if name in fields]
    others = [name for name in required if name not in fields and not _is_open_to(own, name)]
    for name in [*named, *others[:1]]:  # what holds for one field without a name here holds for all
        if found := _no_field(here, name):
            return found
    if own.get("additionalProperties") is False and not own.get("patternProperties") and len(fields) < least:
        return Contradiction(("minProperties",), f"`minProperties` is {least}, and there are {len(fields)} fields")
    return None


def _no_field(here: _Schema, name: str) -> Contradiction | None:
    """Why a required field cannot be there."""
    own = here.own
    shown = f"`{name[:60]}`"
    if own.get("propertyNames") is False:
        return Contradiction(("propertyNames",), f"{shown} is required, and no name is allowed")
    if name in own.get("properties", {}):
        found = here.below(own["properties"][name])
        return found and Contradiction(("properties", name, *found.pointer), f"{shown} is required: {found.text}")
    if "additionalProperties" in own and here.below(own["additionalProperties"]):
        return Contradiction(("required",), f"{shown} is required, and not among the fields")
    return None


def _is_open_to(own: Mapping[str, Any], name: str) -> bool:
    """Whether a pattern names the field; then `additionalProperties` is not about it."""
    return any(_meets(pattern, name) for pattern in own.get("patternProperties", ()))


def _meets(pattern: str, name: str) -> bool:
    try:
        return compiled(pattern).search(name) is not None
    except UnicodeEncodeError:
        return True


_REASONS: dict[str, Callable[[_Schema], Contradiction | None]] = {
    "string": _no_string,
    "number": _no_number,
    "integer": _no_integer,
    "array": _no_array,
    "object": _no_object,
}


def idle_fields(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Iterator[tuple[str, Contradiction]]:
    """Fields at the top that need not be there and that nothing can fill in; `false` says so on purpose."""
    for name, part in schema.get("properties", {}).items():
        if isinstance(part, dict) and "not" not in part and (found := contradiction(part, root)):
            yield name, Contradiction(("properties", name, *found.pointer), found.text)
