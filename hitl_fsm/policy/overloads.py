"""Which kinds CEL's operators and functions take when a condition is evaluated, and what comes out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Final

_Row = tuple[tuple[str, ...], str]

NUMBERS: Final = ("int", "uint", "double")
_ORDERED = ("<", "<=", ">", ">=")
_PARTS_OF_DATES = (
    "getFullYear", "getMonth", "getDate", "getDayOfMonth", "getDayOfWeek", "getDayOfYear",
)  # fmt: skip
_PARTS_OF_TIMES = ("getHours", "getMinutes", "getSeconds", "getMilliseconds")


def _same(kinds: Sequence[str], count: int = 2) -> list[_Row]:
    return [((kind,) * count, kind) for kind in kinds]


def _each(kinds: Sequence[str], result: str) -> list[_Row]:
    return [((kind,), result) for kind in kinds]


_OVERLOADS: dict[str, list[_Row]] = {
    "&&": [(("bool", "bool"), "bool")],
    "||": [(("bool", "bool"), "bool")],
    "!": [(("bool",), "bool")],
    "+": [
        *_same([*NUMBERS, "string", "bytes", "list", "duration"]),
        (("timestamp", "duration"), "timestamp"),
        (("duration", "timestamp"), "timestamp"),
    ],
    "-": [
        *_same(["int", "double"], 1),
        *_same([*NUMBERS, "duration"]),
        (("timestamp", "timestamp"), "duration"),
        (("timestamp", "duration"), "timestamp"),
    ],
    "*": _same(NUMBERS),
    "/": _same(NUMBERS),
    "%": _same(["int", "uint"]),
    "in": [(("*", "list"), "bool"), *(((kind, "map"), "bool") for kind in (*NUMBERS, "bool", "string"))],
    "[]": [*(((("list", number), "*")) for number in NUMBERS), (("map", "*"), "*")],
    "size": _each(["string", "bytes", "list", "map"], "int"),
    "int": _each([*NUMBERS, "string", "timestamp", "bool"], "int"),
    "uint": _each([*NUMBERS, "string"], "uint"),
    "double": _each([*NUMBERS, "string"], "double"),
    "string": _each([*NUMBERS, "string", "bool", "bytes", "timestamp", "duration"], "string"),
    "bool": _each(["bool", "string"], "bool"),
    "bytes": _each(["bytes", "string"], "bytes"),
    "timestamp": _each(["timestamp", "string", "int"], "timestamp"),
    "duration": _each(["duration", "string"], "duration"),
    "type": [(("*",), "type")],
    **{name: [(("string", "string"), "bool")] for name in ("contains", "startsWith", "endsWith", "matches")},
    **{
        name: [(("timestamp",), "int"), (("timestamp", "string"), "int")]
        for name in (*_PARTS_OF_DATES, *_PARTS_OF_TIMES)
    },
    **{
        sign: [
            *((pair, "bool") for pair in product(NUMBERS, NUMBERS)),
            *(((kind, kind), "bool") for kind in ("string", "bool", "bytes", "timestamp", "duration")),
        ]
        for sign in _ORDERED
    },
}
for _name in _PARTS_OF_TIMES:
    _OVERLOADS[_name].append((("duration",), "int"))


def takes(function: str, position: int) -> tuple[str, ...]:
    """The kinds that a known function or operator takes at a position; empty when it is not known."""
    return tuple(dict.fromkeys(row[position] for row, _ in _OVERLOADS.get(function, ()) if position < len(row)))


def results(function: str, arguments: Sequence[Sequence[str]]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """The kinds that can come out, and the combinations of the arguments' kinds for which there is no overload.

    `*` is a kind that nobody knows: it fits everywhere.
    """
    rows = _OVERLOADS.get(function)
    if rows is None:
        return ("*",), []
    found: dict[str, None] = {}
    failing: list[tuple[str, ...]] = []
    for kinds in product(*arguments):
        outcomes = list(_outcomes(rows, kinds))
        found.update(dict.fromkeys(outcomes))
        if not outcomes:
            failing.append(kinds)
    return tuple(found) or ("*",), failing


def _outcomes(rows: Sequence[_Row], kinds: tuple[str, ...]) -> Iterator[str]:
    for wanted, outcome in rows:
        if len(wanted) == len(kinds) and all(_fits(one, other) for one, other in zip(wanted, kinds, strict=True)):
            yield outcome


def _fits(wanted: str, kind: str) -> bool:
    return wanted == kind or "*" in (wanted, kind)
