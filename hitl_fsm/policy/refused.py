"""What CEL says against a text that it does not compile, as problems in plain words."""

from __future__ import annotations

import re

from hitl_fsm.policy.names import OPERATORS, NameProblem, suggestion
from hitl_fsm.policy.slips import in_words, name_slip, overload_hint, slips, syntax_hint

_COMPILE_ERROR = re.compile(r"ERROR: <input>:(-?\d+):(-?\d+): (.*)")
_OVERLOAD = re.compile(r"found no matching overload for '([^']*)' applied to '\((.*)\)'")
_STATUS = re.compile(r"^[A-Z_]+: | \[[A-Z_]+\]$")


def problems_of(message: str, text: str) -> tuple[NameProblem, ...]:
    """At their places in the text; never none."""
    problems: list[NameProblem] = []
    lines = text.split("\n")
    for found in _COMPILE_ERROR.finditer(message):
        line, column, said = int(found[1]), int(found[2]), _STATUS.sub("", found[3])
        offset = sum(len(part) + 1 for part in lines[: line - 1]) + max(0, column - 1) if line > 0 else 0
        problem = _problem(said, min(offset, len(text)), text)
        if not any(problem.offset == other.offset and problem.text == other.text for other in problems):
            problems.append(problem)
    if not problems:
        said = " ".join(_STATUS.sub("", _STATUS.sub("", message)).split())
        return (NameProblem(0, 1, said, None, "syntax"),)
    read = [problem for problem in problems if "parsetree" not in problem.text]
    return _with_slips(tuple(read or problems), text if "Syntax error: " in message else "")


def _with_slips(problems: tuple[NameProblem, ...], text: str) -> tuple[NameProblem, ...]:
    """What is wrong after a slip is mostly its consequence: the slips are told instead."""
    found = slips(text)
    return tuple(one for one in problems if not found or one.offset < found[0].offset) + found


def _problem(said: str, offset: int, text: str) -> NameProblem:
    if said.startswith("undeclared reference to '"):
        name = said.split("'")[1]
        start = text.rfind(name, 0, offset + len(name))
        start = offset if start < 0 else start
        method = text[:start].rstrip().endswith(".")
        root = name.split(".")[0]
        what = "function" if method or text[start + len(root) :].lstrip().startswith("(") else "name"
        hint = name_slip(text, start, root, what) or suggestion(root, what)
        return NameProblem(start, len(root), f"unknown {what} `{root}`", hint, "name")
    if found := _OVERLOAD.search(said):
        refused = f"`{OPERATORS.get(found[1], found[1])}` cannot take ({found[2]})"
        return NameProblem(offset, 1, refused, overload_hint(found[1], found[2]), "syntax")
    return NameProblem(offset, 1, in_words(said), syntax_hint(said), "syntax")
