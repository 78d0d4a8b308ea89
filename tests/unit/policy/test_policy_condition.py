"""CEL conditions: True, False or a problem, and nothing that is merely truthy (law 6)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from policy_samples import action

from hitl_fsm.policy.condition import (
    MAX_EXPRESSION_CHARS,
    ConditionError,
    ConditionProblem,
    Scope,
    compile_condition,
)
from hitl_fsm.policy.data import MAX_DATA_DEPTH, MAX_DATA_NODES


def ask(text: str, args: dict[str, Any] | None = None, **variables: Any) -> bool | ConditionProblem:
    return compile_condition(text).evaluate(Scope(action(args, roles=("finance",))), variables)


def deep(levels: int) -> dict[str, Any]:
    value: Any = 1
    for _ in range(levels):
        value = {"a": value}
    return {"a": value}


@pytest.mark.parametrize(
    ("text", "args", "expected"),
    [
        ("args.amount > 1000", {"amount": 1000.01}, True),
        ("args.amount > 1000", {"amount": 1000}, False),
        ("args.amount > 1000.5", {"amount": 1001}, True),
        ("args.amount == 1000.0", {"amount": 1000}, True),
        ("args.amount in [1, 2.0]", {"amount": 2}, True),
        ("'finance' in user.roles && user.kind == 'human'", {}, True),
        ("user.id == 'alice' && run.id == 'run_1' && agent == 'support' && tool == 'pay'", {}, True),
        ("env.stage == 'prod'", {}, True),
        ("has(args.note) && args.note == ''", {}, False),
        ("args.items.exists(item, item.price > 5)", {"items": [{"price": 1}, {"price": 6.5}]}, True),
        ("args.id.matches('^o[0-9]+$')", {"id": "o12"}, True),
        ("now == timestamp('2026-01-01T00:00:00Z')", {}, True),
        ("args.ok", {"ok": True}, True),
        ("args.ok", {"ok": False}, False),
        ("args.missing == 1 || args.amount > 1", {"amount": 2}, True),
        ("args.missing == 1 && args.amount > 1", {"amount": 0}, False),
    ],
)
def test_answers(text: str, args: dict[str, Any], *, expected: bool) -> None:
    assert ask(text, args) is expected


@pytest.mark.parametrize(
    ("text", "args", "says"),
    [
        ("args.amount > 1000", {}, 'there is no "amount"'),
        ("args.amount > 1000", {"amount": "5000"}, "`>` cannot take (string, int64)"),
        ("args.amount > 1000", {"amount": True}, "cannot take (bool, int64)"),
        ("args.amount > 1000", {"amount": None}, "cannot take (null_type, int64)"),
        ("args.amount > 1000", {"amount": [5000]}, "cannot take"),
        ("args.amount > 1000", {"amount": float("nan")}, "not a finite number"),
        ("args.amount < 1000", {"amount": float("-inf")}, "not a finite number"),
        ("args.amount > 1000", {"amount": 2**63}, "beyond 64 bits"),
        ("args.a == 1", {"a": 1, "b": [{"c": 10**30}]}, "beyond 64 bits"),
        ("args.amount + 1 > 0", {"amount": 2**63 - 1}, "overflow"),
        ("args.amount / 0 == 1", {"amount": 1}, "divide by zero"),
        ("args.name", {"name": "truthy"}, "the value is string"),
        ("args.name", {"name": 1}, "the value is int"),
        ("args.name", {"name": {"a": 1}}, "the value is map"),
        ("args.name == 'a'", {"name": "a\x00b"}, "NUL"),
        ("args.name == 'a'", {"name": "\ud800"}, "surrogate"),
        ("args.name == 'a'", {"name": "a", "x\x00": 1}, "NUL"),
        ("args.name.matches('(')", {"name": "a"}, "invalid regular expression"),
        ("args.l.all(x, args.l.all(y, true))", {"l": list(range(1000))}, "budget"),
        ("vars.limit > 1", {}, 'there is no "limit"'),
        ("true", {"a": {1, 2}}, "type set"),
    ],
)
def test_law06_a_condition_without_an_answer_is_a_problem(text: str, args: dict[str, Any], says: str) -> None:
    answer = ask(text, args)
    assert isinstance(answer, ConditionProblem)
    assert says in answer.text
    assert "\n" not in answer.text


def test_law06_data_is_capped_before_it_reaches_the_native_library() -> None:
    assert ask("true", deep(MAX_DATA_DEPTH - 4)) is True
    for args in (deep(MAX_DATA_DEPTH), deep(50_000), {"a": list(range(MAX_DATA_NODES + 1))}, {"a": "x" * 1_000_001}):
        assert isinstance(ask("true", args), ConditionProblem)


def test_law06_a_problem_of_the_data_is_a_problem_of_every_condition() -> None:
    scope = Scope(action({"a": float("nan")}))
    assert isinstance(compile_condition("tool == 'pay'").evaluate(scope, {}), ConditionProblem)
    scope = Scope(action({}, user="a\x00b"))
    assert isinstance(compile_condition("true").evaluate(scope, {}), ConditionProblem)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
)


@given(JSON)
def test_law06_whatever_the_argument_is_the_answer_is_a_bool_or_a_problem(value: Any) -> None:
    for text in ("args.x > 10", "args.x", "size(args.x) > 1", "args.x == 'a'", "args.x in vars.known"):
        answer = ask(text, {"x": value}, known=["a", 1])
        assert answer is True or answer is False or isinstance(answer, ConditionProblem)
        if text == "args.x > 10" and answer is True:
            assert isinstance(value, (int, float))
            assert not isinstance(value, bool)
            assert value > 10
        if text == "args.x == 'a'":
            assert answer is not True or value == "a"


def problems(text: str, **variables: Any) -> list[tuple[int, int, str, str | None, str]]:
    with pytest.raises(ConditionError) as caught:
        compile_condition(text, variables)
    return [(p.offset, p.width, p.text, p.help, p.kind) for p in caught.value.problems]


@pytest.mark.parametrize(
    ("text", "offset", "says", "hint", "kind"),
    [
        ("args.amount >", 13, "ends too early", None, "syntax"),
        ("args.a = 1", 7, "`=` means nothing", "write `==`", "syntax"),
        ("usr.id == 'a'", 0, "unknown name `usr`", "did you mean `user`?", "name"),
        ("args.a == 1 &&\n  arg.b == 2", 17, "unknown name `arg`", "did you mean `args`?", "name"),
        ("amount > 1", 0, "unknown name `amount`", "`args.amount`", "name"),
        ("siz(args.a) == 1", 0, "unknown function `siz`", "did you mean `size`?", "name"),
        ("args.a.startWith('x')", 7, "unknown function `startWith`", "did you mean `startsWith`?", "name"),
        ("user.rols == []", 5, "`user` has no `rols`", "did you mean `roles`?", "name"),
        ("run.name == 'a'", 4, "`run` has no `name`", "`run` has: id", "name"),
        ("args.a in vars.hmoe", 15, "`vars` has no `hmoe`", "did you mean `home`?", "name"),
        ("args.a.exists(user, user == 1)", 14, "`user` is taken", None, "name"),
        ("tool == 1", 5, "`==` cannot take (string, int)", None, "syntax"),
        ("args.a + 1", 0, "gives int", "compare it with something", "not_boolean"),
        ("'text'", 0, "gives string", "compare it with something", "not_boolean"),
        ("[args.a]", 0, "gives list", None, "not_boolean"),
        ("{'a': 1}", 0, "gives map", None, "not_boolean"),
        ("{[1]: true}", 0, "gives a map", "compare it", "not_boolean"),
        ("[{null: 1}]", 0, "something with one in it", None, "not_boolean"),
        ("{1.5: 1}", 0, "gives a map", None, "not_boolean"),
        ("(" * 100 + "true" + ")" * 100, 0, "recursion", None, "syntax"),
        ("args.a == 99999999999999999999", 10, "invalid int literal", None, "syntax"),
    ],
)
def test_what_does_not_compile_says_where(text: str, offset: int, says: str, hint: str | None, kind: str) -> None:
    found = problems(text, home=["EUR"])
    assert found[0][0] == offset
    assert says in found[0][2]
    assert hint is None or hint in (found[0][3] or "")
    assert found[0][4] == kind


@pytest.mark.parametrize(
    "text",
    ["args.user.name == 'x'", "'user.nope' == args.x", "true // user.nope step", "args['team'] == 1", "args.step == 1",
     'args.x == "step" || args.x == """team"""', "args.x == r'\\user.nope'", "user.roles.exists(role, role == 'x')"],
)  # fmt: skip
def test_names_inside_text_comments_and_fields_are_left_alone(text: str) -> None:
    compile_condition(text, {})


def test_an_expression_has_a_limit() -> None:
    assert "limit" in problems("true" + " " * MAX_EXPRESSION_CHARS)[0][2]
    assert "NUL" in problems("args.a == '\x00'")[0][2]
