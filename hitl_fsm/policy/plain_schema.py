"""Whether a JSON Schema is certainly valid, told without the library, whose import takes longer than all the rest.

Sound, not complete: of what is said yes to, the metaschema of draft 2020-12 finds nothing wrong; of all else, ask it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_TYPES = frozenset({"array", "boolean", "integer", "null", "number", "object", "string"})


def is_plainly_valid(schema: Any) -> bool:
    """Of a value of bounded depth. Words that are not known here are for the metaschema."""
    if not isinstance(schema, dict):
        return isinstance(schema, bool)
    return all(word in _WORDS and _WORDS[word](value) for word, value in schema.items())


def _anything(value: Any) -> bool:
    del value
    return True


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _switch(value: Any) -> bool:
    return isinstance(value, bool)


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _above_zero(value: Any) -> bool:
    return _number(value) and value > 0


def _count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _list(value: Any) -> bool:
    return isinstance(value, list)


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(map(_text, value)) and len(set(value)) == len(value)


def _type(value: Any) -> bool:
    return bool(value) and _TYPES.issuperset(value) if _texts(value) else _text(value) and value in _TYPES


def _schemas(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(map(is_plainly_valid, value))


def _named(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_text, value)) and all(map(is_plainly_valid, value.values()))


_WORDS: dict[str, Callable[[Any], bool]] = {
    **dict.fromkeys(("const", "default"), _anything),
    **dict.fromkeys(("$comment", "$ref", "$schema", "description", "format", "pattern", "title"), _text),
    **dict.fromkeys(("deprecated", "readOnly", "uniqueItems", "writeOnly"), _switch),
    **dict.fromkeys(("exclusiveMaximum", "exclusiveMinimum", "maximum", "minimum"), _number),
    "multipleOf": _above_zero,
    **dict.fromkeys(("maxContains", "maxItems", "maxLength", "maxProperties"), _count),
    **dict.fromkeys(("minContains", "minItems", "minLength", "minProperties"), _count),
    **dict.fromkeys(("enum", "examples"), _list),
    "required": _texts,
    "type": _type,
    **dict.fromkeys(("allOf", "anyOf", "oneOf", "prefixItems"), _schemas),
    **dict.fromkeys(("$defs", "definitions", "dependentSchemas", "patternProperties", "properties"), _named),
    **dict.fromkeys(("additionalProperties", "contains", "else", "if", "items"), is_plainly_valid),
    **dict.fromkeys(("not", "propertyNames", "then"), is_plainly_valid),
}
