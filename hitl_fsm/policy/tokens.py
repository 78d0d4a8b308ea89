"""Where the parts of a condition begin and end: CEL gives one position a node, a reader wants the whole text of it."""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import NamedTuple

_TOKEN = re.compile(
    r"""(?P<skip>[ \t\r\n\f]+|//[^\n]*)
    |(?P<text>[bB]?[rR][bB]?(?:\"{3}.*?\"{3}|'{3}.*?'{3}|"[^"\n]*"|'[^'\n]*')
        |[bB]?(?:\"{3}(?:\\.|[^\\])*?\"{3}|'{3}(?:\\.|[^\\])*?'{3}|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'))
    |(?P<number>0x[0-9a-fA-F]+[uU]?|(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?[uU]?)
    |(?P<word>[A-Za-z_]\w*|`[^`\n]*`)
    |(?P<sign>&&|\|\||[=!<>]=|.)""",
    re.DOTALL | re.VERBOSE | re.ASCII,
)
_OPENING = {"(": ")", "[": "]", "{": "}"}
_CLOSING = frozenset(_OPENING.values())

Span = tuple[int, int]
"""First and last token of a part, both inclusive."""


class Token(NamedTuple):
    start: int
    end: int
    kind: str
    text: str


class Tokens:
    """The tokens of one expression that compiles; every question has an answer, at worst a place near by."""

    __slots__ = ("_closing", "_starts", "all")

    def __init__(self, text: str) -> None:
        self.all = [
            Token(found.start(), found.end(), found.lastgroup, found[0])
            for found in _TOKEN.finditer(text)
            if found.lastgroup is not None and found.lastgroup != "skip"
        ] or [Token(0, len(text), "sign", text)]
        self._starts = [token.start for token in self.all]
        self._closing = self._brackets()

    def _brackets(self) -> dict[int, int]:
        closing: dict[int, int] = {}
        opened: list[int] = []
        for index, token in enumerate(self.all):
            if token.kind != "sign":
                continue
            if token.text in _OPENING:
                opened.append(index)
            elif token.text in _CLOSING and opened:
                closing[opened.pop()] = index
        return closing

    def at(self, offset: int) -> int:
        """The token at a character."""
        return max(0, bisect_right(self._starts, offset) - 1)

    def text(self, index: int) -> str:
        """A token's text; empty outside."""
        return self.all[index].text if 0 <= index < len(self.all) else ""

    def close(self, index: int) -> int:
        """The bracket that closes the first one from `index` on, or the last token."""
        while index < len(self.all) and index not in self._closing:
            index += 1
        return self._closing.get(index, len(self.all) - 1)

    def grouped(self, span: Span, *, postfix: bool = False, after: int = -1) -> Span:
        """The span with the parentheses and signs around it that belong to it.

        CEL's tree knows neither, nor two signs that undo each other. With `postfix` the span is what a `.` or `[`
        applies to: a sign before it belongs to the whole, unless parentheses say otherwise. Nothing up to the token
        `after` is taken.
        """
        while True:
            first, last = span
            signed = first
            while signed - 1 > after and self._is_sign(signed - 1):
                signed -= 1
            if signed - 1 > after and self._groups(signed - 1, last + 1):
                span = signed - 1, last + 1
            else:
                return span if postfix else (signed, last)

    def characters(self, span: Span) -> tuple[int, int]:
        """Offset and width of a span."""
        end = len(self.all) - 1
        first, last = min(max(span[0], 0), end), min(max(span[1], 0), end)
        start = self.all[first].start
        return start, max(self.all[last].end, start) - start

    def _groups(self, opening: int, closing: int) -> bool:
        return self.text(opening) == "(" and self._closing.get(opening) == closing and not self._is_operand(opening - 1)

    def _is_sign(self, index: int) -> bool:
        """Whether it is `!`, or a `-` with nothing before it to subtract from."""
        return self.text(index) == "!" or (self.text(index) == "-" and not self._is_operand(index - 1))

    def _is_operand(self, index: int) -> bool:
        """Whether a value, or a function's name, ends there."""
        if index < 0:
            return False
        token = self.all[index]
        return token.text in _CLOSING if token.kind == "sign" else token.text != "in"
