"""Names of fields that ask for a secret."""

from __future__ import annotations

import re

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_LAST = frozenset(
    {"password", "passwords", "passwd", "passphrase", "passcode", "pwd", "secret", "secrets", "cvv", "cvc", "otp",
     "totp", "apikey", "token", "tokens", "credential", "credentials"}
)  # fmt: skip
_PAIRS = frozenset(
    {("pass", "word"), ("pass", "phrase"), ("pass", "code"), ("api", "key"), ("access", "key"), ("private", "key"),
     ("secret", "key"), ("signing", "key"), ("ssh", "key"), ("encryption", "key"), ("card", "number"), ("card", "pin"),
     ("pin", "code"), ("security", "code"), ("recovery", "code"), ("seed", "phrase"), ("bank", "pin")}
)  # fmt: skip
_AGAIN = frozenset({"again", "repeat", "repeated", "confirm", "confirmation", "confirmed", "value", "text", "1", "2"})


def asks_for_secret(name: str) -> bool:
    """Whether a field of this name is filled with a secret: `api_key`, `newPassword`; not `password_hint`."""
    words = [word.lower() for word in _WORD.findall(name[:200])]
    while len(words) > 1 and words[-1] in _AGAIN:
        words.pop()
    if not words:
        return False
    return words[-1] in _LAST or words == ["pin"] or tuple(words[-2:]) in _PAIRS
