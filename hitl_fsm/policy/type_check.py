"""Whether a condition can be evaluated on every call of a tool that fits the tool's schema, and can come out both ways.

What is not known is `DYN`, and nothing is said about it: a finding is an error that some call would show.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from hitl_fsm.policy.certainty import certain
from hitl_fsm.policy.codes import Code
from hitl_fsm.policy.expression import Node, path_of, text_of
from hitl_fsm.policy.names import did_you_mean
from hitl_fsm.policy.overloads import NUMBERS, results, takes
from hitl_fsm.policy.type_facts import Fact, Facts, asked, facts_if, narrowed
from hitl_fsm.policy.value_type import (
    DYN,
    Alternative,
    Type,
    can_be_equal,
    field,
    group,
    names,
    of_kind,
    of_list,
    of_value,
    union,
)

_MAX_NAMED = 8
_SHOWN = 60
_ARITHMETIC = frozenset({"+", "-", "*", "/", "%"})


class Issue(NamedTuple):
    """Something wrong at `offset`. With `by_all` it is wrong only if it is so for every tool that the rule covers."""

    code: Code
    offset: int
    width: int
    message: str
    help: str | None = None
    by_all: bool = False


class Checker:
    """Checks one expression against the types of its names; `issues` is what was found."""

    def __init__(self, text: str, scope: Mapping[str, Type]) -> None:
        self.text = text
        self.issues: list[Issue] = []
        self._scope = dict(scope)

    def check(self, node: Node, facts: Facts) -> None:
        """A whole condition."""
        found = self._type(node, facts | asked(node))
        if found.alternatives is not None and any(kind != "bool" for kind in found.kinds):
            code = Code.WRONG_TYPE if "bool" in found.kinds else Code.NOT_BOOLEAN
            message = f"`{self._part(node)}` is {found.words}, not true or false"
            self._note(code, node, message, "compare it with something")

    def _note(
        self, code: Code, node: Node, message: str, help_text: str | None = None, *, by_all: bool = False
    ) -> Type:
        issue = Issue(code, node.offset, node.width, message, help_text, by_all)
        once = code is Code.MAY_BE_ABSENT  # to ask once is enough for all places
        if issue not in self.issues and not (once and any(known.message == message for known in self.issues)):
            self.issues.append(issue)
        return DYN

    def _part(self, node: Node) -> str:
        part = " ".join(text_of(self.text, node).split())
        return part if len(part) <= _SHOWN else f"{part[: _SHOWN - 1]}…"

    def _type(self, node: Node, facts: Facts) -> Type:
        match node.kind:
            case "literal":
                found = of_value(node.value)
            case "name":
                name = str(node.value)
                found = narrowed(self._scope.get(name, DYN), (name,), facts)
            case "select" | "has":
                found = self._field(node, node.children[0], str(node.value), facts)
            case "call":
                found = self._call(node, facts)
            case "comprehension":
                found = self._comprehension(node, facts)
            case _:
                types = [self._type(child, facts) for child in node.children]
                found = of_list(types) if node.kind == "list" else DYN
        return found

    def _field(self, node: Node, operand: Node, name: str, facts: Facts) -> Type:
        """`operand.name`, `operand['name']` or `has(operand.name)`."""
        path, owner = path_of(node), self._type(operand, facts)
        only_asked = node.kind == "has"
        if owner.alternatives is None:
            return of_kind("bool") if only_asked else DYN
        if "null" in owner.kinds and "map" in owner.kinds:
            self._may_be_null(operand)
        objects = [one for one in owner.alternatives if one.kind == "map"]
        if any(kind not in ("map", "null") for kind in owner.kinds) or not objects:
            message = f"`{self._part(operand)}` is {owner.words}; it has no `{name}`"
            return self._note(Code.WRONG_TYPE, node, message)
        found = [field(one, name) for one in objects]
        known_there = path is not None and (path[0] == "env" or Fact("there", path) in facts)
        if all(one.presence == "never" for one in found):
            if only_asked or not known_there:
                self._unknown(node, operand, name, objects, by_all=only_asked)
            return of_kind("bool") if only_asked else DYN
        if only_asked:
            return of_kind("bool")
        if not known_there and any(one.presence != "always" for one in found):
            self._note(
                Code.MAY_BE_ABSENT, node, f"`{self._part(node)}` may be absent", self._guard(node, operand, name)
            )
        return narrowed(union(one.type for one in found if one.presence != "never"), path, facts)

    def _guard(self, node: Node, operand: Node, name: str) -> str:
        part = self._part(node)
        condition = f"has({part})" if node.kind == "select" else f"'{name}' in {self._part(operand)}"
        return f"write `{condition} && …`"

    def _unknown(self, node: Node, operand: Node, name: str, objects: Sequence[Alternative], *, by_all: bool) -> None:
        known = tuple(dict.fromkeys(other for one in objects for other in names(one)))
        listed = ", ".join(known[:_MAX_NAMED]) + (", …" if len(known) > _MAX_NAMED else "")
        hint = did_you_mean(name, known) or (f"there is {listed}" if known else "there is nothing in it")
        root = path_of(operand)
        if root is not None and root[0] == "args":
            what = "argument" if root == ("args",) else f"field of `{self._part(operand)}`"
            message = f"there is no {what} `{name}`" if root == ("args",) else f"`{name}` is no {what}"
            code = Code.UNKNOWN_ARGUMENT
        elif root is not None and root[0] == "vars":
            if node.kind == "select" and root == ("vars",):
                return  # found where the condition was compiled
            message, code = f"`{self._part(operand)}` has no `{name}`", Code.UNKNOWN_NAME
        else:
            message, code = f"`{self._part(operand)}` has no `{name}`", Code.UNKNOWN_ARGUMENT
        start, width = self._name_place(node, name)
        self.issues.append(Issue(code, start, width, message, hint, by_all))

    def _name_place(self, node: Node, name: str) -> tuple[int, int]:
        """The last name of a path alone, where it can be told."""
        end = node.offset + node.width
        found = self.text.rfind(name, node.offset, end)
        return (found, len(name)) if found >= 0 else (node.offset, node.width)

    def _may_be_null(self, node: Node) -> None:
        part = self._part(node)
        self._note(Code.MAY_BE_ABSENT, node, f"`{part}` may be null", f"write `{part} != null && …`")

    def _call(self, node: Node, facts: Facts) -> Type:
        sign, parts = str(node.value), node.children
        if sign in ("&&", "||"):
            return self._logic(node, facts, stops=sign == "||")
        if sign == "?:":
            return self._conditional(node, facts)
        if sign == "[]" and parts[1].kind == "literal" and isinstance(parts[1].value, str):
            owner = self._type(parts[0], facts)
            if "list" not in owner.kinds:
                return self._field(node, parts[0], parts[1].value, facts)
        return self._applied(node, [self._type(part, facts) for part in parts])

    def _applied(self, node: Node, found: Sequence[Type]) -> Type:
        """An operator or a function on parts of these types."""
        sign = str(node.value)
        if sign in ("==", "!="):
            self._equality(node, found)
            return of_kind("bool")
        kinds, failing = results(sign, [one.kinds for one in found])
        if failing:
            return self._no_overload(node, found, failing)
        if sign == "in":
            self._membership(node, found)
        if sign == "[]" and "list" in found[0].kinds:
            return found[0].item()
        return DYN if "*" in kinds else of_kind(*kinds)

    def _logic(self, node: Node, facts: Facts, *, stops: bool) -> Type:
        """`&&` and `||`: each side is checked as if the other did not decide alone; the order does not count in CEL."""
        left, right = node.children
        types = []
        for one, other in ((left, right), (right, left)):
            if certain(other, self._scope) is stops:
                continue
            types.append((one, self._type(one, facts | facts_if(other, holds=not stops))))
        for part, found in types:
            if found.alternatives is not None and found.kinds != ("bool",):
                if set(found.kinds) == {"bool", "null"}:
                    self._may_be_null(part)
                else:
                    message = f"`{node.value}` cannot take `{self._part(part)}` ({found.words})"
                    self._note(Code.WRONG_TYPE, part, message, "compare it with something")
        return of_kind("bool")

    def _conditional(self, node: Node, facts: Facts) -> Type:
        condition, then, other = node.children
        asked_for = self._type(condition, facts)
        if asked_for.alternatives is not None and asked_for.kinds != ("bool",):
            message = f"`?:` cannot decide by `{self._part(condition)}` ({asked_for.words})"
            self._note(Code.WRONG_TYPE, condition, message, "compare it with something")
        answer = certain(condition, self._scope)
        found = []
        if answer is not False:
            found.append(self._type(then, facts | facts_if(condition, holds=True)))
        if answer is not True:
            found.append(self._type(other, facts | facts_if(condition, holds=False)))
        return union(found)

    def _no_overload(self, node: Node, found: Sequence[Type], failing: Sequence[tuple[str, ...]]) -> Type:
        sign, parts = str(node.value), node.children
        nullable = [
            index for index in range(len(parts)) if "null" in found[index].kinds and len(found[index].kinds) > 1
        ]
        if nullable and all(any(kinds[index] == "null" for index in nullable) for kinds in failing):
            for index in nullable:
                self._may_be_null(parts[index])
            return DYN
        help_text = None
        if sign in _ARITHMETIC and all(set(one) <= {*NUMBERS, "*"} for one in failing):
            told = " with ".join(f"`{self._part(part)}`" for part in parts)
            message = f"`{sign}` fails on {told}: one is a whole number, the other has a fraction, or may have"
            help_text = "make all of them `double(…)`, and write numbers with a point, such as `2.0`"
            return self._note(Code.WRONG_TYPE, node, message, help_text)
        if len(parts) == 1 or (sign[0].isalpha() and sign != "in"):
            index = next((i for i in range(len(parts)) if all(one[i] not in takes(sign, i) for one in failing)), 0)
            message = f"`{sign}` cannot take `{self._part(parts[index])}` ({found[index].words})"
            return self._note(Code.WRONG_TYPE, parts[index], message, self._wanted(sign, index))
        first, second = (f"`{self._part(part)}` ({one.words})" for part, one in zip(parts, found, strict=True))
        if sign == "in":
            message = f"`in` cannot look for {first} in {second}"
            help_text = "for a part of a text, write `.contains(…)`" if "string" in found[1].kinds else None
        elif sign == "[]":
            message = f"{first} has nothing at {second}"
        else:
            message = f"`{sign}` cannot compare {first} with {second}"
            if sign in _ARITHMETIC:
                message = f"`{sign}` cannot take {first} and {second}"
        return self._note(Code.WRONG_TYPE, node, message, help_text)

    def _wanted(self, sign: str, index: int) -> str | None:
        kinds = takes(sign, index)
        return f"it takes {of_kind(*kinds).words}" if kinds and "*" not in kinds else None

    def _equality(self, node: Node, found: Sequence[Type]) -> None:
        if found[0].kinds == ("null",) or found[1].kinds == ("null",) or can_be_equal(found[0], found[1]):
            return
        always = "false" if node.value == "==" else "true"
        left, right = node.children
        if right.kind != "literal" and left.kind == "literal":
            left, right, found = right, left, (found[1], found[0])
        self._never(right if right.kind == "literal" else node, (left, right), found, f"this is always {always}")

    def _never(self, at: Node, parts: tuple[Node, Node], found: Sequence[Type], so: str) -> None:
        left, right = (self._part(part) for part in parts)
        values = found[0].values
        if values is not None and _groups(found[0]) & _groups(found[1]):
            listed = ", ".join(repr(value) for value in values[:_MAX_NAMED]) + (
                ", …" if len(values) > _MAX_NAMED else ""
            )
            known = [value for value in values if isinstance(value, str)]
            wanted = parts[1].value if parts[1].kind == "literal" else None
            near = did_you_mean(wanted, known) if isinstance(wanted, str) else None
            message = f"`{left}` is never {right}: {so}"
            self._note(Code.WRONG_TYPE, at, message, near or f"it is one of {listed}", by_all=True)
            return
        message = f"`{left}` is {found[0].words}, `{right}` is {found[1].words}: {so}"
        self._note(Code.WRONG_TYPE, at, message, by_all=True)

    def _membership(self, node: Node, found: Sequence[Type]) -> None:
        """`in` a list: what can never be found."""
        left, right = node.children
        if "list" not in found[1].kinds or len(found[1].kinds) > 1:
            return
        if right.kind == "list":
            for element in right.children:
                one = self._type(element, frozenset())
                if one.kinds != ("null",) and not can_be_equal(found[0], one):
                    self._never(element, (left, element), (found[0], one), "it is never found")
        elif not can_be_equal(found[0], found[1].item()):
            items, values = found[1].item(), found[0].values
            told = ", ".join(map(repr, items.values[:_MAX_NAMED])) if items.values else f"a list of {items.words}"
            message = f"`{self._part(left)}` is never in `{self._part(right)}` ({told})"
            known = values is not None and left.kind != "literal"
            hint = f"it is one of {', '.join(map(repr, (values or ())[:_MAX_NAMED]))}" if known else None
            self._note(Code.WRONG_TYPE, node, message, hint, by_all=True)

    def _comprehension(self, node: Node, facts: Facts) -> Type:
        over, variable, *bodies = node.children
        ranged = self._type(over, facts)
        macro = str(node.value)
        if ranged.alternatives is not None and (wrong := set(ranged.kinds) - {"list", "map"}):
            if wrong == {"null"} and len(ranged.kinds) > 1:
                self._may_be_null(over)
            else:
                message = f"`{macro}` cannot go through `{self._part(over)}` ({ranged.words})"
                self._note(Code.WRONG_TYPE, over, message)
            ranged = DYN
        name = str(variable.value)
        before = self._scope.get(name)
        self._scope[name] = ranged.item()
        inner = frozenset(fact for fact in facts if fact.path[0] != name)
        types = []
        for index, body in enumerate(bodies):
            if index and (known := facts_if(bodies[0], holds=True)):
                inner |= known
            types.append(self._type(body, inner | asked(body)))
        if before is None:
            del self._scope[name]
        else:
            self._scope[name] = before
        tests = list(zip(bodies, types, strict=True))
        for body, found in tests[:-1] if macro == "map" else tests:
            if found.alternatives is not None and found.kinds != ("bool",):
                message = f"`{macro}` needs true or false; `{self._part(body)}` is {found.words}"
                self._note(Code.WRONG_TYPE, body, message, "compare it with something")
        if macro == "map":
            return of_list(types[-1:])
        return of_list([ranged.item()]) if macro == "filter" else of_kind("bool")


def _groups(found: Type) -> set[str]:
    return {group(kind) for kind in found.kinds}
