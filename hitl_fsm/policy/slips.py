"""Slips in a condition: what an author who knows another language writes, and what CEL has for it.

Looked for only where CEL could not read the text, so that nothing that is right is ever called a slip.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from hitl_fsm.policy.names import OPERATORS, NameProblem

_TEXT = r"""[rRbB]{0,2}(?:\"{3}.*?\"{3}|'{3}.*?'{3}|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')"""
_TOKEN = re.compile(
    rf"(?P<skip>{_TEXT}|//[^\n]*)"
    r"""|(?P<open>["'][^\n]*)|(?P<curly>[\u2018-\u201e\u00ab\u00bb])"""
    r"|(?P<sign>===|!==|=>|=<|<>|=~|[=!<>]=|&&|\|\||[=&|;#≥≤≠$€£¥])"
    r"|(?P<time>\b\d{1,2}:\d{2}\b)|(?P<grouped>\b\d{1,3}(?:[.,]\d{3})*,\d+\b)|(?P<number>\b\d[\d.]*[A-Za-z_]\w*)"
    r"|(?P<bracket>[()\[\]{}])|(?P<field>\.\s*\w+)|(?P<word>(?:is\s+not|not\s+in)\b|[A-Za-z_]\w*)",
    re.DOTALL,
)
_NUMBER = re.compile(r"(?:0[xX][0-9a-fA-F]+[uU]?|\d[\d.]*(?:[eE]\d*)?[uU]?)")

_SIGNS = {
    "=": "write `==`", "===": "write `==`", "!==": "write `!=`", "<>": "write `!=`", "≠": "write `!=`",
    "=>": "write `>=`", "≥": "write `>=`", "=<": "write `<=`", "≤": "write `<=`", "&": "write `&&`", "|": "write `||`",
    "=~": "write `args.name.matches('^…$')`", ";": "a condition is one expression; a list under `when` holds several",
    "#": "a comment in a condition begins with `//`",
}  # fmt: skip
_WORDS = {
    "and": "write `&&`",
    "or": "write `||`",
    "not": "write `!(…)`",
    "not in": "write `!(… in […])`",
    "is not": "write `!=`",
    "is": "write `==`",
    "equals": "write `==`",
    "like": "write `args.name.contains('…')`, or `args.name.matches('^…$')`",
    "between": "write `args.amount >= 10 && args.amount <= 20`",
    "if": "write only what must hold; or `condition ? one : other`",
    "then": "write only what must hold; or `condition ? one : other`",
    "else": "write only what must hold; or `condition ? one : other`",
}
_METHODS = ("contains", "startsWith", "endsWith", "matches")
_PLAIN_NUMBER = "a number is only digits: `1000`, `1000.5`"
_TIME = "ask for parts of the time: `now.getHours('Europe/Berlin') >= 12`, `now.getMinutes()`"
_HINTS = {
    "curly": "use straight quotes: `'EUR'`",
    "open": "close it with the same quote",
    "grouped": _PLAIN_NUMBER,
    "number": _PLAIN_NUMBER,
    "time": _TIME,
}

_SAID = (
    (re.compile(r"(?:mismatched|extraneous) input '<EOF>'"), "the condition ends too early"),
    (re.compile(r"(?:mismatched|extraneous) input '(.*)'$"), "`{}` cannot stand here"),
    (re.compile(r"token recognition error at: '\s*(.*?)\s*'$"), "`{}` means nothing in a condition"),
    (re.compile(r"missing '(.*)' at '<EOF>'"), "a `{}` is missing at the end"),
    (re.compile(r"missing '(.*)' at "), "a `{}` is missing before this"),
    (re.compile(r"no viable alternative at input "), "this cannot be read as a condition"),
    (re.compile(r"reserved identifier: (.*)"), "`{}` is a reserved word"),
    (re.compile(r"expression of type 'google\.protobuf\.Timestamp' cannot be the operand"), "a time has no fields"),
)
_ORDERS = frozenset({"<", "<=", ">", ">="})


def slips(text: str) -> tuple[NameProblem, ...]:
    """What is known not to be CEL, each with what to write instead; in the order of the text, and empty for none."""
    return tuple(_slips(text))


def _slips(text: str) -> Iterator[NameProblem]:
    depth = 0
    for token in _TOKEN.finditer(text):
        kind, word = token.lastgroup or "", token[0]
        if kind == "bracket":
            depth += 1 if word in "([{" else -1
        hint = _hint(kind, word, text[token.end() :].lstrip(), depth)
        if kind == "time" and "?" in text:
            hint = None
        if hint is not None:
            said = (
                "the text that begins here has no end" if kind == "open" else f"`{word}` means nothing in a condition"
            )
            yield NameProblem(token.start(), len(word.rstrip()), said, hint, "syntax")


def _hint(kind: str, word: str, after: str, depth: int) -> str | None:
    if kind == "sign":
        return _PLAIN_NUMBER if word in "$€£¥" else _SIGNS.get(word)
    if kind == "word":
        if word in _METHODS and not after.startswith("("):
            return f"write `args.name.{word}('…')`"
        return _WORDS.get(" ".join(word.lower().split()))
    if kind == "grouped" and depth > 0:  # two items of a list
        return None
    if kind == "number" and _NUMBER.fullmatch(word):
        return None
    return _HINTS.get(kind)


def in_words(said: str) -> str:
    """What CEL's parser says, in words that need no knowledge of parsers."""
    said = said.removeprefix("Syntax error: ").split(" expecting ")[0]
    for pattern, words in _SAID:
        if found := pattern.search(said):
            return words.format(*found.groups())
    return said


def syntax_hint(said: str) -> str | None:
    """What may help beside `in_words`."""
    return _TIME if "google.protobuf.Timestamp' cannot be the operand" in said else None


def overload_hint(operator: str, operands: str) -> str | None:
    """What may have been meant by an operator between values that it cannot take."""
    if "map(string, dyn)" in operands:
        return "name one field: `args.amount`, `user.id`"
    name = OPERATORS.get(operator, operator)
    if operands.startswith("bool,") and name in _ORDERS:
        return "compare twice: `10 < args.amount && args.amount < 20`"
    if operands in {"int, double", "double, int"}:
        return "make both the same kind: `double(args.amount)`, `2.0`"
    if operands.startswith("bool,") and name == "in":
        return "put it in brackets: `!(args.currency in ['EUR'])`"
    return None


_MAX_NAME = 64
_BEFORE_DASH = re.compile(rf"([A-Za-z_]\w{{0,{_MAX_NAME}}})\.(\w[\w-]{{0,{_MAX_NAME}}}-)$")
_AFTER_DASH = re.compile(rf"[\w-]{{1,{_MAX_NAME}}}")
_OTHER_NAMES = {
    "True": "write `true`", "TRUE": "write `true`", "yes": "write `true`",
    "False": "write `false`", "FALSE": "write `false`", "no": "write `false`",
    "None": "write `null`", "NULL": "write `null`", "nil": "write `null`", "undefined": "write `!has(args.name)`",
}  # fmt: skip
_EITHER_CASE = "`args.name.matches('(?i)^…$')` takes either case"
_OTHER_FUNCTIONS = {
    "len": "write `size(…)`", "length": "write `size(…)`", "count": "write `size(…)`",
    "now": "write `now`, without `()`", "date": "write `timestamp('2026-01-31T00:00:00Z')`",
    "lower": _EITHER_CASE, "upper": _EITHER_CASE,
    "includes": "write `… in […]`, or `args.name.contains('…')`",
}  # fmt: skip


def name_slip(text: str, start: int, word: str, what: str) -> str | None:
    """What another language's name at `start` is in CEL; None for any other name. `what` is `name` or `function`."""
    if what == "function":
        return _OTHER_FUNCTIONS.get(word.removeprefix("to").removesuffix("Case").lower())
    before = _BEFORE_DASH.search(text, max(0, start - 2 * _MAX_NAME), start)
    after = _AFTER_DASH.match(text, start)
    if before and after:
        return f"a name with `-` is written `{before[1]}['{before[2]}{after[0]}']`"
    return _OTHER_NAMES.get(word)
