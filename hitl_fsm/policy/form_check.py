"""Whether a JSON Schema can be used here: valid, local, bounded, with RE2 patterns, and without reference cycles.

A schema may come from a model (`ask_user`), so that everything about it is bounded before a validator sees it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import re2  # type: ignore[import-untyped]

from hitl_fsm.policy.plain_schema import is_plainly_valid

MAX_SCHEMA_NODES = 5_000
MAX_SCHEMA_DEPTH = 32
MAX_SCHEMA_CHARS = 256 * 1024
MAX_EXPANDED_NODES = 20_000
MAX_PATTERN_CHARS = 1_000
MAX_SHOWN = 5

# Their meaning hangs on dynamic scope, on other documents, or on Python's own regular expressions.
REFUSED_KEYWORDS = frozenset(
    {"$dynamicRef", "$dynamicAnchor", "$recursiveRef", "$recursiveAnchor", "$anchor", "$vocabulary",
     "unevaluatedProperties", "unevaluatedItems"}
)  # fmt: skip
# What a schema can say. Validators pass over every other word, and so over a misspelt bound.
SCHEMA_WORDS = frozenset(
    {"$comment", "$defs", "$id", "$ref", "$schema", "additionalProperties", "allOf", "anyOf", "const", "contains",
     "contentEncoding", "contentMediaType", "contentSchema", "default", "definitions", "dependentRequired",
     "dependentSchemas", "deprecated", "description", "else", "enum", "examples", "exclusiveMaximum",
     "exclusiveMinimum", "format", "if", "items", "maxContains", "maxItems", "maxLength", "maxProperties", "maximum",
     "minContains", "minItems", "minLength", "minProperties", "minimum", "multipleOf", "not", "oneOf", "pattern",
     "patternProperties", "prefixItems", "properties", "propertyNames", "readOnly", "required", "then", "title",
     "type", "uniqueItems", "writeOnly"} | REFUSED_KEYWORDS
)  # fmt: skip
_DATA_KEYWORDS = frozenset({"enum", "const", "default", "examples"})  # their values are data, not schemas
_NAMED_SCHEMAS = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})
_HALF = re.compile("[\ud800-\udfff]")
_DRAFTS = ("https://json-schema.org/draft/2020-12/schema", "https://json-schema.org/draft/2020-12/schema#")


def check_form(schema: Any) -> tuple[str, ...]:
    """Problems that keep `schema` from being a form, one line each; empty when it is one."""
    problems = check_schema(schema)
    if problems:
        return problems
    if schema.get("type") != "object":
        return ("a form is an object: it needs `type: object`",)
    if not isinstance(schema.get("properties"), dict) or not schema["properties"]:
        return ("a form needs `properties` with at least one field",)
    missing = [name for name in schema.get("required", ()) if name not in schema["properties"]]
    return tuple(f"`required` names {name!r}, which is not among the `properties`" for name in missing[:MAX_SHOWN])


def check_schema(schema: Any) -> tuple[str, ...]:
    """Problems that keep `schema` from being used on any value."""
    if not isinstance(schema, dict):
        return ("a schema is an object",)
    problem = size_problem(schema, MAX_SCHEMA_NODES, MAX_SCHEMA_DEPTH, MAX_SCHEMA_CHARS)
    if problem is None and _HALF.search(json.dumps(schema, ensure_ascii=False)):
        problem = "text holds half of a surrogate pair"
    if problem is not None:
        return (problem,)
    if schema.get("$schema", _DRAFTS[0]) not in _DRAFTS:
        return (f"`$schema` must be {_DRAFTS[0]}",)
    if not is_plainly_valid(schema) and (wrong := _wrong(schema)):
        return wrong
    found = [problem for place, node in _schemas(schema, "") for problem in _own_problems(schema, place, node)]
    if found:
        return tuple(found[:MAX_SHOWN])
    problem = _expansion_problem(schema)
    return (problem,) if problem else ()


def _wrong(schema: dict[str, Any]) -> tuple[str, ...]:
    """What the metaschema says against it."""
    from jsonschema import Draft202012Validator, FormatChecker  # noqa: PLC0415 - costs 0.1 s

    no_formats = FormatChecker(formats=())  # `format: regex` would judge patterns by Python's rules
    meta = Draft202012Validator(Draft202012Validator.META_SCHEMA, format_checker=no_formats)
    errors = sorted(meta.iter_errors(schema), key=lambda error: [str(part) for part in error.absolute_path])
    return tuple(_line(error) for error in errors[:MAX_SHOWN])


def size_problem(value: Any, nodes_max: int, depth_max: int, chars_max: int) -> str | None:
    """Why a JSON-like value is too large, or None. Iterative, since its depth is not yet known to be safe."""
    nodes = chars = 0
    level = [value]
    for _ in range(depth_max + 1):
        below: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                below.extend(item)
                below.extend(item.values())
            elif isinstance(item, (list, tuple)):
                below.extend(item)
            elif isinstance(item, str):
                chars += len(item)
        nodes += len(below)
        if nodes > nodes_max or chars > chars_max:
            return f"larger than {nodes_max} values or {chars_max} characters"
        if not below:
            return None
        level = below
    return f"nested deeper than {depth_max} levels"


def pattern_problem(pattern: str) -> str | None:
    """Why RE2 does not take this regular expression, or None."""
    if len(pattern) > MAX_PATTERN_CHARS:
        return f"the pattern has {len(pattern)} characters; the limit is {MAX_PATTERN_CHARS}"
    try:
        compiled(pattern)
    except (re2.error, UnicodeEncodeError) as error:
        text = (
            error.args[0].decode("utf-8", "replace") if error.args and isinstance(error.args[0], bytes) else str(error)
        )
        return f"the pattern {pattern[:60]!r} is not RE2: {text}"
    return None


def compiled(pattern: str) -> Any:
    """The RE2 expression (re2 keeps its own cache); quiet, since RE2 writes errors to stderr by itself."""
    options = re2.Options()
    options.log_errors = False
    return re2.compile(pattern, options)


def _line(error: Any) -> str:
    place = "/".join(str(part) for part in error.absolute_path)
    text = str(error.message)
    text = text if len(text) <= 200 else text[:199] + "…"  # noqa: PLR2004 - a line on a screen
    return f"at {place}: {text}" if place else text


def _schemas(node: Any, place: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema inside a valid schema, with its place as a JSON pointer; data (below `enum` …) is left out."""
    if not isinstance(node, dict):
        return
    yield place, node
    for key, value in node.items():
        if key in _DATA_KEYWORDS:
            continue
        if key in _NAMED_SCHEMAS and isinstance(value, dict):
            for name, child in value.items():
                yield from _schemas(child, f"{place}/{key}/{name}")
        elif isinstance(value, list):
            for index, child in enumerate(value):
                yield from _schemas(child, f"{place}/{key}/{index}")
        else:
            yield from _schemas(value, f"{place}/{key}")


def _own_problems(root: dict[str, Any], place: str, node: dict[str, Any]) -> Iterator[str]:
    at = f"at {place or '/'}: "
    for keyword in sorted(REFUSED_KEYWORDS & node.keys()):
        yield f"{at}`{keyword}` is not supported"
    if place and "$id" in node:
        yield f"{at}`$id` is only supported at the top"
    patterns = [node["pattern"]] if isinstance(node.get("pattern"), str) else []
    patterns += list(node.get("patternProperties", ()))
    for pattern in patterns:
        if (problem := pattern_problem(pattern)) is not None:
            yield at + problem
    reference = node.get("$ref")
    if isinstance(reference, str) and target(root, reference) is None:
        yield f"{at}`$ref: {reference[:80]}` names nothing in this schema (only local `#/…` references are followed)"


def target(root: dict[str, Any], reference: str) -> dict[str, Any] | bool | None:
    """What a local reference names, or None."""
    if reference != "#" and not reference.startswith("#/"):
        return None
    node: Any = root
    for part in reference[2:].split("/") if reference != "#" else ():
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(node, dict) and key in node:
            node = node[key]
        elif isinstance(node, list) and key.isdigit() and int(key) < len(node):
            node = node[int(key)]
        else:
            return None
    return node if isinstance(node, (dict, bool)) else None


def _expansion_problem(root: dict[str, Any]) -> str | None:
    """References that lead in a circle, or that unfold into too much: either would let one value cost without bound."""
    sizes: dict[int, int] = {}
    open_nodes: set[int] = set()

    def size(node: Any) -> int:
        if isinstance(node, list):
            return sum(size(child) for child in node)
        if not isinstance(node, dict):
            return 0
        if id(node) in sizes:
            return sizes[id(node)]
        if id(node) in open_nodes:
            raise RecursionError
        open_nodes.add(id(node))
        total = 1 + sum(
            size(child) for key, child in node.items() if key not in _DATA_KEYWORDS | {"$defs", "definitions"}
        )
        if isinstance(node.get("$ref"), str):
            total += size(target(root, node["$ref"]))
        open_nodes.discard(id(node))
        sizes[id(node)] = total
        return total

    try:
        total = size(root)
    except RecursionError:
        return "a `$ref` leads back to itself"
    return f"the references unfold into more than {MAX_EXPANDED_NODES} schemas" if total > MAX_EXPANDED_NODES else None
