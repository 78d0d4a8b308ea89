"""The tools of somebody else's agent, and the flags that they have in the code. Read by their shape: no library of
theirs is imported, no tool is run, nothing of theirs is changed.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, NotRequired, get_type_hints

from hitl_fsm.errors import ToolError
from hitl_fsm.model.visible import visible
from hitl_fsm.policy.form_check import check_form
from hitl_fsm.policy.imported import ASKING, Flagged, form_of
from hitl_fsm.runtime.tools.results import error_text

IMPORTED_MAX = 500
"""Tools that are read from one object: as many as one policy may name."""
_DEPTH = 16  # members of members, toolkits in toolkits
_SIMPLE_FLAGS = ("requires_confirmation", "requires_user_input", "external_execution", "external_execution_silent")
_NAME_LISTS = {
    "requires_confirmation_tools": "requires_confirmation",
    "external_execution_required_tools": "external_execution",
}
_APPROVAL_MARK = "_agno_approval_type"  # what `@approval` leaves on a function without `@tool`
_TYPES = {"str": str, "int": int, "float": float, "bool": bool, "list": list, "dict": dict}
_HANDED_IN = frozenset({"self", "agent", "team", "run_context", "session_state", "dependencies"})
_Seen = dict[int, object]  # by id; kept, so that no id comes twice
_HELP = "name an agent, a list of tools, a toolkit or one tool"


class Found(NamedTuple):
    """`left_out` has a line for each thing that no rule can be written for."""

    tools: tuple[Flagged, ...]
    left_out: tuple[str, ...]


def flagged_tools(thing: object) -> Found:
    """Every tool of an agent, of a team and its members, of a toolkit, of a list; or the one that it is.

    ToolError where it is nothing of the kind, has no tools, or has more than `IMPORTED_MAX`.
    """
    tools: list[Flagged] = []
    left_out: list[str] = []
    for one in _walk(thing, 0, {}):
        if isinstance(one, Flagged):
            tools.append(one)
        else:
            left_out.append(one)
        if len(tools) + len(left_out) > IMPORTED_MAX:
            msg = f"there are more than {IMPORTED_MAX} tools"
            raise ToolError(msg, help="name a toolkit or a list of them at a time, a policy for each")
    if not tools and not left_out:
        msg = f"{type(thing).__name__} has no tools"
        raise ToolError(msg, help=_HELP)
    return Found(tuple(tools), tuple(left_out))


def _walk(thing: object, depth: int, seen: _Seen) -> Iterator[Flagged | str]:
    if id(thing) in seen or depth > _DEPTH:
        return
    seen[id(thing)] = thing
    if isinstance(thing, Mapping) and not _holds_tools(thing):
        kind = thing.get("type") or thing.get("name") or "a mapping"
        yield f"{kind}: it runs at the model's provider, where no policy of ours sees it"
    elif isinstance(thing, (list, tuple, set, frozenset, Mapping)):
        for one in thing.values() if isinstance(thing, Mapping) else thing:
            yield from _walk(one, depth + 1, seen)
    elif _is_tool(thing):
        yield _tool(thing)
    elif isinstance(functions := _read(thing, "functions"), Mapping):
        yield from _toolkit(thing, functions, depth, seen)
    elif _has_tools(thing):
        yield from _agent(thing, depth, seen)
    elif inspect.isroutine(thing):
        yield _tool(thing)
    else:
        msg = f"{type(thing).__name__} is neither a tool nor something that has tools"
        raise ToolError(msg, help=_HELP)


def _holds_tools(mapping: Mapping[Any, Any]) -> bool:
    return all(callable(one) or _is_tool(one) for one in mapping.values())


def _is_tool(thing: object) -> bool:
    if isinstance(thing, type) or not isinstance(_read(thing, "name"), str):
        return False
    return any(_has(thing, mark) for mark in ("entrypoint", "declaration", *_SIMPLE_FLAGS, "approval_type"))


def _has_tools(thing: object) -> bool:
    return not isinstance(thing, type) and any(_has(thing, name) for name in ("tools", "members"))


def _has(thing: object, name: str) -> bool:
    return bool(_guarded(f"`{name}` of {type(thing).__name__}", lambda: hasattr(thing, name)))


def _agent(thing: object, depth: int, seen: _Seen) -> Iterator[Flagged | str]:
    """Its own tools, then those of its members."""
    for attribute in ("tools", "members"):
        given = _read(thing, attribute)
        if callable(given):
            given = _asked(thing, given, attribute)
        if given is not None:
            yield from _walk(given, depth + 1, seen)


def _asked(thing: object, given: Any, attribute: str) -> Any:
    """A method `tools()` is asked; one that wants to know the run cannot be."""
    try:
        inspect.signature(given).bind()
    except (TypeError, ValueError):
        msg = f"`{attribute}` of {type(thing).__name__} are made for each run, so nobody knows them now"
        raise ToolError(msg, help="name a list with the tools that it can have") from None
    return _guarded(f"`{attribute}()` of {type(thing).__name__}", given)


def _toolkit(thing: object, functions: Mapping[Any, Any], depth: int, seen: _Seen) -> Iterator[Flagged | str]:
    """Its functions, with what the toolkit itself says of them by name."""
    name = str(_read(thing, "name") or type(thing).__name__)
    later = _read(thing, "async_functions")
    both = {**functions, **(later if isinstance(later, Mapping) else {})}
    if not both:
        yield f"{name}: it has no tools before it is connected; list them, then give each a rule"
    by_name = {flag: set(_read(thing, listed) or ()) for listed, flag in _NAME_LISTS.items()}
    for one in both.values():
        for found in _walk(one, depth + 1, seen):
            if isinstance(found, Flagged):
                more = {flag: True for flag, names in by_name.items() if found.name in names}
                yield found._replace(flags={**found.flags, **more})
            else:
                yield found


# -- one tool


def _tool(thing: object) -> Flagged:
    name = _read(thing, "name") or _read(thing, "__name__")
    if not isinstance(name, str) or not name.isprintable() or not name.strip() or "*" in name:
        msg = f"a tool's name is {visible(repr(name)[:80])}"
        raise ToolError(msg, help="a policy names tools by plain text")
    function = next((f for f in (_read(thing, "entrypoint"), _read(thing, "function"), thing) if callable(f)), None)
    flags = _flags(thing)
    form = None
    if flags.get("requires_user_input") and name not in ASKING:
        form = _form(thing, function, [str(field) for field in flags.get("user_input_fields", ())])
    text = _read(thing, "description") or _read(function, "__doc__") or ""
    return Flagged(name, " ".join(str(text).split()), flags, form)


def _flags(thing: object) -> dict[str, Any]:
    """Those that are set. An empty list of fields is what an unflagged tool has."""
    flags: dict[str, Any] = {name: True for name in _SIMPLE_FLAGS if _read(thing, name)}
    fields = _read(thing, "user_input_fields")
    if isinstance(fields, (list, tuple)) and fields:
        flags |= {"requires_user_input": True, "user_input_fields": list(fields)}
    approval = _read(thing, "approval_type") or _read(thing, _APPROVAL_MARK)
    if approval:
        flags["approval_type"] = str(getattr(approval, "value", approval))
    if flags.keys() == {"external_execution_silent"}:
        return {}
    return flags


def _form(thing: object, function: Any, wanted: list[str]) -> dict[str, Any] | None:
    """What a person fills in: the named parameters with their types, or all of them; None where there is none."""
    described = {str(_read(one, "name")): one for one in _read(thing, "user_input_schema") or ()}
    parameters = _parameters(function)
    names = wanted or [*described] or [name for name in parameters if name not in _HANDED_IN]
    types = _hints(function) | {name: _type(_read(one, "field_type")) for name, one in described.items()}
    required = [name for name in names if name not in parameters or parameters[name].default is inspect.Parameter.empty]
    if not names:
        return None
    form = form_of(_schema({name: types.get(name, str) for name in names}, set(required)))
    if check_form(form):
        form = form_of(_schema(dict.fromkeys(names, str), set(required)))
    for name, one in described.items():
        text = _read(one, "description")
        if name in form["properties"] and isinstance(text, str) and text.strip():
            form["properties"][name] = {**form["properties"][name], "description": " ".join(text.split())[:300]}
    return form


def _parameters(function: Any) -> Mapping[str, inspect.Parameter]:
    try:
        found = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return {}
    return {name: one for name, one in found.items() if one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)}


def _hints(function: Any) -> dict[str, Any]:
    try:
        return get_type_hints(inspect.unwrap(function)) if callable(function) else {}
    except (NameError, TypeError, AttributeError, SyntaxError):
        return {}


def _type(given: Any) -> Any:
    if given is None:
        return str
    return _TYPES.get(given, str) if isinstance(given, str) else given


def _schema(fields: Mapping[str, Any], required: set[str]) -> dict[str, Any]:
    """The JSON Schema of an object with these fields; a type that has none counts as text."""
    from pydantic import TypeAdapter  # noqa: PLC0415 - heavy
    from pydantic.errors import PydanticUserError  # noqa: PLC0415 - as above
    from pydantic_core import SchemaError  # noqa: PLC0415 - as above
    from typing_extensions import TypedDict  # noqa: PLC0415 - pydantic demands this one before 3.12

    def of(types: Mapping[str, Any]) -> dict[str, Any]:
        members = {name: one if name in required else NotRequired[one] for name, one in types.items()}
        made: dict[str, Any] = TypeAdapter(TypedDict("Form", members)).json_schema()  # type: ignore[operator]
        return made

    try:
        return of(fields)
    except (PydanticUserError, SchemaError, TypeError, NameError):
        return of(dict.fromkeys(fields, str))


# -- reading what others wrote


def _read(thing: object, name: str) -> Any:
    return _guarded(f"`{name}` of {type(thing).__name__}", lambda: getattr(thing, name, None))


def _guarded(what: str, look: Any) -> Any:
    try:
        return look()
    except Exception as error:
        msg = f"reading {what} raised {error_text(error)}"
        raise ToolError(msg, help=_HELP) from error
