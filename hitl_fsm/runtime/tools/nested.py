"""The defaults inside of an argument: what fields of a model that were left out will be, beside those given."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any


def filled(given: Any, value: Any) -> Any:
    """What was given, with all that `value`, which was made of it, has in fields that were left out.

    What JSON cannot say of a field is left to the type, and so is None: to many a type, a field that was not given is
    something else than null (`model_fields_set`). Nothing that was given is changed.
    """
    if isinstance(given, dict):
        if isinstance(value, Mapping):
            return {name: filled(one, value[name]) if name in value else one for name, one in given.items()}
        return _with_fields(given, value)
    if isinstance(given, list) and isinstance(value, list | tuple) and len(given) == len(value):
        return [filled(one, made) for one, made in zip(given, value, strict=True)]
    return given


def _with_fields(given: dict[str, Any], value: Any) -> dict[str, Any]:
    from pydantic_core import PydanticSerializationError  # noqa: PLC0415 - heavy

    found = dict(given)
    for names, made in _fields(value):
        name = next((one for one in names if one in given), None)
        if name is not None:
            found[name] = filled(given[name], made)
        elif made is not None:
            with suppress(PydanticSerializationError):
                found[names[0]] = _written(made)
    return found


def _written(made: Any) -> Any:
    from pydantic_core import to_jsonable_python  # noqa: PLC0415 - as above

    has_fields = any(True for _ in _fields(made))
    return _with_fields({}, made) if has_fields else to_jsonable_python(made, by_alias=True, inf_nan_mode="strings")


def _fields(value: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The names by which JSON may give each field, the usual one first, and what it is."""
    declared: Mapping[str, Any] = getattr(type(value), "__pydantic_fields__", {})
    if not declared and dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            if field.init:
                yield (field.name,), getattr(value, field.name)
    for name, info in declared.items():
        alias = info.validation_alias or info.alias
        if info.init is not False and (alias is None or isinstance(alias, str)):
            yield ((name,) if alias is None else (alias, name)), getattr(value, name)
