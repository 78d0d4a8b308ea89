"""The built-in tool `ask_user`: from what a model asked for to the form that a person sees. All of it is untrusted."""

from __future__ import annotations

import json
from typing import Any

from hitl_fsm.errors import ToolError
from hitl_fsm.policy.form_check import check_form, size_problem

ASK_USER = "ask_user"

MAX_FIELDS = 20
MAX_NAME_CHARS = 64
MAX_QUESTION_CHARS = 2_000
MAX_DESCRIPTION_CHARS = 500
MAX_CHOICES = 100
MAX_CHOICE_CHARS = 200
MAX_NODES = 2_000
MAX_DEPTH = 12
MAX_CHARS = 64 * 1024

MAX_LABEL_CHARS = 200

_TYPES = ("string", "integer", "number", "boolean")
_CHOICE_KEYS = {"value", "label"}
_KEYS = {"name", "type", "description", "required", "choices", "multiple"}
_PYTHON_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
}


def ask_user_schema(arguments: dict[str, Any]) -> dict[str, Any]:
    """The form as an object schema; `question` becomes its description.

    `arguments` has `question`, and either `fields` (each `{name, type, description?, required?, choices?, multiple?}`,
    required unless it says `false`) or `schema` (an object schema); with neither, one text field `answer`. A choice
    is a value, or `{value, label}`: the person reads the label, the answer has the value.
    Raises ToolError with every reason, for the model to read.
    """
    if (problem := size_problem(arguments, MAX_NODES, MAX_DEPTH, MAX_CHARS)) is not None:
        raise _refused([f"the question is {problem}"])
    problems = [f"unknown argument {key[:60]!r}" for key in arguments if key not in {"question", "fields", "schema"}]
    question = arguments.get("question")
    if not isinstance(question, str) or not question.strip():
        problems.append("`question` must be a text")
    elif len(question) > MAX_QUESTION_CHARS:
        problems.append(f"`question` is longer than {MAX_QUESTION_CHARS} characters")
    fields, schema = arguments.get("fields"), arguments.get("schema")
    if fields is not None and schema is not None:
        problems.append("give `fields` or `schema`, not both")
    elif schema is not None:
        problems += [f"`schema`: {problem}" for problem in check_form(schema)]
    elif fields is not None:
        schema = _from_fields(fields, problems)
    else:
        schema = {
            "type": "object",
            "properties": {"answer": {"type": "string", "minLength": 1}},
            "required": ["answer"],
        }
    if problems:
        raise _refused(problems)
    form = {key: value for key, value in dict(schema or {}).items() if key != "description"}
    return {"type": "object", "description": question, **form}


def _refused(problems: list[str]) -> ToolError:
    return ToolError(
        f"ask_user cannot ask this: {'; '.join(problems)}", help="ask again with the shape that the tool describes"
    )


def _from_fields(fields: Any, problems: list[str]) -> dict[str, Any]:
    if not isinstance(fields, list) or not fields:
        problems.append("`fields` must be a list of at least one field")
        return {}
    if len(fields) > MAX_FIELDS:
        problems.append(f"{len(fields)} fields; the limit is {MAX_FIELDS}")
        return {}
    properties: dict[str, Any] = {}
    required: list[str] = []
    for index, field in enumerate(fields):
        found = _field_problems(field, properties)
        problems.extend(f"field {index + 1}: {problem}" for problem in found)
        if found:
            continue
        properties[field["name"]] = _property(field)
        if field.get("required", True):
            required.append(field["name"])
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _field_problems(field: Any, known: dict[str, Any]) -> list[str]:
    if not isinstance(field, dict):
        return ["must be an object with `name` and `type`"]
    problems = [f"unknown key {key[:60]!r}" for key in field if key not in _KEYS]
    name = field.get("name")
    if not isinstance(name, str) or not name.isascii() or not name.isidentifier() or len(name) > MAX_NAME_CHARS:
        problems.append(f"`name` must be a plain name of at most {MAX_NAME_CHARS} characters")
    elif name in known:
        problems.append(f"the name `{name}` stands twice")
    if field.get("type", "string") not in _TYPES:
        problems.append(f"`type` must be one of {', '.join(_TYPES)}")
    description = field.get("description", "")
    if not isinstance(description, str) or len(description) > MAX_DESCRIPTION_CHARS:
        problems.append(f"`description` must be a text of at most {MAX_DESCRIPTION_CHARS} characters")
    problems += [
        f"`{key}` must be true or false"
        for key in ("required", "multiple")
        if not isinstance(field.get(key, False), bool)
    ]
    return problems + _choice_problems(field)


def _choice_problems(field: dict[str, Any]) -> list[str]:
    choices = field.get("choices")
    if choices is None:
        return []
    if not isinstance(choices, list) or not 0 < len(choices) <= MAX_CHOICES:
        return [f"`choices` must be a list of 1 to {MAX_CHOICES} values"]
    kind = field.get("type", "string")
    wanted = _PYTHON_TYPES.get(kind if isinstance(kind, str) else "", ())
    if any(isinstance(choice, dict) and (choice.keys() != _CHOICE_KEYS) for choice in choices):
        return ["a choice with a label is `{value, label}`"]
    values = [choice["value"] if isinstance(choice, dict) else choice for choice in choices]
    problem = _value_problem(kind, wanted, values)
    if problem is not None:
        return [problem]
    return _label_problems([choice for choice in choices if isinstance(choice, dict)], values)


def _value_problem(kind: Any, wanted: tuple[type, ...], values: list[Any]) -> str | None:
    if any(not isinstance(value, wanted) or (isinstance(value, bool) and kind != "boolean") for value in values):
        return f"`choices` must all be of type {kind}"
    if any(isinstance(value, str) and len(value) > MAX_CHOICE_CHARS for value in values):
        return f"a choice is longer than {MAX_CHOICE_CHARS} characters"
    return "`choices` has the same value twice" if len(set(values)) != len(values) else None


def _label_problems(labelled: list[dict[str, Any]], values: list[Any]) -> list[str]:
    """A person who picks by a label must get its value and no other one."""
    texts = [one["label"] for one in labelled]
    if any(not isinstance(text, str) or not text.strip() or len(text) > MAX_LABEL_CHARS for text in texts):
        return [f"a `label` must be a text of at most {MAX_LABEL_CHARS} characters"]
    if len({text.strip().casefold() for text in texts}) != len(texts):
        return ["`choices` has the same label twice"]
    shown = {_as_shown(value): value for value in values}
    if any(shown.get(one["label"].strip(), one["value"]) != one["value"] for one in labelled):
        return ["a label is the value of another choice"]
    return []


def _as_shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _property(field: dict[str, Any]) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": field.get("type", "string")}
    choices = field.get("choices")
    if choices is not None and any(isinstance(choice, dict) for choice in choices):
        schema["oneOf"] = [
            {"const": choice["value"], "title": choice["label"]} if isinstance(choice, dict) else {"const": choice}
            for choice in choices
        ]
    elif choices is not None:
        schema["enum"] = list(choices)
    if field.get("multiple", False):
        schema = {"type": "array", "items": schema, "uniqueItems": choices is not None}
        if field.get("required", True):
            schema["minItems"] = 1
    elif schema["type"] == "string" and choices is None and field.get("required", True):
        schema["minLength"] = 1
    if field.get("description"):
        schema["description"] = field["description"]
    return schema
