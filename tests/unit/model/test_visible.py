"""The sanitiser: nothing dangerous comes out, nothing plain changes, no two texts become one."""

from __future__ import annotations

import re
import sys
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hitl_fsm.model.visible import JOINERS_MAX, MARKS_MAX, MASK, hidden_characters, visible, visible_block

ANY = st.text(st.characters(exclude_categories=()))  # lone surrogates too
HOSTILE = st.text(
    st.sampled_from(
        "a é漢⟦⟧〚U+202E\x00\x07\t\n\r\x1b\x7f\x9b\xa0\xad\u0301\u0336\u200b\u200d\u202e\u2066\u2028\ufe0f\ud800"
    )
)
DANGEROUS = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
DEFAULT_IGNORABLE = (
    *(0x034F, 0x061C, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFEFF, 0xFFA0),
    *(*range(0x180B, 0x1810), *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070)),
    *(*range(0xFE00, 0xFE10), *range(0xFFF0, 0xFFF9), *range(0xE0000, 0xE1000), *range(0x1D173, 0x1D17B)),
)


def read_back(shown: str) -> str:
    """What a reader of the brackets reconstructs; that it is the input proves that `visible` is injective."""
    return re.sub("⟦U\\+([0-9A-F]{4,6})⟧", lambda match: chr(int(match[1], 16)), shown)


@given(ANY | HOSTILE)
@example("\x1b[2J\x1b[31mapproved")
@example("⟦U+202E⟧")
@example("\u202e")
@example("a" + "\u0301" * 50)
def test_output_holds_nothing_dangerous_and_reads_back(text: str) -> None:
    shown, block = visible(text), visible_block(text)
    assert not [c for c in shown if unicodedata.category(c) in DANGEROUS]
    assert not [c for c in block if unicodedata.category(c) in DANGEROUS and c not in "\n\t"]
    assert not re.search(f"[\u0300-\u036f]{{{MARKS_MAX + 1},}}", shown)
    assert read_back(shown) == text
    assert read_back(block) == text
    assert len(shown.splitlines()) <= 1
    shown.encode("utf-8")


@given(ANY | HOSTILE, ANY | HOSTILE)
def test_two_texts_never_become_one(one: str, other: str) -> None:
    assert (visible(one) == visible(other)) == (one == other)
    assert (visible_block(one) == visible_block(other)) == (one == other)


@pytest.mark.parametrize(
    "text",
    ["", "Refund order 42: 1,000.00 EUR [paid] {x}", "Zoë Ångström, señor", "東京　タワー", "Привет", "שלום", "नमस्ते",
     "ผู้ใหญ่", "Tiếng Việt", "Tie\u0302\u0301ng", "👩 🎉 ✓ € ½", "한국어"],
)  # fmt: skip
def test_plain_text_is_unchanged(text: str) -> None:
    assert visible(text) == text
    assert visible_block(text) == text


@given(st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E)))
def test_printable_ascii_is_unchanged(text: str) -> None:
    assert visible(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2K\rok", "⟦U+001B⟧[2K⟦U+000D⟧ok"),
        ("a\u202eb", "a⟦U+202E⟧b"),
        ("a\nb\tc", "a⟦U+000A⟧b⟦U+0009⟧c"),
        ("⟦U+202E⟧", "⟦U+27E6⟧U+202E⟦U+27E7⟧"),
        ("pay\u200b100", "pay⟦U+200B⟧100"),
        ("1\xa0000\u202f€", "1⟦U+00A0⟧000⟦U+202F⟧€"),
        ("\U000e0041", "⟦U+E0041⟧"),
        ("\ud83d", "⟦U+D83D⟧"),
        ("\ue000\uffff\U0010ffff", "⟦U+E000⟧⟦U+FFFF⟧⟦U+10FFFF⟧"),
        ("👩\u200d💻", "👩⟦U+200D⟧💻"),
        ("❤\ufe0f", "❤⟦U+FE0F⟧"),
        ("\u0301a", "⟦U+0301⟧a"),
        ("\u2028\u2029\x85", "⟦U+2028⟧⟦U+2029⟧⟦U+0085⟧"),
    ],
)
def test_dangerous_characters_are_spelled_out(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_a_block_keeps_newline_and_tab_only() -> None:
    assert visible_block("a\n\tb\r\x0b\x0c\x1b") == "a\n\tb⟦U+000D⟧⟦U+000B⟧⟦U+000C⟧⟦U+001B⟧"
    assert visible_block("\n\u0301") == "\n⟦U+0301⟧", "a mark may not settle on the line's start"


def test_a_flood_of_marks_is_cut_off_and_a_letter_starts_anew() -> None:
    marks = "\u0301" * (MARKS_MAX + 2)
    assert visible(f"a{marks}b\u0301") == "a" + "\u0301" * MARKS_MAX + "⟦U+0301⟧" * 2 + "b\u0301"


def test_every_code_point_of_unicode() -> None:
    ignorable = set(DEFAULT_IGNORABLE)
    for code in range(sys.maxunicode + 1):
        char = chr(code)
        spelled = visible("a" + char)[1:] != char
        category = unicodedata.category(char)
        if category in DANGEROUS or code in ignorable:
            assert spelled, f"U+{code:04X}"
        elif category[0] in "LNP" and char not in "⟦⟧〚〛":
            assert not spelled, f"U+{code:04X}"


def test_the_mask_of_a_hidden_value_stays_and_nothing_else_in_brackets_does() -> None:
    assert visible(f'"pin": "{MASK}"') == f'"pin": "{MASK}"'
    assert visible("⟦masked ⟧⟦⟦masked⟧⟧") == "⟦U+27E6⟧masked ⟦U+27E7⟧⟦U+27E6⟧⟦masked⟧⟦U+27E7⟧"
    assert visible(f"{MASK}\u0301") == f"{MASK}⟦U+0301⟧", "a mark may not settle on it"


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("plain\n\t\r 1\xa0000\u202f€ 東京\u3000⟦", ""),
        ("a\u202eb\u200b\x1b", "\u202e\u200b\x1b"),
        ("\U000e0041 \u2800 \ud800", "\U000e0041\u2800\ud800"),
        ("❤\ufe0f 1\ufe0f 👩\u200d💻 👩\U0001f3fd\u200d💻 ❤\ufe0f\u200d🔥", ""),
        ("a\ufe0f", "\ufe0f"),
        ("\ufe0f", "\ufe0f"),
        ("👩\u200da", "\u200d"),
        ("👩\u200d", "\u200d"),
        ("مینویس\u200cم क्\u200dष", ""),
        ("ok می\u200cس b\u200cb", "\u200c"),
        ("❤\ufe0f" * (JOINERS_MAX + 1), "\ufe0f"),
    ],
)
def test_what_hides_is_told_from_what_a_script_needs(text: str, hidden: str) -> None:
    assert hidden_characters(text) == frozenset(hidden)


@given(ANY | HOSTILE)
def test_what_is_told_to_hide_is_spelled_out(text: str) -> None:
    assert all(visible("a" + char) == f"a⟦U+{ord(char):04X}⟧" for char in hidden_characters(text))
