"""How much data a condition can be given, so that no answer takes longer, or more memory, than a bound.

CEL stops an evaluation after 10,000 steps of its loops (`all`, `exists`, `map`, …), and knows no other bound: a step
may search a long list, or copy a long text. So each condition's work is estimated when it is loaded, from its tree and
for the largest data; where that is beyond `MAX_WORK`, the condition takes only as much data as keeps below it, and one
that could take next to none is refused.

Data have a size: 1 for each character, `NODE_SIZE` for each value. Work has the same unit, about a nanosecond.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from hitl_fsm.policy.data import MAX_DATA_SIZE, NODE_SIZE
from hitl_fsm.policy.expression_read import Node

MAX_STEPS = 10_000
MAX_WORK = 500_000_000
MIN_DATA_SIZE = 10_000
_COPY = 4
"""A copied character counts as so many: it stays in memory until the evaluation ends."""
_WORD = 16
"""Characters that are compared at once."""
_FOREIGN_PROGRAM = 100_000
"""Instructions of a regular expression that came with the data, at most."""

_COSTLY = re.compile(r"\+|\b(?:all|exists|exists_one|map|filter|contains|matches)\s*\(")
_FLAT = frozenset({"&&", "||", "!", "size", "has", "int", "uint", "double", "bool", "type", "timestamp", "duration"})
_COMPARED = frozenset({"==", "!=", "<", "<=", ">", ">="})


def is_cheap(text: str) -> bool:
    """Whether nothing in the text can loop, copy or search: there is no need to look closer then."""
    return _COSTLY.search(text) is None


def largest_data(tree: Node, variables: Mapping[str, Any], size_of_variables: int) -> int:
    """The largest size of data that the condition can be given."""
    if _work(tree, MAX_DATA_SIZE, variables, size_of_variables) <= MAX_WORK:
        return MAX_DATA_SIZE
    low, high = 0, MAX_DATA_SIZE  # low is allowed, high is not
    while high - low > MIN_DATA_SIZE // 10:
        middle = (low + high) // 2
        if _work(tree, middle, variables, size_of_variables) <= MAX_WORK:
            low = middle
        else:
            high = middle
    return low


class _Size(NamedTuple):
    """Of a value: over all times that it is had, the mean and the largest; of a list also how many elements."""

    mean: float
    peak: float
    length: float
    foreign: bool = False


def _work(tree: Node, data: float, variables: Mapping[str, Any], size_of_variables: float) -> float:
    meter = _Meter(data, variables, size_of_variables)
    meter.measure(tree, {}, 1)
    return meter.work


class _Meter:
    """Adds up the work below a node; every estimate is one from above."""

    def __init__(self, data: float, variables: Mapping[str, Any], size_of_variables: float) -> None:
        self.work = 0.0
        self._variables = variables
        self._data = _Size(data, data, data / NODE_SIZE, foreign=True)
        self._vars = _Size(size_of_variables, size_of_variables, size_of_variables / NODE_SIZE)

    def measure(self, node: Node, bound: Mapping[str, _Size], times: float) -> _Size:
        """The size of the node's value, had so many times."""
        self.work += times * NODE_SIZE
        if node.kind == "literal":
            return _fixed(node.value)
        if node.kind == "name":
            return bound.get(str(node.value), self._vars if node.value == "vars" else self._data)
        if node.kind == "comprehension":
            return self._loop(node, bound, times)
        sizes = [self.measure(child, bound, times) for child in node.children]
        if node.kind in ("select", "has"):
            return sizes[0]
        total = _sum(sizes)
        if node.kind in ("list", "map"):
            return total._replace(length=len(sizes))
        return self._call(node, sizes, total, times)

    def _call(self, node: Node, sizes: list[_Size], total: _Size, times: float) -> _Size:
        name = str(node.value)
        if name in _FLAT:
            return _fixed(None)
        if name == "[]":
            return sizes[0]
        if name == "?:":
            return _Size(*(max(parts) for parts in zip(*sizes[1:], strict=True)))
        if name == "matches":
            self.work += times * sizes[0].mean * self._program(node.children[-1], sizes[-1])
        elif name == "contains":
            self.work += times * self._search(sizes)
        elif name in _COMPARED:
            self.work += times * min(size.mean for size in sizes)
        elif name == "in":
            self.work += times * sizes[1].mean
        else:
            self.work += times * total.mean * (_COPY if name == "+" else 1)
            return total
        return _fixed(None)

    def _search(self, sizes: list[_Size]) -> float:
        """A text in a text: in the worst case, at each place as far as the sought one reaches."""
        where, what = sizes[0], sizes[-1]
        if what.foreign:
            return where.peak * (1 + what.peak / _WORD)
        return where.mean * (1 + what.peak / _WORD)

    def _program(self, node: Node, size: _Size) -> float:
        """A regular expression takes, in the worst case, all its instructions at each character."""
        pattern = self._known(node)
        if isinstance(pattern, str):
            return _instructions(pattern)
        return _FOREIGN_PROGRAM if size.foreign else self._longest_of_vars()

    def _longest_of_vars(self) -> float:
        """Of all texts in `vars`: a loop may take any of them."""
        waiting: list[Any] = [self._variables]
        longest = 1.0
        while waiting:
            value = waiting.pop()
            if isinstance(value, str):
                longest = max(longest, _instructions(value))
            elif isinstance(value, (dict, list)):
                waiting.extend(value.values() if isinstance(value, dict) else value)
        return longest

    def _known(self, node: Node) -> object:
        """The value of a literal, or of a path in `vars`."""
        if node.kind == "literal":
            return node.value
        names: list[str] = []
        while node.kind == "select":
            names.append(str(node.value))
            node = node.children[0]
        if node.kind != "name" or node.value != "vars":
            return None
        value: Any = self._variables
        for name in reversed(names):
            value = value.get(name) if isinstance(value, Mapping) else None
        return value

    def _loop(self, node: Node, bound: Mapping[str, _Size], times: float) -> _Size:
        """All iterations of all loops together are at most MAX_STEPS; the elements of a list share its size."""
        source, variable, *bodies = node.children
        range_ = self.measure(source, bound, times)
        count = max(1.0, min(range_.length, MAX_STEPS))
        inner = min(MAX_STEPS, times * count) if times < MAX_STEPS else times
        mean = min(range_.peak, times * range_.mean / inner)
        element = _Size(mean, range_.peak, range_.peak / NODE_SIZE, range_.foreign)
        below = {**bound, str(variable.value): element}
        sizes = [self.measure(body, below, inner) for body in bodies]
        if node.value == "filter":
            return range_
        if node.value == "map":
            made = sizes[-1]
            uneven = range_.peak / range_.mean if range_.mean else 1.0
            whole = count * made.mean
            return _Size(whole, max(whole * uneven, made.peak), count, made.foreign or range_.foreign)
        return _fixed(None)


@lru_cache(maxsize=1024)  # bounded; policies have few patterns, and each is asked for several times
def _instructions(pattern: str) -> float:
    import re2  # type: ignore[import-untyped]  # noqa: PLC0415 - only for conditions with a regular expression

    options = re2.Options()
    options.log_errors = False  # they are told as findings, not on stderr
    try:
        return float(re2.compile(pattern, options).programsize)
    except re2.error:
        return 1.0  # it is refused when it is evaluated


def _sum(sizes: list[_Size]) -> _Size:
    return _Size(
        NODE_SIZE + sum(size.mean for size in sizes),
        NODE_SIZE + sum(size.peak for size in sizes),
        sum(size.length for size in sizes),
        any(size.foreign for size in sizes),
    )


def _fixed(value: object) -> _Size:
    size = float(NODE_SIZE + (len(value) if isinstance(value, (str, bytes)) else 0))
    return _Size(size, size, 0)
