"""JSON Schemas, in policies or in files of their own, and the list of tools: nodes exchanged for nasty ones."""

from __future__ import annotations

import json
import random
import re
from typing import Any

_SCHEMA = re.compile(r"((?:schema|result_schema): *)(\{[^{}\n]*\})")
_PATTERNS = [
    "^a+$",
    "(a+)+$",
    "(",
    "[",
    "(?=a)",
    "(?<a>b)",
    "\\1",
    "a{1000}",
    "a{1001}",
    "(a{1,30}){1,30}",
    "\\p{Greek}",
    "é",
    "x" * 2000,
    "",
    "\\C",
]
_NUMBERS: list[Any] = [0, -1, 1, 1.5, 1e308, -1e308, 10**30, 2**63, 1e-320, True, None, "1", [], 2**31]
_TYPES: list[Any] = [
    "object",
    "string",
    "number",
    "integer",
    "boolean",
    "array",
    "null",
    "text",
    [],
    ["string", "null"],
    ["string", "string"],
    1,
]
_REFERENCES = [
    *(
        "#",
        "#/properties/a",
        "#/$defs/a",
        "#/$defs/missing",
        "#/properties",
        "other.json",
        "http://example.com/x",
        "#a",
        "#/%25",
        "",
    ),
    *(
        "../../schemas/forms/refund-reason.schema.json",
        "#/$defs/a/properties/b",
        "file:///etc/passwd",
        "//",
        "#/~2",
        "/",
        "\x00",
    ),
]
_NAMES = [
    "a",
    "reason",
    "",
    "é",
    "password",
    "card_number",
    "__proto__",
    "x" * 500,
    "$ref",
    "a.b",
    "\u202e",
    "line\nbreak",
    "ans",
]
_KEYWORDS = [
    *(
        "type",
        "properties",
        "required",
        "additionalProperties",
        "items",
        "enum",
        "const",
        "pattern",
        "minLength",
        "maxLength",
    ),
    *(
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "multipleOf",
        "minItems",
        "maxItems",
        "uniqueItems",
        "$ref",
        "$defs",
        "$id",
        "$schema",
    ),
    *(
        "allOf",
        "anyOf",
        "oneOf",
        "not",
        "if",
        "then",
        "else",
        "patternProperties",
        "propertyNames",
        "dependentSchemas",
        "format",
    ),
    *(
        "prefixItems",
        "contains",
        "minContains",
        "$dynamicRef",
        "$anchor",
        "default",
        "examples",
        "title",
        "description",
        "minProperties",
    ),
    *(
        "dependentRequired",
        "unevaluatedProperties",
        "definitions",
        "contentEncoding",
        "readOnly",
        "x-unknown",
        "maxProperties",
    ),
]


def schema(rng: random.Random, depth: int = 3) -> Any:
    """Something like a schema."""
    if depth == 0 or rng.random() < 0.1:
        return rng.choice([True, False, {}, {"type": "string"}, {"$ref": "#"}, None, 1, "x", []])
    return {name: value_of(rng, name, depth - 1) for name in rng.sample(_KEYWORDS, rng.randint(1, 4))}


def value_of(rng: random.Random, keyword: str, depth: int) -> Any:  # noqa: C901, PLR0911 - a kind of keyword each
    """A value for a keyword; often of the kind that it takes."""
    if rng.random() < 0.1:
        return rng.choice([None, [], {}, 1, "x", True, rng.choice(_NUMBERS)])
    match keyword:
        case "type":
            return rng.choice(_TYPES)
        case "properties" | "$defs" | "definitions" | "dependentSchemas":
            return {rng.choice(_NAMES): schema(rng, depth) for _ in range(rng.randint(0, 3))}
        case "patternProperties":
            return {rng.choice(_PATTERNS): schema(rng, depth)}
        case "required" | "examples" | "enum" | "dependentRequired":
            return rng.choice([[rng.choice(_NAMES)], [], ["a", "a"], [1, 1.0, True, None, {"a": []}], {"a": ["b"]}])
        case "allOf" | "anyOf" | "oneOf" | "prefixItems":
            return [schema(rng, depth) for _ in range(rng.randint(0, 3))]
        case "pattern":
            return rng.choice(_PATTERNS)
        case "$ref" | "$dynamicRef" | "$id" | "$schema" | "$anchor":
            return rng.choice(_REFERENCES)
        case "format":
            return rng.choice(
                ["date-time", "time", "uri", "email", "regex", "ipv6", "hostname", "uuid", "json-pointer", "x"]
            )
        case "title" | "description" | "const" | "default" | "contentEncoding":
            return rng.choice(["a", "\x1b[2J", "\u202e", "<b>", "x" * 999, None, [1], {"a": {"b": 1}}, 1.0])
        case "uniqueItems" | "readOnly":
            return rng.choice([True, False])
        case _:
            return rng.choice([rng.choice(_NUMBERS), schema(rng, depth)])


def deep(rng: random.Random) -> Any:
    """Schemas in each other, or references that unfold into many."""
    if rng.random() < 0.5:
        found: Any = {"type": "string"}
        for _ in range(rng.choice([10, 31, 40, 200])):
            found = rng.choice([{"items": found}, {"properties": {"a": found}, "type": "object"}, {"not": found}])
        return found
    parts = {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(rng.choice([3, 20]))}
    return {"type": "object", "properties": {"a": {"$ref": "#/$defs/d0"}}, "$defs": {**parts, f"d{len(parts)}": {}}}


def in_forms(rng: random.Random, text: str) -> str:
    """A schema that stands in a policy becomes another one, in JSON, which YAML takes."""
    found = list(_SCHEMA.finditer(text))
    if not found:
        return text
    one = rng.choice(found)
    made = deep(rng) if rng.random() < 0.1 else {"type": "object", "properties": {"a": schema(rng)}}
    if rng.random() < 0.5:
        made = in_value(rng, made)
    return text[: one.start()] + one[1] + json.dumps(made, ensure_ascii=rng.random() < 0.5) + text[one.end() :]


def in_json(rng: random.Random, text: str) -> str:
    """One node of a JSON text becomes another one; the text stays JSON."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    made = in_value(rng, value)
    return json.dumps(made, ensure_ascii=rng.random() < 0.5, indent=rng.choice([None, 2]))


def in_value(rng: random.Random, value: Any) -> Any:
    """A copy with one node changed."""
    if rng.random() < 0.25 or not isinstance(value, (dict, list)) or not value:
        return _other(rng, value)
    if isinstance(value, list):
        at = rng.randrange(len(value))
        return rng.choice([[*value[:at], in_value(rng, value[at]), *value[at + 1 :]], [*value, value[at]]])
    name = rng.choice(list(value))
    return {**value, name: in_value(rng, value[name])}


def _other(rng: random.Random, value: Any) -> Any:
    if isinstance(value, dict) and rng.random() < 0.7:
        keyword = rng.choice(_KEYWORDS)
        if value and rng.random() < 0.3:
            return {name: one for name, one in value.items() if name != rng.choice(list(value))}
        return {**value, keyword: value_of(rng, keyword, 3)}
    return rng.choice(
        [schema(rng), schema(rng), deep(rng), rng.choice(_NUMBERS), rng.choice(_NAMES), None, [value], {"a": value}]
    )
