"""Conditions against the tools' schemas: what is found, where, and that nothing else is."""

from __future__ import annotations

from typing import Any

import pytest
from types_samples import find


def told(text: str, **more: Any) -> list[tuple[str, str, str]]:
    """Code, the part of the condition that is marked, message."""
    found = []
    for one in find(text, **more):
        assert one.excerpt is not None
        start = one.place.column - 1
        found.append((one.code, one.excerpt[start : start + one.width].replace('\\"', '"'), one.message))
    return found


@pytest.mark.parametrize(
    "text",
    [
        "args.amount > 1000",
        "args.amount > 1000.5",
        "args.count == 1.0",
        "args.count in [1, 2, 3]",
        "args.count * 2 > 3",
        "double(args.amount) * 2.0 > 3.0",
        "args.currency == 'EUR' || args.currency != 'GBP'",
        "args.currency in vars.home",
        "args.currency in vars.limits && vars.limits[args.currency] > 3",
        "args.kind == 'refund'",
        "args.fast",
        "!args.fast",
        "has(args.note) && args.note == 'x'",
        "args.note == 'x' && has(args.note)",
        "'note' in args && args.note == 'x'",
        "!has(args.note) || args.note.size() > 3",
        "has(args.note) ? args.note == 'x' : args.fast",
        "!(!has(args.note) || args.count > 1) && args.note == 'x'",
        "has(args.limit) && args.limit > 1",
        "args.memo == null",
        "args.memo != null && args.memo.startsWith('x')",
        "args.memo == null || args.memo.startsWith('x')",
        "args.memo == 'x'",
        "args.currency != null",
        "args.backup != null && args.backup.number == '1'",
        "args.card.number.matches('^4')",
        "args['card']['number'].endsWith('1')",
        "has(args.card.cvc) && args.card.cvc == '1'",
        "type(args.either) == int && args.either > 1",
        "type(args.either) != int || args.either > 1",
        "type(args.either) == string ? args.either.size() > 1 : args.either > 1",
        "type(args.either) in [int, double] && args.either > 1",
        "type(args.memo) != null_type && args.memo.size() > 1",
        "args.lines.all(i, type(i.price) == int && i.price > 1)",
        "(has(args.note) || args.count > 1) && (has(args.note) && args.fast || true)",
        "!(has(args.note) && args.fast) || args.note == 'x'",
        "args.either == 1 || args.either == 'one'",
        "'a' in args.tags && args.tags[0] == 'x' && args.tags.size() > 1",
        "args.tags == ['x']",
        "'k' in args.meta && args.meta.k == 'x'",
        "args.meta.all(k, k.startsWith('x'))",
        "args.blob.x.y > 1 && args.blob[3] == 'x' && args.blob.startsWith('x')",
        "args.loop.x > 1",
        "args.odd.a == 'x' && args.odd.b == 1",
        "args.lines.all(i, i.price > 1)",
        "args.lines.exists(i, has(i.sale) && i.sale)",
        "args.lines.filter(i, has(i.sale)).size() > 1",
        "args.lines.map(i, has(i.sale), i.sale).exists(s, s)",
        "args.lines.map(i, i.price).exists(p, p == 3)",
        "'head' in user.roles && user.id != '' && user.kind == 'human'",
        "now.getHours('Europe/Berlin') > 17 && now - timestamp('2026-01-01T00:00:00Z') > duration('1h')",
        "env.stage == 'prod'",
        "tool == 'pay.refund' && args.amount > 1",
        "vars.max > 3 && args.amount > vars.max",
        "size(args.tags) > 1 ? args.amount > 1 : args.fast",
    ],
)
def test_nothing_is_said_of_what_is_right(text: str) -> None:
    assert told(text) == []


@pytest.mark.parametrize(
    ("text", "code", "part", "message", "hint"),
    [
        ("args.amuont > 1", "HF122", "amuont", "there is no argument `amuont`", "did you mean `amount`?"),
        ("args['amuont'] > 1", "HF122", "amuont", "there is no argument `amuont`", "did you mean `amount`?"),
        ("has(args.amuont)", "HF122", "amuont", "there is no argument `amuont`", "did you mean `amount`?"),
        (
            "has(args.amuont) && args.amuont > 1", "HF122", "amuont", "there is no argument `amuont`",
            "did you mean `amount`?",
        ),
        (
            "args.card.nubmer == 'x'", "HF122", "nubmer", "`nubmer` is no field of `args.card`",
            "did you mean `number`?",
        ),
        (
            "args.lines.all(i, i.cost > 1)", "HF122", "cost", "`i` has no `cost`", "there is price, sale",
        ),
        ("vars['mxa'] > 1", "HF112", "mxa", "`vars` has no `mxa`", "did you mean `max`?"),
        (
            "args.amount > '1'", "HF123", "args.amount > '1'",
            "`>` cannot compare `args.amount` (a number) with `'1'` (text)", None,
        ),
        (
            "vars.max > args.currency", "HF123", "vars.max > args.currency",
            "`>` cannot compare `vars.max` (a number) with `args.currency` (text)", None,
        ),
        (
            "args.either > 1", "HF123", "args.either > 1",
            "`>` cannot compare `args.either` (a number or text) with `1` (a number)", None,
        ),
        (
            "args.count.startsWith('x')", "HF123", "args.count",
            "`startsWith` cannot take `args.count` (a number)", "it takes text",
        ),
        (
            "'a'.contains(args.count)", "HF123", "args.count",
            "`contains` cannot take `args.count` (a number)", "it takes text",
        ),
        (
            "size(args.amount) > 2", "HF123", "args.amount", "`size` cannot take `args.amount` (a number)",
            "it takes text or bytes or a list or an object",
        ),
        (
            "!args.currency", "HF123", "args.currency", "`!` cannot take `args.currency` (text)",
            "it takes true or false",
        ),
        (
            "args.currency && args.fast", "HF123", "args.currency", "`&&` cannot take `args.currency` (text)",
            "compare it with something",
        ),
        (
            "args.count ? true : false", "HF123", "args.count", "`?:` cannot decide by `args.count` (a number)",
            "compare it with something",
        ),
        (
            "'a' in args.count", "HF123", "'a' in args.count",
            "`in` cannot look for `'a'` (text) in `args.count` (a number)", None,
        ),
        (
            "'a' in args.currency", "HF123", "'a' in args.currency",
            "`in` cannot look for `'a'` (text) in `args.currency` (text)", "for a part of a text, write `.contains(…)`",
        ),
        ("1 in args.tags", "HF123", "1 in args.tags", "`1` is never in `args.tags` (a list of text)", None),
        (
            "args.tags['x'] == 'y'", "HF123", "args.tags['x']",
            "`args.tags` (a list) has nothing at `'x'` (text)", None,
        ),
        ("args.tags.foo == 1", "HF123", "args.tags.foo", "`args.tags` is a list; it has no `foo`", None),
        ("has(args.tags.foo)", "HF123", "has(args.tags.foo)", "`args.tags` is a list; it has no `foo`", None),
        (
            "args.count.all(x, x > 1)", "HF123", "args.count", "`all` cannot go through `args.count` (a number)", None,
        ),
        (
            "args.lines.exists(i, i.price)", "HF123", "i.price", "`exists` needs true or false; `i.price` is a number",
            "compare it with something",
        ),
        (
            "args.lines.filter(i, i.price > 'x').size() > 0", "HF123", "i.price > 'x'",
            "`>` cannot compare `i.price` (a number) with `'x'` (text)", None,
        ),
        (
            "args.amount * 2 > 3", "HF123", "args.amount * 2",
            "`*` fails on `args.amount` with `2`: one is a whole number, the other has a fraction, or may have",
            "make all of them `double(…)`, and write numbers with a point, such as `2.0`",
        ),
        (
            "args.currency + args.count == 'x'", "HF123", "args.currency + args.count",
            "`+` cannot take `args.currency` (text) and `args.count` (a number)", None,
        ),
        (
            "args.currency == 'EURO'", "HF123", "'EURO'", "`args.currency` is never 'EURO': this is always false",
            "did you mean `EUR`?",
        ),
        (
            "'EURO' != args.currency", "HF123", "'EURO'", "`args.currency` is never 'EURO': this is always true",
            "did you mean `EUR`?",
        ),
        (
            "args.kind == 'payout'", "HF123", "'payout'", "`args.kind` is never 'payout': this is always false",
            "it is one of 'refund'",
        ),
        (
            "args.currency in ['EUR', 'USD']", "HF123", "'USD'", "`args.currency` is never 'USD': it is never found",
            "it is one of 'EUR', 'GBP'",
        ),
        (
            "args.currency in vars.away", "HF123", "args.currency in vars.away",
            "`args.currency` is never in `vars.away` ('USD')", "it is one of 'EUR', 'GBP'",
        ),
        (
            "args.count == '1'", "HF123", "'1'", "`args.count` is a number, `'1'` is text: this is always false", None,
        ),
        (
            "tool == 'pay.refnud'", "HF123", "'pay.refnud'", "`tool` is never 'pay.refnud': this is always false",
            "did you mean `pay.refund`?",
        ),
        ("args.note == 'x'", "HF124", "args.note", "`args.note` may be absent", "write `has(args.note) && …`"),
        ("args['note'] == 'x'", "HF124", "args['note']", "`args['note']` may be absent", "write `'note' in args && …`"),
        (
            "has(args.note) || args.note == 'x'", "HF124", "args.note", "`args.note` may be absent",
            "write `has(args.note) && …`",
        ),
        (
            "!has(args.note) && args.note == 'x'", "HF124", "args.note", "`args.note` may be absent",
            "write `has(args.note) && …`",
        ),
        (
            "(has(args.note) || args.fast) && args.note == 'x'", "HF124", "args.note", "`args.note` may be absent",
            "write `has(args.note) && …`",
        ),
        (
            "!(has(args.note) && args.fast) && args.note == 'x'", "HF124", "args.note", "`args.note` may be absent",
            "write `has(args.note) && …`",
        ),
        (
            "type(args.note) == string", "HF124", "args.note", "`args.note` may be absent",
            "write `has(args.note) && …`",
        ),
        (
            "args.memo == null && args.memo.size() > 1", "HF124", "args.memo", "`args.memo` may be null",
            "write `args.memo != null && …`",
        ),
        (
            "args.memo != 'x' && args.memo.size() > 1", "HF124", "args.memo", "`args.memo` may be null",
            "write `args.memo != null && …`",
        ),
        (
            "type(args.either) == string && args.either > 1", "HF123", "args.either > 1",
            "`>` cannot compare `args.either` (text) with `1` (a number)", None,
        ),
        (
            "args.currency - args.currency == 'x'", "HF123", "args.currency - args.currency",
            "`-` cannot take `args.currency` (text) and `args.currency` (text)", None,
        ),
        (
            "!('cvc' in args.card) && args.card.cvc.size() > 1 || args.card.cvc == 'x'", "HF124", "args.card.cvc",
            "`args.card.cvc` may be absent", "write `has(args.card.cvc) && …`",
        ),
        ("args.limit > 1", "HF124", "args.limit", "`args.limit` may be absent", "write `has(args.limit) && …`"),
        (
            "args.card.cvc == '1'", "HF124", "args.card.cvc", "`args.card.cvc` may be absent",
            "write `has(args.card.cvc) && …`",
        ),
        (
            "args.lines.all(i, i.sale)", "HF124", "i.sale", "`i.sale` may be absent", "write `has(i.sale) && …`",
        ),
        (
            "args.meta.k == 'x'", "HF124", "args.meta.k", "`args.meta.k` may be absent",
            "write `has(args.meta.k) && …`",
        ),
        (
            "args.memo.startsWith('x')", "HF124", "args.memo", "`args.memo` may be null",
            "write `args.memo != null && …`",
        ),
        (
            "args.backup.number == '1'", "HF124", "args.backup", "`args.backup` may be null",
            "write `args.backup != null && …`",
        ),
        (
            "args.count", "HF113", "args.count", "`args.count` is a number, not true or false",
            "compare it with something",
        ),
        (
            "args.fast ? args.fast : args.count", "HF123", "args.fast ? args.fast : args.count",
            "`args.fast ? args.fast : args.count` is true or false or a number, not true or false",
            "compare it with something",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_is_found_at_its_place(text: str, code: str, part: str, message: str, hint: str | None) -> None:
    assert told(text) == [(code, part, message)]
    assert [one.help for one in find(text)] == [hint]
