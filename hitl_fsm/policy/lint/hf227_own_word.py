"""HF227: what is let through since the model says that it may."""

from __future__ import annotations

from collections.abc import Iterator

from hitl_fsm.errors import Diagnostic
from hitl_fsm.policy.expression import Node, path_of, walk
from hitl_fsm.policy.lint.argument_names import is_claim, is_plea
from hitl_fsm.policy.lint.conditions import Bound, Placed, loosening, place_of, rests_on, shown
from hitl_fsm.policy.lint.rule import Rule
from hitl_fsm.policy.project import Project

RULE = Rule("HF227", "own-word", "warning", "What is let through rests on what the model says of itself")


def check(project: Project) -> Iterator[Diagnostic]:
    """`args.approved` and the like wherever they loosen; `args.reason` where nothing else is asked."""
    told: tuple[object, ...] | None = None
    for placed, question in loosening(project):
        said = _said(question.node, question.bound)
        if said is None or told == (placed.member.source.file, placed.path, said):  # `has(args.approved) && …`
            continue
        if not is_claim(said) and not _asks_nothing_else(placed):
            continue
        told = (placed.member.source.file, placed.path, said)
        node = question.node
        message = f"`{shown(placed, node)}` is the model's own word: whoever talks to it can make it say so"
        help_text = "ask a person (`confirm`, `approval`), or look at what the action does: its amount, its target"
        yield RULE.inside(placed.member, placed.path, (node.offset, node.width), message, help_text)


def _asks_nothing_else(placed: Placed) -> bool:
    """That a rule asks where no reason is given is no permission."""
    permits = placed.lets_through is (placed.key == "when")
    alone = len(placed.rule.when) == 1 or placed.key == "unless"
    return permits and alone and rests_on(placed.tree, lambda node: _said(node, {}) is not None)


def _said(node: Node, bound: Bound) -> str | None:
    """The argument by which a model speaks for itself."""
    for part in walk(node):
        if path_of(part) is None:
            continue
        place = place_of(part, bound)
        if place is not None and place[0] == "args" and len(place) > 1 and (is_claim(place[-1]) or is_plea(place[-1])):
            return place[-1]
    return None
