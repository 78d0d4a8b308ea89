"""From the bytes of a `*.workflow.yaml` to its document, and everything that is wrong with it, at its place. No I/O."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from pydantic import ValidationError

from hitl_fsm.errors import Diagnostic
from hitl_fsm.policy.bounded import bounded
from hitl_fsm.policy.codes import Code
from hitl_fsm.policy.names import did_you_mean
from hitl_fsm.policy.shape import not_yet, shape_findings
from hitl_fsm.policy.source import Path, Source, parse
from hitl_fsm.policy.workflows.document import KINDS, ElseEntry, NodeEntry, WorkflowDocument

_FUNCTIONS = ("run", "when", "until", "choose")


class WorkflowFile(NamedTuple):
    """A parsed file; `document` is None where it cannot be used."""

    source: Source
    document: WorkflowDocument | None
    findings: tuple[Diagnostic, ...]


class Written(NamedTuple):
    """A node of a file, and where it stands."""

    entry: NodeEntry
    path: Path

    @property
    def kind(self) -> str:
        return next(kind for kind in KINDS if getattr(self.entry, kind) is not None)

    @property
    def name(self) -> str:
        name: str = getattr(self.entry, self.kind)
        return name

    def below(self, key: str) -> tuple[Written, ...]:
        """The nodes under one of its keys."""
        return written(getattr(self.entry, key) or [], (*self.path, key))


class Import(NamedTuple):
    """An import path, and where it stands."""

    text: str
    path: Path


def read_workflow(data: bytes, file: str, resolves: Callable[[str], str | None] | None = None) -> WorkflowFile:
    """The workflow in these bytes. Never raises on what they hold.

    `resolves` says of an import path what is wrong with it, None for nothing; without it nothing is imported.
    """
    source = parse(data, file)
    document, findings = _document(source)
    if document is not None:
        nodes = list(_all(written(document.steps, ("steps",))))
        findings += [one for node in nodes for one in _keys(source, node)]
        if not findings:
            findings += _names(source, nodes)
            findings += _nowhere(source, nodes, resolves) if resolves is not None else []
    told = bounded([*source.findings, *findings])
    return WorkflowFile(source, None if told else document, tuple(told))


def written(entries: list[NodeEntry], path: Path) -> tuple[Written, ...]:
    """Nodes with their places."""
    return tuple(Written(entry, (*path, index)) for index, entry in enumerate(entries))


def instead(node: Written) -> tuple[Written, ...]:
    """What is done where the node is rejected."""
    how = node.entry.on_reject
    return written(how.else_, (*node.path, "on_reject", "else")) if isinstance(how, ElseEntry) else ()


def _document(source: Source) -> tuple[WorkflowDocument | None, list[Diagnostic]]:
    root = source.root
    if root is None:
        return None, []
    if not isinstance(root.value, dict):
        return None, [source.diagnostic(Code.WRONG_VALUE, "a workflow is a mapping of keys to values", root)]
    try:
        document = WorkflowDocument.model_validate(root.value)
    except ValidationError as error:
        return None, shape_findings(source, error, WorkflowDocument)
    return document, list(not_yet(source, document, ()))


def _all(nodes: tuple[Written, ...]) -> Iterator[Written]:
    for node in nodes:
        yield node
        for key in ("steps", "then", "otherwise", "choices"):
            yield from _all(node.below(key))
        yield from _all(instead(node))


def _keys(source: Source, node: Written) -> Iterator[Diagnostic]:
    """A node is of one kind, and has what that needs, and nothing else."""
    given = [type(node.entry).model_fields[one].alias or one for one in node.entry.model_fields_set]
    kinds = [kind for kind in KINDS if kind in given]
    here = source.node(node.path)
    if len(kinds) != 1:
        message = f"one node is both {' and '.join(kinds)}" if kinds else "this node does not say what it is"
        yield source.diagnostic(Code.WRONG_VALUE, message, here, f"give it one of {', '.join(KINDS)}, with its name")
        return
    kind = KINDS[kinds[0]]
    for key in given:
        if key not in kind.may and key != kinds[0]:
            message = f"a {kinds[0]} has no `{key}`"
            help_text = did_you_mean(key, kind.may) or f"known here: {', '.join(kind.may)}"
            yield source.diagnostic(Code.UNKNOWN_KEY, message, source.node((*node.path, key), key=True), help_text)
    for key in kind.needs:
        if key not in given:
            name = source.node((*node.path, kinds[0]), key=True)
            yield source.diagnostic(Code.MISSING_KEY, f"`{key}` is missing in this {kinds[0]}", name)


def _names(source: Source, nodes: list[Written]) -> list[Diagnostic]:
    first: dict[str, int] = {}
    found: list[Diagnostic] = []
    for node in nodes:
        place = source.node((*node.path, node.kind))
        if node.name in first:
            help_text = f"the first one is on line {first[node.name]}; policies know a step by its name"
            found.append(source.diagnostic(Code.WRONG_VALUE, f"the name `{node.name}` stands twice", place, help_text))
        first.setdefault(node.name, place.line)
    return found


def _nowhere(source: Source, nodes: list[Written], resolves: Callable[[str], str | None]) -> list[Diagnostic]:
    found: list[Diagnostic] = []
    for node in nodes:
        for key in _FUNCTIONS:
            text: Any = getattr(node.entry, key)
            if text is not None and (wrong := resolves(text)) is not None:
                place = source.node((*node.path, key))
                found.append(source.diagnostic(Code.WRONG_VALUE, wrong, place, "it is `module:name`"))
    return found
