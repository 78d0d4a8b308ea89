"""What is taken out of the record by its shape: one row a kind. Secrets first, then people's data.

A shape is RE2's, so that no text can make it slow. It has no wide upper bounds: RE2 copies what they bound, which takes
it a tenth of a second to read and a second to look for in a long text, and of what is longer the rest would stay.
It is looked for in the folded text (`redact_fold`), so that it need know ASCII's digits, blanks and dashes alone.
`hint` finds at least every text that the shape finds, in the text itself and in its JSON. `proof`, where there is one,
tells what of a find is meant.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

Proof = Callable[[str, int, int], Iterator[tuple[int, int]]]
"""Of a find in a text, from one place to another: the parts of it that are meant, in order."""


class Kind(NamedTuple):
    """`name` is told instead; of `pattern`'s groups what was found goes, or all of a find without one."""

    name: str
    pattern: str
    hint: str
    secret: bool = True
    proof: Proof | None = None


_KEYS = (
    r"(?:AKIA|ASIA|AGPA|AIDA|AROA|ANPA|ANVA|AIPA)[A-Z0-9]{16}",
    r"gh[pousr]_[A-Za-z0-9]{20,}",
    r"github_pat_[A-Za-z0-9_]{22,}",
    r"gl(?:pat|dt|rt|ft|ptt|cbt|soat|agent)-[A-Za-z0-9_-]{20,}",
    r"xox[a-z]-[A-Za-z0-9-]{10,}",
    r"xapp-[A-Za-z0-9-]{10,}",
    r"[rs]k_(?:live|test)_[A-Za-z0-9]{16,}",
    r"whsec_[A-Za-z0-9+/=]{20,}",
    r"sk-[A-Za-z0-9_-]{20,}",
    r"gsk_[A-Za-z0-9]{20,}",
    r"AIza[A-Za-z0-9_-]{35}",
    r"ya29\.[A-Za-z0-9_-]{20,}",
    r"GOCSPX-[A-Za-z0-9_-]{20,}",
    r"hf_[A-Za-z0-9]{30,}",
    r"npm_[A-Za-z0-9]{36}",
    r"pypi-[A-Za-z0-9_-]{40,}",
    r"SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}",
    r"do[opr]_v1_[a-f0-9]{64}",
    r"shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}",
    r"xai-[A-Za-z0-9]{40,}",
    r"pplx-[A-Za-z0-9]{40,}",
    r"r8_[A-Za-z0-9]{37}",
    r"nvapi-[A-Za-z0-9_-]{40,}",
    r"hv[sb]\.[A-Za-z0-9_-]{20,}",
    r"dapi[a-f0-9]{32}",
    r"dckr_pat_[A-Za-z0-9_-]{20,}",
    r"dp\.(?:pt|st|ct|sa|scim|audit)\.[A-Za-z0-9._-]{40,}",
    r"lin_api_[A-Za-z0-9]{32,}",
    r"fig[do]_[A-Za-z0-9_-]{40,}",
    r"ntn_[A-Za-z0-9]{40,}",
    r"sntry[su]_[A-Za-z0-9+/=_-]{40,}",
    r"tskey-[a-z]{1,20}-[A-Za-z0-9-]{10,}",
    r"key-[0-9a-f]{32}",
    r"SK[0-9a-f]{32}",
    r"[0-9]{8,10}:AA[A-Za-z0-9_-]{33}",
    r"hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9/_-]{20,}",
    r"discord(?:app)?\.com/api/webhooks/[0-9]{15,20}/[A-Za-z0-9_-]{40,}",
    r"AGE-SECRET-KEY-1[A-Z0-9]{58}",
    r"PRIVATE\+KEY\+[^\s+]+\+[0-9a-f]{8}\+[A-Za-z0-9+/=]{40,}",
)
_KEY_HINTS = (
    r"A(?:KIA|SIA|GPA|IDA|ROA|NPA|NVA|IPA)[A-Z0-9]{16}|gh[pousr]_|github_pat_|gl[a-z]{2,5}-[A-Za-z0-9_-]{20}|xox[a-z]-|xapp-|k_(?:live|test)_|"
    r"whsec_|sk-[A-Za-z0-9_-]{20}|gsk_|AIza|ya29\.|GOCSPX-|hf_[A-Za-z0-9]{30}|npm_|pypi-|SG\.|do[opr]_v1_|"
    r"shp(?:at|ca|pa|ss)_|xai-|pplx-|r8_|nvapi-|hv[sb]\.|dapi[a-f0-9]{32}|dckr_pat_|dp\.[a-z]{2,5}\.|lin_api_|fig[do]_|"
    r"ntn_|sntry[su]_|tskey-|key-[0-9a-f]{32}|SK[0-9a-f]{32}|:AA[A-Za-z0-9_-]{33}|hooks\.slack\.com|/api/webhooks/|"
    r"AGE-SECRET-KEY|PRIVATE\+KEY"
)
EDGE = r"(?:^|[^A-Za-z0-9]|\\[bfnrt]|\\u[0-9A-Fa-f]{4})"
"""For a hint: nothing of a word comes before; in JSON a line's end is a letter after a backslash."""
_SPACE = r"[ .-]{0,3}"
"""Between the groups of a number, as people and formats write them: `4111 - 1111`, or more blanks than one."""

_NAME = (
    r"(?:passw(?:or)?d|passphrase|pwd|secret|token|(?:api|access|account|private|secret|signing)[_-]?key|"
    r"sharedaccesskey)"
)
# What stands after such a name: in quotes as JSON and programs have it, also where the text is JSON in JSON; after `=`;
# and, of passwords, after a colon.
_ASSIGNED = (
    rf"""(?i:{_NAME}\\*["']\s*[:=]\s*\\*(?:"([^"\\]{{3,}})|'([^'\\]{{3,}})|([0-9]{{3,}})))|"""
    rf"""(?i:{_NAME}\s*=\s*(?:"([^"]{{3,}})"|'([^']{{3,}})'|([^\s;,&"'\\]{{3,}})))|"""
    r"""(?i:\b(?:passw(?:or)?d|passphrase|pwd)\s*:\s*([^\s;,&"'\\]{3,}))|"""
    # Words with these names stand in prose as well: long ones without a blank do not.
    r"""(?i:\b(?:token|secret|(?:api|access|private|secret|signing)[ _-]?key)\s*:\s*([A-Za-z0-9+/=_.~-]{16,}))"""
)

_BLOCK = r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
_BLOCK_END = r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"

# The lengths of IBANs by country (ISO 13616).
_IBANS = {
    **dict.fromkeys(("NO",), 15),
    **dict.fromkeys(("BE",), 16),
    **dict.fromkeys(("DK", "FI", "FO", "FK", "GL", "NL", "SD"), 18),
    **dict.fromkeys(("MK", "SI"), 19),
    **dict.fromkeys(("AT", "BA", "EE", "KZ", "LT", "LU", "MN", "XK"), 20),
    **dict.fromkeys(("CH", "CR", "HR", "LI", "LV"), 21),
    **dict.fromkeys(("BG", "BH", "DE", "GB", "GE", "IE", "ME", "RS", "VA"), 22),
    **dict.fromkeys(("AE", "GI", "IL", "IQ", "OM", "SO", "TL"), 23),
    **dict.fromkeys(("AD", "CZ", "ES", "MD", "PK", "RO", "SA", "SE", "SK", "TN", "VG"), 24),
    **dict.fromkeys(("LY", "PT", "ST"), 25),
    **dict.fromkeys(("IS", "TR"), 26),
    **dict.fromkeys(("BI", "DJ", "FR", "GR", "IT", "MC", "MR", "SM"), 27),
    **dict.fromkeys(("AL", "AZ", "BY", "CY", "DO", "GT", "HU", "LB", "NI", "PL", "SV"), 28),
    **dict.fromkeys(("BR", "EG", "PS", "QA", "UA"), 29),
    **dict.fromkeys(("JO", "KW", "MU"), 30),
    **dict.fromkeys(("MT", "SC"), 31),
    **dict.fromkeys(("LC",), 32),
    **dict.fromkeys(("RU",), 33),
}
_CARD_MIN = 13
_PHONE_MIN, _PHONE_MAX = 8, 15
_PHONE_MIN_BARE = 9
"""After `00`, in one piece: a number with zeros before it has mostly ten places."""
_EAN = 13
_BETWEEN = " ./()-"
"""What groups of a phone number stand apart by."""
_MASTERCARD, _MASTERCARD_2, _AMEX = range(51, 56), range(2221, 2721), (34, 37)
_DINERS = (30, 36, 38, 39)
_OTHERS = frozenset({35, 50, *range(56, 59), *range(60, 70), 81})  # JCB, Maestro, Discover, UnionPay, RuPay
# All of them begin with one of these, and the milliseconds of these years do not.
_FIRST_DIGIT = "[2-68]"
_DIGITS = frozenset("0123456789")
_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)


def is_card(digits: str) -> bool:
    """Whether these could be the number of a payment card: a known issuer, its length, Luhn's check digit."""
    if len(digits) not in _lengths(digits):
        return False
    total = 0
    for place, digit in enumerate(reversed(digits)):
        total += _DOUBLED[int(digit)] if place % 2 else int(digit)
    return total % 10 == 0


def _lengths(digits: str) -> tuple[int, ...]:
    """By who issued it: how many digits such a number has."""
    two, four = int(digits[:2]), int(digits[:4])
    if digits[0] == "4":  # Visa
        return (13, 16, 19)
    if two in _MASTERCARD or four in _MASTERCARD_2:
        return (16,)
    if two in _AMEX:
        return (15,)
    if two in _DINERS:
        return (14, 16, 19)
    return (16, 17, 18, 19) if two in _OTHERS else ()


def _cards(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """In a run of digits with separators: what begins and ends where a group of them does."""
    places, digits = _digits(text, start, end)
    index = 0
    while index + _CARD_MIN <= len(digits):
        length = _card_at(text, places, digits, index)
        if length:
            yield places[index], places[index + length - 1] + 1
        index += length or 1


def _card_at(text: str, places: Sequence[int], digits: str, index: int) -> int:
    """How many digits the card has that begins here; 0 for none."""
    if places[index] > 0 and text[places[index] - 1].isalnum():
        return 0
    for length in reversed(_lengths(digits[index : index + 4])):
        after = index + length
        if after > len(digits):
            continue
        if not _ends_at(text, places[after - 1]) or not is_card(digits[index:after]):
            continue
        between = {text[one + 1 : two].strip() for one, two in pairwise(places[index:after])}
        if "." not in between or between <= {"", "."}:  # fractions in a row have blanks, too
            return length
    return 0


def _digits(text: str, start: int, end: int) -> tuple[list[int], str]:
    places = [place for place in range(start, end) if text[place] in _DIGITS]
    return places, "".join(text[place] for place in places)


def _ends_at(text: str, place: int) -> bool:
    """Whether no word goes on after it."""
    return place + 1 == len(text) or not text[place + 1].isalnum()


def _phones(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """In a run of digits with separators: `+` and a number at its begin, `00` and a number anywhere."""
    places, digits = _digits(text, start, end)
    index = 0
    if text[start] == "+" and not (start > 0 and (text[start - 1] == "+" or text[start - 1].isalnum())):
        index = _phone_ends(text, places, digits, 0)
        if index:
            yield start, places[index - 1] + 1
    known = index
    while index + 2 + _PHONE_MIN <= len(digits):
        length = _exit_code_phone(text, places, digits, index, after_one=0 < index == known)
        if length:
            yield places[index], places[index + length - 1] + 1
            known = index + length
        index += length or 1


def _phone_ends(text: str, places: Sequence[int], digits: str, first: int) -> int:
    """The index after its last digit: as many as a number may have, to where a group ends, or another begins.

    0 where no group ends there.
    """
    least, most = first + _PHONE_MIN, min(first + _PHONE_MAX, len(places))
    zeros = (n for n in range(least, most) if digits.startswith("00", n) and places[n - 1] + 1 < places[n])
    most = next(zeros, most)
    return next((n for n in range(most, least - 1, -1) if _ends_at(text, places[n - 1])), 0)


def _exit_code_phone(text: str, places: Sequence[int], digits: str, index: int, *, after_one: bool) -> int:
    """How many digits the number has that begins here with 00, as many other numbers do; 0 for none."""
    begin, first = places[index], index + 2
    before = text[max(0, begin - 2) : begin]
    if not digits.startswith("00", index) or digits[first] == "0" or places[first] != begin + 2:  # pairs of digits
        return 0
    if before[-1:].isalnum() or before[-1:] == "+" or (before[-1:] == "." and before[:1].isdigit()):
        return 0
    after = _phone_ends(text, places, digits, first)
    if not after or (digits[first] == "1" and digits[first + 1] in "01"):  # no area of North America
        return 0
    if places[after - 1] - begin != after - 1 - index:
        is_group = before[:1].isdigit() and before[-1] in _BETWEEN and not after_one  # of a number that began before
        return 0 if is_group else after - index
    number = digits[index:after]
    return 0 if after - first < _PHONE_MIN_BARE or (len(number) == _EAN and _is_ean(number)) else len(number)


def _is_ean(digits: str) -> bool:
    """By its check digit: American goods have such numbers, with 00 before them."""
    return sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(digits)) % 10 == 0


def _ibans(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """In words with single separators: what begins where one of them does, as long as its country says."""
    places = [place for place in range(start, end) if text[place].isalnum()]
    plain = "".join(text[place] for place in places).upper()
    index = 0
    while index < len(plain):
        length = _iban_at(text, places, plain, index)
        if length:
            yield places[index], places[index + length - 1] + 1
        index += length or 1


def _iban_at(text: str, places: Sequence[int], plain: str, index: int) -> int:
    """How many characters the IBAN has that begins here; 0 for none."""
    length = _IBANS.get(plain[index : index + 2], 0)
    if not 0 < length <= len(plain) - index or (places[index] > 0 and text[places[index] - 1].isalnum()):
        return 0
    return length if is_iban(plain[index : index + length]) else 0


def is_iban(plain: str) -> bool:
    """By its check digits (ISO 7064, 97-10); without spaces, in capitals."""
    if not (plain.isascii() and plain.isalnum() and plain[2:4].isdigit()):
        return False
    turned = plain[4:] + plain[:4]
    return int("".join(str(int(char, 36)) for char in turned)) % 97 == 1


def _logins(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """A name and a password in Base64, as HTTP has them; "basic" is a word, too."""
    try:
        plain = base64.b64decode(text[start:end], validate=True)
    except binascii.Error:
        return
    if b":" in plain and plain.isascii():
        yield start, end


KINDS = (
    Kind(
        "private key",
        rf"(?s){_BLOCK}.*?(?:{_BLOCK_END}|\z)",
        r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY",
    ),
    Kind("api key", rf"(?:^|[^A-Za-z0-9])({'|'.join(_KEYS)})", _KEY_HINTS),
    Kind("token", r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*", r"eyJ[A-Za-z0-9_-]{8,}\."),
    Kind(
        "bearer token",
        r"(?i)\b(?:bearer\s+([A-Za-z0-9._~+/=-]{16,})|"
        r"authorization\s*[:=]\s*basic\s+([A-Za-z0-9+/=]{8,}))",
        r"(?i:bearer|authorization)",
    ),
    Kind(
        "cookie",
        r"""(?i)(?:\b(?:set-)?cookie\\*["']?\s*[:=]|--cookie)\s*\\*["']?([^\s"'\\=;,]+=[^\r\n"'\\]+)""",
        r"(?i:cookie)",
    ),
    Kind("basic login", r"(?i)\bbasic\s+([A-Za-z0-9+/]{6,}={0,2})", r"(?i:basic)", proof=_logins),
    Kind(
        "password",
        rf"\b[A-Za-z][A-Za-z0-9+.-]{{0,40}}://[^\s/?#:@]*:([^\s/?#]+)@|{_ASSIGNED}",
        rf"""://[^/?#:@]*:|(?i:{_NAME}[\\"'\sbfnrtu0-9]*[:=])""",
    ),
    Kind(
        "iban",
        rf"(?:^|[^A-Za-z0-9])([A-Za-z]{{2}}[0-9]{{2}}(?:{_SPACE}[A-Za-z0-9]){{11,}})",
        rf"{EDGE}(?i:{'|'.join(sorted(_IBANS))})[0-9]{{2}}(?:{_SPACE}[A-Za-z0-9]){{11}}",
        secret=False,
        proof=_ibans,
    ),
    Kind(
        "card",
        rf"[0-9](?:{_SPACE}[0-9]){{12,}}",
        rf"{EDGE}{_FIRST_DIGIT}(?:{_SPACE}[0-9]){{12}}",
        secret=False,
        proof=_cards,
    ),
    Kind(
        "e-mail",
        r"[\pL\pN._%+'-]+@[\pL\pN-]+(?:\.[\pL\pN-]+)+",
        "@",
        secret=False,
    ),
    Kind(
        "phone",
        rf"(?:\+[(]?|00)[1-9](?:[{_BETWEEN}]{{0,3}}[0-9]){{7,}}",
        rf"\+[(]?[1-9]|{EDGE}00[1-9](?:[{_BETWEEN}]{{0,3}}[0-9]){{7}}",
        secret=False,
        proof=_phones,
    ),
)
"""In the order in which they are looked for."""
