"""What a store keeps of a set of policies: one text, from which it can be loaded again, and the digest that names it.

Whether a text is that of a digest is told from the text alone, without what conditions and forms are checked with: a
record that was written under an older language is held to it as well as a new one, and a large set as quickly.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from hitl_fsm.policy.source import parse

_DOMAIN = b"hitl-fsm/policies/v1\0"
_VERSION = 1
_VERSION_ROUTES = 2
"""With what routes say of their results; a set that needs none of it keeps the text, and the digest, of version 1."""
_VERSION_CALENDARS = 3
"""With calendars that gates name, and maybe routes."""


class Stored(NamedTuple):
    """The parts of a set: policy files by name, the schema files that they refer to, by (policy file, reference).

    `routes` are the schemas of those routes that a gate names, `calendars` those that a gate names, as plain values.
    """

    files: Mapping[str, bytes]
    schemas: Mapping[tuple[str, str], bytes]
    routes: Mapping[str, Any]
    calendars: Mapping[str, Any]


def text_of(parts: Stored) -> str:
    """Everything that is needed to load the set again."""
    stored: dict[str, Any] = {
        "version": _VERSION,
        "files": {name: parts.files[name].decode() for name in sorted(parts.files)},
        "schemas": [[file, reference, data.decode()] for (file, reference), data in sorted(parts.schemas.items())],
    }
    if parts.routes:
        stored |= {"version": _VERSION_ROUTES, "routes": parts.routes}
    if parts.calendars:
        stored |= {"version": _VERSION_CALENDARS, "calendars": parts.calendars}
    return _json(stored)


def digest_of(parts: Stored, names: Mapping[str, str]) -> str:
    """Names this set wherever its files lie: the policies' own names count (`names`, by file), not the paths."""
    entries = [
        *((f"policy {names[file]}", data) for file, data in parts.files.items()),
        *((f"schema {names[file]} {reference}", data) for (file, reference), data in parts.schemas.items()),
        *((f"route {name}", _json(schema).encode()) for name, schema in parts.routes.items()),
        *((f"calendar {name}", _json(calendar).encode()) for name, calendar in parts.calendars.items()),
    ]
    digest = hashlib.sha256(_DOMAIN)
    for name, data in sorted(entries):
        for part in (name.encode(), data):
            digest.update(len(part).to_bytes(8, "big"))
            digest.update(part)
    return digest.hexdigest()


def parts_of(text: str) -> Stored:
    """What `text_of` wrote; ValueError for anything else."""
    try:
        stored: dict[str, Any] = json.loads(text)
        files = {name: data.encode() for name, data in stored["files"].items()}
        schemas = {(file, reference): data.encode() for file, reference, data in stored["schemas"]}
        parts = Stored(files, schemas, _named(stored, "routes"), _named(stored, "calendars"))
        known = stored["version"] == _version_of(stored)
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(str(error)) from error
    if not known:
        msg = "a version that is not known"
        raise ValueError(msg)
    return parts


def files_of(digest: str, text: str) -> tuple[str, ...] | None:
    """The files of the set with this digest; None unless the text is its own, letter by letter."""
    try:
        parts = parts_of(text)
        names = {file: _name_in(data, file) for file, data in parts.files.items()}
        is_its_own = digest_of(parts, names) == digest and text_of(parts) == text
    except (ValueError, KeyError):
        return None
    return tuple(sorted(parts.files)) if is_its_own else None


def _name_in(data: bytes, file: str) -> str:
    """What a policy calls itself; ValueError where it does not."""
    root = parse(data, file).root
    name = root.value.get("name") if root is not None and isinstance(root.value, dict) else None
    if not isinstance(name, str):
        msg = f"{file} has no name"
        raise ValueError(msg)  # noqa: TRY004 - one kind of refusal
    return name


def _named(stored: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Where there are none, nothing is written, not even the key."""
    found = stored.get(key, {})
    if not isinstance(found, dict) or (not found and key in stored):
        msg = f"`{key}` holds nothing by name"
        raise ValueError(msg)
    return found


def _version_of(stored: Mapping[str, Any]) -> int:
    if "calendars" in stored:
        return _VERSION_CALENDARS
    return _VERSION_ROUTES if "routes" in stored else _VERSION


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), sort_keys=True)
