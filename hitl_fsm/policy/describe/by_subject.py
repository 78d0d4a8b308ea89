"""The tables a reviewer begins with: for each tool, step or agent that is named, who decides what and when."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from hitl_fsm.policy.describe.paper import Block, Code, Heading, Link, Para, Table, Text, codes
from hitl_fsm.policy.describe.rules import DEFAULTS, demand_inline, place, when_inline
from hitl_fsm.policy.evaluate import CompiledPolicy, CompiledRule
from hitl_fsm.policy.lint.overlap import covers, may_overlap
from hitl_fsm.policy.patterns import is_glob, matches

MAX_ROWS = 5_000
"""Rows of all these tables together; what is beyond them is only in the section of its policy, and the page says so."""

_HEAD = ("When", "Who decides", "Rule", "Written in")


class Placed(NamedTuple):
    """A policy with the anchors of its section and of its rules."""

    policy: CompiledPolicy
    anchor: str
    rules: tuple[str, ...]


class _About(NamedTuple):
    """What one table is about: `kind` is tool, step or agent."""

    kind: str
    pattern: str


def tables(placed: Sequence[Placed], tools: Sequence[str] | None) -> tuple[Block, ...]:
    """A section for each name or pattern; with `tools` (all that there are), also what each pattern stands for."""
    blocks: list[Block] = []
    left = MAX_ROWS
    for number, about in enumerate(_abouts(placed), 1):
        rows = tuple(_rows(about, placed))
        left -= len(rows)
        if left < 0:
            told = f"More than {MAX_ROWS} rows: the other tools are described under their policies only."
            blocks.append(Para((told,)))
            break
        blocks.append(Heading(3, (_WORDS[about.kind], Code(about.pattern)), f"s{number}"))
        if about.kind == "tool" and tools is not None:
            blocks.append(Para(_today(about.pattern, tools)))
        blocks.append(Table(f"Who decides about {about.pattern}", _HEAD, rows))
    if tools is not None:
        free = [name for name in tools if not any(_covers_tool(one.policy, name) for one in placed)]
        if free:
            told = ": no policy covers them. They are denied, or the requester is asked, as the application chose."
            blocks.append(Para(("Tools without a policy: ", *codes(free), told)))
    return tuple(blocks)


_WORDS = {"tool": "Calls of ", "step": "The workflow step ", "agent": "All that is done by the agent "}


def _abouts(placed: Sequence[Placed]) -> list[_About]:
    found: dict[_About, None] = {}
    for one in placed:
        policy = one.policy
        for kind, names in (("tool", policy.tools), ("step", policy.steps)):
            found.update(dict.fromkeys(_About(kind, name) for name in names))
        if not policy.tools and not policy.steps:
            found.update(dict.fromkeys(_About("agent", name) for name in policy.agents))
        for rule in policy.rules:
            found.update(dict.fromkeys(_About("tool", name) for name in rule.tools))
            found.update(dict.fromkeys(_About("step", name) for name in rule.steps))
    order = list(_WORDS)
    return sorted(found, key=lambda about: (order.index(about.kind), about.pattern))


def _today(pattern: str, tools: Sequence[str]) -> Text:
    here = [name for name in tools if matches(pattern, name)]
    if not is_glob(pattern):
        return ("The application has this tool.",) if here else ("The application has no such tool.",)
    return ("Today it stands for ", *codes(here), ".") if here else ("Today it stands for no tool.",)


def _covers_tool(policy: CompiledPolicy, name: str) -> bool:
    return any(matches(pattern, name) for pattern in policy.tools) or not (policy.tools or policy.steps)


def _rows(about: _About, placed: Sequence[Placed]) -> Iterator[tuple[Text, ...]]:
    for one in placed:
        policy = one.policy
        names = _names(policy, about)
        if names is None:
            continue
        shadow: Text = ("(only recorded) ",) if policy.shadow else ()
        is_sure = False
        for rule, anchor in zip(policy.rules, one.rules, strict=True):
            own = _names(rule, about) if rule.tools or rule.steps or rule.agents else names
            if own is None:
                continue
            if about.kind == "agent":
                only = _only_here((policy, rule), about)
            else:
                only = _only(own if rule.tools or rule.steps else names, (*policy.agents, *rule.agents), about)
            is_sure = is_sure or not (only or rule.when or rule.unless)
            link = Link(f"{policy.name} / {rule.reason.rule}", anchor)
            where = place(rule.reason.file, rule.reason.line)
            yield (*only, *when_inline(policy, rule)), (*shadow, *demand_inline(rule)), (link,), where
        if is_sure:  # a rule always applies here: its default never does
            continue
        default, where = DEFAULTS[policy.default.effect], place(policy.default.file, policy.default.line)
        only = _only_here((policy,), about) if about.kind == "agent" else _only(names, policy.agents, about)
        otherwise = (*only, "when no rule of ", Code(policy.name), " applies")
        yield otherwise, (*shadow, default), (Link(f"{policy.name} / default", one.anchor),), where


def _names(one: CompiledPolicy | CompiledRule, about: _About) -> tuple[str, ...] | None:
    """Its patterns that may meet this one; empty where it names none; None where it is about something else."""
    if about.kind == "agent":
        if one.agents and not any(may_overlap(name, about.pattern) for name in one.agents):
            return None
        return ()
    if not one.tools and not one.steps:
        return ()
    named = one.tools if about.kind == "tool" else one.steps
    return tuple(name for name in named if may_overlap(name, about.pattern)) or None


def _only(names: Sequence[str], agents: Sequence[str], about: _About) -> Text:
    """What of it the row is about, where that is not all."""
    narrowed: Text = ()
    if names and not any(covers(name, about.pattern) for name in names):
        narrowed = ("only ", *codes(list(names), "or"), ": ")
    if agents:
        narrowed = ("only by the agents ", *codes(list(dict.fromkeys(agents)), "or"), ": ", *narrowed)
    return narrowed


def _only_here(ones: Sequence[CompiledPolicy | CompiledRule], about: _About) -> Text:
    """What of an agent's actions a row is about, where that is not all: the names of the last that has some."""
    narrowed: Text = ()
    for one in ones:
        calls = ("calls of ", *codes(list(one.tools), "or")) if one.tools else ()
        steps = ("the steps ", *codes(list(one.steps), "or")) if one.steps else ()
        if calls or steps:
            narrowed = ("only ", *calls, *((" and ",) if calls and steps else ()), *steps, ": ")
    for one in ones:
        if one.agents and not any(covers(name, about.pattern) for name in one.agents):
            narrowed = ("only by the agents ", *codes(list(one.agents), "or"), ": ", *narrowed)
    return narrowed
