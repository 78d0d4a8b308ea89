r"""Conditions in CEL. The only module that imports CEL; it answers True, False or a problem, never anything truthy.

Traps of the native library that are closed here: a runtime error comes back as a value whose payload is a non-empty
text; text with a NUL is compared only up to it (`'a\0b' == 'a'`), lone surrogates raise; integers beyond 64 bits
poison the whole map; very deep data crashes the process; NaN compares as False. All of these are problems, and a
problem denies.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from cel_expr_python import cel  # type: ignore[import-untyped]

from hitl_fsm.model.action import Action
from hitl_fsm.policy.names import OPERATORS, NameProblem, name_problems, suggestion

MAX_EXPRESSION_CHARS = 4000
MAX_DATA_DEPTH = 64
MAX_DATA_NODES = 20_000
MAX_DATA_CHARS = 1_000_000
MAX_PROBLEM_CHARS = 300
_MIN_INT, _MAX_INT = -(2**63), 2**63 - 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_ANY = cel.Type.Map(cel.Type.STRING, cel.Type.DYN)
_TYPES = {
    "args": _ANY,
    "tool": cel.Type.STRING,
    "step": cel.Type.STRING,
    "agent": cel.Type.STRING,
    "team": cel.Type.STRING,
    "workflow": cel.Type.STRING,
    "user": _ANY,
    "run": _ANY,
    "env": cel.Type.Map(cel.Type.STRING, cel.Type.STRING),
    "vars": _ANY,
    "now": cel.Type.TIMESTAMP,
}
_ENV = cel.NewEnv(variables=_TYPES)
_BOOL, _DYN, _ERROR = cel.Type.BOOL, cel.Type.DYN, cel.Type.ERROR

_COMPILE_ERROR = re.compile(r"ERROR: <input>:(-?\d+):(-?\d+): (.*)")
_STATUS = re.compile(r"^[A-Z_]+: | \[[A-Z_]+\]$")
_OVERLOAD = re.compile(r"found no matching overload for '([^']*)' applied to '\((.*)\)'")
_RUNTIME_OVERLOAD = re.compile(r"No matching overloads found : (\S+?)\((.*)\)")


@dataclass(frozen=True, slots=True)
class ConditionProblem:
    """Why a condition has no answer."""

    text: str


class ConditionError(ValueError):
    """An expression that cannot be used: `problems` have offsets into it."""

    def __init__(self, problems: tuple[NameProblem, ...]) -> None:
        super().__init__("; ".join(problem.text for problem in problems))
        self.problems = problems


class Scope:
    """What the conditions of one verdict may look at: checked and converted at the first condition, then reused."""

    __slots__ = ("_action", "_activations", "_data", "_problem")

    def __init__(self, action: Action) -> None:
        self._action = action
        self._data: dict[str, Any] | None = None
        self._problem: ConditionProblem | None = None
        self._activations: dict[int, cel.Activation] = {}

    def activation(self, variables: Mapping[str, Any]) -> cel.Activation | ConditionProblem:
        """The data with these `vars` (told apart by identity: they belong to a policy), or why CEL cannot have it."""
        found = self._activations.get(id(variables))
        if found is not None:
            return found
        if self._data is None:
            self._data = self._read()
        if self._problem is not None:
            return self._problem
        found = self._activations[id(variables)] = _ENV.Activation({**self._data, "vars": dict(variables)})
        return found

    def _read(self) -> dict[str, Any]:
        action, user = self._action, self._action.user
        data: dict[str, Any] = {
            "args": action.args,
            "tool": action.tool,
            "step": action.step,
            "agent": action.agent,
            "team": action.team,
            "workflow": action.workflow,
            "user": {"id": user.id, "roles": list(user.roles), "kind": user.kind},
            "run": {"id": action.run_id},
            "env": dict(action.env),
        }
        text = data_problem(data)
        if text is None:
            try:
                data["now"] = _EPOCH + timedelta(milliseconds=action.now)
            except (OverflowError, TypeError):
                text = "`now` is not an instant"
        self._problem = ConditionProblem(text) if text else None
        return data


class Condition:
    """One compiled expression."""

    __slots__ = ("_expression", "text")

    def __init__(self, text: str, expression: cel.Expression) -> None:
        self.text = text
        self._expression = expression

    def evaluate(self, scope: Scope, variables: Mapping[str, Any]) -> bool | ConditionProblem:
        """True or False only if CEL says so; everything else is a problem."""
        try:
            activation = scope.activation(variables)
            if isinstance(activation, ConditionProblem):
                return activation
            value = self._expression.eval(activation)
            kind = value.type()
            if kind == _BOOL:
                return value.value() is True
            payload = value.value() if kind == _ERROR else None
        except (RuntimeError, ValueError, TypeError) as error:
            return ConditionProblem(_runtime(str(error)))
        if kind == _ERROR:
            return ConditionProblem(_runtime(str(payload)))
        return ConditionProblem(f"the value is {_type_name(kind)}, not true or false")


def compile_condition(text: str, variables: Mapping[str, Any] | None = None) -> Condition:
    """Compile and check one expression; ConditionError has every problem that was found.

    `variables` are the policy's `vars`: with them `vars.nmae` is found at load.
    """
    expression = _compiled(text, variables)
    kind = expression.return_type()
    if kind not in (_BOOL, _DYN):
        message = f"the condition gives {_type_name(kind)}, not true or false"
        raise ConditionError(
            (NameProblem(0, max(1, len(text.rstrip())), message, "compare it with something", "not_boolean"),)
        )
    if problems := name_problems(text, variables):
        raise ConditionError(problems)
    return Condition(text, expression)


def checked_bytes(text: str) -> bytes:
    """The CheckedExpr message that CEL makes of an expression of any type; ConditionError when it does not compile."""
    return bytes(_compiled(text, None).serialize())


def _compiled(text: str, variables: Mapping[str, Any] | None) -> cel.Expression:
    if len(text) > MAX_EXPRESSION_CHARS:
        message = f"the condition has {len(text)} characters; the limit is {MAX_EXPRESSION_CHARS}"
        raise _error(message)
    if data_problem(text) is not None:
        message = "the condition holds a character that cannot be compared (NUL or half of a pair)"
        raise _error(message)
    try:
        return _ENV.compile(text)
    except RuntimeError as error:
        found = _compile_problems(str(error), text)
        if all(problem.kind == "name" for problem in found):  # it can be read: look for the other names, too
            found += tuple(other for other in name_problems(text, variables) if other not in found)
        raise ConditionError(found) from None


def data_problem(value: Any) -> str | None:
    """Why this value cannot be put before CEL, or None. Iterative, since its depth is not yet known to be safe."""
    nodes = chars = 0
    level: list[Any] = [value]
    for _ in range(MAX_DATA_DEPTH + 1):
        below: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                below.extend(item)
                below.extend(item.values())
            elif isinstance(item, (list, tuple)):
                below.extend(item)
            elif isinstance(item, str):
                chars += len(item)
                if "\x00" in item or not (item.isascii() or _encodable(item)):
                    return "text holds a NUL or half of a surrogate pair"
            elif problem := _number_problem(item):
                return problem
        nodes += len(below)
        if nodes > MAX_DATA_NODES or chars > MAX_DATA_CHARS:
            return f"more than {MAX_DATA_NODES} values or {MAX_DATA_CHARS} characters"
        if not below:
            return None
        level = below
    return f"nested deeper than {MAX_DATA_DEPTH} levels"


def _number_problem(item: Any) -> str | None:
    if item is None or isinstance(item, bool):
        return None
    if isinstance(item, float):
        return None if math.isfinite(item) else f"{item} is not a finite number"
    if isinstance(item, int):
        return None if _MIN_INT <= item <= _MAX_INT else "an integer is beyond 64 bits"
    return f"a value of type {type(item).__name__} is not JSON"


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _error(message: str) -> ConditionError:
    return ConditionError((NameProblem(0, 1, message, None, "syntax"),))


def _type_name(kind: cel.Type) -> str:
    return str(kind.name()).lower()


def _runtime(text: str) -> str:
    """CEL's runtime error in plain words, one line, bounded."""
    text = _STATUS.sub("", _STATUS.sub("", text))
    if found := _RUNTIME_OVERLOAD.search(text):
        text = f"`{OPERATORS.get(found[1], found[1])}` cannot take ({found[2]})"
    elif text.startswith("Key not found in map : "):
        text = f"there is no {text.removeprefix('Key not found in map : ')}"
    text = " ".join(text.split())
    return text if len(text) <= MAX_PROBLEM_CHARS else text[: MAX_PROBLEM_CHARS - 1] + "…"


def _compile_problems(message: str, text: str) -> tuple[NameProblem, ...]:
    problems: list[NameProblem] = []
    lines = text.split("\n")
    for found in _COMPILE_ERROR.finditer(message):
        line, column, said = int(found[1]), int(found[2]), _STATUS.sub("", found[3])
        offset = sum(len(part) + 1 for part in lines[: line - 1]) + max(0, column - 1) if line > 0 else 0
        problem = _compile_problem(said, min(offset, len(text)), text)
        if not any(problem.offset == other.offset and problem.text == other.text for other in problems):
            problems.append(problem)
    return tuple(problems) or _error(" ".join(_STATUS.sub("", _STATUS.sub("", message)).split())).problems


def _compile_problem(said: str, offset: int, text: str) -> NameProblem:
    if said.startswith("undeclared reference to '"):
        name = said.split("'")[1]
        start = text.rfind(name, 0, offset + len(name))
        start = offset if start < 0 else start
        method = text[:start].rstrip().endswith(".")
        root = name.split(".")[0]
        what = "function" if method or text[start + len(root) :].lstrip().startswith("(") else "name"
        return NameProblem(start, len(root), f"unknown {what} `{root}`", suggestion(root, what), "name")
    if found := _OVERLOAD.search(said):
        return NameProblem(offset, 1, f"`{OPERATORS.get(found[1], found[1])}` cannot take ({found[2]})", None, "syntax")
    said = said.removeprefix("Syntax error: ").split(" expecting ")[0]
    if "'<EOF>'" in said and "mismatched" in said:
        said = "the condition ends too early"
    return NameProblem(offset, 1, said, None, "syntax")
