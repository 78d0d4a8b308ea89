"""No policy text and no data make a condition slow, large, or end the process (law 6)."""

# ruff: noqa: E501 - tables of cases, one a line

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from policy_samples import action, loaded, policy

from costs import soon
from hitl_fsm.policy.condition import (
    MAX_EXPRESSION_CHARS,
    ConditionError,
    ConditionProblem,
    Scope,
    Together,
    compile_condition,
)
from hitl_fsm.policy.cost import MAX_STEPS, MIN_DATA_SIZE
from hitl_fsm.policy.data import MAX_DATA_SIZE, NODE_SIZE, action_size, data_size
from hitl_fsm.policy.inquiry import WARM_AFTER

ENOUGH_S = 5
MUCH_MEMORY = 3 * 1024**3
VARS: dict[str, Any] = {"home": ["EUR", "GBP"], "pattern": "^a+$", "patterns": ["^a$", "b"]}

FREE = (
    "args.amount > 1000",
    "args.items.all(x, x.price > 5)",
    "args.items.all(x, x.name != args.name)",
    "args.items.all(x, x in vars.home)",
    "args.items.exists(x, x.matches(vars.pattern))",
    "args.command.contains('rm -rf')",
    "args.command.matches('^[a-z ]+$')",
    "args.a + args.b < 5",
)
BOUNDED = (
    "args.items.exists(x, x in args.other)",
    "args.items.map(x, args.s + args.s).size() > 3",
    "args.s.contains(args.t)",
    "args.s.matches('(a{1,30}){1,30}b')",
    "args.items.all(x, args.items.all(y, args.items.all(z, z in args.items)))",
    "[args.s].map(x, x + x).map(x, x + x).map(x, x + x).map(x, x + x).map(x, x + x).map(x, x + x).size() > 1",
)
REFUSED = (
    "args.s.matches(args.pattern)",
    "[args.s]" + ".map(x, x + x)" * 20 + ".size() > 1",
    "['aaaaaaaaaaaaaaaa']" + ".map(x, x + x)" * 25 + ".size() > 1",
    "args.items.all(x, x.matches(x))",
)


@pytest.mark.parametrize("text", FREE)
def test_what_takes_little_takes_all_data(text: str) -> None:
    assert compile_condition(text, VARS).limit == MAX_DATA_SIZE


@pytest.mark.parametrize("text", BOUNDED)
def test_what_takes_more_takes_less_data(text: str) -> None:
    limit = compile_condition(text, VARS).limit
    assert MIN_DATA_SIZE <= limit < MAX_DATA_SIZE


@pytest.mark.parametrize("text", REFUSED)
def test_what_could_take_for_ever_is_refused_at_load(text: str) -> None:
    with pytest.raises(ConditionError, match="could take too long") as refused:
        compile_condition(text, VARS)
    assert refused.value.problems[0].help


@pytest.mark.parametrize("text", [*BOUNDED, *FREE])
@pytest.mark.parametrize("shape", ["numbers", "text", "texts", "deep"])
def test_law06_the_largest_data_that_it_takes_are_answered_soon(text: str, shape: str) -> None:
    condition = compile_condition(text, VARS)
    scope = Scope(action(large(shape, min(condition.limit, MAX_DATA_SIZE - 100 * NODE_SIZE))))
    assert scope.size <= condition.limit
    said = soon(lambda: condition.evaluate(scope, VARS), ENOUGH_S)
    assert isinstance(said, (bool, ConditionProblem))


def large(shape: str, size: int) -> dict[str, Any]:
    few = max(1, size - 60 * NODE_SIZE)
    many = max(1, (size - 60 * NODE_SIZE) // (2 * NODE_SIZE + 4))
    match shape:
        case "numbers":
            found: dict[str, Any] = {"items": list(range(many)), "other": [-1 - n for n in range(many)], "s": "a"}
        case "text":
            found = {"items": list(range(10)), "other": [], "s": "a" * (few // 2), "t": "a" * (few // 3) + "b"}
        case "texts":
            found = {"items": ["ab"] * many, "other": ["cd"] * (many // 2), "s": "a" * 100}
        case _:
            found = {"items": [{"price": [[n]]} for n in range(many // 4)], "s": "x"}
    return {"t": "b", "a": 1, "b": 2, "amount": 5, "name": "n", "command": "ls", **found}


def test_law06_more_data_than_it_takes_denies_even_where_the_rule_would_allow() -> None:
    policies = loaded(policy("- {id: a, unless: 'args.items.exists(x, x in args.other)', gate: allow}"))
    for _ in range(WARM_AFTER + 2):
        assert policies.evaluate(action({"items": [1], "other": [2]})).outcome == "allow"
        verdict = policies.evaluate(action({"items": list(range(9000)), "other": list(range(-9000, 0))}))
        assert verdict.outcome == "deny"
        assert verdict.problem is not None
        assert "too large" in verdict.problem
    policies = loaded(policy("- {id: a, when: 'args.items.all(x, x >= 0)', gate: allow}"))
    for _ in range(WARM_AFTER + 2):
        assert policies.evaluate(action({"items": list(range(MAX_STEPS - 1))})).outcome == "allow"
        assert policies.evaluate(action({"items": list(range(MAX_STEPS + 1))})).outcome == "deny"


def test_together_never_takes_more_than_its_smallest() -> None:
    small, free = compile_condition(BOUNDED[0], VARS), compile_condition("args.a + 1 > 1", VARS)
    one = action({"items": [1], "other": [2], "a": 1})
    size = action_size(one)
    assert isinstance(size, int)
    assert Together([small, free]).evaluate(one, size, VARS) == [False, True]
    assert Together([small, free]).evaluate(one, small.limit + 1, VARS) is None


def test_the_size_at_a_glance_is_that_of_a_closer_look() -> None:
    class Text(str):
        __slots__ = ()

    for args in ({}, {"a": 1, "b": "text", "c": None, "d": 1.5, "e": True}, {"a": "x" * 1000}):
        glance = action_size(action(args))
        closer = action_size(action({key: Text(value) if type(value) is str else value for key, value in args.items()}))
        assert isinstance(glance, int)
        assert isinstance(closer, int)
        assert abs(glance - closer) <= 20 * NODE_SIZE + 100
    for value in (float("nan"), float("inf"), 2**63, -(2**63) - 1, "a\x00", "\ud800", {1: 2}, (1, 2), object(), b"x"):
        assert isinstance(data_size({"a": value}), str)
        assert isinstance(action_size(action({"a": value})), str)


N = MAX_EXPRESSION_CHARS
HOSTILE = [
    "(" * (N // 2 - 2) + "true" + ")" * (N // 2 - 2), "!" * (N - 4) + "true", "-" * (N - 10) + "1 == 1",
    "[" * (N // 2 - 4) + "]" * (N // 2 - 4) + " == []", "args" + ".a" * (N // 2 - 8) + " == 1", "1" + "+1" * (N // 2 - 4) + " > 0",
    "true" + "?true:true" * (N // 10 - 1), "true" + "&&true" * (N // 6 - 1), "{'a':" * (N // 6 - 4) + "1" + "}" * (N // 6 - 4) + " == {}",
    "args" + "[0]" * (N // 3 - 8) + " == 1", "args.l.all(a," * 200 + "true" + ")" * 200, "[1]" + ".map(x,[x])" * 300 + " == []",
    "'" + "a" * (N - 10) + "' == ''", "args.s.matches('" + "(" * 1900 + ")" * 1900 + "')", "args.s.matches('" + "a{1000}" * 500 + "')",
    "args.s.matches('" + "(a|" * 900 + "b" + ")" * 900 + "')", "b'\\xff' == b'a'", "'\\U0010ffff' < 'a'", "`a` == 1", "args.?a == 1",
    "timestamp('9999-12-31T23:59:59Z') + duration('9999999999s') > now", "now.getHours('Nowhere/City') > 1", "duration('1e400s') > duration('1s')",
    "int('9' + '9' + '9999999999999999999') > 1", "9223372036854775807 + 1 > 0", "-9223372036854775808 / -1 > 0", "5 % 0 == 1", "double('nan') == 1.0",
    "[1,2][9223372036854775807] == 1", "args.l[-1] == 1", "type(args) == map", "dyn(args) == dyn(args)", "string(args.s).size() > 1", "google.protobuf.Any{} == 1",
]  # fmt: skip
PROGRAM = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, ({memory}, {memory}))
sys.path[:0] = {places!r}
from policy_samples import action
from test_policy_cost import HOSTILE, large
from hitl_fsm.policy.condition import ConditionError, Scope, compile_condition
deep = 1
for _ in range(60): deep = [deep]
datas = [{{}}, {{"s": "a" * 900_000, "l": list(range(9000))}}, {{"l": deep, "s": ""}}, large("texts", 900_000)]
very = []
for _ in range(100_000): very = [very]
datas.append({{"l": very}})
for text in HOSTILE:
    try:
        condition = compile_condition(text, {{}})
    except ConditionError:
        continue
    ask = condition.shortcut({{}})
    for args in datas:
        condition.evaluate(Scope(action(args)), {{}})
print("alive")
while very: very = very.pop()
sys.stdout.flush()
import os; os._exit(0)
"""


def test_law06_no_text_and_no_data_end_the_process() -> None:
    """In a process of its own, with little memory: a native crash would end this one."""
    here = Path(__file__).parent
    code = PROGRAM.format(memory=MUCH_MEMORY, places=[str(here), str(here.parents[1])])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "alive"), done.stderr[-2000:]
