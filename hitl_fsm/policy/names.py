"""The names that a condition may use, and what to say about the others."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

SCOPE: dict[str, str] = {
    "args": "the call's arguments",
    "tool": "the tool's name",
    "step": "the workflow step's name",
    "agent": "the agent's name",
    "team": "the team's name",
    "workflow": "the workflow's name",
    "user": "the run's user: id, roles, kind",
    "run": "the run: id",
    "env": "the application's environment values",
    "vars": "the policy's own values",
    "now": "the instant of the verdict",
}
FIELDS: dict[str, tuple[str, ...]] = {"user": ("id", "roles", "kind"), "run": ("id",)}
_ROOTS = re.compile(r"\b(?:user|run|vars)\b")
FUNCTIONS = (
    "all", "exists", "exists_one", "filter", "map", "has", "size", "matches", "contains", "startsWith", "endsWith",
    "type", "int", "uint", "double", "string", "bool", "bytes", "dyn", "timestamp", "duration",
    "getFullYear", "getMonth", "getDate", "getDayOfMonth", "getDayOfWeek", "getDayOfYear", "getHours", "getMinutes",
    "getSeconds", "getMilliseconds",
)  # fmt: skip
OPERATORS = {
    "_==_": "==", "_!=_": "!=", "_<_": "<", "_<=_": "<=", "_>_": ">", "_>=_": ">=", "_+_": "+", "_-_": "-", "_*_": "*",
    "_/_": "/", "_%_": "%", "_&&_": "&&", "_||_": "||", "!_": "!", "-_": "-", "@in": "in", "_[_]": "[]", "_?_:_": "?:",
}  # fmt: skip

_TOKEN = re.compile(
    r"""(?P<text>[rRbB]{0,2}(?:\"{3}.*?\"{3}|'{3}.*?'{3}|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'))"""
    r"""|(?P<comment>//[^\n]*)|(?P<number>\d[\w.]*)|(?P<chain>[A-Za-z_]\w*(?:\s*\.\s*[A-Za-z_]\w*)*)""",
    re.DOTALL,
)
_BINDERS = re.compile(r"\b(?:all|exists|exists_one|filter|map)\s*\(\s*([A-Za-z_]\w*)\s*,")


@dataclass(frozen=True, slots=True)
class NameProblem:
    """Something wrong at `offset` of an expression; `kind` is `name`, `syntax` or `not_boolean`."""

    offset: int
    width: int
    text: str
    help: str | None
    kind: str


def did_you_mean(word: str, known: Collection[str]) -> str | None:
    """`did you mean …?` for the closest known word, or None."""
    close = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"did you mean `{close[0]}`?" if close else None


def suggestion(word: str, what: str) -> str:
    """What to write instead of an unknown name or function of a condition."""
    if what == "function":
        return did_you_mean(word, FUNCTIONS) or f"known functions: {', '.join(FUNCTIONS[:11])}, …"
    return (
        did_you_mean(word, SCOPE)
        or f"arguments are `args.{word}`; text needs quotes; names in scope: {', '.join(SCOPE)}"
    )


def chains(text: str) -> Iterator[tuple[int, list[tuple[str, int]]]]:
    """Each dotted name of an expression that starts at its root: its offset, and its parts with their offsets."""
    for token in _TOKEN.finditer(text):
        if token.lastgroup == "chain":
            parts = [(part[0], token.start() + part.start()) for part in re.finditer(r"[A-Za-z_]\w*", token[0])]
            if not text[: token.start()].rstrip().endswith("."):
                yield token.start(), parts


def name_problems(text: str, variables: Mapping[str, Any] | None) -> tuple[NameProblem, ...]:
    """Fields of `user`, `run` and `vars` that do not exist, and names of items that hide a real one."""
    found: list[NameProblem] = []
    for binder in _BINDERS.finditer(text):
        if binder[1] in SCOPE:  # it would hide the real one, also from the checks below
            taken = f"`{binder[1]}` is taken; it cannot name an item"
            found.append(NameProblem(binder.start(1), len(binder[1]), taken, f"name it `{binder[1][0]}`", "name"))
    known: dict[str, Collection[str]] = dict(FIELDS)
    if variables is not None:
        known["vars"] = tuple(variables)
    if _ROOTS.search(text) is None:
        return tuple(found)
    for _, parts in chains(text):
        root = parts[0][0]
        if root in known and len(parts) > 1 and parts[1][0] not in known[root]:
            name, at = parts[1]
            is_method = text[at + len(name) :].lstrip().startswith("(")
            if is_method:
                continue
            names = known[root]
            hint = did_you_mean(name, names) or (f"`{root}` has: {', '.join(names)}" if names else f"`{root}` is empty")
            found.append(NameProblem(at, len(name), f"`{root}` has no `{name}`", hint, "name"))
    return tuple(found)
