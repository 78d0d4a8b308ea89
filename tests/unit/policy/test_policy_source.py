"""YAML as this language reads it: values, places, and what is refused."""

# ruff: noqa: E501 - tables of cases, one a line

from __future__ import annotations

import pytest

from hitl_fsm.policy import source as module
from hitl_fsm.policy.source import MAX_DEPTH, MAX_FILE_BYTES, MAX_MESSAGE_CHARS, MAX_NODES, Node, parse


def value_of(text: str) -> object:
    parsed = parse(text.encode(), "f")
    assert not parsed.findings
    assert parsed.root is not None
    return parsed.root.value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("true", True), ("false", False), ("null", None), ("", None), ("0", 0), ("-12", -12), ("1.5", 1.5), ("1e3", 1000.0),
        ("no", "no"), ("yes", "yes"), ("on", "on"), ("off", "off"), ("True", "True"), ("~", "~"), ("Null", "Null"),
        ("12:30", "12:30"), ("010", "010"), ("0x10", "0x10"), ("1_000", "1_000"), ("+1", "+1"), (".5", ".5"), (".inf", ".inf"),
        (".nan", ".nan"), ("2024-01-31", "2024-01-31"), ("'true'", "true"), ('"1"', "1"), ("=", "="), ("1.0.0", "1.0.0"),
    ],
)  # fmt: skip
def test_only_json_words_and_numbers_are_anything_but_text(text: str, expected: object) -> None:
    value = value_of(f"key: {text}")
    assert value == {"key": expected}
    assert type(value["key"]) is type(expected)  # type: ignore[index]


@pytest.mark.parametrize(
    ("text", "code", "line", "column", "says"),
    [
        ("a: 1\nb: 2\na: 3", "HF103", 3, 1, "`a` stands twice"),
        ("a: {x: 1, x: 2}", "HF103", 1, 11, "`x` stands twice"),
        ("a: &anchor 1", "HF104", 1, 4, "anchor &anchor"),
        ("a: &anchor [1]", "HF104", 1, 4, "anchor &anchor"),
        ("&k a: 1", "HF104", 1, 1, "anchor &k"),
        ("a: 1\nb: *a", "HF104", 2, 4, "alias *a"),
        ("<<: {a: 1}", "HF104", 1, 1, "merge key"),
        ("a: !!str 1", "HF104", 1, 4, "tag"),
        ("a: !!python/object/apply:os.system [id]", "HF104", 1, 4, "tag"),
        ("a: 1\n---\nb: 2", "HF104", 2, 1, "several documents"),
        ("%TAG ! tag:x,2000:\n---\na: 1", "HF104", 1, 1, "%TAG"),
        ("a: [1,", "HF102", 1, 7, "a value is missing here"),
        ("a:\n\t- b", "HF102", 2, 1, "a tab cannot stand here"),
        ("a: b: c", "HF102", 1, 5, "`:` cannot stand here"),
        ("a: 'x", "HF102", 1, 4, "has no end"),
        ("", "HF107", 1, 1, "empty"),
        ("# nothing", "HF107", 1, 10, "empty"),
        ("? [a]\n: 1", "HF108", 1, 3, "must be text"),
        ("a: 1e999", "HF108", 1, 4, "out of range"),
        ("a: " + "9" * 41, "HF108", 1, 4, "out of range"),
        ('a: "x\\0y"', "HF101", 1, 4, "NUL"),
        ('"a\\0": 1', "HF101", 1, 1, "NUL"),
        ('a: "x\\ud800y"', "HF102", 1, 8, "Unicode"),
        ("a: x\u202ey", "HF101", 1, 5, "U+202E"),
        ("a: x\u200by", "HF101", 1, 5, "U+200B"),
        ("a: x\x1b[2J", "HF101", 1, 5, "U+001B"),
        ("a: 1\nb: \x00", "HF101", 2, 4, "U+0000"),
        ("a: x\u2028b: 1", "HF101", 1, 5, "U+2028"),
        ("a: \U000e0041", "HF101", 1, 4, "U+E0041"),
    ],
)
def test_what_is_refused_is_refused_at_its_place(text: str, code: str, line: int, column: int, says: str) -> None:
    found = parse(text.encode(), "f").findings
    assert len(found) >= 1
    first = found[0]
    assert (first.code, first.place.line, first.place.column) == (code, line, column)
    assert says in first.message
    assert (first.place.file, first.severity) == ("f", "error")


def test_bytes_that_are_no_text_are_a_finding_with_a_place() -> None:
    for text in (b"a: 1\nb: \xff\xfe", b"a: 1\rb: \xff", "é: 1\r\né: \udcff".encode("utf-8", "surrogateescape")):
        (found,) = parse(text, "f").findings
        assert (found.code, found.place.line, found.place.column) == ("HF101", 2, 4)


@pytest.mark.parametrize(
    "text", ["a: [1,\n", "a: [1,", "a: 'x\n", "a: {b: 1", "- - -", "a:\n  - b\n c", "%", "a: |", "? ", "a: &", "{"]
)
def test_every_place_is_inside_the_file(text: str) -> None:
    parsed = parse(text.encode(), "f")
    for found in parsed.findings:
        assert 1 <= found.place.line <= len(parsed.lines)
        assert 1 <= found.place.column <= len(parsed.lines[found.place.line - 1]) + 1
        assert found.excerpt == parsed.lines[found.place.line - 1]


def test_limits_hold_and_are_named() -> None:
    (large,) = parse(b"#" * (MAX_FILE_BYTES + 1), "f").findings
    assert large.code == "HF105"
    assert str(MAX_FILE_BYTES) in large.message
    for deep in (b"[" * 200_000, b"{a: " * 60_000, b"- " * 100_000):
        (found,) = parse(deep, "f").findings
        assert found.code == "HF105"
        assert str(MAX_DEPTH) in found.message
    (many,) = parse(b"[" + b"1," * (MAX_NODES + 1) + b"]", "f").findings
    assert many.code == "HF105"
    assert not parse(b"#" * MAX_FILE_BYTES + b"", "f").findings[1:]


def test_what_a_finding_says_is_bounded() -> None:
    (found,) = parse(f"? {'k' * 9000}\n: 1\n? {'k' * 9000}\n: 2".encode(), "f").findings
    assert found.code == "HF103"
    assert len(found.message) == MAX_MESSAGE_CHARS


def test_exactly_the_allowed_depth_is_read() -> None:
    text = "[" * (MAX_DEPTH - 1) + "1" + "]" * (MAX_DEPTH - 1)
    assert not parse(text.encode(), "f").findings
    assert parse(f"[{text}]".encode(), "f").findings[0].code == "HF105"


def test_a_byte_order_mark_and_windows_line_ends_change_nothing() -> None:
    parsed = parse(b"\xef\xbb\xbfa:\r\n  - x\r\n  - y\r\n", "f")
    assert parsed.root is not None
    assert parsed.root.value == {"a": ["x", "y"]}
    node = parsed.node(("a", 1))
    assert (node.line, node.column) == (3, 5)


def test_every_path_has_a_place_for_its_key_and_its_value() -> None:
    parsed = parse(b"rules:\n  - id: a\n    gate:\n      - approval: {of: [x]}\n", "f")
    path = ("rules", 0, "gate", 0, "approval", "of")
    key, value = parsed.node(path, key=True), parsed.node(path)
    assert (key.line, key.column, key.value) == (4, 20, "of")
    assert (value.line, value.column, value.value) == (4, 24, ["x"])
    missing = parsed.node((*path, 7, "nowhere"))
    assert missing is value


SCALARS = """\
plain: args.a > 1
single: 'it''s args.a'
double: "a\\u0041\\n args.a"
folded: >-
  first
  args.a
literal: |
  first
    args.a
multi: first
  args.a
wide: "é args.a"
"""


@pytest.mark.parametrize(
    ("key", "line", "column"),
    [
        ("plain", 1, 8),
        ("single", 2, 16),
        ("double", 3, 20),
        ("folded", 6, 3),
        ("literal", 9, 5),
        ("multi", 11, 3),
        ("wide", 12, 10),
    ],
)
def test_an_offset_inside_a_scalar_is_found_in_the_file(key: str, line: int, column: int) -> None:
    parsed = parse(SCALARS.encode(), "f")
    node = parsed.node((key,))
    offset = node.value.index("args.a")
    assert parsed.locate(node, offset) == (line, column)
    assert parsed.lines[line - 1][column - 1 :].startswith("args.a")


def test_an_offset_that_cannot_be_told_is_the_start_of_the_scalar() -> None:
    parsed = parse(b"a: x", "f")
    assert parsed.locate(Node("something else", 1, 4), 3) == (1, 4)


def test_the_pure_python_parser_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    import yaml

    native = parse(SCALARS.encode(), "f")
    monkeypatch.setattr(module, "_LOADER", yaml.SafeLoader)
    pure = parse(SCALARS.encode(), "f")
    assert pure.root is not None
    assert native.root is not None
    assert pure.root.value == native.root.value
    assert parse(b"a: &x 1", "f").findings[0].code == "HF104"
    assert parse(b"a: [", "f").findings[0].code == "HF102"
    for text in (b'a: "x\\ud800y"', b'a: "\\ud83d\\ude00"', b'"a\\udfff": 1'):  # the C parser has its own word on these
        assert parse(text, "f").findings[0].code == "HF101"
