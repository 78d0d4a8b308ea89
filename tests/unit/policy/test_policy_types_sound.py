"""What the type check lets pass never fails for want of an argument or of an overload, on any call that fits.

Schemas, calls and conditions are made at random; the conditions mostly suit their schema, with mistakes among them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from random import Random
from typing import Any, NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from hitl_fsm.model.action import Action
from hitl_fsm.model.actor import Actor
from hitl_fsm.policy.condition import ConditionError, ConditionProblem, Scope, compile_condition
from hitl_fsm.policy.expression import parse_tree
from hitl_fsm.policy.tool_check import scope_of
from hitl_fsm.policy.type_check import Checker
from hitl_fsm.policy.type_facts import NOTHING
from hitl_fsm.policy.value_type import of_parameters, of_value

VARS = {"limit": 5, "home": ["a", "b"], "word": "a", "rates": {"a": 1, "b": 2.5}}
WORDS = ("a", "b", "c")
TEXTS = ("a", "b", "zz", "")
PLAIN = ("string", "integer", "number", "boolean", "null")


# -- schemas, and values that fit them


def any_schema(random: Random, depth: int) -> dict[str, Any]:
    kinds = [*PLAIN, "enum", "union", "nullable", *(["object", "array"] * 2 if depth else [])]
    kind = random.choice(kinds)
    if kind == "enum":
        return {"enum": random.sample([*TEXTS, 1, 2.5, None], random.randrange(1, 4))}
    if kind == "union":
        return {"type": random.sample(PLAIN, 2)}
    if kind == "nullable":
        return {"anyOf": [any_schema(random, max(0, depth - 1)), {"type": "null"}]}
    if kind == "array":
        return {"type": "array", "items": any_schema(random, depth - 1)}
    return object_schema(random, depth - 1) if kind == "object" else {"type": kind}


def object_schema(random: Random, depth: int) -> dict[str, Any]:
    names = random.sample(WORDS, random.randrange(1, 4))
    properties = {name: any_schema(random, depth) for name in names}
    required = [name for name in names if random.random() < 0.6]
    more = random.choice([{}, {"additionalProperties": False}, {"additionalProperties": {"type": "string"}}])
    return {"type": "object", "properties": properties, "required": required, **more}


def value(random: Random, schema: Mapping[str, Any]) -> Any:
    if "enum" in schema:
        return random.choice(schema["enum"])
    if "anyOf" in schema:
        return value(random, random.choice(schema["anyOf"]))
    kind = random.choice(schema["type"]) if isinstance(schema["type"], list) else schema["type"]
    if kind == "array":
        return [value(random, schema["items"]) for _ in range(random.randrange(3))]
    if kind == "object":
        kept = [name for name in schema["properties"] if name in schema["required"] or random.random() < 0.5]
        return {name: value(random, schema["properties"][name]) for name in kept}
    return {
        "string": random.choice(TEXTS),
        "integer": random.randrange(-3, 4),
        "number": random.choice([-1.5, 0, 2, 2.5]),
        "boolean": random.random() < 0.5,
    }.get(kind)


# -- conditions


class Spot(NamedTuple):
    """A path, the schema of what is there, and what has to be asked before it is used."""

    path: str
    schema: Mapping[str, Any]
    guards: tuple[str, ...]


def spots(spot: Spot) -> Iterator[Spot]:
    yield spot
    for one in spot.schema.get("anyOf", ()):
        guards = (*spot.guards, f"{spot.path} != null")
        yield from spots(Spot(spot.path, one, guards))
    for name, inner in spot.schema.get("properties", {}).items():
        path = f"{spot.path}.{name}"
        guards = spot.guards if name in spot.schema["required"] else (*spot.guards, f"has({path})")
        yield from spots(Spot(path, inner, guards))


def question(random: Random, spot: Spot, depth: int = 2) -> str:
    """A question about a spot that mostly suits its schema."""
    path, kind = spot.path, spot.schema.get("type")
    if isinstance(kind, list):
        kind = random.choice(kind)
    if random.random() < 0.15:
        kind = random.choice([*PLAIN, "array", "object"])
    if kind == "array":
        item = Spot("i" * depth, spot.schema.get("items", {}), ())
        inner = guarded(random, random.choice(list(spots(item))), depth - 1) if depth else f"{item.path} == 1"
        return random.choice(
            [
                f"{path}.{random.choice(['all', 'exists', 'exists_one'])}({item.path}, {inner})",
                f"size({path}.filter({item.path}, {inner})) > 0",
                f"{path}.map({item.path}, {inner}).exists(m, m)",
                f"'a' in {path}",
                f"{path} + {path} == {path}",
                f"{path}.size() > 1",
            ]
        )
    return random.choice(_QUESTIONS.get(str(kind), ("{0} == 'a'", "{0} != null", "{0} in ['a', 'b']"))).format(path)


_QUESTIONS = {
    "string": (
        "{0} == 'a'", "{0}.startsWith('a')", "{0} in vars.home", "{0}.size() > 0", "{0} < vars.word",
        "{0} + 'a' == 'b'", "{0} in vars.rates", "{0}.matches('^a')", "'x'.contains({0})", "{0} - {0} == 'a'",
    ),
    "integer": (
        "{0} > 1", "{0} >= 1.5", "{0} * 2 > vars.limit", "{0} in [1, 2]", "{0} + 1.5 > 2.0", "-{0} > 1", "{0} % 2 == 0",
        "string({0}) == '1'", "{0} == 1.0",
    ),
    "number": ("{0} > 1", "{0} < 1.5", "double({0}) * 2.0 > 1.0", "{0} * 2 > 1", "{0} == vars.limit", "int({0}) == 1"),
    "boolean": ("{0}", "!{0}", "{0} == true", "({0} ? 1 : 2) > 1", "{0} && {0}"),
    "object": ("has({0}.a)", "'b' in {0}", "size({0}) > 1", "{0}.all(k, k < 'x')", "{0}['a'] == 'a'"),
}  # fmt: skip


def guarded(random: Random, spot: Spot, depth: int = 2) -> str:
    text = question(random, spot, depth)
    kind = spot.schema.get("type")
    guards = list(spot.guards)
    if isinstance(kind, list):
        guards.append(f"type({spot.path}) == string")
    for guard in reversed(guards):
        if random.random() < 0.9:
            no = guard.replace(" != ", " == ") if " != " in guard else f"!{guard}"
            no = no if "type(" not in guard else f"!({guard})"
            shapes = [
                "({g} && {t})",
                "({n} || {t})",
                "({g} ? {t} : false)",
                "({t} && {g})",
                "(({g}) || false) && ({t})",
            ]
            text = random.choice([*shapes * 4, "({g} || {t})", "({n} && {t})"]).format(g=guard, n=no, t=text)
    return text


def condition(random: Random, schema: Mapping[str, Any], depth: int = 2) -> str:
    if depth == 0 or random.random() < 0.5:
        every = list(spots(Spot("args", schema, ())))
        return guarded(random, random.choice(every[1:] or every))
    left, right = condition(random, schema, depth - 1), condition(random, schema, depth - 1)
    return random.choice(
        ["({0}) && ({1})", "({0}) || ({1})", "!({0})", "({0}) ? ({1}) : false", "({0}) == ({1})"]
    ).format(left, right)


# -- the law


def accepted(schema: Mapping[str, Any], text: str) -> bool | None:
    """None when it does not compile."""
    try:
        compile_condition(text, VARS)
        tree = parse_tree(text)
    except ConditionError:
        return None
    checker = Checker(text, scope_of("t", of_parameters(schema), of_value(VARS)))
    checker.check(tree, NOTHING)
    return not checker.issues


def fails(text: str, args: dict[str, Any]) -> ConditionProblem | None:
    """Why there is no answer; what a text holds, such as a number in `int('x')`, no schema tells."""
    answer = answer_of(text, args)
    return answer if isinstance(answer, ConditionProblem) and "cannot convert" not in answer.text else None


def answer_of(text: str, args: dict[str, Any]) -> bool | ConditionProblem:
    action = Action("t", args, Actor("u", roles=("a",)), 0)
    return compile_condition(text, VARS).evaluate(Scope(action), VARS)


@settings(max_examples=300, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_an_accepted_condition_can_be_evaluated_on_every_call(seed: int) -> None:
    random = Random(seed)
    schema = object_schema(random, 2)
    for _ in range(12):
        text = condition(random, schema)
        if accepted(schema, text):
            for _ in range(5):
                args = value(random, schema)
                assert fails(text, args) is None, (text, args, schema)


def test_the_conditions_of_the_law_are_accepted_and_refused_in_good_numbers() -> None:
    """And what is refused for a reason that some call shows, some call does show, in a good part of the cases."""
    counts = {True: 0, False: 0, None: 0}
    shown = 0
    for seed in range(150):
        random = Random(seed)
        schema = object_schema(random, 2)
        for _ in range(8):
            text = condition(random, schema)
            counts[accepted(schema, text)] += 1
            if accepted(schema, text) is False:
                shown += any(fails(text, value(random, schema)) for _ in range(30))
    assert counts[True] > 250
    assert counts[False] > 150
    assert counts[None] < 400
    assert shown > 100
