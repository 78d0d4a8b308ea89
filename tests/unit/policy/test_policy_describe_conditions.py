"""A sentence about a condition says what the condition says: another reader reads it back, and CEL is asked too."""

from __future__ import annotations

from typing import Any

import pytest
from english import English, Quoted
from hypothesis import given, settings
from hypothesis import strategies as st

from hitl_fsm.model.action import Action
from hitl_fsm.model.actor import Actor
from hitl_fsm.policy.condition import Scope, compile_condition
from hitl_fsm.policy.describe.conditions import inline, items, meaning, negated
from hitl_fsm.policy.describe.paper import Code, Item, Link, Text

VARS: dict[str, Any] = {
    "limit": 10,
    "rate": 0.5,
    "home": ["EUR", "GBP"],
    "codes": [1, 2.5, "x"],
    "chief": "cfo",
    "on": True,
    "deep": {"limit": -3},
}

_number = st.sampled_from(
    ["0", "1", "-1", "10", "10.0", "2.5", "-3", "1e1", "vars.limit", "vars.rate", "vars.deep.limit"]
)
_text = st.sampled_from(["'EUR'", '"cfo"', "''", "'a and b'", "'(x) or y'", "'it is'", "vars.chief", r"'\u202e'"])
_constant = st.sampled_from(["null", "true", "false", "vars.on"])
_any = st.one_of(_number, _text, _constant)
_arg = st.sampled_from(["args.n", "args.s", "args.b", "args.e"])
_sign = st.sampled_from([">", ">=", "<", "<="])
_list = st.one_of(
    st.lists(_any.filter(lambda one: not one.startswith("vars")), min_size=1, max_size=3).map(
        lambda several: f"[{', '.join(several)}]"
    ),
    st.sampled_from(["vars.home", "vars.codes"]),
)
_atom = st.one_of(
    st.builds("args.n {} {}".format, _sign, _number),
    st.builds("{} {} args.n".format, _number, _sign),
    st.builds("{} {} {}".format, _arg, st.sampled_from(["==", "!="]), _any),
    st.builds("{} == {}".format, _any, _arg),
    st.builds("{} in {}".format, _arg, _list),
    st.builds("{} in user.roles".format, _text),
    st.builds("args.s.{}({})".format, st.sampled_from(["startsWith", "endsWith"]), _text),
    st.sampled_from(["has(args.n)", "has(args.nothing)", "args.b", "args.b == args.b"]),
    st.sampled_from(
        ["args.s.matches('E')", "size(args.s) > 2", "args.n > 0 ? args.b : true", "args.e.exists(x, x > 1)"]
    ),
)
_whole = st.recursive(
    _atom,
    lambda inner: st.one_of(
        st.builds("({} && {})".format, inner, inner),
        st.builds("({} || {})".format, inner, inner),
        st.builds("!({})".format, inner),
    ),
    max_leaves=6,
)
AXES: dict[str, tuple[Any, ...]] = {
    "n": (0, 1, -1, 10, 2.5, 10.0, -3, 0.5, 3),
    "s": ("EUR", "cfo", "", "a and b", "it is", "EURO", "xcfo"),
    "b": (True, False),
    "e": (None, 1, "x", 2.5, True, "EUR"),
    "roles": ((), ("EUR",), ("cfo", "a and b")),
}
_facts = st.fixed_dictionaries({name: st.sampled_from(values) for name, values in AXES.items()})


def hold_against_cel(condition: str, several: list[dict[str, Any]]) -> None:
    """The sentence and its contrary, read by another reader, against CEL; where CEL has no answer there is none."""
    found = meaning(condition, VARS)
    try:
        said, contrary = English(inline(found)).read(), English(inline(negated(found))).read()
    except Quoted:
        return
    compiled = compile_condition(condition, VARS)
    for facts in several:
        args = {name: value for name, value in facts.items() if name != "roles"}
        holds = compiled.evaluate(Scope(Action("t", args, Actor("u", roles=facts["roles"]), 0)), VARS)
        if isinstance(holds, bool):
            assert said(facts) is holds, inline(found)
            assert contrary(facts) is not holds, inline(negated(found))


@settings(max_examples=400)
@given(_atom, _facts)
def test_what_one_statement_says_is_what_holds(condition: str, facts: dict[str, Any]) -> None:
    hold_against_cel(condition, [{**facts, name: value} for name, values in AXES.items() for value in values])


@given(_whole, st.lists(_facts, min_size=3, max_size=6))
def test_what_several_together_say_is_what_holds(condition: str, several: list[dict[str, Any]]) -> None:
    hold_against_cel(condition, several)


def flat(text: Text) -> str:
    return "".join(piece if isinstance(piece, str) else f"`{piece.text}`" for piece in text)


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("args.amount > 1000", "the argument `amount` is greater than `1000`"),
        ("1000 < args.amount", "the argument `amount` is greater than `1000`"),
        ("args.amount > vars.limit", "the argument `amount` is greater than `vars.limit` (`10`)"),
        ("!(args.amount > 0)", "the argument `amount` is not greater than `0`"),
        ("args.card.number == 'x'", 'the argument `card.number` is `"x"`'),
        ("args['card'].number == null", "the argument `card.number` is `null`"),
        ("args.c in vars.home", 'the argument `c` is one of `vars.home` (`"EUR"` and `"GBP"`)'),
        ("!(args.c in ['a', 'b'])", 'the argument `c` is none of `"a"` or `"b"`'),
        ("'cfo' in user.roles", "the requester has the role `cfo`"),
        ("!('cfo' in user.roles)", "the requester lacks the role `cfo`"),
        ("user.id == 'alice'", 'the requester\'s id is `"alice"`'),
        ("env.stage == 'prod'", 'the environment\'s `stage` is `"prod"`'),
        ("agent == 'bot' && step != 'ship'", 'the agent is `"bot"` and the step is not `"ship"`'),
        ("has(args.a) && (args.b || !args.c)", None),
        ("!(args.b && args.c)", "not (the argument `b` is true and the argument `c` is true)"),
        ("!!args.b", "the argument `b` is true"),
    ],
)
def test_sentences(condition: str, said: str | None) -> None:
    told = flat(inline(meaning(condition, VARS)))
    assert told == (said or "the argument `a` is given and (the argument `b` is true or the argument `c` is not true)")


@pytest.mark.parametrize(
    "condition",
    [
        "args.text > 'a'",  # the order of texts is nobody's greater
        "args.a > args.b",
        "'x' in args.list",  # an element of a list, or a key of a map
        "args.x in vars.deep",
        "args['a.b'] == 1",
        "args.list[0] == 1",
        "size(args.x) == 1",
        "args.x.matches('^a$')",
        "args.x.contains('a')",
        "now > timestamp('2026-01-01T00:00:00Z')",
        "args.x == vars.home",
        "args.n + 1 > 2",
        "args.n > 1 ? args.a : args.b",
        "args.list.all(x, x > 1)",
        "args.x == b'a'",
        "args.x in []",
        "vars.limit > 5",
    ],
)
def test_what_has_no_words_is_quoted(condition: str) -> None:
    assert inline(meaning(condition, VARS)) == (Code(condition), " is true")
    assert inline(negated(meaning(condition, VARS))) == (Code(condition), " is not true")


def test_only_the_part_without_words_is_quoted() -> None:
    told = flat(inline(meaning("args.a == 1 && args.t.matches('x')\n  && args.b", {})))
    assert told == "the argument `a` is `1` and `args.t.matches('x')` is true and the argument `b` is true"


def test_what_is_nested_too_deep_is_quoted() -> None:
    condition = "args.a"
    for number in range(6):
        condition = f"({condition} {'&&' if number % 2 else '||'} args.b{number})"
    assert inline(meaning(condition, {}))[1] == " is true"


def test_a_list_says_what_the_line_says() -> None:
    def lines(several: tuple[Item, ...], depth: int = 0) -> list[str]:
        return [line for one in several for line in (f"{'  ' * depth}{flat(one.text)}", *lines(one.below, depth + 1))]

    assert lines(items(meaning("args.a && !(args.b || args.c) && (args.d || !(args.e && args.f))", {}))) == [
        "the argument `a` is true",
        "none of these:",
        "  the argument `b` is true",
        "  the argument `c` is true",
        "at least one of these:",
        "  the argument `d` is true",
        "  not all of these:",
        "    the argument `e` is true",
        "    the argument `f` is true",
    ]


def test_no_link_is_made_of_a_condition() -> None:
    assert not any(isinstance(piece, Link) for piece in inline(meaning("args.u == '[x](http://y)'", {})))
