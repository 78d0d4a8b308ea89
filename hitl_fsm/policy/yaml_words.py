"""What the YAML reader says, in words for whoever wrote the file: what is wrong there, and what to write instead."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple


class Told(NamedTuple):
    """A message, what may help, and the place (1-based)."""

    message: str
    help: str | None
    line: int
    column: int


_MISFIT = "this does not fit the lines before it"
_QUOTES = "put the whole text in quotes"
_SAME_COLUMN = "keys that belong together begin in the same column, indented with spaces"
_BY_PROBLEM = (
    ("did not find expected node content", "a value is missing here", "a `[` or `{` is not closed, or a `,` too many"),
    ("mapping values are not allowed", "a `:` cannot stand here", f"{_QUOTES}; or indent the lines alike"),
    ("did not find expected '-' indicator", _MISFIT, "items of one list begin in the same column, each with `- `"),
    ("did not find expected <document start>", _MISFIT, _SAME_COLUMN),
    ("did not find expected key", _MISFIT, _SAME_COLUMN),
    ("block sequence entries are not allowed", "a list cannot begin here", "begin it on a line of its own"),
    ("unknown escape character", "this escape means nothing in double quotes", r"single quotes take `\` as it is"),
    ("did not find expected comment or line break", "nothing may follow `|` or `>` here", "begin on the next line"),
    ("did not find expected alphabetic or numeric", "a text cannot begin with `&` or `*`", _QUOTES),
)


def told(error: Any, lines: Sequence[str]) -> Told:
    """What a MarkedYAMLError of a file with these lines says; its own words where there are no better ones."""
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    problem, context = str(error.problem or error.context or "this is not YAML"), error.context
    begun = error.context_mark
    text = lines[line - 1] if line <= len(lines) else ""
    if "cannot start any token" in problem:
        return _bad_start(text, line, column)
    if "unexpected end of stream" in problem and "quoted" in str(context) and begun:
        return Told(
            "the text that begins here has no end", "close it with the same quote", begun.line + 1, begun.column + 1
        )
    if "did not find expected ',' or" in problem and begun:
        sign = "[" if "']'" in problem else "{"
        said = f"the `{sign}` of line {begun.line + 1} is not closed before this"
        return Told(said, "close it, or put a comma between its parts", line, column)
    if "did not find expected key" in problem and text[: column - 1].rstrip().endswith(("'", '"')):
        return Told("something follows the end of a text in quotes", _WHOLE, line, column)
    for known, message, hint in _BY_PROBLEM:
        if known in problem:
            return Told(message, hint, line, column)
    return Told(problem, context, line, column)


_WHOLE = """put all of it in quotes: "'EUR' == args.currency"; a `'` inside `'…'` is written `''`"""


def _bad_start(text: str, line: int, column: int) -> Told:
    sign = text[column - 1 : column]
    if sign == "\t":
        return Told("a tab cannot stand here", "indent with spaces", line, column)
    return Told(f"a text cannot begin with `{sign}`", _QUOTES, line, column)


def tag_hint(tag: str) -> str | None:
    """What to write where `!…` was taken for a tag; None for one of YAML's own."""
    return f"""a condition that begins with `!` stands in quotes: "{tag} …\"""" if _is_condition(tag) else None


def _is_condition(tag: str) -> bool:
    return tag.startswith("!") and not tag.startswith("!!") and any(sign in tag for sign in ".(")
