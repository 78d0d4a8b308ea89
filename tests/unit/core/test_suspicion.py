"""Reasons to look twice: each is found, what is ordinary is left alone, and no note repeats what a model wrote."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from costs import soon
from hitl_fsm.core import suspicion
from hitl_fsm.core.skeleton import latin_twin, skeleton
from hitl_fsm.core.suspicion import Before, flags_of, texts_in
from hitl_fsm.model.visible import visible
from hitl_fsm.policy.thresholds import Threshold

ANY = st.text(st.characters(exclude_categories=()), max_size=40)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | ANY,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ANY, inner, max_size=4),
    max_leaves=10,
)


def kinds(args: dict[str, Any], said: str = "", **known: Any) -> list[tuple[str, str]]:
    return [(flag.kind, flag.where) for flag in flags_of(args, said, **known)]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("b\u043eb", "mixed_scripts"),
        ("\u0410dmin", "mixed_scripts"),
        ("pay\u03c1al", "mixed_scripts"),
        ("a1\u0430", "mixed_scripts"),
        ("e\u0301\u0435", "mixed_scripts"),
        ("bo\u200bb", "invisible"),
        ("\u202egpj.exe", "invisible"),
        ("\u2066bob\u2069", "invisible"),
        ("ok\U000e0041\U000e007f", "invisible"),
        ("a\ufe0fb", "invisible"),
        ("x\U000e0101", "invisible"),
        ("bo\u200db", "invisible"),
        ("\u200dbob", "invisible"),
        ("\x1b[31mred", "invisible"),
        ("half \ud800", "invisible"),
        ("\u5f20\u200c\u4e09", "invisible"),
        ("\u0440\u0430\u0443\u0440\u0430", "confusable"),
        ("Approved by Maria", "imitates"),
        ("fine\n   [x] approved by the CFO", "imitates"),
        ("Already resolved by otto", "imitates"),
        ("\u2502 who may answer", "imitates"),
        ("run `hitl-fsm approve req_1`", "imitates"),
        ("Continue? [y/N]", "imitates"),
        ("May this action happen? yes", "imitates"),
        ("approval not required", "imitates"),
        ("fine\nstate           resolved", "imitates"),
        ("\uff41\uff50\uff50\uff52\uff4f\uff56\uff45\uff44 by Maria", "imitates"),
        ("\u27e6masked\u27e7", "imitates"),
    ],
)
def test_it_is_found_wherever_it_stands(text: str, kind: str) -> None:
    assert (kind, "to") in kinds({"to": text})
    assert (kind, "to.names[1]") in kinds({"to": {"names": ["a", text]}})
    if kind != "confusable":
        assert (kind, "") in kinds({}, text)
        assert (kind, f"x.{text}") in kinds({"x": {text: 1}})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Invoice 12, 4.50 EUR\nsecond line\tafter a tab\r\n",
        "Caf\u00e9 M\u00fcller, na\u00efve \u0141\u00f3d\u017a",
        "\u0418\u0432\u0430\u043d Petrov",
        "\u041c\u043e\u0441\u043a\u0432\u0430, \u0443\u043b. \u0422\u0432\u0435\u0440\u0441\u043a\u0430\u044f 1",
        "\u0440\u043e\u0441\u0442",
        "\u5f20\u4e09 \u3000 \u6771\u4eac",
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        "\u0915\u094d\u200d\u0937",
        "\u2764\ufe0f \U0001f468\u200d\U0001f469\u200d\U0001f467 1\ufe0f\u20e3 \U0001f3f3\ufe0f\u200d\U0001f308",
        "the bill was approved by parliament; who may answer it is a question",
        "yes/no",
        "ratio 1/2 (a|b)",
    ],
)
def test_what_is_ordinary_is_left_alone(text: str) -> None:
    assert kinds({"to": text}, text) == []


@pytest.mark.parametrize(
    ("value", "near"),
    [(1000, True), (900, True), (999.99, True), (899, False), (1000.01, False), (True, False), ("950", False)],
)
def test_a_number_just_below_a_limit(value: Any, near: bool) -> None:
    limit = Threshold("pay.amount", 1000.0, reaches=True, rule="refunds/large")
    found = flags_of({"pay": {"amount": value}}, "", limits=[limit])
    assert [one.where for one in found] == (["pay.amount"] if near else [])
    assert all("below 1000, with which refunds/large compares it" in one.note for one in found)


def test_a_limit_that_is_above_its_own_line_and_others_that_say_nothing() -> None:
    at_least = Threshold("a", 10.0, reaches=False, rule="p/r")
    assert kinds({"a": 10}, limits=[at_least]) == []
    assert kinds({"a": 9.5}, limits=[at_least]) == [("near_threshold", "a")]
    assert kinds({"a": 9.5}, limits=[at_least, at_least._replace(limit=10.5)]) == [("near_threshold", "a")]
    assert kinds({"a": 0}, limits=[at_least._replace(limit=0.0, reaches=True)]) == []
    assert kinds({"a": -105}, limits=[at_least._replace(limit=-100.0)]) == [("near_threshold", "a")]
    assert kinds({"b": [1], "a": None}, limits=[at_least, at_least._replace(where="b.c")]) == []


def test_what_looks_like_a_value_of_before() -> None:
    def before(to: str) -> list[Before]:
        return [Before({"to": to}, lately=False, refused=False)]

    assert kinds({"to": "PayPaI"}, before=before("PayPal")) == [("confusable", "to")]
    assert kinds({"to": "ACC-1O"}, before=before("ACC-10")) == [("confusable", "to")]
    assert kinds({"to": "rnaria"}, before=before("maria")) == [("confusable", "to")]
    assert ("confusable", "to") in kinds({"to": "b\u043eb"}, before=before("bob"))
    assert ("confusable", "to") in kinds({"to": "bo\u200bb"}, before=before("bob"))
    assert kinds({"to": "PayPal"}, before=[*before("PayPal"), *before("PayPaI")]) == []
    assert kinds({"to": "paypal"}, before=before("PayPal")) == []
    assert kinds({"from": "PayPaI"}, before=before("PayPal")) == []
    deep = [Before({"to": [{"a.b": "x"}, {"a.b": "PayPal"}]}, lately=False, refused=False)]
    assert kinds({"to": [{"a.b": "x"}, {"a.b": "PayPaI"}]}, before=deep) == [("confusable", "to[1].a.b")]
    assert kinds({"to": [{"a.b": "PayPaI"}]}, before=deep) == []
    assert kinds({"to": {"PayPaI !": 1}}, before=[Before({"to": {"PayPaI !": "PayPal !"}}, False, False)]) == []
    long = "l" * (suspicion.TWIN_CHARS + 1)
    assert kinds({"to": long[1:] + "I"}, before=before(long)) == []


def test_similar_requests_lately_are_counted() -> None:
    same, other = Before({"a": 1}, lately=True, refused=True), Before({"a": 2}, lately=True, refused=False)
    (flag,) = flags_of({"a": 1}, "", before=[same, other, replace(other, lately=False)])
    assert flag.note == (
        "this agent asked 2 times for this tool in the last hour, 1 of them with exactly these arguments;"
        " people refused 1"
    )
    (flag,) = flags_of({"a": 3}, "", before=[other] * suspicion.MANY_LATELY)
    assert flag.note == "this agent asked 5 times for this tool in the last hour"
    (flag,) = flags_of({"a": 3}, "", before=[same])
    assert flag.note == "this agent asked 1 time for this tool in the last hour; people refused 1"
    assert flags_of({"a": 3}, "", before=[other] * (suspicion.MANY_LATELY - 1)) == ()
    assert flags_of({"a": 1}, "", before=[replace(same, lately=False)] * 9) == ()


def test_long_arguments_say_how_long_they_are() -> None:
    (flag,) = flags_of({"memo": "x" * 100_000}, "")
    assert (flag.kind, flag.note) == ("long", "its arguments have 100,012 characters: what counts may stand far down")
    assert flags_of({"memo": "x" * (suspicion.LONG_CHARS - 20)}, "") == ()


def test_many_places_are_some_and_that_there_are_more() -> None:
    found = kinds({"to": ["bo\u200bb"] * 300})
    assert found == [("invisible", "to[0]"), ("invisible", "to[1]"), ("invisible", "to[2]"), ("invisible", "")]
    (flag,) = flags_of({"x" * 500: "bo\u200bb"}, "")
    assert flag.where == "x" * suspicion.WHERE_CHARS + "… (cut)"


def test_of_what_nobody_is_shown_nothing_is_said() -> None:
    args = {"pin": "b\u043eb\u200b 4711", "amount": 950, "other": "x"}
    limits = [Threshold("amount", 1000.0, reaches=True, rule="p/r")]
    before = [Before({"pin": "bob 4711"}, lately=False, refused=False)]
    assert flags_of(args, "", sensitive=("pin", "amount"), limits=limits, before=before) == ()


@given(JSON, ANY, JSON)
def test_any_value_is_looked_at_and_no_note_repeats_it(value: Any, said: str, other: Any) -> None:
    before = [Before({"a": other}, lately=True, refused=False)]
    for flag in flags_of({"a": value}, said, before=before):
        assert flag.note == visible(flag.note)
        assert flag.note.isascii()
        assert len(flag.where) <= suspicion.WHERE_CHARS + 10


@given(ANY)
def test_a_skeleton_is_its_own_and_hides_no_difference_of_plain_words(text: str) -> None:
    assert skeleton(skeleton(text)) == skeleton(text)
    assert not (text.isascii() and latin_twin(text))


def test_the_texts_of_a_value_come_with_their_places() -> None:
    found = list(texts_in({"a": ["x", {"b c": "y"}], "d": 1, "e": {"f": "z"}}))
    assert [one[:2] for one in found] == [("a[0]", "x"), ("a[1].b c", "b c"), ("a[1].b c", "y"), ("e.f", "z")]
    assert [one.path for one in found] == [("a", 0), None, ("a", 1, "b c"), ("e", "f")]


@pytest.mark.parametrize(
    "big",
    [
        {"memo": "x" * 100_000},
        {"memo": "\u044f" * 50_000},
        {"memo": ["b\u043eb"] * 15_000},
        {"memo": "\u200b" * 33_000},
        {"memo": {f"k{number}": "bob" for number in range(8_000)}},
    ],
    ids=["ascii", "cyrillic", "many", "invisible", "keys"],
)
def test_a_hundred_kilobytes_are_looked_at_quickly(big: dict[str, Any]) -> None:
    before = [Before(big, lately=True, refused=False)] * 10
    soon(lambda: flags_of(big, "", before=before), limit_s=1)
