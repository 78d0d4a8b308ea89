"""What authors who know other languages write in a condition: each slip at its place, with what to write instead."""

from __future__ import annotations

import pytest

from costs import soon
from hitl_fsm.policy.condition import MAX_EXPRESSION_CHARS, ConditionError, compile_condition


def problems(text: str) -> list[tuple[str, str, str]]:
    """The text that each problem underlines, what is said of it, and the hint."""
    with pytest.raises(ConditionError) as caught:
        compile_condition(text)
    return [(text[p.offset : p.offset + p.width], p.text, p.help or "") for p in caught.value.problems]


@pytest.mark.parametrize(
    ("text", "marked", "hint"),
    [
        ("args.a > 1 and args.b", "and", "write `&&`"),
        ("args.a > 1 AND args.b", "AND", "write `&&`"),
        ("args.a == 1 or args.b == 2", "or", "write `||`"),
        ("not args.a", "not", "write `!(…)`"),
        ("args.a not in ['x']", "not in", "write `!(… in […])`"),
        ("args.a is null", "is", "write `==`"),
        ("args.a is not null", "is not", "write `!=`"),
        ("args.a = 1", "=", "write `==`"),
        ("args.a === 1", "===", "write `==`"),
        ("args.a <> 1", "<>", "write `!=`"),
        ("args.a => 1", "=>", "write `>=`"),
        ("args.a ≥ 1", "≥", "write `>=`"),
        ("args.a & args.b", "&", "write `&&`"),
        ("args.a > 1;", ";", "a list under `when`"),
        ("args.a > 1 # why", "#", "begins with `//`"),
        ("args.a > 1,000", "1,000", "only digits"),
        ("args.a > 1.000,50", "1.000,50", "only digits"),
        ("args.a > 1_000", "1_000", "only digits"),
        ("args.a > 10k", "10k", "only digits"),
        ("args.a > $1000", "$", "only digits"),
        ("now > 12:30", "12:30", "`now.getHours('Europe/Berlin') >= 12`"),
        ("args.a == “EUR”", "“", "straight quotes"),
        ("args.a == 'it", "'it", "close it"),
        ("args.a contains 'x'", "contains", "`args.name.contains('…')`"),
        ("args.a like 'x'", "like", "contains"),
        ("args.a =~ 'x'", "=~", "matches"),
        ("args.a between 1 and 3", "between", "args.amount >= 10 && args.amount <= 20"),
        ("if args.a then true", "if", "what must hold"),
    ],
)
def test_a_slip_is_underlined_and_told_what_to_write(text: str, marked: str, hint: str) -> None:
    found = problems(text)
    assert found[0][0] == marked
    assert hint in found[0][2]
    assert all("input" not in said and "token" not in said for _, said, _ in found)


@pytest.mark.parametrize(
    ("text", "marked", "says", "hint"),
    [
        ("(args.a > 1", "", "a `)` is missing at the end", ""),
        ("args.a > 1)", ")", "`)` cannot stand here", ""),
        ("args.a > 1000 EUR", "E", "`EUR` cannot stand here", ""),
        ("args.a ? 1", "", "ends too early", ""),
        ("@x", "@", "`@` means nothing", ""),
        ("now.hour > 12", ".", "a time has no fields", "now.getHours("),
        ("user == 'bob'", "=", "`==` cannot take", "`user.id`"),
        ("1 < args.a < 3", "<", "`<` cannot take", "compare twice"),
        ("args.a / 2 > 1.5", ">", "`>` cannot take (int, double)", "`double(args.amount)`, `2.0`"),
        ("!args.a in ['x']", "i", "`in` cannot take", "in brackets"),
        ("args.a == True", "True", "unknown name", "write `true`"),
        ("args.a == None", "None", "unknown name", "write `null`"),
        ("len(args.a) > 3", "len", "unknown function", "`size(…)`"),
        ("args.a.toLowerCase() == 'x'", "toLowerCase", "unknown function", "either case"),
        ("args.to-account == 'x'", "account", "unknown name", "`args['to-account']`"),
        ("args.big-to-account == 'x'", "to", "unknown name", "`args['big-to-account']`"),
    ],
)
def test_what_is_no_known_slip_is_told_in_plain_words(text: str, marked: str, says: str, hint: str) -> None:
    assert problems(text)[0][0] == marked
    assert says in problems(text)[0][1]
    assert hint in problems(text)[0][2]


def test_the_examples_of_the_hints_can_be_written() -> None:
    for text in (
        "now.getHours('Europe/Berlin') >= 12",
        "args.amount >= 10 && args.amount <= 20",
        "args.name.matches('(?i)^a$')",
        "args['to-account'] == 'x'",
        "!(args.currency in ['EUR'])",
    ):
        assert compile_condition(text).text == text


@pytest.mark.parametrize(
    "text",
    [
        "args.a == 'this and that = 1,000'",
        "args.and == 1",
        "args.a > 1 // and so on; 12:30",
        "args.a ? 1 > 2 : 12>30",
        "args.a in [1,200]",
    ],
)
def test_what_is_right_is_never_called_a_slip(text: str) -> None:
    assert compile_condition(text).text == text


def test_a_slip_hides_what_follows_from_it_and_nothing_before_it() -> None:
    assert [marked for marked, _, _ in problems("args.a > ) && args.b = 1")] == [")", "="]
    assert [marked for marked, _, _ in problems("args.a = 1 and args.b = 2")] == ["=", "and", "="]
    assert "1,200" not in [marked for marked, _, _ in problems("args.a in [1,200")]
    assert "12:30" not in [marked for marked, _, _ in problems("args.a ? 12:30 )")]


@pytest.mark.parametrize("part", ['"', "'", '"""', "a-", "b+", "a.", "and ", "1,000", "(", "\\", "=", "is not "])
def test_a_long_text_full_of_slips_takes_little_time(part: str) -> None:
    text = (part * MAX_EXPRESSION_CHARS)[: MAX_EXPRESSION_CHARS - 1] + ")"
    assert soon(lambda: problems(text), limit_s=2)
