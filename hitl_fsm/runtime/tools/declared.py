"""A tool's parameters as somebody else declared them, in JSON Schema. All of it is untrusted.

The machinery that checks people's forms checks these too: bounded, with local references only, and every regular
expression RE2.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cached_property
from typing import Any

from hitl_fsm.errors import ToolError
from hitl_fsm.model.visible import visible, visible_block
from hitl_fsm.policy.form import check_schema, close_schema, value_problems
from hitl_fsm.runtime.tools.signature import PROBLEMS_MAX

DESCRIPTION_CHARS = 4_000
"""Characters of a foreign tool's description, or of one of its parameters', that a model is told; the rest is cut."""

_NAMED = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})
_DATA = frozenset({"enum", "const", "default", "examples"})  # what stands there is compared, not read
_TOLD = frozenset({"title", "description"})
_PUT_TOGETHER = frozenset({"allOf", "anyOf", "oneOf", "if", "then", "else", "not", "dependentSchemas", "$ref"})
# Older dialects: what 2020-12 says otherwise (`items` as a list, a boolean `exclusiveMinimum`) is found and refused.
_OLDER = ("http://json-schema.org/draft-0", "https://json-schema.org/draft-0", "https://json-schema.org/draft/2019-09/")


class Declared:
    """The parameters of one tool; ToolError where the schema cannot be used.

    An object takes the keys that it names and no others, unless the schema says otherwise, or is put together from
    several: what was shown is all there is.
    """

    def __init__(self, tool: str, schema: Any) -> None:
        problems = _problems(schema)
        if problems:
            msg = f"the parameters that are declared for {visible(tool)} cannot be used: {'; '.join(problems)}"
            raise ToolError(visible(msg))
        self._schema = _closed(_current(schema))

    @property
    def context_parameter(self) -> str | None:
        """None: what runs elsewhere gets no context."""
        return None

    @cached_property
    def names(self) -> tuple[str, ...]:
        """What a model may fill in, as far as the schema names it at its top."""
        return tuple(self._schema.get("properties", {}))

    @cached_property
    def json_schema(self) -> dict[str, Any]:
        """For the model: what is told in it has no invisible characters and is not endless."""
        told: dict[str, Any] = _told(self._schema)
        return told

    @cached_property
    def defaults(self) -> dict[str, Any]:
        """Those that fit: they are filled in, so that what is judged and shown is what is sent."""
        return {
            name: one["default"]
            for name, one in self._schema.get("properties", {}).items()
            if isinstance(one, dict)
            and "default" in one
            and not self.check({name: one["default"]}, [other for other in self.names if other != name])[1]
        }

    def filled(self, args: Mapping[str, Any]) -> dict[str, Any]:
        """What is inside of an argument is sent as it was written: whoever declared the tool fills it in."""
        return dict(args)

    def check(
        self, args: Mapping[str, Any], except_for: Collection[str] = ()
    ) -> tuple[dict[str, Any], tuple[str, ...]]:
        """The arguments, or one line for each problem; what `except_for` names may be missing or wrong."""
        schema, given = self._schema, dict(args)
        if except_for:
            given = {name: value for name, value in given.items() if name not in except_for}
            schema = _without(schema, except_for)
        found = value_problems(schema, given)
        if not found:
            return dict(args), ()
        lines = [visible(line) for line in found[:PROBLEMS_MAX]]
        if len(found) > PROBLEMS_MAX:
            lines.append(f"and {len(found) - PROBLEMS_MAX} more")
        return {}, tuple(lines)


def cut(text: str) -> str:
    """Foreign text for a model to read: no invisible characters, and an end."""
    return visible_block(text if len(text) <= DESCRIPTION_CHARS else f"{text[: DESCRIPTION_CHARS - 1]}…")


def _problems(schema: Any) -> tuple[str, ...]:
    if not isinstance(schema, dict):
        return ("a schema is an object",)
    if schema.get("type", "object") != "object":
        return ("a tool takes an object: `type: object`",)
    return check_schema(_current(schema))


def _current(schema: dict[str, Any]) -> dict[str, Any]:
    dialect = schema.get("$schema")
    known = isinstance(dialect, str) and dialect.startswith(_OLDER)
    return {
        "type": "object",
        **{key: value for key, value in schema.items() if not (known and key == "$schema")},
    }


def _closed(schema: dict[str, Any]) -> dict[str, Any]:
    return schema if _PUT_TOGETHER & schema.keys() else close_schema({"properties": {}, **schema})


def _without(schema: dict[str, Any], names: Collection[str]) -> dict[str, Any]:
    """The schema with nothing demanded of these."""
    return {
        **schema,
        "properties": {name: {} if name in names else one for name, one in schema.get("properties", {}).items()},
        "required": [name for name in schema.get("required", ()) if name not in names],
    }


def _told(node: Any) -> Any:
    """The schema with its titles and descriptions made visible; its depth is bounded, for it was checked."""
    if isinstance(node, list):
        return [_told(one) for one in node]
    if not isinstance(node, dict):
        return node
    told: dict[str, Any] = {}
    for key, value in node.items():
        if key in _TOLD and isinstance(value, str):
            told[key] = cut(value)
        elif key in _NAMED and isinstance(value, dict):
            told[key] = {name: _told(one) for name, one in value.items()}
        else:
            told[key] = value if key in _DATA else _told(value)
    return told
