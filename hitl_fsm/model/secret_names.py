"""Names of fields that ask for a secret."""

from __future__ import annotations

import re

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
# As the last word of a name, or as its end where words are written as one: `dbpassword`.
_ENDS = (
    *("password", "passwd", "passphrase", "passcode", "secret", "credential", "apikey", "accesskey", "privatekey"),
    *("secretkey", "signingkey", "encryptionkey", "authtoken", "accesstoken", "refreshtoken", "sessiontoken"),
)
_LAST = frozenset(
    {"pwd", "pw", "pswd", "pass", "passkey", "cvv", "cvc", "otp", "totp", "token", "jwt", "cookie", "mnemonic"}
)
_ALONE = frozenset({"pin", "puk", "bearer"})
_PAIRS = frozenset(
    {("pass", "word"), ("pass", "phrase"), ("pass", "code"), ("pass", "key"), ("api", "key"), ("access", "key"),
     ("private", "key"), ("secret", "key"), ("signing", "key"), ("ssh", "key"), ("encryption", "key"),
     ("account", "key"), ("master", "key"), ("shared", "key"), ("auth", "key"), ("session", "key"),
     ("card", "number"), ("card", "pin"), ("bank", "pin"), ("sim", "pin"), ("pin", "code"), ("pin", "number"),
     ("security", "code"), ("recovery", "code"), ("backup", "code"), ("verification", "code"), ("auth", "code"),
     ("mfa", "code"), ("otp", "code"), ("seed", "phrase"), ("recovery", "phrase"), ("secret", "phrase")}
)  # fmt: skip
# A pass that is no password is one for a door, a train or a season.
_PASSES = frozenset({"boarding", "bus", "day", "first", "guest", "rail", "season", "second", "ski", "train", "visitor"})
_AGAIN = frozenset(
    {"again", "repeat", "repeated", "confirm", "confirmation", "confirmed", "value", "text", "string", "plain",
     "plaintext", "raw", "header", "new", "old", "current", "1", "2"}
)  # fmt: skip
_LOGINS = (["authorization"], ["proxy", "authorization"], ["x", "authorization"], ["http", "authorization"])
NAME_LIMIT = 200
"""Characters of a name that are looked at."""


def asks_for_secret(name: str) -> bool:
    """Whether a field of this name is filled with a secret: `api_key`, `newPassword`; not `password_hint`."""
    words = _words(name)
    if not words:
        return False
    before, last = words[-2] if len(words) > 1 else "", _one(words[-1])
    if last == "pass" and before in _PASSES:
        return False
    return last in _LAST or last.endswith(_ENDS) or (not before and last in _ALONE) or (before, last) in _PAIRS


def is_for_several(name: str) -> bool:
    """Whether it is about more than one, so that a number says how many: `total_tokens`."""
    words = _words(name)
    return bool(words) and _one(words[-1]) != words[-1]


def is_for_login(name: str) -> bool:
    """Whether it is called as HTTP calls what says who asks, which is a word for other things, too."""
    return _words(name) in _LOGINS


def _words(name: str) -> list[str]:
    """In small letters, without those that say that it is the same once more."""
    words = [word.lower() for word in _WORD.findall(name[:NAME_LIMIT])]
    while len(words) > 1 and words[-1] in _AGAIN:
        words.pop()
    return words


def _one(word: str) -> str:
    """`keys` are each a key; a pass is one."""
    return word[:-1] if word.endswith("s") and not word.endswith("ss") else word
