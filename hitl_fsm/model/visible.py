"""The one sanitiser that every rendered value passes: what cannot be seen, or moves what is seen, is spelled out.

A character that hides, reorders or repaints is shown as its code point in double brackets, `⟦U+202E⟧`: controls and
escape codes, format characters (bidi controls, zero-width, tags), variation selectors and other invisible ones, line
and paragraph separators, blanks that pass for a space, lone surrogates, private use, unassigned, and more combining
marks on one letter than any script needs. The brackets themselves are spelled out too, so that no text can imitate
the spelling, and two different texts never look the same to a program. Only the mask of a hidden value stays as it is,
wherever it stands: which values are hidden is told beside them.

Beyond its reach: look-alike letters of other scripts, and right-to-left letters, which a terminal reorders by itself.
Markup of the surface (Rich, HTML) is the surface's to escape, after this.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

JOINERS_MAX = 2_000  # of one kind in one text; a page of Persian has some hundred
MASK = "⟦masked⟧"
"""Stands for a value that nobody is shown, whatever its type, length or content."""
MARKS_MAX = 4  # combining marks in a row that stay: Vietnamese needs 2, Hebrew and Tibetan up to 4

_PLAIN, _MARK, _SHOWN = range(3)
_KINDS_CACHED = 4096  # more distinct characters than one screen holds; bounds the memory that hostile text can take

_IDEOGRAPHIC_SPACE = "\u3000"  # as wide as a letter, ordinary in CJK text
# Invisible or blank, although Unicode counts them as letters, marks or symbols.
_INVISIBLE = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0\U00016fe4\U0001d159"
    + "".join(map(chr, range(0xFE00, 0xFE10)))  # variation selectors
    + "".join(map(chr, range(0xE0100, 0xE01F0)))  # variation selectors supplement
)
_ZWJ = "\u200d"
_PRESENTATION = frozenset("\ufe0e\ufe0f")  # a symbol as text, or as an emoji
_JOINERS = _PRESENTATION | {"\u200c", _ZWJ}
_KEYCAPS = frozenset("0123456789#*")
_VIRAMA = 9  # the combining class of what joins Indic letters
_BREAKS = {ord(char): None for char in "\n\t\r"}
_BRACKETS = frozenset("⟦⟧〚〛")  # ours, and the two that look the same
_ORDINARY = frozenset("\n\t\r\u00a0\u202f\u3000")  # the spaces that typesetters use


def visible(text: str) -> str:
    """For a field of one line: the text with every dangerous character spelled out, newlines and tabs too.

    Total and injective; plain text comes back unchanged. A character may grow to ten, so cut long text first.
    """
    return text if text.isascii() and text.isprintable() else _spell(text, "")


def visible_block(text: str) -> str:
    r"""For a block of lines: as `visible`, but `\n` and `\t` stay what they are (`\r` does not)."""
    return text if text.isascii() and text.isprintable() else _spell(text, "\n\t")


def hidden_characters(text: str) -> frozenset[str]:
    r"""Those that are spelled out and have no use here: those of an emoji, and joiners where a script needs them, do.

    `\n`, `\t`, `\r` and the brackets are none. Of more than JOINERS_MAX joiners, none has a use.
    """
    if text.isascii() and text.translate(_BREAKS).isprintable():
        return frozenset()
    suspects = {char for char in set(text) if char in _INVISIBLE or not char.isprintable()} - _ORDINARY
    joiners = suspects & _JOINERS
    return frozenset((suspects - joiners) | {char for char in joiners if not _all_in_use(char, text)})


def _all_in_use(joiner: str, text: str) -> bool:
    """Whether each one stands where a writer needs it: in an emoji, between Arabic letters, after an Indic virama."""
    return text.count(joiner) <= JOINERS_MAX and all(
        _in_use(joiner, text[at - 1 : at], text[at + 1 : at + 2]) for at, char in enumerate(text) if char == joiner
    )


def _in_use(joiner: str, before: str, after: str) -> bool:
    if not before:
        return False
    symbol = unicodedata.category(before) in {"So", "Sk", "Sm"} or before in _KEYCAPS
    if joiner in _PRESENTATION:
        return symbol
    if joiner == _ZWJ and after and unicodedata.category(after) in {"So", "Sm"}:
        return symbol or before in _PRESENTATION
    return unicodedata.bidirectional(before) == "AL" or unicodedata.combining(before) == _VIRAMA


def _spell(text: str, kept: str) -> str:
    if MASK in text:
        return MASK.join(_spell(part, kept) for part in text.split(MASK))
    shown: list[str] = []
    room = 0  # marks that may still follow; none at a start, where they would settle on the surrounding page
    for char in text:
        kind = _kind(char)
        if kind == _PLAIN:
            room = MARKS_MAX
        elif kind == _MARK and room:
            room -= 1
        else:
            room = 0
            if char not in kept:
                shown.append(f"⟦U+{ord(char):04X}⟧")
                continue
        shown.append(char)
    return "".join(shown)


@lru_cache(maxsize=_KINDS_CACHED)
def _kind(char: str) -> int:
    if char in _INVISIBLE or char in _BRACKETS or not (char.isprintable() or char == _IDEOGRAPHIC_SPACE):
        return _SHOWN  # isprintable is False for exactly the categories C* and Z*, but for the space
    return _MARK if unicodedata.category(char)[0] == "M" else _PLAIN
