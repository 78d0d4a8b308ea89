"""All cases that the conditions of a few rules tell apart, so that what holds in each of them holds for every action.

An expression that is compared with fixed values (`args.amount > 1000`) can lie at, between or beyond these, be of
another kind, or fail. What is not understood is true, false or a problem, whatever else is. So there may be cases here
that no action brings, never the reverse: what is told of all cases is certain.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import pairwise, product
from typing import Any, Literal, NamedTuple

from hitl_fsm.policy.expression import Node, path_of
from hitl_fsm.policy.patterns import is_glob
from hitl_fsm.policy.subjects import named

MAX_CASES = 4096

Outcome = Literal["T", "F", "!"]
"""True, false, or a problem."""
Constant = tuple[str, Any]
"""A kind, and what compares like the value."""
Value = Constant | None
"""None where the expression fails."""
Case = Mapping[object, Any]
Test = Callable[[Value], Outcome]
Ask = Callable[[Case], Outcome]

_EXACT = 2**53  # beyond it CEL takes an int and a double that differ for equal
_TURNED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}
_ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "<": lambda one, other: one < other,
    "<=": lambda one, other: one <= other,
    ">": lambda one, other: one > other,
    ">=": lambda one, other: one >= other,
}
_TEXTS = frozenset({"tool", "step", "agent", "team", "workflow"})
_TEXT_PATHS = frozenset({("user", "id"), ("user", "kind"), ("run", "id")})
_OPEN = "other"
_BOTH: tuple[Constant, Constant] = (("bool", True), ("bool", False))


class _Term(NamedTuple):
    """An expression, what it is compared with, and how."""

    node: Node
    constants: dict[Constant, None]
    tests: list[Test]

    def values(self, tools: Sequence[str] | None) -> list[Value]:
        """One value for each way in which all comparisons together can come out; first what makes most of them true."""
        found: dict[tuple[Outcome, ...], Value] = {}
        for value in _samples(self.node, self.constants, tools):
            found.setdefault(tuple(test(value) for test in self.tests), value)
        return [found[outcomes] for outcomes in sorted(found, key=lambda one: -one.count("T"))]


class Terms:
    """What is asked of, over one or more conditions; built by reading them (`ask`), then counted through (`cases`)."""

    __slots__ = ("_free", "_terms", "_variables")

    def __init__(self, variables: Mapping[str, Any]) -> None:
        self._variables = variables
        self._terms: dict[object, _Term] = {}
        self._free: dict[object, tuple[Outcome, ...]] = {}

    def read(self, when: Iterable[Node], unless: Iterable[Node]) -> Reading:
        """A rule's conditions."""
        return Reading(tuple(map(self.ask, when)), tuple(map(self.ask, unless)))

    def ask(self, node: Node) -> Ask:
        """How a condition comes out in a case. Read all conditions before counting through the cases."""
        if node.kind == "literal":
            said: Outcome = "!" if not isinstance(node.value, bool) else "T" if node.value else "F"
            return lambda _: said
        if node.kind == "call":
            match node.value:
                case "&&":
                    return _both([self.ask(part) for part in node.children])
                case "||":
                    return _not(_both([_not(self.ask(part)) for part in node.children]))
                case "!":
                    return _not(self.ask(node.children[0]))
                case "?:":
                    return _choice(*(self.ask(part) for part in node.children))
        return self._compared(node) or self._member(node) or self._alone(node)

    def names(self) -> frozenset[object]:
        """What is asked of, to compare two conditions by."""
        return frozenset((*self._terms, *self._free))

    def most_true(self, tools: Sequence[str] | None = None) -> Case | None:
        """A case in which each comparison is true: what most rules are written for. None where one never is."""
        found: dict[object, Any] = dict.fromkeys(self._free, "T")
        for key, term in self._terms.items():
            values = _samples(term.node, term.constants, tools)
            value = next((one for one in values if all(test(one) == "T" for test in term.tests)), None)
            if value is None:
                return None
            found[key] = value
        return found

    def cases(self, tools: Sequence[str] | None = None) -> Iterator[Case] | None:
        """Every case; None when there are more than MAX_CASES. `tools`: patterns of all names that `tool` can have."""
        choices: list[tuple[object, Sequence[Any]]] = [*self._free.items()]
        choices += [(key, term.values(tools)) for key, term in self._terms.items()]
        count = 1
        for _, values in choices:
            count *= len(values)
            if count > MAX_CASES:
                return None
        keys = [key for key, _ in choices]
        return (dict(zip(keys, values, strict=True)) for values in product(*(values for _, values in choices)))

    def _compared(self, node: Node) -> Ask | None:
        sign = str(node.value)
        if node.kind != "call" or sign not in _TURNED:
            return None
        left, right = node.children
        for one, other, way in ((left, right, sign), (right, left, _TURNED[sign])):
            fixed = self._fixed(other)
            if fixed is not None and self._fixed(one) is None and not _is_setting(one):
                return self._note(one, [fixed], _comparison(way, fixed))
        return None

    def _member(self, node: Node) -> Ask | None:
        """`args.currency in ['EUR', vars.home]`."""
        if node.kind != "call" or node.value != "in":
            return None
        one, among = node.children
        fixed = self._list(among)
        if fixed is None or self._fixed(one) is not None or _is_setting(one):
            return None
        values = frozenset(fixed)
        return self._note(one, fixed, lambda value: "!" if value is None else "T" if value in values else "F")

    def _alone(self, node: Node) -> Ask:
        """`args.force`, or what is not understood: then every answer is possible."""
        if path_of(node) is not None and node.kind != "has" and not _is_setting(node):
            return self._note(
                node, _BOTH, lambda value: "T" if value == _BOTH[0] else "F" if value == _BOTH[1] else "!"
            )
        key = _key(node)
        self._free[key] = ("T", "F") if _never_fails(node) else ("T", "F", "!")
        return lambda case: case[key]

    def _note(self, node: Node, constants: Iterable[Constant], test: Test) -> Ask:
        key = _key(node)
        term = self._terms.setdefault(key, _Term(node, {}, []))
        term.constants.update(dict.fromkeys(constants))
        term.tests.append(test)
        return lambda case: test(case[key])

    def _fixed(self, node: Node) -> Constant | None:
        """A value that the policy writes down, and that compares exactly."""
        if node.kind == "literal":
            return _constant(node.value)
        found = self._variable(node)
        return None if found is None or isinstance(found[0], (list, dict)) else _constant(found[0])

    def _list(self, node: Node) -> list[Constant] | None:
        """An empty list among `vars` waits to be filled; one that is written out does not."""
        if node.kind == "list":
            values = [self._fixed(child) for child in node.children]
        else:
            found = self._variable(node)
            if found is None or not isinstance(found[0], list) or not found[0]:
                return None
            values = [_constant(value) for value in found[0]]
        return None if None in values else [value for value in values if value is not None]

    def _variable(self, node: Node) -> tuple[Any] | None:
        path = path_of(node) if node.kind != "has" else None
        if path is None or path[0] != "vars" or len(path) == 1:
            return None
        value: Any = self._variables
        for part in path[1:]:
            if not isinstance(value, Mapping) or part not in value:
                return None
            value = value[part]
        return (value,)


class Reading(NamedTuple):
    """A rule's conditions as questions."""

    when: tuple[Ask, ...]
    unless: tuple[Ask, ...]

    def answer(self, case: Case) -> Outcome:
        """All of `when`, and none of `unless`: as `compiled.answered`."""
        held = _all(ask(case) for ask in self.when)
        if held != "T":
            return held
        lifted = [ask(case) for ask in self.unless]
        return "F" if "T" in lifted else "!" if "!" in lifted else "T"


def _samples(node: Node, constants: Iterable[Constant], tools: Sequence[str] | None) -> list[Value]:
    """A value at, between and beyond the constants, of every kind, and None: the expression fails."""
    path = path_of(node)
    if path == ("tool",) and tools is not None:
        known = [value for kind, value in constants if kind == "text"]
        if not any(map(is_glob, tools)):
            return [("text", tool) for tool in tools]
        return [("text", value) for value in _texts(known) if value not in known or named(tools, value)]
    numbers = sorted({value for kind, value in constants if kind == "number"})
    if node.kind == "call" and node.value == "size":
        whole = {0, *(int(value // 1) + step for value in numbers for step in (-1, 0, 1, 2))}
        return [*(("number", value) for value in sorted(whole) if value >= 0), None]
    text = [("text", value) for value in _texts([value for kind, value in constants if kind == "text"])]
    if path is not None and (path in _TEXT_PATHS or (len(path) == 1 and path[0] in _TEXTS)):
        return list(text)
    if path is not None and path[0] == "env" and len(path) > 1:
        return [*text, None]
    number = [("number", value) for value in _around(numbers)]
    rest: list[Value] = [("bool", True), ("bool", False), ("null", None), (_OPEN, None), None]
    return [*number, *text, *rest]


def _around(numbers: Sequence[Any]) -> list[Any]:
    """Numbers in order, with one before, between and after them."""
    if not numbers:
        return [0]
    found = [numbers[0] - 1, numbers[0]]
    for one, other in pairwise(numbers):
        middle, rest = divmod(one + other, 2)
        found += [Fraction(one + other, 2) if rest else middle, other]  # an int compares quicker
    return [*found, numbers[-1] + 1]


def _texts(constants: Sequence[str]) -> list[str]:
    """The constants, and what comes right after each: it stands for all between it and the next."""
    return sorted({"", *constants, *(value + "\0" for value in constants)})


def _comparison(sign: str, fixed: Constant) -> Test:
    if sign in ("==", "!="):
        return lambda value: "!" if value is None else "T" if (value == fixed) is (sign == "==") else "F"
    order, kind = _ORDERS[sign], fixed[0]

    def ordered(value: Value) -> Outcome:
        if value is None or value[0] != kind or kind == "null":
            return "!"
        return "T" if order(value[1], fixed[1]) else "F"

    return ordered


def _constant(value: object) -> Constant | None:
    if value is None or isinstance(value, bool):
        return ("null" if value is None else "bool", value)
    if isinstance(value, str):
        return ("text", value)
    if isinstance(value, (int, float)) and -_EXACT < value < _EXACT:
        return ("number", int(value) if isinstance(value, int) else Fraction(value))  # an int is exact, and quicker
    return None


def _never_fails(node: Node) -> bool:
    """`has(args.note)`, `'cfo' in user.roles`."""
    if node.kind == "has":
        path = path_of(node)
        return path is not None and len(path) == 2 and path[0] in ("args", "env")  # noqa: PLR2004
    if node.kind == "call" and node.value == "in":
        return node.children[0].kind == "literal" and path_of(node.children[1]) == ("user", "roles")
    return False


def _is_setting(node: Node) -> bool:
    """Whether it is one of the policy's own values: a switch that somebody turns, not something that is always so."""
    path = path_of(node)
    return node.kind == "literal" or (path is not None and path[0] == "vars")


def _key(node: Node) -> object:
    """Equal for expressions that are written alike: these have the same value in one verdict."""
    path = path_of(node) if node.kind != "has" else None
    if path is not None:
        return path
    return (node.kind, type(node.value), node.value, tuple(_key(child) for child in node.children))


def _all(outcomes: Iterable[Outcome]) -> Outcome:
    found = set(outcomes)
    return "F" if "F" in found else "!" if "!" in found else "T"


def _both(asks: Sequence[Ask]) -> Ask:
    return lambda case: _all(ask(case) for ask in asks)


def _not(ask: Ask) -> Ask:
    turned: dict[Outcome, Outcome] = {"T": "F", "F": "T", "!": "!"}
    return lambda case: turned[ask(case)]


def _choice(condition: Ask, then: Ask, other: Ask) -> Ask:
    def ask(case: Case) -> Outcome:
        said = condition(case)
        return "!" if said == "!" else then(case) if said == "T" else other(case)

    return ask


def tools_in(names: Sequence[str], steps: Sequence[str]) -> Sequence[str] | None:
    """What `tool` can be for a rule of these subjects, as patterns; None: anything. At a step's begin it is empty."""
    return (*names, *([""] if steps else ())) if names or steps else None
