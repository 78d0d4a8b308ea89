"""Sums in minor units, exactly. What cannot be told exactly is not told."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from hitl_fsm.model.action import MoneyAt

_TWO_DIGITS = (
    "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW"
    " CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF"
    " IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK"
    " MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP"
    " SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XCD XCG YER"
    " ZAR ZMW ZWG"
)
_ISO_4217 = (  # the currencies in use, by how many digits their minor unit has
    ("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF", 0),
    (_TWO_DIGITS, 2),
    ("BHD IQD JOD KWD LYD OMR TND", 3),
    ("CLF UYW", 4),
)
EXPONENTS = {code: digits for codes, digits in _ISO_4217 for code in codes.split()}
"""By currency: 2 for EUR, whose minor unit is a hundredth."""
MINOR_MAX = 2**53 - 1
"""A sum of more minor units than JSON tells exactly everywhere is left out."""
_DECIMAL = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,18})?")


def sums(args: Any, places: Sequence[MoneyAt]) -> tuple[list[dict[str, Any]], list[str]]:
    """The sums in arguments as they are shown, and the places of those that cannot be told: not exact, or masked."""
    told: list[dict[str, Any]] = []
    unclear: list[str] = []
    for place in places:
        value = value_at(args, place.at)
        if value is None:
            continue
        code = place.code or value_at(args, place.currency_at)
        minor = _minor(value, code) if isinstance(code, str) else None
        if minor is None:
            unclear.append(place.at)
        else:
            told.append({"at": place.at, "minor": minor, "currency": code})
    return told, unclear


def value_at(args: Any, place: str) -> Any:
    """What stands at a dotted place; None where there is nothing. A place in a list stands for all of it."""
    found = args
    for name in place.split("."):
        if name == "*":
            return found or None
        if not isinstance(found, Mapping):
            return None
        found = found.get(name)
    return found


def _minor(value: Any, code: str) -> int | None:
    """Minor units of a number as it was written, or of a decimal text; None where that is no whole number of them."""
    digits = EXPONENTS.get(code)
    if digits is None or isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    text = value if isinstance(value, str) else f"{Decimal(repr(value)):f}"
    if _DECIMAL.fullmatch(text) is None:
        return None
    whole, _, part = text.partition(".")
    part = part.rstrip("0")
    minor = int(whole + part.ljust(digits, "0"))
    return minor if len(part) <= digits and abs(minor) <= MINOR_MAX else None
