"""The tree of a condition is what its author wrote: checked by reading each part's text again."""

from __future__ import annotations

import random

import pytest

from hitl_fsm.policy.condition import ConditionError, checked_bytes
from hitl_fsm.policy.expression import Node, branches, conjuncts, names_used, parse_tree, path_of, text_of, walk
from hitl_fsm.policy.expression_read import Reader, UnreadableTreeError
from hitl_fsm.policy.wire import fields


def outline(node: Node) -> object:
    """A tree without places."""
    return (node.kind, repr(node.value), *(outline(child) for child in node.children))


def parts(text: str) -> list[tuple[str, object, str]]:
    return [(node.kind, node.value, text_of(text, node)) for node in walk(parse_tree(text))]


def test_each_kind_of_part_has_its_value_and_its_text() -> None:
    assert parts("has(args.to) && !args['to'].startsWith('ä🙂')") == [
        ("call", "&&", "has(args.to) && !args['to'].startsWith('ä🙂')"),
        ("has", "to", "has(args.to)"),
        ("name", "args", "args"),
        ("call", "!", "!args['to'].startsWith('ä🙂')"),
        ("call", "startsWith", "args['to'].startsWith('ä🙂')"),
        ("call", "[]", "args['to']"),
        ("name", "args", "args"),
        ("literal", "to", "'to'"),
        ("literal", "ä🙂", "'ä🙂'"),
    ]


@pytest.mark.parametrize(
    ("text", "value", "rest"),
    [
        ("args.xs.all(x, x > 1)", "all", ["args.xs", "x", "x > 1"]),
        ("args.xs.exists(x, x > 1)", "exists", ["args.xs", "x", "x > 1"]),
        ("args.xs.exists_one(x, x > 1)", "exists_one", ["args.xs", "x", "x > 1"]),
        ("args.xs.filter(x, x > 1)", "filter", ["args.xs", "x", "x > 1"]),
        ("args.xs.map(x, x + 1)", "map", ["args.xs", "x", "x + 1"]),
        ("args.xs.map(x, x > 1, x)", "map", ["args.xs", "x", "x > 1", "x"]),
        ("(args.xs).filter ( x , (x > 1) )", "filter", ["args.xs", "x", "x > 1"]),
    ],
)
def test_a_macro_is_not_expanded(text: str, value: str, rest: list[str]) -> None:
    node = parse_tree(text)
    assert (node.kind, node.value) == ("comprehension", value)
    assert [text_of(text, child) for child in node.children] == rest
    assert text_of(text, node) == text


@pytest.mark.parametrize(
    "text",
    [
        "(args.a + 1) * -(args.b)",
        "((args.a)) in ([1, -2])",
        "(-args.a).b",
        "args.a ? (args.b ? 1 : 2) : (3)",
        "--args.a > 1",
        "// why\n(args.a // (\n) > r'\\d'.size()",
        "{'a': [1], 'b': {'c': null}}['b'].c",
        "type(args.a) == google.protobuf.Timestamp",
        "google.protobuf.Int32Value{value: 1} == 1",
    ],
)
def test_a_part_takes_its_own_parentheses_and_signs(text: str) -> None:
    for node in walk(parse_tree(text)):
        if node.kind != "literal":
            assert outline(parse_tree(text_of(text, node))) == outline(node)


def test_literals_keep_their_kind() -> None:
    values = parse_tree("[1, -2, 3u, 0x1F, 1.0, -0.5e3, .5, 'a\\n', r'\\d', b'x', true, null]").children
    assert [node.value for node in values] == [1, -2, 3, 31, 1.0, -500.0, 0.5, "a\n", "\\d", b"x", True, None]
    assert [type(node.value).__name__ for node in values][:5] == ["int", "int", "Uint", "int", "float"]


def test_conjuncts_and_branches() -> None:
    text = "args.a && (args.b || !args.c) && (args.d && (args.e ? args.f > 1 : args.g))"
    node = parse_tree(text)
    assert [text_of(text, part) for part in conjuncts(node)] == [
        "args.a", "args.b || !args.c", "args.d", "args.e ? args.f > 1 : args.g",
    ]  # fmt: skip
    assert [text_of(text, part) for part in branches(node)] == [
        "args.a", "args.b", "args.c", "args.d", "args.e", "args.f > 1", "args.g",
    ]  # fmt: skip


def test_names_used_leaves_bound_names_out() -> None:
    assert names_used(parse_tree("args.xs.exists(x, x == user.id && vars.ys.all(y, y != x))")) == {
        "args", "user", "vars",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("args.card.number", ("args", "card", "number")),
        ("args['card'].number", ("args", "card", "number")),
        ("has(args.card.number)", ("args", "card", "number")),
        ("args", ("args",)),
        ("args.cards[0]", None),
        ("args[args.key]", None),
        ("size(args.cards)", None),
    ],
)
def test_path_of(text: str, path: tuple[str, ...] | None) -> None:
    assert path_of(parse_tree(text)) == path


def test_what_does_not_compile_has_no_tree() -> None:
    with pytest.raises(ConditionError):
        parse_tree("args.a ==")


def test_a_large_condition_is_read_and_a_larger_one_is_refused() -> None:
    text = "[" + ",".join("1" for _ in range(1990)) + "] == args.a"
    assert len(list(walk(parse_tree(text)))) == 1994
    with pytest.raises(ConditionError):
        parse_tree(text + " " * 4000)


def test_damaged_bytes_are_one_error() -> None:
    text = "args.xs.exists(x, x > 1) && has(args.a)"
    data = checked_bytes(text)
    randomness = random.Random(7)
    refused = 0
    for _ in range(2000):
        damaged = bytearray(data)
        for _ in range(randomness.randrange(1, 4)):
            damaged[randomness.randrange(len(damaged))] = randomness.randrange(256)
        try:
            node = Reader(text, bytes(damaged[: randomness.randrange(len(damaged))] or damaged)).tree()
        except UnreadableTreeError:
            refused += 1
        else:
            assert all(part.offset >= 0 and part.offset + part.width <= len(text) for part in walk(node))
    assert refused > 100


def test_the_wire_reader_refuses_what_is_cut_off() -> None:
    for data in (b"\x0a\x05ab", b"\x08", b"\x08" + b"\xff" * 20, b"\x0b", b"\x09\x00"):
        with pytest.raises(ValueError, match=r"does not end|longer than|unknown wire type"):
            fields(data)


_LEAVES = [
    "args.x", "args", "1", "-2", "1.5", "'a\\n'", "r'\\d'", '"é🙂"', "true", "null", "args['k']", "now", "user.id",
    "b'x'", "3u", "'''a'b'''",
]  # fmt: skip


def _random(randomness: random.Random, depth: int, bound: tuple[str, ...] = ()) -> str:
    if depth == 0:
        return randomness.choice([*_LEAVES, *bound])

    def below(*more: str) -> str:
        return _random(randomness, depth - 1, (*bound, *more))

    gap = randomness.choice(["", " ", "\n", " // c (\n", "\t"])
    name = f"i{depth}"
    sign = randomness.choice(["==", "!=", "<", ">", "<=", ">=", "+", "-", "*", "/", "%"])
    shapes = [
        lambda: f"{below()}{gap}&&{gap}{below()}",
        lambda: f"{below()} || {below()}",
        lambda: randomness.choice(["!", "!!", "-", "--", "! "]) + below(),
        lambda: f"({gap}{below()}{gap})",
        lambda: f"{below()}{gap}{sign} {below()}",
        lambda: f"{below()} in {below()}",
        lambda: f"{below()} ? {below()} : {below()}",
        lambda: f"{below()}{gap}.a",
        lambda: f"{below()}[{below()}]",
        lambda: f"[{below()},{gap}{below()}]",
        lambda: f"{{{below()}: {below()}}}",
        lambda: below() + randomness.choice([".size()", ".startsWith('a')", ".matches('a')"]),
        lambda: f"{randomness.choice(['size', 'string', 'type', 'dyn', 'int'])}{gap}({below()})",
        lambda: f"has({below()}.zz)",
        lambda: f"{below()}.{randomness.choice(['all', 'exists', 'exists_one', 'filter'])}( {name} ,{below(name)})",
        lambda: f"{below()}.map({name},{below(name)},{below(name)})",
    ]
    return randomness.choice(shapes)()


def test_every_part_of_a_random_expression_reads_as_itself() -> None:
    randomness = random.Random(11)
    known = {"args", "now", "user"}
    read = 0
    for _ in range(3000):
        text = _random(randomness, randomness.randrange(1, 5))
        try:
            checked_bytes(text)
        except ConditionError:
            continue
        for node in walk(parse_tree(text)):
            assert node.offset >= 0
            assert node.width > 0
            assert node.offset + node.width <= len(text)
            if names_used(node) <= known:
                assert outline(parse_tree(text_of(text, node))) == outline(node)
                read += 1
    assert read > 1000
