"""The JSON Schemas of a policy: written inline, in a JSON file that a `$ref` names, or told by a route."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Callable
from typing import Any, NoReturn

from hitl_fsm.errors import Diagnostic, HitlError
from hitl_fsm.policy.codes import Code
from hitl_fsm.policy.source import Path, Source
from hitl_fsm.policy.surroundings import NO_ROUTE_SCHEMAS, RouteSchemas

MAX_SCHEMA_BYTES = 256 * 1024

Read = Callable[[str], bytes]


class SchemaFiles:
    """Reads each schema file once. `used` has the bytes of those that policies named, by (policy file, reference).

    `used_routes` has the schemas of those routes that a gate named, out of `routes`.
    """

    def __init__(self, read: Read, routes: RouteSchemas = NO_ROUTE_SCHEMAS) -> None:
        self._read = read
        self._routes = routes
        self.used_routes: dict[str, dict[str, Any]] = {}
        self._parsed: dict[str, dict[str, Any]] = {}
        self._bytes: dict[str, bytes] = {}
        self.used: dict[tuple[str, str], bytes] = {}

    def resolve(
        self,
        source: Source,
        schema: dict[str, Any],
        path: Path,
        findings: list[Diagnostic],
        *,
        is_form: bool,
        what: str = "",
    ) -> dict[str, Any] | None:
        """The schema itself, checked; None when it cannot be used (then a finding says why, and for `what`)."""
        reference = schema.get("$ref")
        here = path
        if isinstance(reference, str) and not reference.startswith("#"):
            here = (*path, "$ref")
            node = source.node(here)
            if len(schema) > 1:
                others = ", ".join(f"`{key}`" for key in schema if key != "$ref")
                findings.append(
                    source.diagnostic(Code.SCHEMA, f"beside `$ref` to a file nothing else holds: {others}", node)
                )
                return None
            try:
                schema = self._load(source.file, reference)
            except ValueError as error:
                findings.append(source.diagnostic(Code.SCHEMA_FILE, str(error), node, "a path relative to this file"))
                return None
        from hitl_fsm.policy.form import check_form, check_schema  # noqa: PLC0415 - jsonschema costs 0.1 s

        problems = check_form(schema) if is_form else check_schema(schema)
        what = what or ("form" if is_form else "result schema")
        node = source.node(here)
        findings += [source.diagnostic(Code.SCHEMA, f"not usable as a {what}: {problem}", node) for problem in problems]
        return None if problems else schema

    def of_route(self, name: str) -> tuple[dict[str, Any], ...]:
        """What the route's own results must fit."""
        schema = self._routes.get(name)
        if schema is None:
            return ()
        self.used_routes[name] = schema
        return (schema,)

    def _load(self, file: str, reference: str) -> dict[str, Any]:
        """ValueError says in one line why the file cannot be used."""
        target = target_of(file, reference)
        if target not in self._parsed:
            data = self._fetch(target)
            self._parsed[target] = read_schema(data, target)
            self._bytes[target] = data
        self.used[file, reference] = self._bytes[target]
        return self._parsed[target]

    def _fetch(self, target: str) -> bytes:
        try:
            data = self._read(target)
        except OSError as error:
            msg = f"cannot read {target}: {error.strerror or error}"
            raise ValueError(msg) from error
        except HitlError as error:
            raise ValueError(error.message) from error
        if len(data) > MAX_SCHEMA_BYTES:
            msg = f"{target} has {len(data)} bytes; the limit is {MAX_SCHEMA_BYTES}"
            raise ValueError(msg)
        return data


def target_of(file: str, reference: str) -> str:
    """The path that a reference in `file` names, as the reader will be asked for it."""
    if (
        "://" in reference
        or reference.startswith(("/", "\\", "~"))
        or "\\" in reference
        or "#" in reference
        or "\x00" in reference
    ):
        msg = f"{reference!r} is not a relative path of a file"
        raise ValueError(msg)
    return posixpath.normpath(posixpath.join(posixpath.dirname(file), reference))


def read_schema(data: bytes, name: str) -> dict[str, Any]:
    """Strict JSON: an object, UTF-8, no doubled keys, no NaN. ValueError otherwise."""
    try:
        value = json.loads(data.decode("utf-8-sig"), object_pairs_hook=_object, parse_constant=_constant)
    except UnicodeDecodeError as error:
        msg = f"{name} is not UTF-8 text"
        raise ValueError(msg) from error
    except json.JSONDecodeError as error:
        msg = f"{name}:{error.lineno}:{error.colno} is not JSON: {error.msg}"
        raise ValueError(msg) from error
    except RecursionError as error:
        msg = f"{name} is nested too deep"
        raise ValueError(msg) from error
    except ValueError as error:
        msg = f"{name}: {error}"
        raise ValueError(msg) from error
    if not isinstance(value, dict):
        msg = f"{name} is not a JSON object"
        raise ValueError(msg)  # noqa: TRY004 - one kind of refusal
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        doubled = next(key for index, (key, _) in enumerate(pairs) if any(key == other for other, _ in pairs[:index]))
        msg = f"the key {doubled!r} stands twice"
        raise ValueError(msg)
    return found


def _constant(text: str) -> NoReturn:
    msg = f"{text} is not JSON"
    raise ValueError(msg)
