"""From a seed to one mutated file: of its bytes, its lines, its words, its expressions or its forms."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from typing import NamedTuple

from fuzz.mutate_expressions import in_expressions
from fuzz.mutate_forms import in_forms, in_json
from fuzz.seeds import Kind, Seed, seeds

MAX_MUTATIONS = 4
_WEIGHTS: dict[Kind, int] = {"policy": 62, "policytest": 12, "form": 9, "tools": 8, "roles": 6, "routes": 3}

WORDS = [
    "apiVersion",
    "hitl-fsm/v1",
    "hitl-fsm/v2",
    "kind",
    "Policy",
    "PolicyTest",
    "Routes",
    "Roles",
    "name",
    "owner",
    "description",
    "tools",
    "steps",
    "agents",
    "mode",
    "enforce",
    "shadow",
    "default",
    "deny",
    "confirm",
    "allow",
    "on_error",
    "approval",
    "on_change",
    "strictest",
    "pin",
    "batch",
    "in_order",
    "run_ungated",
    "hold_all",
    "vars",
    "rules",
    "id",
    "severity",
    "low",
    "medium",
    "high",
    "critical",
    "when",
    "unless",
    "gate",
    "audit",
    "user_input",
    "external",
    "review",
    "schema",
    "of",
    "not",
    "quorum",
    "all_of",
    "any_of",
    "stages",
    "reject_quorum",
    "edit",
    "lower",
    "none",
    "any",
    "grant",
    "scope",
    "vary",
    "budget",
    "break_glass",
    "reminders",
    "calendar",
    "editor",
    "previous_approver",
    "expires",
    "on_expiry",
    "escalate",
    "route",
    "timeout",
    "result_schema",
    "retries",
    "note",
    "examples",
    "match",
    "not_match",
    "args",
    "user",
    "roles",
    "env",
    "now",
    "step",
    "team",
    "workflow",
    "agent",
    "run",
    "users",
    "defaults",
    "cases",
    "tables",
    "columns",
    "rows",
    "call",
    "expect",
    "gates",
    "outcome",
    "problem",
    "unreachable",
    "because",
    "rule",
    "routes",
    "groups",
    "members",
    "requester",
    "role:finance",
    "role:",
    "group:x",
    "$ref",
    "type",
    "object",
    "properties",
    "required",
    "version",
    "parameters",
]
SCALARS = [
    *( "no", "yes", "on", "y", "12:30", "010", "2026-01-01", "2026-01-01T00:00:00Z", ".inf", "-.inf", ".nan", "0x1F",
    "0o7" ), *( "1_000", "~", "null", "Null", "true", "True", '""', "''", "&a x", "*a", "!!str x", "!!binary aGk=",
    "!!python/none" ), *( "!x {a: 1}", "<<: {a: 1}", "|", ">-", "- ", "? ", "{}", "[]", "[[]]", "[~]", "{~: ~}",
    "{[a]: b}", "-", ":", "#", "%TAG x" ), *( "0", "-0", "-1", "1", "1e3", "1.5", "1e308", "1e400",
    "9223372036854775807", "9223372036854775808", "9" * 39, "9" * 60 ), *( '"\\u0000"', '"\\ud800"', '"\\U0010ffff"',
    '"\\x1b[2J"', '"\\n"', '"\\u202e"', "\u202e", "\u200b", "\x1b[31m", "\u2028" ), *( "é", "日本", "a\u0301" * 9,
    "\U0001f9d1", "x" * 300, "x" * 5000, "*", "**", "a*b*c*d*e*f*", "../../../etc/passwd", "/x" ), *(
    "[" * 40 + "]" * 40, "{a: " * 40 + "1" + "}" * 40, "[" + "1," * 3000 + "]", "4h", "0s", "-1h", "99999999999d",
    "1h30m" ), *( "---", "...", "--- a\n--- b", "# hitl-fsm: ignore HF205 because x", "# hitl-fsm: ignore",
    "# hitl-fsm:", "\t", "\r", "\x85" ), *( "<script>alert(1)</script>", "[x](javascript:x)", "::error::x", "%0A",
    "]]>", "|a|b|", "`x`", "{{x}}", "%SRCROOT%" ),
]  # fmt: skip
_TOKEN = re.compile(r"""[A-Za-z_$][\w.-]*|"[^"\n]*"|'[^'\n]*'|-?\d+(?:\.\d+)?|[^\s\w]""")
_BYTES = [bytes([value]) for value in range(256)] + [
    "é".encode(),
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"\xed\xa0\x80",
    b"\xc0\x80",
]


class Mutated(NamedTuple):
    """A file to read, what was done to the seed it came from, and that seed."""

    seed: Seed
    data: bytes
    how: tuple[str, ...]


Change = Callable[[random.Random, str], str]


def mutated(number: int) -> Mutated:
    """The file of this number; always the same one, on every machine and in every process."""
    rng = random.Random(number)
    kinds = seeds()
    kind = rng.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0]
    seed = rng.choice(kinds[kind])
    data, how = seed.data, []
    for _ in range(1 if rng.random() < 0.6 else rng.randint(2, MAX_MUTATIONS)):
        level = rng.choices(["values", "tokens", "lines", "bytes", "splice"], [45, 25, 14, 11, 5])[0]
        text = data.decode("utf-8", "surrogateescape")
        if level == "bytes":
            name, data = _in_bytes(rng, data)
        elif level == "splice":
            name, data = "splice", _spliced(rng, data, rng.choice(kinds[rng.choice(list(kinds))]).data)
        else:
            choices = {"tokens": _TOKENS, "lines": _LINES, "values": _values(kind, text)}[level]
            change = rng.choice(choices)
            name, data = change.__name__, change(rng, text).encode("utf-8", "surrogateescape")
        how.append(name.strip("_"))
    return Mutated(seed, data, tuple(how))


def _values(kind: Kind, text: str) -> list[Change]:
    if kind in ("form", "tools"):
        return [in_json]
    if kind == "policy" and "when" in text:
        return [in_expressions, in_expressions, in_forms] if "schema" in text else [in_expressions]
    return [_scalar]


# Of its bytes


def _in_bytes(rng: random.Random, data: bytes) -> tuple[str, bytes]:
    at = rng.randrange(len(data) + 1)
    size = min(rng.choice([1, 1, 2, 8, 64, 512]), len(data) - at)
    match rng.choice(["flip", "insert", "delete", "duplicate", "truncate", "replace"]):
        case "flip" if at < len(data):
            return "flip", data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :]
        case "insert":
            return "insert", data[:at] + b"".join(rng.choices(_BYTES, k=rng.choice([1, 1, 2, 9]))) + data[at:]
        case "delete":
            return "delete", data[:at] + data[at + size :]
        case "duplicate":
            return "duplicate", data[: at + size] + data[at : at + size] * rng.choice([1, 2, 50]) + data[at + size :]
        case "truncate":
            return "truncate", data[:at]
        case _:
            return "replace", data[:at] + bytes(rng.choices(range(256), k=size)) + data[at + size :]


def _spliced(rng: random.Random, data: bytes, other: bytes) -> bytes:
    if rng.random() < 0.5:
        return data[: rng.randrange(len(data) + 1)] + other[rng.randrange(len(other) + 1) :]
    head, tail = data.split(b"\n"), other.split(b"\n")
    first = rng.randrange(len(tail))
    at = rng.randrange(len(head) + 1)
    return b"\n".join(head[:at] + tail[first : first + rng.randint(1, 12)] + head[at:])


# Of its words


def _swap(rng: random.Random, text: str) -> str:
    found = list(_TOKEN.finditer(text))
    if len(found) < 2:
        return text + rng.choice(WORDS)
    one, two = sorted(rng.sample(found, 2), key=lambda token: token.start())
    return text[: one.start()] + two[0] + text[one.end() : two.start()] + one[0] + text[two.end() :]


def _word(rng: random.Random, text: str) -> str:
    return _replaced(rng, text, rng.choice(WORDS))


def _scalar(rng: random.Random, text: str) -> str:
    """A value of a key becomes a nasty one."""
    found = list(re.finditer(r"(?<=: )[^\s{\[][^\n#]*|(?<=[\[,] )[^\s,\]}\[{]+|(?<=- )[^\s{\[][^\n]*", text))
    if not found:
        return text + rng.choice(SCALARS)
    one = rng.choice(found)
    return text[: one.start()] + rng.choice(SCALARS) + text[one.end() :]


def _nasty(rng: random.Random, text: str) -> str:
    return _replaced(rng, text, rng.choice(SCALARS))


def _letter(rng: random.Random, text: str) -> str:
    """A key or a word misspelt by one letter."""
    found = [token for token in _TOKEN.finditer(text) if token[0][0].isalpha()]
    if not found:
        return text
    one = rng.choice(found)
    at = rng.randrange(one.start(), one.end())
    return text[:at] + rng.choice(["", text[at] * 2, "x", text[at].swapcase(), "_"]) + text[at + 1 :]


def _replaced(rng: random.Random, text: str, by: str) -> str:
    found = list(_TOKEN.finditer(text))
    if not found:
        return by
    one = rng.choice(found)
    return text[: one.start()] + by + text[one.end() :]


# Of its lines


def _drop(rng: random.Random, text: str) -> str:
    lines = text.split("\n")
    at = rng.randrange(len(lines))
    return "\n".join(lines[:at] + lines[at + rng.choice([1, 1, 1, 5]) :])


def _double(rng: random.Random, text: str) -> str:
    lines = text.split("\n")
    at, size = rng.randrange(len(lines)), rng.choice([1, 1, 3, 8])
    return "\n".join(lines[: at + size] + lines[at : at + size] * rng.choice([1, 1, 1, 30]) + lines[at + size :])


def _move(rng: random.Random, text: str) -> str:
    lines = text.split("\n")
    at, size = rng.randrange(len(lines)), rng.choice([1, 1, 4])
    moved, rest = lines[at : at + size], lines[:at] + lines[at + size :]
    to = rng.randrange(len(rest) + 1)
    return "\n".join(rest[:to] + moved + rest[to:])


def _indent(rng: random.Random, text: str) -> str:
    lines = text.split("\n")
    at = rng.randrange(len(lines))
    line = lines[at]
    lines[at] = rng.choice([" " + line, "  " + line, "\t" + line, line[1:], line[2:], line.lstrip(), " " * 200 + line])
    return "\n".join(lines)


def _ends(rng: random.Random, text: str) -> str:
    """Other line ends, or one long line."""
    return text.replace("\n", rng.choice(["\r\n", "\r", "\n\n", "\x85", "\u2028", " "]), rng.choice([1, 3, -1]))


_TOKENS: list[Change] = [_swap, _word, _scalar, _scalar, _nasty, _letter, _letter]
_LINES: list[Change] = [_drop, _double, _move, _indent, _ends]
