"""Reads the English of `describe` back, and says what it means of an action: a second opinion on each sentence."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from hitl_fsm.policy.describe.paper import Code, Text

Facts = Mapping[str, Any]
Truth = Callable[[Facts], bool]


class Quoted(Exception):
    """There are no words to read."""


def _tokens(text: Text) -> list[str | Code]:
    """Codes whole, words apart, brackets by themselves."""
    out: list[str | Code] = []
    for piece in text:
        if isinstance(piece, str):
            out += piece.replace("(", " ( ").replace(")", " ) ").replace(",", " , ").split()
        elif isinstance(piece, Code):
            out.append(piece)
    return out


class English:
    """A sentence being read: `A and B`, `A or B`, brackets, `not (…)`; one of `and` and `or` within a bracket."""

    def __init__(self, text: Text) -> None:
        self._left = _tokens(text)

    def read(self) -> Truth:
        truth = self._several()
        assert not self._left, self._left
        return truth

    def _several(self) -> Truth:
        parts = [self._one()]
        words: set[str | Code] = set()
        while self._left and self._left[0] in ("and", "or"):
            words.add(self._left.pop(0))
            parts.append(self._one())
        assert len(words) < 2, "and, or: which first?"
        return (
            (lambda facts: any(part(facts) for part in parts))
            if words == {"or"}
            else (lambda facts: all(part(facts) for part in parts))
        )

    def _one(self) -> Truth:
        if self._take("not"):
            assert self._left[0] == "("
            inner = self._one()
            return lambda facts: not inner(facts)
        if self._take("("):
            inner = self._several()
            assert self._take(")")
            return inner
        return self._statement()

    def _take(self, *words: str) -> bool:
        if self._left[: len(words)] == list(words):
            del self._left[: len(words)]
            return True
        return False

    def _statement(self) -> Truth:
        if isinstance(self._left[0], Code):
            raise Quoted
        for words, wanted in _ROLES:
            if self._take(*words):
                role = self._text_value()
                return lambda facts, wanted=wanted: (role in facts["roles"]) is wanted  # type: ignore[misc]
        assert self._take("the", "argument"), self._left
        name = self._code()
        for words, wanted in _GIVEN:
            if self._take(*words):
                return lambda facts, wanted=wanted: (name in facts) is wanted  # type: ignore[misc]
        for words, wanted in _AMONG:
            if self._take(*words):
                listed = list(self._list())
                return lambda facts, wanted=wanted: (  # type: ignore[misc]
                    any(_same(facts[name], one) for one in listed) is wanted
                )
        words, compare = next(one for one in _COMPARED if self._take(*one[0]))
        value = True if words[-1] == "true" else self._value()
        return lambda facts: compare(facts[name], value)

    def _code(self) -> str:
        code = self._left.pop(0)
        assert isinstance(code, Code)
        return code.text

    def _text_value(self) -> Any:
        code = self._code()
        return self._in_brackets(code) if code.startswith("vars.") else code

    def _value(self) -> Any:
        code = self._code()
        return self._in_brackets(code) if code.startswith("vars.") else _parsed(code)

    def _in_brackets(self, _name: str) -> Any:
        assert self._take("(")
        value = _parsed(self._code())
        assert self._take(")")
        return value

    def _list(self) -> Iterator[Any]:
        """`a, b or c`, or the name of a variable with its values in brackets."""
        closing = False
        if isinstance(self._left[0], Code) and self._left[0].text.startswith("vars.") and self._left[1:2] == ["("]:
            closing = True
            del self._left[:2]
        yield _parsed(self._code())
        while self._left and (self._left[0] == "," or self._left[0] == ("and" if closing else "or")):
            if not isinstance(self._left[1], Code) or self._left[2:4] == ["is", "true"]:  # a condition as it is written
                break
            self._left.pop(0)
            yield _parsed(self._code())
        if closing:
            assert self._take(")")


def _parsed(code: str) -> Any:
    try:
        return json.loads(code)
    except ValueError:
        return ast.literal_eval(code)


def _same(one: Any, other: Any) -> bool:
    """Numbers by value, everything else also by kind."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, int | float) and isinstance(other, int | float):
        return one == other
    return type(one) is type(other) and bool(one == other)


_ROLES = ((("the", "requester", "has", "the", "role"), True), (("the", "requester", "lacks", "the", "role"), False))
_GIVEN = ((("is", "given"), True), (("is", "not", "given"), False))
_AMONG = ((("is", "one", "of"), True), (("is", "none", "of"), False))
_COMPARED: tuple[tuple[tuple[str, ...], Callable[[Any, Any], bool]], ...] = (
    (("is", "not", "greater", "than"), lambda a, b: not a > b),
    (("is", "greater", "than"), lambda a, b: a > b),
    (("is", "not", "at", "least"), lambda a, b: not a >= b),
    (("is", "at", "least"), lambda a, b: a >= b),
    (("is", "not", "less", "than"), lambda a, b: not a < b),
    (("is", "less", "than"), lambda a, b: a < b),
    (("is", "not", "at", "most"), lambda a, b: not a <= b),
    (("is", "at", "most"), lambda a, b: a <= b),
    (("begins", "with"), lambda a, b: a.startswith(b)),
    (("does", "not", "begin", "with"), lambda a, b: not a.startswith(b)),
    (("ends", "with"), lambda a, b: a.endswith(b)),
    (("does", "not", "end", "with"), lambda a, b: not a.endswith(b)),
    (("is", "not", "true"), lambda a, b: a is not b),
    (("is", "true"), lambda a, b: a is b),
    (("is", "not"), lambda a, b: not _same(a, b)),
    (("is",), _same),
)
