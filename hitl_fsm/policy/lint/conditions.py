"""The conditions of a policy as trees, and what each question in them does when it is true: loosen, or tighten."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from hitl_fsm.policy.compiled import CompiledRule
from hitl_fsm.policy.condition import Condition, ConditionError
from hitl_fsm.policy.document import Rule
from hitl_fsm.policy.expression import Node, path_of, tree_of
from hitl_fsm.policy.lint.overlap import covers
from hitl_fsm.policy.lint.walk import RulePath, gates_of_rule, is_unconditional, listed, rules_of
from hitl_fsm.policy.patterns import is_glob
from hitl_fsm.policy.project import Member, Project

Bound = Mapping[str, Node]
"""The lists that the names of `all` and `exists` go through."""

_LETS_THROUGH = frozenset({"allow", "audit"})


class Question(NamedTuple):
    """A part that `&&`, `||`, `!`, `?:`, `all` and `exists` put together, none of them one of these itself.

    `loosens`: whether its being true can loosen; None where that cannot be told.
    """

    node: Node
    loosens: bool | None
    bound: Bound


class Placed(NamedTuple):
    """One condition of a rule.

    `key` is `when` or `unless`. `decides`: more may be allowed by it; not so in a rule that allows or only records
    where the default allows anyway, or where another rule of the policy always matches the same.
    """

    member: Member
    rule: Rule
    path: RulePath
    key: str
    text: str
    tree: Node
    lets_through: bool
    decides: bool
    questions: tuple[Question, ...]


class Trees(NamedTuple):
    """The conditions of a rule, all of which compile."""

    member: Member
    path: RulePath
    rule: Rule
    compiled: CompiledRule
    when: tuple[Node, ...]
    unless: tuple[Node, ...]


def conditions(project: Project) -> tuple[Placed, ...]:
    """Every condition of these rules."""
    return _placed(SameMembers(project.members))


def loosening(project: Project) -> Iterator[tuple[Placed, Question]]:
    """The questions whose being true can loosen: those of rules that let through, and the exceptions of the others."""
    for placed in conditions(project):
        if placed.decides:
            yield from ((placed, question) for question in placed.questions if question.loosens)


class SameMembers:
    """Members, told apart by identity."""

    __slots__ = ("members",)

    def __init__(self, members: tuple[Member, ...]) -> None:
        self.members = members

    def __hash__(self) -> int:
        return id(self.members)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SameMembers) and other.members is self.members


@lru_cache(maxsize=1)  # one rule of the lint after the other asks for the same
def rules_with_trees(same: SameMembers) -> tuple[Trees, ...]:
    """Every rule whose conditions compile, also those that have none."""
    found: list[Trees] = []
    known: dict[str, Node] = {}

    def tree(condition: Condition) -> Node:
        text = condition.text
        if text not in known:
            known[text] = tree_of(condition)
        return known[text]

    for member in same.members:
        for (path, rule), compiled in zip(rules_of(member), member.policy.rules, strict=True):
            if len(compiled.when) + len(compiled.unless) == len(rule.when) + len(rule.unless):
                try:
                    when, unless = (tuple(map(tree, part)) for part in (compiled.when, compiled.unless))
                except ConditionError:
                    continue  # too deep to look into
                found.append(Trees(member, path, rule, compiled, when, unless))
    return tuple(found)


@lru_cache(maxsize=1)
def _placed(same: SameMembers) -> tuple[Placed, ...]:
    always: dict[str, _Always] = {}
    return tuple(placed for trees in rules_with_trees(same) for placed in _of_rule(trees, always))


def _of_rule(trees: Trees, always: dict[str, _Always]) -> Iterator[Placed]:
    member, path, rule = trees.member, trees.path, trees.rule
    if rule.when or rule.unless:
        if member.source.file not in always:
            always[member.source.file] = _always(member)
        through = lets_through(rule)
        decides = not through or (member.document.default != "allow" and not always[member.source.file].reach(rule))
        for key, texts, parsed in (("when", rule.when, trees.when), ("unless", rule.unless, trees.unless)):
            for index, (text, tree) in enumerate(zip(texts, parsed, strict=True)):
                asked = tuple(_questions(tree, loosens=through is (key == "when")))
                yield Placed(member, rule, (*path, key, index), key, text, tree, through, decides, asked)


def lets_through(rule: Rule) -> bool:
    """Whether nobody is asked and nothing denied: all that the rule says is `allow` or `audit`."""
    return all(gate.kind in _LETS_THROUGH for gate in gates_of_rule((), rule))


class _Always(NamedTuple):
    """What the rules of a policy that need nothing are for."""

    everything: bool
    names: frozenset[str]
    globs: tuple[str, ...]

    def reach(self, rule: Rule) -> bool:
        """Whether they are for all that a rule is for."""
        if self.everything:
            return True
        tools = listed(rule.tools)
        if not tools or listed(rule.steps):
            return False
        return all(tool in self.names or any(covers(glob, tool) for glob in self.globs) for tool in tools)


def _always(member: Member) -> _Always:
    rules = [rule for _, rule in rules_of(member) if is_unconditional(rule) and not listed(rule.agents)]
    everything = any(not listed(rule.tools) and not listed(rule.steps) for rule in rules)
    patterns = frozenset(pattern for rule in rules for pattern in listed(rule.tools))
    return _Always(everything, patterns, tuple(filter(is_glob, patterns)))


def _questions(tree: Node, *, loosens: bool) -> Iterator[Question]:
    """In the order of the text."""
    waiting: list[Question] = [Question(tree, loosens, {})]
    while waiting:
        here = waiting.pop()
        below = _below(here)
        if below is None:
            yield here
        else:
            waiting.extend(reversed(below))


def _below(here: Question) -> list[Question] | None:  # noqa: PLR0911 - one for each form
    node, loosens, bound = here
    turned = None if loosens is None else not loosens
    if node.kind == "comprehension":
        source, variable, *bodies = node.children
        inner = {**bound, str(variable.value): source}
        said = loosens if node.value in ("all", "exists") else None
        return [Question(body, said, inner) for body in bodies] if node.value != "map" else None
    if node.kind != "call":
        return None
    parts = node.children
    match node.value:
        case "&&" | "||":
            return [Question(part, loosens, bound) for part in parts]
        case "!":
            return [Question(parts[0], turned, bound)]
        case "?:":
            sides = [Question(part, loosens, bound) for part in parts[1:]]
            return [Question(parts[0], _tested(parts, loosens=loosens), bound), *sides]
        case "==" | "!=":
            for one, other in (parts, parts[::-1]):
                if one.kind == "literal" and isinstance(one.value, bool):
                    return [Question(other, loosens if one.value is (node.value == "==") else turned, bound)]
    return None


def _tested(parts: tuple[Node, ...], *, loosens: bool | None) -> bool | None:
    """What `a` does in `a ? b : c`: as `a && b` where `c` is false, as `!a && c` where `b` is."""
    if loosens is None:
        return None
    then, other = (part.value if part.kind == "literal" else None for part in parts[1:])
    if other is False or then is True:
        return loosens
    return not loosens if then is False or other is True else None


def place_of(node: Node, bound: Bound) -> tuple[str, ...] | None:
    """Where a value comes from: `args.to` for `a` in `args.to.all(a, …)`, an index left out; None: from elsewhere."""
    for _ in range(len(bound) + 1):
        node = _without_index(node)
        path = path_of(node)
        if path is None or path[0] not in bound:
            return path
        inner = place_of(bound[path[0]], {name: range_ for name, range_ in bound.items() if name != path[0]})
        return None if inner is None else (*inner, *path[1:])
    return None


def _without_index(node: Node) -> Node:
    while node.kind == "call" and node.value == "[]" and not isinstance(node.children[1].value, str):
        node = node.children[0]
    return node


def walk_bound(tree: Node) -> Iterator[tuple[Node, Bound]]:
    """Every part, with the lists that the names around it go through; in the order of the text."""
    waiting: list[tuple[Node, Bound]] = [(tree, {})]
    while waiting:
        node, bound = waiting.pop()
        yield node, bound
        inner = {**bound, str(node.children[1].value): node.children[0]} if node.kind == "comprehension" else bound
        waiting.extend((child, inner) for child in reversed(node.children))


def values_of(node: Node, member: Member, bound: Bound) -> tuple[Any, ...]:  # noqa: PLR0911 - one for each form
    """What a part stands for, where that is written in the policy: a literal, a list of them, `vars`; else nothing.

    A list gives its elements, and so does a name that goes through it.
    """
    if node.kind == "literal":
        return (node.value,)
    if node.kind == "list":
        return tuple(child.value for child in node.children if child.kind == "literal")
    path = path_of(node)
    if path is None:
        return ()
    if path[0] in bound and len(path) == 1:
        return values_of(bound[path[0]], member, {name: one for name, one in bound.items() if name != path[0]})
    if path[0] != "vars":
        return ()
    value: Any = member.document.vars
    for part in path[1:]:
        if not isinstance(value, dict) or part not in value:
            return ()
        value = value[part]
    return tuple(value) if isinstance(value, list) else (value,)


def shown(placed: Placed, node: Node) -> str:
    """A part of a condition in a message: one line, bounded."""
    text = " ".join(placed.text[node.offset : node.offset + node.width].split())
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


_SHOWN = 60


def rests_on(node: Node, ask: Callable[[Node], bool]) -> bool:
    """Whether nothing else has to hold for a condition to be true: of `&&` all parts ask for it, of `||` one does."""
    if node.kind == "call" and node.value in ("&&", "||"):
        sides = [rests_on(part, ask) for part in node.children]
        return all(sides) if node.value == "&&" else any(sides)
    if node.kind == "call" and node.value == "!":
        return rests_on(node.children[0], ask)
    return ask(node)
