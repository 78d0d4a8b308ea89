"""Digits, blanks and dashes of every script as ASCII has them, one character for one: a number is found in any writing.

What was found in a folded text stands at the same places of the text itself, which is what is cut.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import re2  # type: ignore[import-untyped]

__all__ = ["folded"]

# Where each script's digits begin; the other nine follow (Unicode, category Nd).
_ZEROS = (
    *(0x660, 0x6F0, 0x7C0, 0x966, 0x9E6, 0xA66, 0xAE6, 0xB66, 0xBE6, 0xC66, 0xCE6, 0xD66, 0xDE6, 0xE50, 0xED0, 0xF20),
    *(0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1A90, 0x1B50, 0x1BB0, 0x1C40, 0x1C50, 0xA620, 0xA8D0),
    *(0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0, 0x104A0, 0x10D30, 0x11066, 0x110F0, 0x11136, 0x111D0, 0x112F0, 0x11450),
    *(0x114D0, 0x11650, 0x116C0, 0x11730, 0x118E0, 0x11950, 0x11C50, 0x11D50, 0x11DA0, 0x16A60, 0x16AC0, 0x16B50),
    *(0x1D7CE, 0x1D7D8, 0x1D7E2, 0x1D7EC, 0x1D7F6, 0x1E140, 0x1E2F0, 0x1E950, 0x1FBF0),
)
_FULL_WIDTH = range(0xFF01, 0xFF5F)
_FULL_WIDTH_AT = 0xFEE0
# Also those without a width, which nobody sees between two digits.
_BLANKS = (0xA0, 0xAD, 0x1680, *range(0x2000, 0x200E), 0x202F, 0x205F, 0x2060, 0x3000, 0xFEFF)
_DASHES = (*range(0x2010, 0x2016), 0x2212, 0xFE58, 0xFE63)
_TABLE = {
    **{zero + digit: str(digit) for zero in _ZEROS for digit in range(10)},
    **{code: chr(code - _FULL_WIDTH_AT) for code in _FULL_WIDTH},
    **dict.fromkeys(_BLANKS, " "),
    **dict.fromkeys(_DASHES, "-"),
}


def folded(text: str) -> str:
    """As long as it was; most texts are as they were, which is found out without a copy of them."""
    if text.isascii() or _foreign().search(text) is None:
        return text
    return text.translate(_TABLE)


@lru_cache(maxsize=1)
def _foreign() -> Any:
    return re2.compile(f"[{''.join(map(chr, sorted(_TABLE)))}]")
