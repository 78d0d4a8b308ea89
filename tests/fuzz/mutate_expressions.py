"""Conditions: spliced, nested, made long, given other operands. Some still compile, and few are what anybody meant."""

from __future__ import annotations

import json
import random
import re

_LINE = re.compile(r"^(\s*(?:- )?(?:when|unless):) +(\S[^\n]*)$", re.MULTILINE)
_OPERATORS = ["&&", "||", "==", "!=", "<", "<=", ">", ">=", "+", "-", "*", "/", "%", "in", "?", ":", ".", ",", "!", "="]
ATOMS = [
    *(
        "args.amount",
        "args.items",
        "args",
        "args.missing",
        "args['amount']",
        "args.items[0].price",
        "args.a.b.c.d",
        "args[args.k]",
    ),
    *(
        "user.roles",
        "user.id",
        "user.kind",
        "run.id",
        "vars",
        "vars.limit",
        "env.stage",
        "env['x']",
        "now",
        "tool",
        "step",
        "agent",
    ),
    *(
        "true",
        "false",
        "null",
        "0",
        "-1",
        "1u",
        "1.5",
        "1e308",
        "9223372036854775807",
        "-9223372036854775808",
        "0x1F",
        ".5",
    ),
    *(
        "'a'",
        '"é"',
        "r'\\d'",
        "b'\\xff'",
        "''",
        "'''a\nb'''",
        "'\\u202e'",
        "'\\U0010ffff'",
        "'\\x00'",
        "'\\ud800'",
        "'" + "x" * 900 + "'",
    ),
    *(
        "[]",
        "[1, 'a', null]",
        "{}",
        "{'a': 1}",
        "{1: 2}",
        "{[1]: true}",
        "[[[[]]]]",
        "{'a': {'b': [1]}}",
        "[args.amount]",
        "dyn(args)",
    ),
    *(
        "size(args.items)",
        "has(args.amount)",
        "has(args.a.b)",
        "type(args.amount)",
        "int(args.amount)",
        "double('nan')",
    ),
    *(
        "string(args.items)",
        "timestamp('2026-01-01T00:00:00Z')",
        "timestamp(args.t)",
        "duration('1h')",
        "now.getHours('UTC')",
    ),
    *("duration('9999999999999h')", "now.getHours(args.zone)", "args.s.matches('^(a|b)*$')", "args.s.matches('(')"),
    *(
        "args.s.matches(args.s)",
        "args.s.matches('(?=a)')",
        "args.s.startsWith('a')",
        "args.s.contains(args.s)",
        "error",
        "é",
        "日本",
    ),
    *(
        "google.protobuf.Any{}",
        "args.?a",
        "optional.none()",
        "cel.bind(x, 1, x)",
        "math.greatest(1, 2)",
        "__result__",
        "@result",
        "``",
    ),
]
_MACROS = ["all", "exists", "exists_one", "filter", "map"]
_AROUND = [
    *(
        "({e}) && ({f})",
        "({e}) || ({f})",
        "!({e})",
        "({e}) ? ({f}) : ({e})",
        "({e}) == ({f})",
        "({e}) in [({f})]",
        "(({e}))",
    ),
    *(
        "[{e}].exists(x, x)",
        "args.items.all(x, {e})",
        "args.items.all(x, args.items.all(y, {e}))",
        "({e}) == true",
        "dyn({e})",
    ),
    *(
        "type({e}) == bool",
        "string({e}) == 'true'",
        "{e} // {f}",
        "{e}\n&& {f}",
        "({e}) != ({e})",
        "[{e}, {f}] == []",
        "bool({e})",
    ),
    *(
        "{{'k': {e}}}.k",
        "has(args.a) && ({e})",
        "({e}) || 'error' == {f}",
        "[1].map(x, {e})[0]",
        "({e}) && [({f})]",
        "size({e}) > 0",
    ),
    *(
        "args.items.exists(args, {e})",
        "args.items.map(x, {e}, {f})",
        "({e}) == error",
        "-({e})",
        "({e}) > 1.0",
        "({e}) % 2 == 0",
    ),
]
_PARTS = re.compile(r"[A-Za-z_][\w.]*|'[^']*'|\"[^\"]*\"|\d+(?:\.\d+)?|&&|\|\||[=!<>]=|[^\s\w]")


def in_expressions(rng: random.Random, text: str) -> str:
    """One condition of a policy's text becomes another one, quoted so that YAML takes it."""
    found = list(_LINE.finditer(text))
    if not found:
        return text
    one = rng.choice(found)
    source = one[2].strip()
    if source[0] in "\"'" and source[-1] == source[0]:
        source = source[1:-1]
    others = [other[2].strip("\"'") for other in found]
    written = changed(rng, "true" if source[0] in "|>" else source, others)
    for _ in range(rng.choice([0, 0, 1, 2])):
        written = changed(rng, written, others)
    return text[: one.start()] + f"{one[1]} {_quoted(rng, written)}" + text[one.end() :]


def _quoted(rng: random.Random, text: str) -> str:
    style = rng.random()
    if style < 0.75:
        return json.dumps(text, ensure_ascii=style < 0.4)
    if style < 0.9:
        return "'" + text.replace("'", "''") + "'"
    return rng.choice([text, f"[{json.dumps(text)}, 'true']", f"[{json.dumps(text)}, 'args.zzz', 'false']"])


def changed(rng: random.Random, text: str, others: list[str]) -> str:  # noqa: PLR0911 - a kind of change each
    """One change of an expression."""
    match rng.choice(["around", "around", "part", "part", "part", "long", "nest", "operator", "cut", "macro", "other"]):
        case "around":
            return rng.choice(_AROUND).format(e=text, f=rng.choice([*others, rng.choice(ATOMS)]))
        case "part":
            return _part(rng, text, rng.choice(ATOMS))
        case "operator":
            return _part(rng, text, rng.choice(_OPERATORS))
        case "long":
            count = rng.choice([3, 30, 300])
            piece = rng.choice(
                [f" && ({text})", " || args.a", " + 1", " ? true : true", ".a", "[0]", " && true", " // x"]
            )
            return (
                f"{text}{piece * count}" if rng.random() < 0.7 else f"[{','.join([text] * min(count, 30))}].all(x, x)"
            )
        case "nest":
            count = rng.choice([2, 10, 60, 400])
            opening, closing = rng.choice([("(", ")"), ("!", ""), ("-", ""), ("[", "]"), ("{'a': ", "}"), ("!(", ")")])
            return opening * count + text + closing * count
        case "macro":
            depth = rng.choice([1, 2, 3, 4, 12])
            over = rng.choice(["args.items", "[1, 2, 3]", "user.roles", "args", "vars.home", "['" + "a" * 99 + "']"])
            head = "".join(f"{over}.{rng.choice(_MACROS)}(x{level}, " for level in range(depth))
            return head + text + ")" * depth
        case "cut":
            at = rng.randrange(len(text) + 1)
            return text[:at] + text[at + rng.choice([1, 2, 9]) :]
        case _:
            return f"{text} {rng.choice(['&&', '||', '==', 'in'])} {rng.choice(others)}"


def _part(rng: random.Random, text: str, by: str) -> str:
    found = list(_PARTS.finditer(text))
    if not found:
        return by
    one = rng.choice(found)
    return text[: one.start()] + by + text[one.end() :]
