"""What is no YAML is told in words for whoever wrote it, at the place where it can be put right."""

from __future__ import annotations

import pytest

from hitl_fsm.policy.source import parse


@pytest.mark.parametrize(
    ("text", "place", "says", "hint"),
    [
        ("a:\n\t- b", (2, 1), "a tab", "spaces"),
        ("a: @x", (1, 4), "begin with `@`", "quotes"),
        ("a: `x`", (1, 4), "begin with ```", "quotes"),
        ("a: %x", (1, 4), "begin with `%`", "quotes"),
        ("a: & b", (1, 5), "`&`", "quotes"),
        ("a: b: c", (1, 5), "a `:` cannot stand here", "put the whole text in quotes"),
        ("a: 1\n  b: 2", (2, 4), "a `:` cannot stand here", "indent the lines alike"),
        ('a: 1\nb: "x\nc: 1\nd: 2', (2, 4), "the text that begins here has no end", "same quote"),
        ("a: [1,\nb: 2\n", (3, 1), "the `[` of line 1 is not closed", "close it"),
        ("a: [1,", (1, 7), "a value is missing here", "is not closed"),
        ("a: {x: 1\nb: 2\n", (2, 2), "the `{` of line 1 is not closed", "close it"),
        ("a:\n  b: 1\n c: 2\n", (3, 2), "does not fit", "begin in the same column"),
        ("a:\n  - id: x\n   when: y\n", (3, 4), "does not fit", "begin in the same column"),
        ("  a: 1\nb: 2", (2, 1), "does not fit", "begin in the same column"),
        ("when: 'x' == args.y", (1, 11), "follows the end of a text in quotes", "all of it in quotes"),
        ("a: 'it's'", (1, 8), "follows the end of a text in quotes", "written `''`"),
        ('a: "\\d+"', (1, 5), "escape", "single quotes"),
        ("a: - b", (1, 4), "a list cannot begin here", "a line of its own"),
        ("a: | x\n  y", (1, 6), "nothing may follow", "next line"),
        ("when: !args.approved", (1, 7), "the tag !args.approved is refused", "stands in quotes"),
        ("when: !has(args.a)", (1, 7), "the tag !has(args.a) is refused", "stands in quotes"),
    ],
)
def test_what_is_no_yaml_is_told_in_plain_words(text: str, place: tuple[int, int], says: str, hint: str) -> None:
    first = parse(text.encode(), "f").findings[0]
    assert (first.place.line, first.place.column) == place
    assert says in first.message
    assert hint in (first.help or "")


def test_another_tag_has_no_hint_about_conditions() -> None:
    assert [found.help for found in parse(b"a: !!str 1\nb: !allow x", "f").findings] == [None, None]
