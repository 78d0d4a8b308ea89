"""Style as a test: no test fails because something took long: that says how busy a machine is, and how fast."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TypeVar

import pytest

from test_tidy import name, python_files, tree

T = TypeVar("T", bound=ast.AST)

CLOCKS = {
    f"{clock}{unit}"
    for clock in ("time", "monotonic", "perf_counter", "process_time", "thread_time")
    for unit in ("", "_ns")
}
MEASURES = "tests/costs.py"
SHORT_S = 60
"""A wait that only ends a test which hangs takes this long at least: no machine is that slow."""


def timed(module: ast.AST) -> list[int]:
    """Lines of a test that fail it because something took long: a clock's difference compared, a deadline that is near.

    Names are those of one function: `before` is a time in one test, and a number of lines in another.
    """
    functions = [node for node in ast.walk(module) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    returned = {one.name for one in functions if any(_differs(node, set()) for node in _of(one, ast.Return))}
    found: set[int] = set()
    for scope in functions:
        times, took = set[str](), set(returned)
        for node in sorted(_of(scope, ast.Assign, ast.NamedExpr, ast.Call), key=lambda one: one.lineno):  # type: ignore[attr-defined]
            match node:
                case ast.Call(func=ast.Attribute(value=ast.Name(id=kept), attr="append"), args=[value]):
                    names = {kept}
                case ast.Assign(targets=[*_, target], value=value) | ast.NamedExpr(target=target, value=value):
                    names = {one.id for one in ast.walk(target) if isinstance(one, ast.Name)}
                case _:
                    continue
            if _differs(value, times) or _has(value, took):
                took |= names
            elif any(_is_read(one) for one in ast.walk(value)):
                times |= names
                found |= {value.lineno for one in _parts(value) if _is_near(one)}
        for stated in _of(scope, ast.Assert):
            if any(_differs(one, times) or _has(one, took) for one in _of(stated, ast.Compare)):
                found.add(stated.lineno)
    return sorted(found)


def _of(scope: ast.AST, *kinds: type[T]) -> Iterator[T]:
    return (node for node in ast.walk(scope) if isinstance(node, kinds))


def _parts(value: ast.expr) -> list[ast.expr]:
    return value.elts if isinstance(value, ast.Tuple) else [value]


def _is_read(node: ast.AST) -> bool:
    func = node.func if isinstance(node, ast.Call) else None
    return isinstance(func, (ast.Attribute, ast.Name)) and getattr(func, "attr", getattr(func, "id", "")) in CLOCKS


def _has(node: ast.AST, names: set[str]) -> bool:
    return any(isinstance(one, ast.Name) and one.id in names for one in ast.walk(node))


def _differs(node: ast.AST, times: set[str]) -> bool:
    """Whether a time is taken from another one in it."""
    less = [one for one in ast.walk(node) if isinstance(one, ast.BinOp) and isinstance(one.op, ast.Sub)]
    return any(_has(one, times) or any(map(_is_read, ast.walk(one))) for one in less)


def _is_near(node: ast.AST) -> bool:
    match node:
        case ast.BinOp(left=left, op=ast.Add(), right=ast.Constant(value=int() | float() as after)):
            return _is_read(left) and 1 < after < SHORT_S
    return False


def test_no_test_fails_because_something_took_long() -> None:
    """How long it takes says how busy a machine is; `costs` tells what a piece of work costs on any."""
    files = [path for path in python_files("tests") if name(path) != MEASURES]
    assert [f"{name(path)}:{line}" for path in files for line in timed(tree(path))] == []


@pytest.mark.parametrize(
    "text",
    [
        "def a():\n  began = time.monotonic()\n  work()\n  assert time.monotonic() - began < 5",
        "def a():\n  began = process_time()\n  took = process_time() - began\n  assert took < 5",
        "def a():\n  began, took = loop.time(), []\n  took.append(loop.time() - began)\n  assert min(took) < 5",
        "def a():\n  began = perf_counter()\n  end = perf_counter()\n  assert (end - began) / 10 >= 5",
        "def b():\n  return time.time() - began\ndef a():\n  assert b() < 5",
        "def a():\n  end = time.monotonic() + 20\n  while True:\n    assert time.monotonic() < end",
    ],
)
def test_a_test_that_fails_because_something_took_long_is_seen(text: str) -> None:
    assert len(timed(ast.parse(text))) == 1


@pytest.mark.parametrize(
    "text",
    [
        "def a():\n  before = time.time()\n  assert before <= clock() <= time.time()",
        "def a():\n  before = time.time()\ndef b():\n  before = len(lines)\n  assert len(lines) - before < 5",
        "def a():\n  end = time.monotonic() + HUNG_S\n  while time.monotonic() < end:\n    pass",
        "def a():\n  select(max(0, end - time.monotonic()))\n  assert ready",
    ],
)
def test_a_test_that_only_reads_a_clock_is_left_alone(text: str) -> None:
    assert timed(ast.parse(text)) == []
