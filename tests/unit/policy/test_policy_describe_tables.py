"""The tables by tool leave nothing out: whatever rule may decide about a tool has its row there."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hitl_fsm.model.verdict import Confirm, Reason
from hitl_fsm.policy.condition import compile_condition
from hitl_fsm.policy.describe.by_subject import Placed, tables
from hitl_fsm.policy.describe.paper import Code, Heading, Link, Table, Text
from hitl_fsm.policy.evaluate import CompiledPolicy, CompiledRule
from hitl_fsm.policy.patterns import matches
from hitl_fsm.policy.subjects import Subject

TOOLS = ("a", "a.b", "a.b.c", "b.a", "ab", "c")
PATTERNS = (*TOOLS, "*", "a*", "*b", "a.*", "*.b", "a*c", "*.b.*")
AGENTS = ("bot", "packer")

_names = st.lists(st.sampled_from(PATTERNS), max_size=3, unique=True).map(tuple)
_agents = st.sampled_from([(), (), ("bot",), ("*er",)])


@st.composite
def _rule(draw: st.DrawFn, number: int) -> CompiledRule:
    conditions = (compile_condition("args.x == 1"),) if draw(st.booleans()) else ()
    kind = draw(st.sampled_from(["tools", "steps"]))
    return CompiledRule(
        reason=Reason("?", f"r{number}", "confirm", "f", 1),
        when=conditions,
        unless=(),
        denies=False,
        audit=False,
        gates=(Confirm(),),
        severity="low",
        agents=draw(_agents),
        tools=draw(_names) if kind == "tools" else (),
        steps=draw(_names) if kind == "steps" else (),
    )


@st.composite
def _policy(draw: st.DrawFn, name: str) -> Placed:
    rules = tuple(draw(_rule(number)) for number in range(draw(st.integers(0, 3))))
    tools, steps, agents = draw(_names), draw(_names), draw(_agents)
    if not (tools or steps or agents):
        tools = ("a",)
    policy = CompiledPolicy(
        name=name,
        tools=tools,
        shadow=False,
        default=Reason(name, "default", "deny", "f", 1),
        batch="in_order",
        on_change="strictest",
        variables={},
        rules=rules,
        steps=steps,
        agents=agents,
    )
    return Placed(policy, name, tuple(f"{name}-{rule.reason.rule}" for rule in rules))


def sections(placed: list[Placed]) -> dict[tuple[str, str], set[str]]:
    """The rules in the table of each name or pattern."""
    blocks = tables(placed, None)
    found: dict[tuple[str, str], set[str]] = {}
    for heading, table in zip(blocks[::2], blocks[1::2], strict=True):
        assert isinstance(heading, Heading)
        assert isinstance(table, Table)
        word, name = heading.text
        assert isinstance(word, str)
        assert isinstance(name, Code)
        found[word, name.text] = {link(row[2]) for row in table.rows}
    return found


def link(cell: Text) -> str:
    (piece,) = cell
    assert isinstance(piece, Link)
    return piece.text


@given(_policy("p"), _policy("q"))
def test_every_rule_that_may_decide_is_in_the_table_of_its_tool(one: Placed, other: Placed) -> None:
    found = sections([one, other])
    for placed in (one, other):
        for name in TOOLS:
            for subject, word in ((Subject(tool=name), "Calls of "), (Subject(step=name), "The workflow step ")):
                for agent in AGENTS:
                    check_all(placed.policy, subject._replace(agent=agent), found, word)


def test_a_rule_about_one_tool_does_not_look_like_one_about_all_that_an_agent_does() -> None:
    whole = Reason("q", "default", "deny", "f", 1)
    rule = CompiledRule(
        Reason("q", "r0", "confirm", "f", 1), ("a", "b"), (), (), False, False, (Confirm(),), "low", ("s",)
    )
    policy = CompiledPolicy("q", (), False, whole, "in_order", "strictest", {}, (rule,), agents=("bot",))
    table = tables([Placed(policy, "q", ("q-r0",))], None)[-1]
    assert isinstance(table, Table)
    told = ["".join(piece if isinstance(piece, str) else piece.text for piece in row[0]) for row in table.rows]
    assert told == ["only calls of a or b and the steps s: always", "when no rule of q applies"]


def check_all(policy: CompiledPolicy, subject: Subject, found: dict[tuple[str, str], set[str]], word: str) -> None:
    if not policy.covers(subject):
        return
    name = subject.tool or subject.step
    rules = [rule for rule in policy.rules if rule.selects(subject)]
    expected = {f"{policy.name} / {rule.reason.rule}" for rule in rules}
    if not any(not rule.when for rule in rules):
        expected.add(f"{policy.name} / default")
    about = [told for (kind, pattern), told in found.items() if kind == word and matches(pattern, name)]
    if policy.agents and not policy.tools and not policy.steps:
        everything = [(name, told) for (kind, name), told in found.items() if kind.startswith("All")]
        about += [told for pattern, told in everything if matches(pattern, subject.agent)]
    for told in about:
        assert expected <= told
    assert about or not (policy.tools or policy.steps), "it is named somewhere"
