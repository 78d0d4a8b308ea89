"""What there is to try in a policy: each rule, each question of its conditions, the default; and what each can be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from hitl_fsm.model.action import Action
from hitl_fsm.model.actor import Actor
from hitl_fsm.policy.condition import Condition, ConditionError, Scope, compile_condition
from hitl_fsm.policy.document import Rule
from hitl_fsm.policy.evaluate import CompiledRule
from hitl_fsm.policy.expression import LOGIC, Node, branches, names_used, parse_tree, text_of
from hitl_fsm.policy.names import SCOPE
from hitl_fsm.policy.patterns import matches
from hitl_fsm.policy.project import Member

Kind = Literal["rule", "condition", "unless", "default"]

_OF_THE_ACTION = frozenset(SCOPE) - {"vars"}
_NOBODY = Action("", {}, Actor(""), 0)
_BOTH = (True, False)


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that a case can try, and where it is written.

    `wanted` are the values that it can have: for a rule, whether it matches; for the default, True when it holds; for
    an `unless` of several questions and for a single question, what it comes to.
    """

    kind: Kind
    policy: str
    rule: str
    text: str
    file: str
    line: int
    column: int
    width: int
    wanted: tuple[bool, ...]


class Question(NamedTuple):
    """A leaf of a condition's logic."""

    part: Part
    condition: Condition | None


class Item(NamedTuple):
    """One entry of `when` or `unless`. `whole` is its own part, where it is put together from several questions."""

    tree: Node | None
    questions: Mapping[tuple[int, int], Question]
    whole: Part | None


class RulePlan(NamedTuple):
    """A rule with all that there is to try in it."""

    rule: CompiledRule
    part: Part
    when: tuple[Item, ...]
    unless: tuple[Item, ...]

    def parts(self) -> Iterator[Part]:
        """The rule itself first, then its conditions as they are written."""
        yield self.part
        for item in (*self.when, *self.unless):
            if item.whole is not None:
                yield item.whole
            yield from (question.part for question in item.questions.values())


class Plan(NamedTuple):
    """A policy with all that there is to try in it."""

    member: Member
    rules: tuple[RulePlan, ...]
    default: Part

    def parts(self) -> Iterator[Part]:
        """In the order of the file; the default last."""
        for rule in self.rules:
            yield from rule.parts()
        yield self.default


def plan_of(member: Member) -> Plan:
    """For a policy without findings."""
    policy, source = member.policy, member.source
    rules = tuple(
        _rule(member, index, rule, compiled)
        for index, (rule, compiled) in enumerate(zip(member.document.rules, policy.rules, strict=True))
    )
    always = [compiled for compiled in policy.rules if not compiled.when and not compiled.unless]
    key = source.node(("default",), key=True)
    node = key if key is not source.root else source.node(("name",))
    text = f"default: {member.document.default}"
    wanted = () if _reach_everything(member, always) else (True,)
    place = (source.file, node.line, node.column, node.width)
    return Plan(member, rules, Part("default", policy.name, "default", text, *place, wanted))


def _reach_everything(member: Member, rules: list[CompiledRule]) -> bool:
    """Whether these rules, which have no conditions, leave nothing that the policy covers to others."""
    policy = member.policy
    rules = [rule for rule in rules if not rule.agents]
    if any(not rule.tools and not rule.steps for rule in rules):
        return True
    if not policy.tools and not policy.steps:
        return False
    tools = [pattern for rule in rules for pattern in rule.tools]
    steps = [pattern for rule in rules for pattern in rule.steps]
    return all(any(matches(one, name) for one in tools) for name in policy.tools) and all(
        any(matches(one, name) for one in steps) for name in policy.steps
    )


def _rule(member: Member, index: int, rule: Rule, compiled: CompiledRule) -> RulePlan:
    path = ("rules", index)
    when = tuple(_item(member, rule.id, text, (*path, "when", number)) for number, text in enumerate(rule.when))
    unless = tuple(
        _item(member, rule.id, text, (*path, "unless", number), is_unless=True)
        for number, text in enumerate(rule.unless)
    )
    node = member.source.node((*path, "id"))
    can_pass = bool(when or unless) or not _reach_everything(member, [compiled])
    place = (member.source.file, node.line, node.column, node.width)
    part = Part("rule", member.policy.name, rule.id, rule.id, *place, _BOTH if can_pass else (True,))
    return RulePlan(compiled, part, when, unless)


def _item(member: Member, rule: str, text: str, path: tuple[str | int, ...], *, is_unless: bool = False) -> Item:
    try:
        tree = parse_tree(text)
    except ConditionError:  # deeper than a tree may be: it is one question
        return Item(None, {(0, 0): _question(member, rule, text, path, None)}, None)
    questions = {(leaf.offset, leaf.width): _question(member, rule, text, path, leaf) for leaf in branches(tree)}
    whole = None
    if is_unless and tree.value in LOGIC and tree.kind == "call":
        whole = _part(member, "unless", rule, (text, 0, len(text)), path, _possible(text, tree, member))
    return Item(tree, questions, whole)


def _question(member: Member, rule: str, text: str, path: tuple[str | int, ...], leaf: Node | None) -> Question:
    own = text if leaf is None else text_of(text, leaf)
    span = (own, 0, len(own)) if leaf is None else (own, leaf.offset, leaf.width)
    try:
        condition = compile_condition(own, member.policy.variables)
    except ConditionError:  # a literal that is no truth value: nothing to try
        return Question(_part(member, "condition", rule, span, path, ()), None)
    wanted = _BOTH if leaf is None else _possible(own, leaf, member)
    return Question(_part(member, "condition", rule, span, path, wanted), condition)


def _possible(text: str, node: Node, member: Member) -> tuple[bool, ...]:
    """Both, unless the action plays no part in it."""
    if names_used(node) & _OF_THE_ACTION:
        return _BOTH
    variables = member.policy.variables
    value = compile_condition(text, variables).evaluate(Scope(_NOBODY), variables)
    return (value,) if isinstance(value, bool) else ()


def _part(
    member: Member,
    kind: Kind,
    rule: str,
    span: tuple[str, int, int],
    path: tuple[str | int, ...],
    wanted: tuple[bool, ...],
) -> Part:
    text, offset, width = span
    line, column = member.source.locate(member.source.node(path), offset)
    shown = " ".join(text.split())
    return Part(kind, member.policy.name, rule, shown, member.source.file, line, column, width, wanted)
