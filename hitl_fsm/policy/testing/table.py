"""A table's rows as what each of them would say if it were written out; every value keeps its place in the table."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from hitl_fsm.errors import Diagnostic
from hitl_fsm.policy.codes import Code
from hitl_fsm.policy.names import did_you_mean
from hitl_fsm.policy.source import Node, Path, Source
from hitl_fsm.policy.testing.document import ABSENT, MAX_NAME_CHARS, RowEntry, TableEntry

LABEL = "case"
_CALL_COLUMNS = ("tool", "step", "agent", "team", "workflow", "user", "now")
_MAPS = ("args", "env")
_EXPECT_COLUMNS = tuple(name for name in RowEntry.model_fields if name != "call")
_KNOWN = (LABEL, *_CALL_COLUMNS, "args.NAME", "env.NAME", *_EXPECT_COLUMNS)
_MAX_LABEL = 80


class Row(NamedTuple):
    """`source` is the file with the row as its whole content; `value` is what that says."""

    name: str
    node: Node
    source: Source
    value: dict[str, Any]


def rows_of(source: Source, table: TableEntry, path: Path) -> tuple[list[Row], list[Diagnostic]]:
    """The rows that can be read, and what is wrong with the others or with the columns."""
    columns, findings = _columns(source, table.columns, (*path, "columns"))
    if findings:
        return [], findings
    rows: list[Row] = []
    for index, cells in enumerate(table.rows):
        node = source.node((*path, "rows", index))
        if len(cells) != len(columns):
            message = f"the row has {len(cells)} cells, the table has {len(columns)} columns"
            hint = f"the columns are: {', '.join(table.columns)}"
            findings.append(source.diagnostic(Code.TEST_TABLE, message, node, hint))
            continue
        rows.append(_row(source, table.name, columns, node))
    return rows, findings


def _columns(source: Source, names: Sequence[str], path: Path) -> tuple[list[tuple[str, ...]], list[Diagnostic]]:
    columns: list[tuple[str, ...]] = []
    findings: list[Diagnostic] = []
    for index, name in enumerate(names):
        node = source.node((*path, index))
        column = _column(name)
        if column is None:
            findings.append(source.diagnostic(Code.TEST_TABLE, f"unknown column `{name}`", node, _hint(name)))
        elif column in columns:
            message = f"the column `{name}` stands twice"
            findings.append(source.diagnostic(Code.TEST_TABLE, message, node, "keep one of the two"))
        else:
            columns.append(column)
    return columns, findings


def _column(name: str) -> tuple[str, ...] | None:
    """Where a column's cells belong in a row that is written out."""
    if name == LABEL:
        return (LABEL,)
    if name in _CALL_COLUMNS:
        return ("call", name)
    if name in _EXPECT_COLUMNS:
        return (name,)
    kind, dot, key = name.partition(".")
    return ("call", kind, key) if dot and key and kind in _MAPS and "." not in key else None


def _hint(name: str) -> str:
    kind, _, rest = name.partition(".")
    if kind in _MAPS and rest:
        return f"a column is a whole argument: `{kind}.{rest.partition('.')[0]}`, with a mapping in its cells"
    return did_you_mean(name, _KNOWN) or f"an argument's column is `args.{name}`; others: {', '.join(_KNOWN)}"


def _row(source: Source, title: str, columns: Sequence[tuple[str, ...]], node: Node) -> Row:
    tree: dict[str, Any] = {}
    label: str | None = None
    told: list[str] = []
    for column, cell in zip(columns, _cells(node), strict=True):
        absent = cell.value == ABSENT and not cell.style
        if column == (LABEL,):
            label = None if absent else _text(cell.value)
            continue
        if column[0] == "call":
            told.append(_text(cell.value))
        if not absent:
            at = tree
            for key in column[:-1]:
                at = at.setdefault(key, {})
            at[column[-1]] = cell
    name = f"{title}: {label or ', '.join(told)}"
    root = _written_out(tree, node)
    row = Source(source.file, source.lines, root, ())
    return Row(name[:MAX_NAME_CHARS], node, row, root.value)


def _cells(node: Node) -> Iterator[Node]:
    return iter(node.children.values())


def _written_out(tree: dict[str, Any], at: Node) -> Node:
    """The nodes of a mapping that stands nowhere, with the places of the row and its cells."""
    children: dict[str | int, Node] = {
        key: child if isinstance(child, Node) else _written_out(child, at) for key, child in tree.items()
    }
    keys = {str(key): child for key, child in children.items()}
    values = {key: child.value for key, child in children.items()}
    return Node(values, at.line, at.column, at.width, keys=keys, children=children)


def _text(value: Any) -> str:
    """A cell in a row's name."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _MAX_LABEL else text[: _MAX_LABEL - 1] + "…"
