"""YAML text -> plain values with positions, from PyYAML's event stream.

Stricter than YAML, so that a policy means what it looks like: only `true` and `false` are booleans, only JSON numbers
are numbers, only `null` (or nothing) is null; all else is text. Duplicate keys, anchors, aliases, merge keys, tags and
several documents are refused, and so are characters that cannot be seen.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

import yaml

from hitl_fsm.errors import Diagnostic, Place
from hitl_fsm.policy.codes import Code
from hitl_fsm.policy.yaml_words import tag_hint, told

MAX_FILE_BYTES = 256 * 1024
MAX_DEPTH = 32
MAX_NODES = 20_000
MAX_NUMBER_CHARS = 40
MAX_MESSAGE_CHARS = 1_000

Path = Sequence[str | int]

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C parser is ten times faster, where it was built
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
# Control characters, line breaks that only YAML sees, bidi and zero-width controls, tag characters.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\U000e0000-\U000e007f]"
)
_HALF = re.compile("[\ud800-\udfff]")
_ESCAPE_DIGITS = {"x": 2, "u": 4, "U": 8}


_NOTHING: Mapping[Any, Any] = MappingProxyType({})


class Node(NamedTuple):
    """A value and where it stands (1-based line and column, in characters).

    `style` is the scalar's quote or block sign, empty for a plain one; `keys` and `children` are empty for scalars.
    """

    value: Any
    line: int
    column: int
    width: int = 1
    style: str = ""
    keys: Mapping[str, Node] = _NOTHING
    children: Mapping[str | int, Node] = _NOTHING


_NOWHERE = Node(None, 1, 1)


@dataclass(frozen=True, slots=True)
class Source:
    """One parsed file. `root` is None when nothing could be built; `findings` are the reasons."""

    file: str
    lines: tuple[str, ...]
    root: Node | None
    findings: tuple[Diagnostic, ...]

    def node(self, path: Path, *, key: bool = False) -> Node:
        """The deepest existing node on `path`; with `key`, that of the last key instead of its value.

        Elements that the file does not have are skipped: a missing key is reported where it should have been.
        """
        node, name = self.root or _NOWHERE, None
        for element in path:
            if element in node.children:
                name = node.keys.get(element) if isinstance(element, str) else None
                node = node.children[element]
        return name if key and name is not None else node

    def diagnostic(self, code: str, message: str, node: Node, help: str | None = None) -> Diagnostic:  # noqa: A002
        """A finding at a node."""
        return self.at(code, message, node.line, node.column, width=node.width, help=help)

    def at(
        self,
        code: str,
        message: str,
        line: int,
        column: int,
        *,
        width: int = 1,
        help: str | None = None,  # noqa: A002
    ) -> Diagnostic:
        """A finding at a place."""
        return _diagnostic(self.file, self.lines, code, message, (line, column, width), help)

    def locate(self, node: Node, offset: int) -> tuple[int, int]:
        """Line and column of character `offset` of a scalar's text; the scalar's start where it cannot be told."""
        line, column = node.line, node.column
        if node.style in "|>" and node.style:
            line, column = line + 1, 1
        elif node.style:
            column += 1
        text = "\n".join(self.lines[line - 1 :])
        position = column - 1
        for index, wanted in enumerate(str(node.value)):
            found = _aligned(text, position, wanted, node.style)
            if found is None:
                return node.line, node.column
            position, width = found
            if index == offset:
                break
            position += width
        position = min(position, len(text))
        before = text[:position]
        return line + before.count("\n"), position - (before.rfind("\n") + 1) + 1


def _aligned(text: str, position: int, wanted: str, style: str) -> tuple[int, int] | None:
    """Where `wanted`, the next character of a scalar, stands in the source from `position` on, and its width there."""
    if style == '"' and text.startswith("\\", position):
        digits = _ESCAPE_DIGITS.get(text[position + 1 : position + 2], 0)
        return position, 2 + digits
    while position < len(text):
        here = text[position]
        if here == wanted:
            return position, 2 if style == "'" and here == "'" else 1
        if here == "\n" and wanted == " ":  # a folded line break
            return position, 1
        if not here.isspace():
            return None
        position += 1
    return None


def _diagnostic(
    file: str,
    lines: Sequence[str],
    code: str,
    message: str,
    span: tuple[int, int, int],
    help: str | None,  # noqa: A002
) -> Diagnostic:
    line, column, width = span
    if line > len(lines) > 0:  # the parser tells the end of a file as a line that the file does not have
        line, column = len(lines), len(lines[-1]) + 1
    excerpt = lines[line - 1] if 0 < line <= len(lines) else None
    if excerpt is not None:
        width = max(1, min(width, len(excerpt) - column + 1))
    shown, hint = _cut(message), _cut(help) if help else help
    return Diagnostic(str(code), shown, Place(file, line, column), help=hint, excerpt=excerpt, width=width)


def _cut(text: str) -> str:
    """A key or a name in a message may be as long as the file."""
    return text if len(text) <= MAX_MESSAGE_CHARS else f"{text[: MAX_MESSAGE_CHARS - 1]}…"


class _RefusedError(Exception):
    """Parsing cannot go on; the finding is already noted."""


class _Builder:
    """Builds the tree of one file and notes what is refused on the way."""

    def __init__(self, file: str, lines: Sequence[str], events: Iterator[Any]) -> None:
        self.file = file
        self.lines = lines
        self.events = events
        self.findings: list[Diagnostic] = []
        self.nodes = 0

    def refuse(self, code: Code, message: str, event: Any, help: str | None = None) -> None:  # noqa: A002
        mark, end = event.start_mark, event.end_mark
        width = end.column - mark.column if end.line == mark.line else 1
        self.findings.append(
            _diagnostic(self.file, self.lines, code, message, (mark.line + 1, mark.column + 1, width), help)
        )

    def document(self) -> Node | None:
        next(self.events)  # the stream's start
        event = next(self.events)
        if isinstance(event, yaml.StreamEndEvent):
            self.refuse(Code.MISSING_KEY, "the file is empty", event, "start with `apiVersion: hitl-fsm/v1`")
            return None
        if event.tags:
            self.refuse(Code.YAML_FEATURE, "a %TAG directive is refused", event)
        root = self.build(next(self.events), 1)
        next(self.events)  # the document's end
        event = next(self.events)
        if not isinstance(event, yaml.StreamEndEvent):
            self.refuse(Code.YAML_FEATURE, "several documents in one file", event, "one policy a file")
        return root

    def build(self, event: Any, depth: int) -> Node:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            self.refuse(Code.TOO_LARGE, f"more than {MAX_NODES} values in one file", event)
            raise _RefusedError
        if depth > MAX_DEPTH:
            self.refuse(Code.TOO_LARGE, f"nested deeper than {MAX_DEPTH} levels", event)
            raise _RefusedError
        if isinstance(event, yaml.AliasEvent):
            self.refuse(Code.YAML_FEATURE, f"the alias *{event.anchor} is refused", event, "write the value out")
            return self.node(event, None)
        if event.anchor is not None:
            self.refuse(Code.YAML_FEATURE, f"the anchor &{event.anchor} is refused", event, "write each value out")
        if event.tag is not None:
            self.refuse(Code.YAML_FEATURE, f"the tag {event.tag} is refused", event, tag_hint(event.tag))
        if isinstance(event, yaml.ScalarEvent):
            return self.node(event, self.scalar(event))
        return self.sequence(event, depth) if isinstance(event, yaml.SequenceStartEvent) else self.mapping(event, depth)

    def node(
        self,
        event: Any,
        value: Any,
        keys: Mapping[str, Node] = _NOTHING,
        children: Mapping[str | int, Node] = _NOTHING,
    ) -> Node:
        start, end = event.start_mark, event.end_mark
        line, column = start.line, start.column
        width = (end.column if end.line == line else len(self.lines[line])) - column
        style = getattr(event, "style", None) or ""
        return Node(value, line + 1, column + 1, max(1, width), style, keys, children)

    def sequence(self, start: Any, depth: int) -> Node:
        children: dict[str | int, Node] = {}
        for event in self.events:
            if isinstance(event, yaml.SequenceEndEvent):
                break
            children[len(children)] = self.build(event, depth + 1)
        return self.node(start, [child.value for child in children.values()], children=children)

    def mapping(self, start: Any, depth: int) -> Node:
        keys: dict[str, Node] = {}
        children: dict[str | int, Node] = {}
        for event in self.events:
            if isinstance(event, yaml.MappingEndEvent):
                break
            name = self.key(event, depth)
            child = self.build(next(self.events), depth + 1)
            if name is None:
                continue
            if name in keys:
                first = keys[name]
                self.refuse(
                    Code.DUPLICATE_KEY,
                    f"the key `{name}` stands twice",
                    event,
                    f"the first one is on line {first.line}",
                )
                continue
            keys[name] = self.node(event, name)
            children[name] = child
        return self.node(start, {key: child.value for key, child in children.items()}, keys=keys, children=children)

    def key(self, event: Any, depth: int) -> str | None:
        if not isinstance(event, yaml.ScalarEvent) or event.anchor is not None or event.tag is not None:
            self.build(event, depth + 1)
            if not isinstance(event, yaml.ScalarEvent):
                self.refuse(Code.WRONG_VALUE, "a key must be text", event)
            return None
        if event.value == "<<" and not event.style:
            self.refuse(Code.YAML_FEATURE, "the merge key << is refused", event, "write the values out")
            return None
        if (problem := _unusable(event.value)) is not None:
            self.refuse(Code.UNREADABLE, f"a key holds {problem}", event, _ESCAPES)
            return None
        return str(event.value)

    def scalar(self, event: Any) -> Any:
        text: str = event.value
        if (problem := _unusable(text)) is not None:
            self.refuse(Code.UNREADABLE, f"the text holds {problem}", event, _ESCAPES)
            return None
        if event.style:
            return text
        if text in _WORDS:
            return _WORDS[text]
        if not _NUMBER.fullmatch(text):
            return text
        number = _number(text)
        if number is None:
            self.refuse(Code.WRONG_VALUE, "the number is out of range", event, "quote it, if it is text")
        return number


_ESCAPES = 'a character has one escape, such as "\\U0001F600"'


def _unusable(text: str) -> str | None:
    """What an escape may write that no text can hold."""
    if "\x00" in text:
        return "a NUL character"
    return None if text.isascii() or not _HALF.search(text) else "half of a surrogate pair"


_WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None, "": None}


def _number(text: str) -> int | float | None:
    if len(text) > MAX_NUMBER_CHARS:
        return None
    if text.lstrip("-").isdigit():
        return int(text)
    number = float(text)
    return number if math.isfinite(number) else None


def parse(data: bytes, file: str) -> Source:
    """Read one file's bytes; never raises on what they hold."""
    if len(data) > MAX_FILE_BYTES:
        text = f"the file is too large; the limit is {MAX_FILE_BYTES} bytes"
        return Source(file, (), None, (Diagnostic(Code.TOO_LARGE.value, text, Place(file, 1, 1)),))
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = _lines(data[: error.start].decode("utf-8-sig"))
        place = Place(file, len(before), len(before[-1]) + 1)
        finding = Diagnostic(Code.UNREADABLE.value, "the file is not UTF-8 text", place)
        return Source(file, (), None, (finding,))
    lines = _lines(text)
    text = "\n".join(lines)
    hidden = tuple(_hidden(file, lines))
    if hidden:
        return Source(file, lines, None, hidden)
    builder = _Builder(file, lines, yaml.parse(text, Loader=_LOADER))
    root: Node | None = None
    try:
        root = builder.document()
    except _RefusedError:
        pass
    except yaml.MarkedYAMLError as error:
        said = told(error, lines)
        builder.findings.append(
            _diagnostic(file, lines, Code.SYNTAX, said.message, (said.line, said.column, 1), said.help)
        )
    except yaml.YAMLError as error:
        builder.findings.append(_diagnostic(file, lines, Code.SYNTAX, str(error), (1, 1, 1), None))
    return Source(file, lines, root, tuple(builder.findings))


def _lines(text: str) -> tuple[str, ...]:
    """As YAML and editors count them: each of the three line ends is one."""
    return tuple(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"))


def _hidden(file: str, lines: Sequence[str]) -> Iterator[Diagnostic]:
    """Characters that would let a file look different from what it says; the first of each line."""
    for number, line in enumerate(lines, 1):
        if found := _INVISIBLE.search(line):
            message = f"the file holds the invisible character U+{ord(found[0]):04X}"
            yield _diagnostic(
                file,
                lines,
                Code.UNREADABLE,
                message,
                (number, found.start() + 1, 1),
                "write it as an escape, in double quotes",
            )
