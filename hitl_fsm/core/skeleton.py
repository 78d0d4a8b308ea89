"""What a text looks like: two with the same skeleton are taken for each other (the idea of Unicode's UTS 39).

Compatibility forms (wide, bold, circled letters) are Unicode's own to tell. The table has the letters of other
alphabets, and the digits and signs, that the common typefaces draw like Latin letters: those that forgers use. It is
not the whole list of UTS 39, whose thousands of pairs are mostly rare signs.
"""

from __future__ import annotations

import unicodedata

from hitl_fsm.model.visible import hidden_characters

TWIN_LETTERS = 4
"""A shorter text in another alphabet that happens to look like Latin is most often just a word."""

# Cyrillic, Armenian, Greek, and rare Latin letters, each row with what they look like.
_ROWS = (
    ("\u0430\u042c\u0441\u0501\u0435\u04bb\u0456\u0458\u04cf\u043e\u0440\u051b\u0455\u0443", "abcdehijlopqsy"),
    ("\u0475\u051d\u0445\u0433\u0410\u0412\u0421\u0415\u041d\u0406\u0408\u041a\u041c\u041e", "vwxrABCEHlJKMO"),
    ("\u0420\u0405\u0422\u0423\u0425\u051c\u051a\u0474", "PSTYXWQV"),
    ("\u0578\u057d\u0585\u0581\u0570\u0566\u056c", "nuoghql"),
    ("\u03b1\u03bf\u03c1\u03bd\u03c5\u03b9\u03b3\u03ba\u03c9\u0391\u0392\u0395\u0396\u0397", "aopvuiykwABEZH"),
    ("\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7", "lKMNOPTYX"),
    ("\u0131\u0251\u0261\u017f", "iagf"),
)
_LOOKS = {char: like for row, alike in _ROWS for char, like in zip(row, alike, strict=True)}
_DASHES = "\u2010\u2011\u2012\u2013\u2014\u2212"
_ALIKE = {"I": "l", "1": "l", "|": "l", "0": "O", "m": "rn", **dict.fromkeys(_DASHES, "-")}
_TABLE = str.maketrans({**_LOOKS, **_ALIKE})
_LETTERS = frozenset(_LOOKS)


def skeleton(text: str) -> str:
    """For comparing only: it is no text to be shown."""
    if not text.isascii():
        for char in hidden_characters(text):
            text = text.replace(char, "")
        text = unicodedata.normalize("NFKD", text)
    return text.translate(_TABLE)


def latin_twin(text: str) -> bool:
    """Whether a text of another alphabet, and of no Latin letter, looks as if it were Latin throughout."""
    if text.isascii() or len(text) < TWIN_LETTERS:
        return False
    letters = [char for char in text if char.isalpha()]
    return len(letters) >= TWIN_LETTERS and all(char in _LETTERS for char in letters)
