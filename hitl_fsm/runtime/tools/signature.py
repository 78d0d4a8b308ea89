"""A function's parameters as a JSON Schema, and a model's arguments held against them.

pydantic does both, over a TypedDict made of the type hints, so that one reading of the signature serves the schema,
the check and the conversion. It is imported at the first use of a signature, not with this module.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from functools import cached_property, partial
from types import SimpleNamespace
from typing import Any, NotRequired, get_args, get_type_hints
from weakref import ref

import msgspec

from hitl_fsm.errors import ToolError
from hitl_fsm.model.context import CallContext
from hitl_fsm.model.visible import visible

PROBLEMS_MAX = 20
"""Lines that a check of arguments gives at most."""
_SHOWN = 60  # characters of a name that a problem repeats
_MESSAGE_SHOWN = 300  # characters of one problem's text

Parameters = dict[str, inspect.Parameter]


def is_method(function: Callable[..., Any]) -> bool:
    """Whether a plain function stands in a class, and takes the object first: its name's path says so."""
    around = function.__qualname__.rpartition(".")[0]
    first = next(iter(inspect.signature(function).parameters.values()), None)
    bare = first is not None and first.annotation is first.empty and first.name in ("self", "cls")
    return bare and around != "" and not around.endswith("<locals>")


def declared_parameters(function: Callable[..., Any], tool: str, *, method: bool = False) -> Parameters:
    """The parameters in order; ToolError, naming the parameter, for one that a model cannot be asked for.

    Looks at the text of the signature only: no type is evaluated, nothing heavy imported. Of a `method` the first one
    is left out: the object that it is taken from.
    """
    try:
        parameters = dict(inspect.signature(function).parameters)
    except (TypeError, ValueError) as error:
        msg = f"tool `{tool}`: its signature cannot be read: {error}"
        raise ToolError(msg, help="wrap it in a function with type hints") from error
    if method:
        parameters.pop(next(iter(parameters)))
    for name, parameter in parameters.items():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            msg = f"tool `{tool}`: parameter `{parameter}` takes any number of values; a model needs each one by name"
            raise ToolError(msg, help="name the parameters, or take one dict[str, ...]")
        if parameter.kind is parameter.POSITIONAL_ONLY:
            msg = f"tool `{tool}`: parameter `{name}` is positional-only; arguments are passed by name"
            raise ToolError(msg, help="remove the `/` from the signature")
        if parameter.annotation is parameter.empty:
            hint = "decorate the bound method: tool(thing.method)" if name in ("self", "cls") else "write its type"
            msg = f"tool `{tool}`: parameter `{name}` has no type hint"
            raise ToolError(msg, help=f"{hint}, as in `{name}: str`")
        default = type(parameter.default)
        if default.__name__ == "FieldInfo" and default.__module__.startswith("pydantic."):
            msg = f"tool `{tool}`: parameter `{name}` has a pydantic Field as its default"
            raise ToolError(msg, help=f"write `{name}: Annotated[..., Field(...)] = default`")
    return parameters


def signature_of(
    function: Callable[..., Any], tool: str, parameters: Parameters, described: Mapping[str, str]
) -> Signature:
    """The signature of a function that is declared as `tool`; made once, since building its schema takes 0.7 ms.

    `described` has the docstring's line for each parameter that has one.
    """
    key = (id(function), tool)
    kept = _signatures.get(key)
    if kept is not None and kept[0]() is function:
        return kept[1]
    made = Signature(function, tool, parameters, described)
    with suppress(TypeError):  # without weak references there is nothing that would end its life here
        _signatures[key] = ref(function, lambda _: _signatures.pop(key, None)), made
    return made


class Signature:
    """Keeps nothing of the function alive but its module's names."""

    def __init__(
        self, function: Callable[..., Any], tool: str, parameters: Parameters, described: Mapping[str, str]
    ) -> None:
        plain = inspect.unwrap(_plain(function))
        self._namespace: dict[str, Any] = getattr(plain, "__globals__", {})
        self._module = plain.__module__
        self._tool = tool
        self._parameters = parameters
        self._described = described

    @cached_property
    def _hints(self) -> dict[str, Any]:
        wanted = {name: parameter.annotation for name, parameter in self._parameters.items()}
        try:
            return get_type_hints(SimpleNamespace(__annotations__=wanted), self._namespace, include_extras=True)
        except (NameError, TypeError, SyntaxError, AttributeError) as error:
            msg = f"tool `{self._tool}`: a type hint cannot be resolved: {error}"
            raise ToolError(msg, help="define or import the type at the top of the tool's module") from error

    @cached_property
    def context_parameter(self) -> str | None:
        """The parameter that takes the CallContext."""
        return next((name for name, hint in self._hints.items() if CallContext in (hint, *get_args(hint))), None)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """What a model may fill in."""
        return tuple(name for name in self._parameters if name != self.context_parameter)

    @cached_property
    def _adapter(self) -> Any:
        required = {name for name in self.names if self._parameters[name].default is inspect.Parameter.empty}
        return self._adapter_of(required)

    @cached_property
    def _partial(self) -> Any:
        """For some of the arguments, whatever becomes of the others."""
        return self._adapter_of(frozenset())

    def _adapter_of(self, required: Collection[str]) -> Any:
        from pydantic import ConfigDict, TypeAdapter  # noqa: PLC0415 - heavy, and not needed to start
        from typing_extensions import TypedDict  # noqa: PLC0415 - pydantic demands this one before 3.12

        fields: dict[str, Any] = {}
        for name in self.names:
            fields[name] = self._hints[name] if name in required else NotRequired[self._hints[name]]
        form = TypedDict(self._tool, fields)  # type: ignore[misc]  # made at run time
        form.__module__ = self._module  # where pydantic resolves inner names
        setattr(form, "__pydantic_config__", ConfigDict(extra="forbid"))  # noqa: B010 - no type checker knows it
        try:
            return TypeAdapter(form)
        except (TypeError, NameError, RuntimeError) as error:  # what pydantic's own errors are
            raise self._unsupported(error) from error

    def _unsupported(self, error: Exception) -> ToolError:
        """Which parameter has the type that JSON cannot carry."""
        from pydantic import TypeAdapter  # noqa: PLC0415

        for name in self.names:
            try:
                TypeAdapter(self._hints[name]).json_schema()
            except (TypeError, NameError, RuntimeError, ValueError):
                msg = f"tool `{self._tool}`: parameter `{name}` has a type that JSON cannot carry: {self._hints[name]}"
                return ToolError(
                    msg, help="use str, numbers, list, dict, Literal, Enum, a dataclass or a pydantic model"
                )
        return ToolError(f"tool `{self._tool}`: no JSON Schema for its parameters: {error}")

    @cached_property
    def json_schema(self) -> dict[str, Any]:
        """An object schema, closed at every depth."""
        from pydantic import PydanticUserError  # noqa: PLC0415
        from pydantic.json_schema import GenerateJsonSchema  # noqa: PLC0415

        class Untitled(GenerateJsonSchema):
            """A title that repeats the field's name is noise, paid for in tokens at each turn."""

            def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002
                return False

        try:
            schema: dict[str, Any] = self._adapter.json_schema(schema_generator=Untitled)
        except PydanticUserError as error:
            raise self._unsupported(error) from error
        schema.pop("title", None)
        schema.setdefault("properties", {})
        _close(schema)
        for name, described in schema["properties"].items():
            if text := self._described.get(name):
                described.setdefault("description", text)
            if name in self._json_defaults:
                described["default"] = self._json_defaults[name]
        return schema

    @cached_property
    def _json_defaults(self) -> dict[str, Any]:
        """What JSON can say of the defaults; a sentinel is left out: optional, and not the model's to write."""
        from pydantic_core import PydanticSerializationError, to_jsonable_python  # noqa: PLC0415

        found: dict[str, Any] = {}
        for name in self.names:
            default = self._parameters[name].default
            if default is not inspect.Parameter.empty:
                with suppress(PydanticSerializationError):
                    found[name] = to_jsonable_python(default, inf_nan_mode="strings")
        return found

    @cached_property
    def defaults(self) -> dict[str, Any]:
        """The defaults that could be written as arguments: what the function gets when they are left out."""
        return {
            name: value
            for name, value in self._json_defaults.items()
            if not self.check({name: value}, [other for other in self.names if other != name])[1]
        }

    def filled(self, args: Mapping[str, Any]) -> dict[str, Any]:
        """With the defaults inside of arguments that are models, or have some: they are judged and shown, too.

        Only where the function gets the same by it; what does not fit stays as it is, and is refused as such.
        """
        inner = {name: value for name, value in args.items() if name in self.names and isinstance(value, dict | list)}
        if not inner or "$defs" not in self.json_schema:
            return dict(args)
        from hitl_fsm.runtime.tools.nested import filled  # noqa: PLC0415 - only for who takes models

        found = dict(args)
        for name, value in inner.items():
            with suppress(Exception):  # whatever a validator of the application's own types raises
                made = self._read(self._partial, {name: value})
                written = filled({name: value}, made)
                if self._read(self._partial, written) == made:
                    found |= written
        return found

    def _read(self, adapter: Any, args: Mapping[str, Any]) -> dict[str, Any]:
        # From JSON and strictly: "12" is no integer, 1 is a number, an enum is given by its value.
        values: dict[str, Any] = adapter.validate_json(msgspec.json.encode(args), strict=True, extra="forbid")
        return values

    def check(
        self, args: Mapping[str, Any], except_for: Collection[str] = ()
    ) -> tuple[dict[str, Any], tuple[str, ...]]:
        """Python values, or one line for each problem; what `except_for` names may be missing or wrong."""
        from pydantic import ValidationError  # noqa: PLC0415

        try:
            values = self._read(self._adapter, args)
        except ValidationError as error:
            found = [one for one in error.errors(include_url=False, include_input=False) if _concerns(one, except_for)]
            return {}, self._lines(found, args)
        except Exception as error:  # noqa: BLE001 - a validator of the application's own types may raise anything: refused
            return {}, (f"the arguments could not be checked: {type(error).__name__}",)
        return dict(values), ()

    def _lines(self, errors: Iterable[Mapping[str, Any]], args: Mapping[str, Any]) -> tuple[str, ...]:
        """One line a place; the members of a union that did not fit are joined."""
        places: dict[str, list[str]] = {}
        for error in errors:
            told = places.setdefault(_place(error["loc"], args), [])
            message = self._message(error)
            if message not in told:
                told.append(message)
        lines = [f"{place}: {'; or '.join(told)}" for place, told in places.items()]
        if len(lines) > PROBLEMS_MAX:
            lines[PROBLEMS_MAX:] = [f"and {len(lines) - PROBLEMS_MAX} more"]
        return tuple(lines)

    def _message(self, error: Mapping[str, Any]) -> str:
        kind, loc = error["type"], error["loc"]
        if kind in ("missing", "missing_argument"):
            return "is required"
        if kind in ("extra_forbidden", "unexpected_keyword_argument"):
            if len(loc) > 1:
                return "there is no such field"
            from difflib import get_close_matches  # noqa: PLC0415 - only when something is wrong

            near = get_close_matches(str(loc[0])[:_SHOWN], self.names, n=1)
            return "there is no such argument" + (f"; did you mean {near[0]}?" if near else "")
        return visible(str(error["msg"]).removeprefix("Input "))[:_MESSAGE_SHOWN]


def _concerns(error: Mapping[str, Any], except_for: Collection[str]) -> bool:
    return not (error["loc"] and error["loc"][0] in except_for)


def _place(loc: tuple[int | str, ...], args: object) -> str:
    """`items[0].price`. pydantic's path also names the members of unions; what is not in the arguments is left out."""
    path, value = "", args
    for index, part in enumerate(loc):
        if isinstance(value, dict) and (part in value or index == len(loc) - 1):
            path += f".{part}" if path else str(part)
            value = value.get(part)
        elif isinstance(value, list) and isinstance(part, int):
            path += f"[{part}]"
            value = value[part] if part < len(value) else None
    return visible(path[:_SHOWN]) or "arguments"


def _close(schema: dict[str, Any]) -> None:
    """Unknown keys are refused in inner objects too, whatever their model's settings: what was shown is all."""
    if schema.get("type") == "object" and "properties" in schema:
        schema["additionalProperties"] = False
    inner: list[Any] = [schema.get(key) for key in ("items", "additionalProperties")]
    for key in ("properties", "$defs"):
        inner += schema.get(key, {}).values()
    for key in ("anyOf", "oneOf", "allOf", "prefixItems"):
        inner += schema.get(key, ())
    for one in inner:
        if isinstance(one, dict):
            _close(one)


def _plain(function: Callable[..., Any]) -> Any:
    """The Python function behind a partial, a bound method or a callable object."""
    while isinstance(function, partial):
        function = function.func
    function = getattr(function, "__func__", function)
    return function if hasattr(function, "__globals__") or inspect.isbuiltin(function) else type(function).__call__


# By identity: two callables that compare equal may have different parameters.
_signatures: dict[tuple[int, str], tuple[ref[Callable[..., Any]], Signature]] = {}
