"""Small wrong versions of a module: each differs from it in one place, as a slip of the hand would."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import CodeType
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
_CORE = ("decide", "late", "draft", "settling", "gates", "review", "timers", "replay", "machine")
_PEOPLE = ("votes", "who", "ballot", "opening", "editing", "grants", "hours", "notices", "suspicion")
_STORE = ("commit", "approvals", "timers", "log", "batch", "statements")
LAYERS = {
    "core": tuple(f"hitl_fsm/core/{name}.py" for name in _CORE),
    "people": (
        *(f"hitl_fsm/core/{name}.py" for name in _PEOPLE),
        "hitl_fsm/runtime/entering.py",
        "hitl_fsm/runtime/people/crowd.py",
    ),
    "store": tuple(f"hitl_fsm/adapters/store/{name}.py" for name in _STORE),
}
TARGETS = tuple(path for paths in LAYERS.values() for path in paths)

_NO_CODE = frozenset({"annotation", "returns", "decorator_list", "args", "defaults"})
_OPPOSITE: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_COUNTERPART = {"any": "all", "all": "any", "min": "max", "max": "min"}
_WORD = re.compile(r"[a-z_]+")
_CONDITION = re.compile(r"(?:WHERE|AND|OR|WHEN) \(?([\w.]+ (?:=|<=|<|>) (?:\?|'\w*'))")
_BOUNDARY = {" <= ": " < ", " < ": " <= ", " > ": " >= "}


class Mutant(NamedTuple):
    """`place` is its module and function; `change` what was made of what there, the same for as long as the code is."""

    path: str
    function: str
    change: str
    tree: ast.Module
    site: _Site
    other: ast.AST

    @property
    def code(self) -> CodeType:
        """Compiled when it is tried: its name alone needs none."""
        self.site.put(ast.copy_location(self.other, self.site.node))
        code: CodeType = compile(ast.fix_missing_locations(self.tree), str(ROOT / self.path), "exec")
        self.site.put(self.site.node)
        return code

    @property
    def place(self) -> str:
        return f"{self.path.removeprefix('hitl_fsm/')} {self.function}".strip()

    @property
    def key(self) -> str:
        return f"{self.place}: {self.change}"


class _Site(NamedTuple):
    """Where a node hangs in its tree; `index` is its place in a list, None when it is the field itself."""

    parent: ast.AST
    field: str
    index: int | None
    node: ast.AST
    function: str

    def put(self, node: ast.AST) -> None:
        if self.index is None:
            setattr(self.parent, self.field, node)
        else:
            getattr(self.parent, self.field)[self.index] = node


def mutants_of(path: str) -> Iterator[Mutant]:
    """Every mutant of a module, in the order of its text."""
    tree = ast.parse((ROOT / path).read_text())
    seen: Counter[tuple[str, str]] = Counter()
    for site in list(_sites(tree, "")):
        for other in _others(site, path):
            change = f"{_told(site.node)} -> {_told(other)}"
            seen[site.function, change] += 1
            times = seen[site.function, change]
            yield Mutant(path, site.function, change if times == 1 else f"{change} ({times})", tree, site, other)


def _sites(parent: ast.AST, function: str) -> Iterator[_Site]:
    for field, value in ast.iter_fields(parent):
        if field in _NO_CODE and not (field == "args" and isinstance(parent, ast.Call)):
            continue
        for index, node in enumerate(value) if isinstance(value, list) else ((None, value),):
            if not isinstance(node, ast.AST):
                continue
            named = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
            if isinstance(parent, ast.ClassDef) and not named:
                continue  # a class stands once it is made
            if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id == "Literal":
                continue  # for the type checker
            inside = f"{function}.{node.name}".strip(".") if named else function
            yield _Site(parent, field, index, node, inside)
            yield from _sites(node, inside)


def _others(site: _Site, path: str) -> Iterator[ast.AST]:
    """What stands there in the mutants."""
    yield from _other_expressions(site.node, path)
    yield from _others_of_several(site.node)
    yield from _left_out(site.node)
    if isinstance(site.parent, ast.If | ast.IfExp | ast.While) and site.field == "test":
        yield ast.Constant(True)
        yield ast.Constant(False)
    elif isinstance(site.parent, ast.comprehension) and site.field == "ifs":
        yield ast.Constant(True)


def _other_expressions(node: ast.AST, path: str) -> Iterator[ast.AST]:
    match node:
        case ast.Compare(ops=[op]):
            for other in _OPPOSITE[type(op)]:
                yield ast.Compare(node.left, [other()], node.comparators)
        case ast.BoolOp():
            yield ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
            for left_out in range(len(node.values)):
                rest = [value for index, value in enumerate(node.values) if index != left_out]
                yield rest[0] if len(rest) == 1 else ast.BoolOp(node.op, rest)
        case ast.UnaryOp(op=ast.Not()):
            yield node.operand
        case ast.BinOp(op=ast.Add() | ast.Sub()):
            yield ast.BinOp(node.left, ast.Sub() if isinstance(node.op, ast.Add) else ast.Add(), node.right)
        case ast.Constant():
            yield from _other_constants(node, path)


def _others_of_several(node: ast.AST) -> Iterator[ast.expr]:
    """Of sets and of choices among many the counterpart; of `a <= b <= c`, with one sign changed."""
    match node:
        case ast.BinOp(op=ast.BitAnd() | ast.BitOr()):
            yield ast.BinOp(node.left, ast.BitOr() if isinstance(node.op, ast.BitAnd) else ast.BitAnd(), node.right)
        case ast.Name(id="any" | "all" | "min" | "max"):
            yield ast.Name(_COUNTERPART[node.id], ast.Load())
        case ast.Compare(ops=[_, _, *_]):
            for place, op in enumerate(node.ops):
                for other in _OPPOSITE[type(op)]:
                    yield ast.Compare(node.left, [*node.ops[:place], other(), *node.ops[place + 1 :]], node.comparators)


def _left_out(node: ast.AST) -> Iterator[ast.AST]:
    """Without a value returned, a statement, or a word of the record."""
    match node:
        case ast.Return(value=ast.expr() as value) if not (isinstance(value, ast.Constant) and value.value is None):
            yield ast.Return(ast.Constant(None))
        case ast.Expr(value=ast.Call()) | ast.Raise() | ast.AugAssign() | ast.Continue():
            yield ast.Pass()
        case ast.Call(func=ast.Attribute(attr="record")):
            for keyword in node.keywords:
                yield ast.Call(node.func, node.args, [k for k in node.keywords if k is not keyword])


def _other_constants(node: ast.Constant, path: str) -> Iterator[ast.Constant]:
    value = node.value
    if isinstance(value, bool):
        yield ast.Constant(not value)
    elif isinstance(value, int):
        yield ast.Constant(value + 1)
    elif isinstance(value, str) and path.endswith("statements.py"):
        yield from (ast.Constant(text) for text in _other_sql(value))
    elif isinstance(value, str) and _WORD.fullmatch(value):
        yield ast.Constant(f"not_{value}")


def _other_sql(text: str) -> Iterator[str]:
    """A condition that always holds, one that holds a moment more or less, a list with one less, another order."""
    for found in _CONDITION.finditer(text):
        start, end = found.span(1)
        condition = found[1]
        yield f"{text[:start]}({condition} OR 1 = 1){text[end:]}"
        for sign, other in _BOUNDARY.items():
            if sign in condition:
                yield f"{text[:start]}{condition.replace(sign, other)}{text[end:]}"
    for found in re.finditer(r"IN \('(\w+)', '(\w+)'\)", text):
        for left in found.groups():
            yield f"{text[: found.start()]}IN ('{left}'){text[found.end() :]}"
    for found in re.finditer(r"ORDER BY [\w.]+", text):
        yield f"{text[: found.end()]} DESC{text[found.end() :]}"
    for found in re.finditer(r"DISTINCT | ON CONFLICT \(\w+\) DO NOTHING", text):
        yield text[: found.start()] + text[found.end() :]
    if "min(" in text:
        yield text.replace("min(", "max(")


def _told(node: ast.AST) -> str:
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= 200 else f"{text[:120]} … {text[-60:]}"
