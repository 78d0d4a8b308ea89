"""From a workflow that is written down to its nodes; what an import path leads to is told by who calls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from hitl_fsm.policy.workflows.document import ElseEntry, NodeEntry, RetryEntry
from hitl_fsm.runtime.workflow.nodes import (
    ITERATIONS,
    Condition,
    Loop,
    Node,
    Parallel,
    Retry,
    Router,
    Step,
    Steps,
)

Resolve = Callable[[str], Any]
"""What an import path leads to."""


def nodes_of(entries: Sequence[NodeEntry], resolve: Resolve) -> list[Node]:
    """The nodes of a checked document. WorkflowError, and what `resolve` raises, come through."""
    return [_node(entry, resolve) for entry in entries]


def _node(entry: NodeEntry, resolve: Resolve) -> Node:
    def inside(entries: Sequence[NodeEntry] | None) -> list[Node]:
        return nodes_of(entries or (), resolve)

    on_reject: Any = entry.on_reject
    if isinstance(on_reject, ElseEntry):
        instead = inside(on_reject.else_)
        on_reject = instead[0] if len(instead) == 1 else Steps(instead)
    on_reject = _again(on_reject)
    if entry.step is not None:
        said = entry.description or ""
        return Step(entry.step, resolve(entry.run or ""), on_reject, _again(entry.on_error), said)
    if entry.group is not None:
        return Steps(entry.group, inside(entry.steps), on_reject=on_reject)
    if entry.parallel is not None:
        return Parallel(*inside(entry.steps), name=entry.parallel, on_reject=on_reject)
    if entry.condition is not None:
        when = resolve(entry.when or "")
        return Condition(entry.condition, when, inside(entry.then), inside(entry.otherwise), on_reject=on_reject)
    if entry.loop is not None:
        until = None if entry.until is None else resolve(entry.until)
        most = entry.max_iterations or ITERATIONS
        return Loop(entry.loop, inside(entry.steps), until, most, on_reject=on_reject)
    choose = None if entry.choose is None else resolve(entry.choose)
    return Router(entry.router or "", inside(entry.choices), choose, on_reject=on_reject)


def _again(word: Any) -> Any:
    return Retry(word.retry, word.then) if isinstance(word, RetryEntry) else word
