"""How old: `90d`, as people write it."""

from __future__ import annotations

import re

_UNITS = {"m": 60_000, "h": 3_600_000, "d": 86_400_000, "y": 366 * 86_400_000}
_AGE = re.compile(r"([0-9]{1,6})([mhdy])")


def age_ms(text: str) -> int | None:
    """`7y`, `90d`, `12h`, `30m` in milliseconds; None for anything else. A year has 366 days: it is never too short."""
    found = _AGE.fullmatch(text)
    return None if found is None else int(found[1]) * _UNITS[found[2]]
