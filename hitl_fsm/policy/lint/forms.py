"""The JSON Schemas of a policy with their places, and the parts of one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from hitl_fsm.model.verdict import External, UserInput
from hitl_fsm.policy.form import close_schema
from hitl_fsm.policy.lint.walk import PlacedGate, RulePath, gates_of_rule, rules_of
from hitl_fsm.policy.project import Member

ALL_TYPES = frozenset({"null", "boolean", "integer", "number", "string", "array", "object"})
MAX_NESTING = 40

Pointer = tuple[str | int, ...]


class PlacedForm(NamedTuple):
    """A schema as it holds (a form takes no keys that it does not name). `path` leads to it, or to its `$ref`."""

    path: RulePath
    schema: dict[str, Any]
    is_form: bool
    is_inline: bool

    def place(self, pointer: Pointer) -> RulePath:
        """Where in the policy file a part of the schema is, or is referred to."""
        return (*self.path, *pointer) if self.is_inline else self.path


def forms_of(member: Member) -> Iterator[PlacedForm]:
    """Every schema that is usable, of `user_input` and `external` gates."""
    for (path, rule), compiled in zip(rules_of(member), member.policy.rules, strict=False):
        written = [gate for gate in gates_of_rule(path, rule) if gate.kind in {"user_input", "external"}]
        read = [gate for gate in compiled.gates if isinstance(gate, (UserInput, External))]
        if len(written) == len(read):  # of two that are the same, one is dropped
            for gate, value in zip(written, read, strict=True):
                yield from _form(gate, value)


def _form(gate: PlacedGate, value: UserInput | External) -> Iterator[PlacedForm]:
    schema: dict[str, Any] | None
    if isinstance(value, UserInput):
        written, schema, key = gate.details.form, close_schema(value.schema), "schema"
    else:
        written, schema, key = gate.details.result_schema, value.result_schema, "result_schema"
    if schema and written:
        inline = not _is_file(written)
        path = (*gate.path, key) if inline else (*gate.path, key, "$ref")
        yield PlacedForm(path, schema, isinstance(value, UserInput), inline)


def _is_file(schema: Mapping[str, Any]) -> bool:
    reference = schema.get("$ref")
    return isinstance(reference, str) and not reference.startswith("#")


def types_of(schema: Mapping[str, Any]) -> frozenset[str]:
    """The types that a schema names; all of them where it names none. A number may be an integer."""
    named = schema.get("type")
    if named is None:
        return ALL_TYPES
    types = frozenset([named] if isinstance(named, str) else named)
    return types | {"integer"} if "number" in types else types
