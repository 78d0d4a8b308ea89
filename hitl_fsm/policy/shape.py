"""From a parsed file to a `PolicyDocument`, and every way in which it can fail to be one, said at its place."""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from hitl_fsm.errors import Diagnostic
from hitl_fsm.policy.codes import Code
from hitl_fsm.policy.document import PolicyDocument
from hitl_fsm.policy.document_gates import GATE_NAMES, GateMapping
from hitl_fsm.policy.fields import Hints, NotYet
from hitl_fsm.policy.names import did_you_mean
from hitl_fsm.policy.repair import repaired
from hitl_fsm.policy.source import Path, Source

_TAGS = {"word", "mapping", "list"}
_MAX_SHOWN = 60
_GATES_WITH_BODY = {
    "approval": "approval: {of: [role:NAME]}",
    "user_input": "user_input: {schema: {$ref: form.schema.json}}",
    "external": "external: {route: NAME}",
}
_AS_WRITTEN = {
    "stages": "stages: [{name: NAME, of: [role:NAME]}]",
    "grant": "grant: {max: 10, for: 24h}",
    "budget": "budget: {amount: 5000}",
}
_TYPE_NAMES = {
    "string_type": "text",
    "int_type": "a whole number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}


def read_document(source: Source) -> tuple[PolicyDocument | None, list[Diagnostic]]:
    """The document with its findings. With any, it only serves to find more; None where there is nothing to check."""
    root = source.root
    if root is None:
        return None, []
    if not isinstance(root.value, dict):
        return None, [source.diagnostic(Code.WRONG_VALUE, "a policy is a mapping of keys to values", root)]
    try:
        document = PolicyDocument.model_validate(root.value)
    except ValidationError as error:
        wrong = shape_findings(source, error, PolicyDocument)
        rest = repaired(root.value, error)
        return rest, wrong + (list(not_yet(source, rest, ())) if rest else [])
    return document, list(not_yet(source, document, ()))


def shape_findings(source: Source, error: ValidationError, kind: type[BaseModel]) -> list[Diagnostic]:
    """What a file must change to be a `kind`, each at its place."""
    errors = error.errors(include_url=False, include_input=True)
    # Where the language has its own word on a wrong key, that another one is missing helps nobody.
    unknown = [one["loc"] for one in errors if one["type"] == "extra_forbidden"]
    told = {path[:-1] for path in unknown if _hint_at(path[:-1], kind, path[-1]) is not None}
    return [_finding(source, one, kind) for one in errors if one["type"] != "missing" or one["loc"][:-1] not in told]


def _finding(source: Source, error: Any, root: type[BaseModel]) -> Diagnostic:
    path: Path = error["loc"]
    kind: str = error["type"]
    if kind == "extra_forbidden":
        return _unknown_key(source, path, root)
    if kind == "missing":
        return _missing_key(source, path)
    node = source.node(path)
    value = error["input"]
    if kind in {"literal_error", "union_tag_invalid"}:
        return _wrong_word(source, path, value, root)
    help_text = None
    if kind in _TYPE_NAMES:
        message, help_text = f"expected {_TYPE_NAMES[kind]}, found {shown(value)}", _as_meant(path, kind, node)
    elif kind == "value_error":
        message = str(error["ctx"]["error"])
    elif kind == "string_pattern_mismatch":
        message = f"{shown(value)} is not a name"
        help_text = "letters, digits, `.`, `_` and `-`, at most 64, starting with a letter or digit"
    elif kind in {"too_short", "too_long"}:
        message, help_text = _wrong_length(error), _as_written(path)
    else:
        message = str(error["msg"]).replace("Input should", "the value should")
    return source.diagnostic(Code.WRONG_VALUE, message, node, help_text)


def _as_meant(path: Path, kind: str, node: Any) -> str | None:
    """What to write where a value of another type stands."""
    if kind != "string_type":
        return None if kind in {"int_type", "bool_type"} else _as_written(path)
    if isinstance(node.value, dict):
        return _split_name(node.value)
    if isinstance(node.value, (bool, int, float)):
        return f'quote it, if it is text: "{node.value}"'.replace("True", "true").replace("False", "false")
    return None


def _as_written(path: Path) -> str | None:
    """How the language writes what stands here, where an author may well have another form in mind."""
    name = _last_name(path)
    example = (_GATES_WITH_BODY | _AS_WRITTEN).get(name or "")
    return f"write `{example}`" if example else None


def _split_name(value: dict[Any, Any]) -> str | None:
    """`role: finance`: YAML reads a space behind the colon as a mapping."""
    key, text = next(iter(value.items())) if len(value) == 1 else (None, None)
    return f"write `{key}:{text}`, without a space" if key in {"role", "group"} and isinstance(text, str) else None


def _wrong_length(error: Any) -> str:
    few = error["type"] == "too_short"
    limit = error["ctx"]["min_length" if few else "max_length"]
    name = _last_name(error["loc"])
    bound = "needs at least" if few else "takes at most"
    return f"`{name}` {bound} {limit} item{'' if limit == 1 else 's'}, and has {len(error['input'])}"


def _unknown_key(source: Source, path: Path, root: type[BaseModel]) -> Diagnostic:
    key, known = str(path[-1]), _known_keys(path[:-1], root)
    below_gate = len(path) > 1 and _is_gate(path[:-1])
    if (said := _hint_at(path[:-1], root, key)) is not None:
        return source.diagnostic(Code.WRONG_VALUE, said[0], source.node(path, key=True), said[1])
    if below_gate and key in {"allow", "audit"}:
        message, help_text = f"the gate `{key}` has no details", f"write `gate: {key}`"
    else:
        message = f"unknown gate `{key}`" if below_gate else f"unknown key `{key}`"
        help_text = did_you_mean(key, known) or f"known here: {', '.join(known)}"
    return source.diagnostic(
        Code.GATE if below_gate else Code.UNKNOWN_KEY, message, source.node(path, key=True), help_text
    )


def _missing_key(source: Source, path: Path) -> Diagnostic:
    parent = source.node(path[:-1], key=True) if path[:-1] else source.node(())
    where = _last_name(path[:-1])
    place = f" in `{where}`" if where else ""
    width, help_text = _first_word(parent), _as_written(path[:-1])
    message = f"`{path[-1]}` is missing{place}"
    return source.at(Code.MISSING_KEY, message, parent.line, parent.column, width=width, help=help_text)


def _first_word(node: Any) -> int:
    return int(node.width) if not isinstance(node.value, (dict, list)) else 1


def _last_name(path: Path) -> str | None:
    names = [element for element in path if isinstance(element, str) and element not in _TAGS]
    return names[-1] if names else None


def _wrong_word(source: Source, path: Path, value: Any, root: type[BaseModel]) -> Diagnostic:
    node = source.node(path)
    if _is_gate(path):
        if not isinstance(value, str):
            return source.diagnostic(Code.GATE, f"a gate is a word, a mapping or a list, not {shown(value)}", node)
        if value in _GATES_WITH_BODY:
            return source.diagnostic(
                Code.GATE, f"the gate `{value}` needs details", node, f"write `{_GATES_WITH_BODY[value]}`"
            )
        help_text = did_you_mean(value, GATE_NAMES) or f"gates: {', '.join(GATE_NAMES)}"
        return source.diagnostic(Code.GATE, f"unknown gate `{value[:_MAX_SHOWN]}`", node, help_text)
    if (said := _hint_at(path, root, value)) is not None:
        return source.diagnostic(Code.WRONG_VALUE, said[0], node, said[1])
    words = [str(word) for word in _words_at(path, root)]
    name = _last_name(path)
    message = f"`{name}` cannot be {shown(value)}"
    hint = did_you_mean(value, words) if isinstance(value, str) else None
    return source.diagnostic(Code.WRONG_VALUE, message, node, hint or f"one of: {', '.join(words)}")


def _is_gate(path: Path) -> bool:
    """Whether the path ends at a gate of a rule: `rules, 2, gate` or `rules, 2, gate, 0`, tags left out."""
    plain = [element for element in path if element not in _TAGS]
    while plain and isinstance(plain[-1], int):
        plain.pop()
    return len(plain) == 3 and plain[0] == "rules" and plain[2] == "gate"  # noqa: PLR2004 - rules, index, gate


def shown(value: Any) -> str:
    """A value in a message: short, on one line, as it would be written."""
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    text = repr(value)
    return text if len(text) <= _MAX_SHOWN else text[: _MAX_SHOWN - 1] + "…"


def _fields_at(path: Path, root: type[BaseModel]) -> list[FieldInfo]:
    """The fields that the last key of a path may be, in the models that its other keys may lead to."""
    models: list[type[BaseModel]] = [root]
    found: list[FieldInfo] = []
    for element in path:
        fields = [(info.alias or name, info) for model in models for name, info in model.model_fields.items()]
        if led_to := [info for name, info in fields if name == element]:  # else an index, a tag, or a key of a dict
            found, models = led_to, _models([info.annotation for info in led_to])
    return found


def _annotations_at(path: Path, root: type[BaseModel]) -> list[Any]:
    return [info.annotation for info in _fields_at(path, root)] or [root]


def _hint_at(path: Path, root: type[BaseModel], word: Any) -> tuple[str, str] | None:
    """What the language says about a word that it refuses at this place: message and help."""
    text = shown(word).strip("'").lower()
    hints = [one for info in _fields_at(path, root) for one in info.metadata if isinstance(one, Hints)]
    return next((one.by_word[text] for one in hints if text in one.by_word), None)


def _known_keys(path: Path, root: type[BaseModel]) -> list[str]:
    models = _models(_annotations_at(path, root))
    return list(dict.fromkeys(info.alias or name for model in models for name, info in model.model_fields.items()))


def _words_at(path: Path, root: type[BaseModel]) -> list[Any]:
    found = (word for annotation in _leaves(_annotations_at(path, root)) for word in get_args(annotation))
    return list(dict.fromkeys(word for word in found if isinstance(word, str)))


def _leaves(annotations: list[Any]) -> Iterator[Any]:
    for annotation in annotations:
        origin = get_origin(annotation)
        if origin is Annotated:
            yield from _leaves([get_args(annotation)[0]])
        elif origin in (Union, types.UnionType, list, dict):
            yield from _leaves(list(get_args(annotation)))
        elif origin is dict:
            yield from _leaves([get_args(annotation)[1]])
        else:
            yield annotation


def models_of(annotation: Any) -> list[type[BaseModel]]:
    """The models that an annotation mentions."""
    return _models([annotation])


def _models(annotations: list[Any]) -> list[type[BaseModel]]:
    return [leaf for leaf in _leaves(annotations) if isinstance(leaf, type) and issubclass(leaf, BaseModel)]


def not_yet(source: Source, model: BaseModel, path: tuple[str | int, ...]) -> Iterator[Diagnostic]:
    """Everything that was written, is part of the language, and would do nothing: refused values, and keys without."""
    fields = type(model).model_fields
    for name in model.model_fields_set:
        info = fields[name]
        key, value = info.alias or name, getattr(model, name)
        here = (*path, key)
        if value is None and not isinstance(model, GateMapping):
            yield source.diagnostic(
                Code.WRONG_VALUE, f"`{key}` has no value", source.node(here, key=True), "give it one, or remove it"
            )
            continue
        for marker in _markers(info.metadata):
            if marker.when(value):
                yield _refusal(source, here, marker.word or key, marker.help)
        if isinstance(value, (BaseModel, list, dict)):
            yield from _below(source, value, here)


def _below(source: Source, value: Any, path: tuple[str | int, ...]) -> Iterator[Diagnostic]:
    if isinstance(value, BaseModel):
        yield from not_yet(source, value, path)
    elif isinstance(value, (list, dict)):
        for index, item in enumerate(value) if isinstance(value, list) else value.items():
            yield from _below(source, item, (*path, index))


def _markers(metadata: list[Any]) -> list[NotYet]:
    return [item for item in metadata if isinstance(item, NotYet)]


def _refusal(source: Source, path: tuple[str | int, ...], word: str, help: str | None) -> Diagnostic:  # noqa: A002
    return source.diagnostic(Code.NOT_ENFORCED, f"`{word}` is not enforced yet", source.node(path, key=True), help)
