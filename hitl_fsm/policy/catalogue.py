"""`tools.json`: an application's tools and their arguments, written down so that policies can be checked without it.

It may come from anywhere: every size is bounded, and what is wrong with it is a finding at its place.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, NamedTuple

import msgspec

from hitl_fsm.errors import Diagnostic, Place
from hitl_fsm.policy.codes import Code
from hitl_fsm.policy.form_check import size_problem
from hitl_fsm.policy.surroundings import ToolShape

_VERSION = 1
MAX_TOOLS_BYTES = 16 * 1024 * 1024
MAX_TOOLS = 5_000
MAX_NAME_CHARS = 128
MAX_SCHEMA_NODES = 20_000
MAX_SCHEMA_DEPTH = 64
MAX_SCHEMA_CHARS = 256 * 1024

_MESSAGE_CHARS = 300
_AT = re.compile(r" - at `\$([^`]*)`$")
_BYTE = re.compile(r" \(byte (\d+)\)$")
_STEP = re.compile(r"\.([^.\[]+)|\[(\d+|\.\.\.)\]")
_SPACE = re.compile(r"[ \t\r\n]*")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_PLAIN = re.compile(r"[^\s,\]}:]+")


class ToolEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One tool. `parameters` is the JSON Schema (an object schema) of its arguments.

    A top-level property with a `default` is always there when policies judge: calls are completed before.
    """

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_NAME_CHARS)]
    parameters: dict[str, Any]
    description: str = ""
    version: str = ""
    idempotent: bool = False


class ToolCatalogue(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The tools of an application, in order of their names."""

    version: int
    tools: Annotated[list[ToolEntry], msgspec.Meta(max_length=MAX_TOOLS)]


class Known(NamedTuple):
    """`tools` is None when they cannot be known; `findings` say why. `file` is the one that they were read from."""

    tools: Mapping[str, ToolShape] | None
    findings: tuple[Diagnostic, ...] = ()
    file: str | None = None


def catalogue_of(tools: Iterable[ToolShape]) -> ToolCatalogue:
    """What is written into a file."""
    entries = [
        ToolEntry(tool.name, dict(tool.parameters), tool.description, tool.version, tool.idempotent) for tool in tools
    ]
    return ToolCatalogue(_VERSION, sorted(entries, key=lambda entry: entry.name))


def read_catalogue(data: bytes, file: str) -> Known:
    """A file's bytes; never raises on what they hold."""
    if len(data) > MAX_TOOLS_BYTES:
        return _refused(file, "", 0, f"the file has more than {MAX_TOOLS_BYTES} bytes", "export fewer tools at a time")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8", "replace")
        return _refused(file, before, len(before), "the file is not UTF-8 text")
    try:
        read = msgspec.json.decode(text, type=ToolCatalogue)
    except (msgspec.DecodeError, RecursionError) as error:
        return _undecodable(file, text, str(error))
    if read.version != _VERSION:
        place = _offset(text, ["version"])
        message = f"the file has version {read.version}; this release reads version {_VERSION}"
        return _refused(file, text, place, message, "export it again with this release")
    tools: dict[str, ToolShape] = {}
    for index, entry in enumerate(read.tools):
        problem = _problem(entry, tools)
        if problem is not None:
            return _refused(file, text, _offset(text, ["tools", str(index)]), problem)
        tools[entry.name] = ToolShape(
            entry.name, entry.parameters, entry.description, entry.version, idempotent=entry.idempotent
        )
    return Known(tools)


def _problem(entry: ToolEntry, known: Mapping[str, ToolShape]) -> str | None:
    if entry.name in known:
        return f"the tool `{entry.name}` stands twice"
    problem = size_problem(entry.parameters, MAX_SCHEMA_NODES, MAX_SCHEMA_DEPTH, MAX_SCHEMA_CHARS)
    if problem is not None:
        return f"the schema of `{entry.name}` is {problem}"
    if entry.parameters.get("type", "object") != "object":
        return f"the schema of `{entry.name}` is not one of type object"
    return None


def _undecodable(file: str, text: str, said: str) -> Known:
    """The decoder tells the byte of what is no JSON, and the path of what is not as it should be."""
    if "truncated" in said:
        return _refused(file, text, len(text.rstrip()), "this is not JSON: it ends too early")
    if found := _BYTE.search(said):
        offset = len(text.encode()[: int(found[1])].decode("utf-8", "ignore"))
        return _refused(file, text, offset, f"this is not JSON: {said[: found.start()]}")
    path: list[str] = []
    if found := _AT.search(said):
        path = [step[1] or step[2] for step in _STEP.finditer(found[1])]
        said = said[: found.start()]
    hint = 'it is {"version": 1, "tools": [{"name": …, "parameters": {…}}]}'
    return _refused(file, text, _offset(text, path), f"this is no list of tools: {said}", hint)


def _refused(file: str, text: str, offset: int, message: str, help_text: str | None = None) -> Known:
    before = text[:offset].replace("\r\n", "\n").replace("\r", "\n")  # each of the three line ends is one
    line = before.count("\n") + 1
    column = len(before) - (before.rfind("\n") + 1) + 1
    help_text = help_text or "export it again: `hitl-fsm --app app:engine schema --tools > tools.json`"
    shown = message[:_MESSAGE_CHARS]
    return Known(None, (Diagnostic(Code.TOOLS_FILE.value, shown, Place(file, line, column), help=help_text),))


def _offset(text: str, path: list[str]) -> int:
    """Where a value stands in a text that is JSON; where the nearest one around it stands, if it is not there."""
    position = _skip(text, 0)
    for step in path:
        found = _inside(text, position, step)
        if found is None:
            break
        position = found
    return position


def _inside(text: str, position: int, step: str) -> int | None:
    """Where the member or the element begins, within the object or list that begins at `position`."""
    opening = text[position : position + 1]
    if opening not in ("{", "["):
        return None
    position, index = _skip(text, position + 1), 0
    while text[position : position + 1] not in ("", "}", "]"):
        name = str(index)
        if opening == "{":
            key = _STRING.match(text, position)
            if key is None:
                return None
            name = msgspec.json.decode(key[0], type=str)
            position = _skip(text, _skip(text, key.end()) + 1)
        if name == step:
            return position
        position = _skip(text, _after(text, position))
        if text[position : position + 1] == ",":
            position = _skip(text, position + 1)
        index += 1
    return None


def _after(text: str, position: int) -> int:
    """The end of the value that begins at `position`."""
    depth = 0
    while position < len(text):
        here = text[position]
        found = _STRING.match(text, position) if here == '"' else None
        if here in "{[":
            depth += 1
        elif here in "}]":
            depth -= 1
        if found is None and here not in "{}[],: \t\r\n":
            found = _PLAIN.match(text, position)
        position = found.end() if found else position + 1
        if depth <= 0:
            break
    return position


def _skip(text: str, position: int) -> int:
    found = _SPACE.match(text, position)
    return found.end() if found else position
