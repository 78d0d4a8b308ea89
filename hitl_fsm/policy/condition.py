r"""Conditions in CEL. The only module that imports CEL; it answers True, False or a problem, never anything truthy.

Traps of the native library that are closed here: a runtime error comes back as a value whose payload is a non-empty
text; text with a NUL is compared only up to it (`'a\0b' == 'a'`), lone surrogates raise; integers beyond 64 bits
poison the whole map; very deep data crashes the process; NaN compares as False. All of these are problems, and a
problem denies.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Self

from cel_expr_python import cel  # type: ignore[import-untyped]

from hitl_fsm.model.action import Action
from hitl_fsm.model.actor import Actor
from hitl_fsm.policy.cost import MIN_DATA_SIZE, is_cheap, largest_data
from hitl_fsm.policy.data import MAX_DATA_SIZE, action_size, data_problem, data_size
from hitl_fsm.policy.expression_read import Reader, UnreadableTreeError
from hitl_fsm.policy.names import OPERATORS, SCOPE, NameProblem, name_problems
from hitl_fsm.policy.quick import Ask, quick

MAX_EXPRESSION_CHARS = 4000
MAX_PROBLEM_CHARS = 300
MAX_REMEMBERED = 2048
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
_MADE: list[cel.Env] = []
_BOOL, _DYN, _ERROR = cel.Type.BOOL, cel.Type.DYN, cel.Type.ERROR

_STATUS = re.compile(r"^[A-Z_]+: | \[[A-Z_]+\]$")
_SCOPE_NAME = re.compile(rf"\b(?:{'|'.join(SCOPE)})\b")
_NO_KEY, _NO_PATTERN = "Key not found in map : ", "invalid regular expression: "
_RUNTIME_OVERLOAD = re.compile(r"No matching overloads found : (\S+?)\((.*)\)")


@dataclass(frozen=True, slots=True)
class ConditionProblem:
    """Why a condition has no answer."""

    text: str


Answer = bool | ConditionProblem
Names = tuple[str, ...]


class ConditionError(ValueError):
    """An expression that cannot be used: `problems` have offsets into it."""

    def __init__(self, problems: tuple[NameProblem, ...]) -> None:
        super().__init__("; ".join(problem.text for problem in problems))
        self.problems = problems


def _environment() -> cel.Env:
    """Made for the first condition: it takes protobuf along, which most answers of people do not need."""
    if not _MADE:
        _MADE.append(cel.NewEnv(variables=_TYPES))
    return _MADE[0]  # the first one, also where two threads made theirs at once


class Scope:
    """What the conditions of one verdict may look at: checked once, given to CEL by the names that are asked for."""

    __slots__ = ("_action", "_activations", "_problem", "size")

    def __init__(self, action: Action) -> None:
        self._action = action
        self._activations: dict[tuple[int, Names], cel.Activation] = {}
        found = action_size(action)
        self.size = found if isinstance(found, int) else 0
        self._problem = None if isinstance(found, int) else ConditionProblem(found)

    def activation(self, names: Names, variables: Mapping[str, Any]) -> cel.Activation | ConditionProblem:
        """The data of these names with these `vars`, or why CEL cannot have it.

        `variables` are told apart by identity: they belong to a policy.
        """
        if self._problem is not None:
            return self._problem
        key = (id(variables) if "vars" in names else 0, names)
        found = self._activations.get(key)
        if found is None:
            found = self._activations[key] = _environment().Activation(_data(names, self._action, variables))
        return found


_VALUES: dict[str, Callable[[Action], Any]] = {
    "args": lambda action: action.args,
    "tool": lambda action: action.tool,
    "step": lambda action: action.step,
    "agent": lambda action: action.agent,
    "team": lambda action: action.team,
    "workflow": lambda action: action.workflow,
    "user": lambda action: _user(action.user),
    "run": lambda action: {"id": action.run_id},
    "env": lambda action: dict(action.env),
    "now": lambda action: _EPOCH + timedelta(milliseconds=action.now),
}


def _data(names: Names, action: Action, variables: Mapping[str, Any]) -> dict[str, Any]:
    return {name: dict(variables) if name == "vars" else _VALUES[name](action) for name in names}


def _user(user: Actor) -> dict[str, Any]:
    return {"id": user.id, "roles": list(user.roles), "kind": user.kind}


class Condition:
    """One compiled expression. `names` are those in scope that it may read; `line` and `column` are where it stands."""

    __slots__ = ("_expression", "column", "is_bool", "limit", "line", "names", "text")

    def __init__(self, text: str, expression: cel.Expression, limit: int) -> None:
        self.text = text
        self.names = names_in(text)
        self.is_bool = expression.return_type() == _BOOL
        self.limit = limit
        self.line = self.column = 0
        self._expression = expression

    def at(self, line: int, column: int) -> Self:
        """Note its place in the policy's file; the condition itself."""
        self.line, self.column = line, column
        return self

    def evaluate(self, scope: Scope, variables: Mapping[str, Any]) -> Answer:
        """True or False only if CEL says so; everything else is a problem."""
        try:
            activation = scope.activation(self.names, variables)
            if isinstance(activation, ConditionProblem):
                return activation
            if scope.size > self.limit:
                return ConditionProblem(f"the data are too large for it: {scope.size}, at most {self.limit}")
            value = self._expression.eval(activation)
            kind = value.type()
            if kind == _BOOL:
                return value.value() is True
            payload = value.value() if kind == _ERROR else None
        except (RuntimeError, ValueError, TypeError) as error:
            return ConditionProblem(_runtime(str(error), self.text))
        if kind == _ERROR:
            return ConditionProblem(_runtime(str(payload), self.text))
        return ConditionProblem(f"the value is {_type_name(kind)}, not true or false")

    def checked_bytes(self) -> bytes:
        """The CheckedExpr message that CEL made of it, without compiling it again."""
        return bytes(self._expression.serialize())

    def shortcut(self, variables: Mapping[str, Any]) -> Ask | None:
        """A faster way to the same answers (see `quick`); None where there is none."""
        if self.limit < MAX_DATA_SIZE:
            return None
        return _shortcut(self.text) if "vars" not in self.names else _quick(self.text, variables)


@lru_cache(maxsize=MAX_REMEMBERED)  # the same text has the same way everywhere
def _shortcut(text: str) -> Ask | None:
    return _quick(text, {})


def _quick(text: str, variables: Mapping[str, Any]) -> Ask | None:
    try:
        tree = Reader(text, bytes(_expression(text).serialize())).tree()
    except UnreadableTreeError:
        return None
    return quick(tree, variables)


class Together:
    """Several conditions as one list expression: one evaluation instead of many, where each has an answer."""

    __slots__ = ("_expression", "_limit", "_names")

    def __init__(self, conditions: Sequence[Condition]) -> None:
        items = (one.text if one.is_bool else f"({one.text}\n) ? true : false" for one in conditions)
        self._expression = _environment().compile("[" + ",".join(f"(\n{item}\n)" for item in items) + "]")
        self._limit = min(one.limit for one in conditions)
        self._names = tuple(sorted({name for one in conditions for name in one.names}))

    def evaluate(self, action: Action, size: int, variables: Mapping[str, Any]) -> list[bool] | None:
        """Each condition's answer, True or False; None where one has a problem: ask each by itself then.

        `size` is that of the action (`data.action_size`).
        """
        if size > self._limit:
            return None
        try:
            activation = _environment().Activation(_data(self._names, action, variables))
            found: Any = self._expression.eval(activation).plain_value()
        except (RuntimeError, ValueError, TypeError):
            return None
        return found if type(found) is list else None  # an error's payload is a text


def together(conditions: Sequence[Condition]) -> Together | None:
    """None where CEL does not take them as one expression, for instance since it is too large."""
    try:
        return Together(conditions)
    except RuntimeError:
        return None


def compile_condition(text: str, variables: Mapping[str, Any] | None = None) -> Condition:
    """Compile and check one expression; ConditionError has every problem that was found.

    `variables` are the policy's `vars`: with them `vars.nmae` is found at load.
    """
    expression = _compiled(text, variables)
    try:
        kind = expression.return_type()
        given = None if kind in (_BOOL, _DYN) else _type_name(kind)
    except RuntimeError:  # a type that the library has no name for, such as a map with lists as keys
        given = "a map, or something with one in it"
    if given is not None:
        message = f"the condition gives {given}, not true or false"
        raise ConditionError(
            (NameProblem(0, max(1, len(text.rstrip())), message, "compare it with something", "not_boolean"),)
        )
    if problems := name_problems(text, variables):
        raise ConditionError(problems)
    return Condition(text, expression, _limit(text, expression, variables or {}))


def _limit(text: str, expression: cel.Expression, variables: Mapping[str, Any]) -> int:
    """The size of the data that it takes; ConditionError where that would be next to none."""
    if is_cheap(text):
        return MAX_DATA_SIZE
    width = max(1, len(text.rstrip()))
    size = data_size(variables)
    try:
        tree = Reader(text, bytes(expression.serialize())).tree()
    except UnreadableTreeError as error:
        raise ConditionError((NameProblem(0, width, str(error), None, "syntax"),)) from None
    limit = largest_data(tree, variables, size if isinstance(size, int) else MAX_DATA_SIZE)
    if limit < MIN_DATA_SIZE:
        message = "the condition could take too long, or too much memory"
        hint = "fewer `all`, `exists` and `map` behind each other; patterns from the policy, not from arguments"
        raise ConditionError((NameProblem(0, width, message, hint, "syntax"),))
    return limit


def names_in(text: str) -> Names:
    """The names in scope that an expression may read; at least those that it does."""
    return tuple(sorted(set(_SCOPE_NAME.findall(text))))


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
        return _expression(text)
    except RuntimeError as error:
        from hitl_fsm.policy.refused import problems_of  # noqa: PLC0415 - only for what is wrong

        found = problems_of(str(error), text)
        if all(problem.kind == "name" for problem in found):  # it can be read: look for the other names, too
            found += tuple(other for other in name_problems(text, variables) if other not in found)
        raise ConditionError(found) from None


@lru_cache(maxsize=MAX_REMEMBERED)  # rules repeat each other, and a check looks at each condition several times
def _expression(text: str) -> cel.Expression:
    return _environment().compile(text)


def _error(message: str) -> ConditionError:
    return ConditionError((NameProblem(0, 1, message, None, "syntax"),))


def _type_name(kind: cel.Type) -> str:
    return str(kind.name()).lower()


def _runtime(text: str, written: str) -> str:
    """CEL's runtime error in plain words, one line, bounded.

    It goes to the record, which has no contents: of a key or a pattern it says only what the author has `written`.
    """
    text = _STATUS.sub("", _STATUS.sub("", text))
    if found := _RUNTIME_OVERLOAD.search(text):
        text = f"`{OPERATORS.get(found[1], found[1])}` cannot take ({found[2]})"
    elif text.startswith(_NO_KEY):
        key = text.removeprefix(_NO_KEY)
        text = f"there is no {key}" if _stands_in(key.strip('"'), written) else "a key that was looked up is not there"
    elif text.startswith(_NO_PATTERN) and not _stands_in(text.removeprefix(_NO_PATTERN).partition(": ")[2], written):
        text = "a pattern is no regular expression"
    text = " ".join(text.split())
    return text if len(text) <= MAX_PROBLEM_CHARS else text[: MAX_PROBLEM_CHARS - 1] + "…"


def _stands_in(part: str, written: str) -> bool:
    """Whether an author wrote this, as a whole word."""
    return re.search(rf"(?<!\w){re.escape(part)}(?!\w)", written) is not None
