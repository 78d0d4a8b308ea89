"""Text that every store, terminal and provider can hold: no half of a surrogate pair.

Python's `str` can carry such halves (from `json.loads` of a broken escape, or from bytes of a command line that are not
UTF-8); UTF-8 cannot.
"""

from __future__ import annotations

import re

REPLACEMENT = "\ufffd"
_HALF = re.compile("[\ud800-\udfff]")


def is_whole(text: str) -> bool:
    """Whether it has a UTF-8 form."""
    return text.isascii() or _HALF.search(text) is None


def repaired(text: str) -> str:
    """Plain `str`, with U+FFFD in place of each half."""
    plain = str.__str__(text)
    return plain if plain.isascii() else _HALF.sub(REPLACEMENT, plain)
