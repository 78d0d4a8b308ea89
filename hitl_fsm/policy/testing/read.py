"""From a parsed test file to its cases, and everything that is wrong with it, each finding at its place."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, ValidationError

from hitl_fsm.errors import Diagnostic
from hitl_fsm.policy.bounded import bounded
from hitl_fsm.policy.codes import Code
from hitl_fsm.policy.shape import shape_findings
from hitl_fsm.policy.source import Node, Path, Source, parse
from hitl_fsm.policy.testing.calls import action_of, call_findings
from hitl_fsm.policy.testing.case import Case, Check, PolicyTest
from hitl_fsm.policy.testing.document import (
    MAX_CASES,
    CaseEntry,
    Expected,
    PinnedGate,
    PolicyTestDocument,
    RowEntry,
    TableEntry,
)
from hitl_fsm.policy.testing.table import rows_of

_GATED = {"gated", "confirm", "approval", "user_input", "external", "review"}


def read_test(data: bytes, file: str) -> tuple[PolicyTest, list[Diagnostic]]:
    """The test file in these bytes, and all findings in order of place. Never raises on what they hold."""
    reader = _Reader(parse(data, file))
    test = reader.read()
    told = {(finding.place.line, finding.place.column) for finding in reader.source.findings}
    own = [one for one in reader.findings if (one.place.line, one.place.column) not in told]
    findings = [*reader.source.findings, *own]
    return test, bounded(findings)


class _Reader:
    """Reads one file into cases and findings."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.findings: list[Diagnostic] = []
        self.cases: list[Case] = []
        self.lines: dict[str, int] = {}

    def note(self, code: Code, message: str, node: Node, help: str | None = None) -> None:  # noqa: A002
        self.findings.append(self.source.diagnostic(code, message, node, help))

    def read(self) -> PolicyTest:
        document = self._document()
        if document is not None:
            self._cases(document)
        return PolicyTest(self.source, document, tuple(self.cases))

    def _document(self) -> PolicyTestDocument | None:
        root = self.source.root
        if root is None:
            return None
        if not isinstance(root.value, dict):
            self.note(Code.WRONG_VALUE, "a policy test is a mapping of keys to values", root)
            return None
        try:
            document = PolicyTestDocument.model_validate(root.value)
        except ValidationError as error:
            self.findings += shape_findings(self.source, error, PolicyTestDocument)
            return None
        self.findings += _empty(self.source, document, ())
        return document

    def _cases(self, document: PolicyTestDocument) -> None:
        self.findings += call_findings(self.source, document.defaults, ("defaults",), document.users)
        for index, entry in enumerate(document.cases):
            self._single(document, entry, ("cases", index))
        for index, table in enumerate(document.tables):
            self._table(document, table, ("tables", index))
        if not document.cases and not document.tables:
            root = self.source.node(())
            self.note(Code.TEST_EMPTY, "the file has no case", root, "write `cases:` or `tables:`")

    def _single(self, document: PolicyTestDocument, entry: CaseEntry, path: Path) -> None:
        self.findings += call_findings(self.source, entry.call, (*path, "call"), document.users)
        node = self.source.node((*path, "name"))
        action = action_of(document.defaults, [entry.call], document.users)
        checks = self._checks(self.source, entry.expect, (*path, "expect"))
        if not self._is_new(entry.name, node, "rename one of them"):
            return
        if action is None:
            self._no_subject(node)
            return
        self.cases.append(Case(entry.name, action, tuple(checks), node))

    def _no_subject(self, node: Node) -> None:
        hint = "say `tool`, `step` or `agent` in `call`, or in `defaults`"
        self.note(Code.TEST_CALL, "the call names no tool, step or agent", node, hint)

    def _is_new(self, name: str, node: Node, hint: str) -> bool:
        if name in self.lines:
            first = f"the first one is on line {self.lines[name]}; {hint}"
            self.note(Code.TEST_NAME, f"the case `{name}` stands twice", node, first)
            return False
        self.lines[name] = node.line
        if len(self.lines) == MAX_CASES + 1:
            self.note(Code.TOO_LARGE, f"more than {MAX_CASES} cases in one file", node, "split the file")
        return len(self.lines) <= MAX_CASES

    def _table(self, document: PolicyTestDocument, table: TableEntry, path: Path) -> None:
        self.findings += call_findings(self.source, table.call, (*path, "call"), document.users)
        common = [] if table.expect is None else self._checks(self.source, table.expect, (*path, "expect"))
        rows, findings = rows_of(self.source, table, path)
        self.findings += findings
        for row in rows:
            source = row.source
            try:
                entry = RowEntry.model_validate(row.value)
            except ValidationError as error:
                self.findings += shape_findings(source, error, RowEntry)
                continue
            self.findings += _empty(source, entry, ())
            self.findings += call_findings(source, entry.call, ("call",), document.users)
            checks = self._row_checks(source, entry, common)
            if not checks:
                self.note(Code.TEST_EXPECT, "the row expects nothing", row.node, "add a column `expect`")
            action = action_of(document.defaults, [table.call, entry.call], document.users)
            if not self._is_new(row.name, row.node, "a `case` column gives rows names of their own"):
                continue
            if action is None:
                self._no_subject(row.node)
                continue
            self.cases.append(Case(row.name, action, tuple(checks), row.node))

    def _row_checks(self, source: Source, entry: RowEntry, common: list[Check]) -> list[Check]:
        own: list[Check] = []
        if entry.expect is not None:
            own += self._checks(source, entry.expect, ("expect",))
        for name in type(entry).model_fields:
            value = getattr(entry, name)
            if name not in {"call", "expect"} and value is not None:
                own.append(_check(source, name, value, (name,)))
        said = {check.what for check in own}
        if said & {"outcome", "gates"}:
            said |= {"outcome", "gates"}
        return [check for check in common if check.what not in said] + own

    def _checks(self, source: Source, field: Any, path: Path) -> list[Check]:
        """What `expect` says, whichever way it is written."""
        self.findings += _pin_findings(source, field, path)
        if isinstance(field, str):
            return [Check("outcome", field, source.node(path))]
        if isinstance(field, list):
            return [Check("gates", field, source.node(path))]
        checks = [
            _check(source, name, getattr(field, name), (*path, name))
            for name in type(field).model_fields
            if getattr(field, name) is not None
        ]
        if not field.model_fields_set:
            node = source.node(path)
            self.note(Code.TEST_EXPECT, "`expect` says nothing", node, "say `outcome`, `gates`, `rule`, …")
        if field.gates and field.outcome is not None and field.outcome not in _GATED:
            node = source.node((*path, "gates"))
            self.note(
                Code.TEST_EXPECT, f"with `outcome: {field.outcome}` there are no gates", node, "remove one of the two"
            )
        return checks


def _check(source: Source, name: str, value: Any, path: Path) -> Check:
    what: Any = name
    return Check(what, value, source.node(path))


def _pin_findings(source: Source, field: Any, path: Path) -> Iterator[Diagnostic]:
    """Gates with details that name no gate, or several; also inside `shadow`."""
    items = field if isinstance(field, list) else getattr(field, "gates", None) or []
    below = path if isinstance(field, list) else (*path, "gates")
    for index, item in enumerate(items):
        if isinstance(item, PinnedGate) and len(item.model_fields_set) != 1:
            message = f"one item names {len(item.model_fields_set)} gates"
            yield source.diagnostic(
                Code.TEST_EXPECT, message, source.node((*below, index)), "one gate an item of the list"
            )
    if isinstance(field, Expected) and field.shadow is not None and not isinstance(field.shadow, str):
        yield from _pin_findings(source, field.shadow, (*path, "shadow"))


def _empty(source: Source, value: Any, path: Path) -> Iterator[Diagnostic]:
    """Keys that were written without a value: they would silently say nothing."""
    if isinstance(value, BaseModel):
        for name in value.model_fields_set:
            key = type(value).model_fields[name].alias or name
            found = getattr(value, name)
            if found is None:
                node = source.node((*path, key), key=True)
                yield source.diagnostic(Code.WRONG_VALUE, f"`{key}` has no value", node, "give it one, or remove it")
            else:
                yield from _empty(source, found, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _empty(source, item, (*path, index))
