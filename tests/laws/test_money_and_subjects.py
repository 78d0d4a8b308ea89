"""Sums in minor units, exactly, and whose data a call's is: what the schema of a tool says of its arguments."""

from __future__ import annotations

import asyncio
import json
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hitl_fsm import Agent, Money, Sensitive, Subject, tool
from hitl_fsm.core.money import EXPONENTS, MINOR_MAX, sums
from hitl_fsm.model.action import MoneyAt
from hitl_fsm.policy.marks import money_places, subject_place
from hitl_fsm.testing import ScriptedModel
from house import House, call, calls

EUR = (MoneyAt("amount", code="EUR"),)


@pytest.mark.parametrize(
    ("amount", "code", "minor"),
    [
        (4200, "EUR", 420_000),
        (4200.5, "EUR", 420_050),
        (0.1, "EUR", 10),
        (1.005, "EUR", None),
        (1e22, "EUR", None),
        (float("1e-7"), "EUR", None),
        ("4200.00", "EUR", 420_000),
        ("4200.000", "EUR", 420_000),
        ("0.001", "EUR", None),
        ("-0.50", "EUR", -50),
        ("1e3", "EUR", None),
        ("1,000", "EUR", None),
        ("", "EUR", None),
        (" 1", "EUR", None),
        ("٣", "EUR", None),
        (5, "JPY", 5),
        ("5.0", "JPY", 5),
        (0.5, "JPY", None),
        (1.234, "KWD", 1234),
        (1, "eur", None),
        (1, "XYZ", None),
        (True, "EUR", None),
        ([1], "EUR", None),
        (float("nan"), "EUR", None),
        (MINOR_MAX, "JPY", MINOR_MAX),
        (MINOR_MAX + 1, "JPY", None),
        ("123456789012345678.123456789012345678", "EUR", None),
    ],
)
def test_a_sum_is_exact_or_said_to_be_unclear(amount: Any, code: str, minor: int | None) -> None:
    told, unclear = sums({"amount": amount}, (MoneyAt("amount", code=code),))
    expected = [] if minor is None else [{"at": "amount", "minor": minor, "currency": code}]
    assert (told, unclear) == (expected, ["amount"] if minor is None else [])
    beside = (MoneyAt("amount", currency_at="currency"),)
    assert sums({"amount": amount, "currency": code}, beside) == (told, unclear)


@given(minor=st.integers(-MINOR_MAX, MINOR_MAX), code=st.sampled_from(sorted(EXPONENTS)))
def test_what_was_written_as_decimal_text_comes_back(minor: int, code: str) -> None:
    digits = EXPONENTS[code]
    whole = str(abs(minor)).zfill(digits + 1)
    text = whole if digits == 0 else f"{whole[:-digits]}.{whole[-digits:]}"
    assert sums({"amount": f"{'-' if minor < 0 else ''}{text}"}, (MoneyAt("amount", code=code),))[0] == [
        {"at": "amount", "minor": minor, "currency": code}
    ]


def test_what_is_not_there_is_neither_told_nor_unclear() -> None:
    assert sums({}, EUR) == sums({"amount": None}, EUR) == sums(None, EUR) == ([], [])
    assert sums({"amount": 1}, (MoneyAt("amount", currency_at="currency"),)) == ([], ["amount"])


def test_places_are_read_from_the_schema_once() -> None:
    line = {"type": "object", "properties": {"net": {"x-money": {"currency": "unit"}}, "unit": {}}}
    schema = {
        "properties": {
            "total": {"anyOf": [{"type": "number", "x-money": {"code": "EUR"}}, {"type": "null"}]},
            "fee": {"$ref": "#/$defs/line"},
            "lines": {"type": "array", "items": {"$ref": "#/$defs/line"}},
            "odd": {"x-money": True},
            "who": {"x-subject": True},
        },
        "$defs": {"line": line},
    }
    assert money_places(schema) == (
        MoneyAt("fee.net", currency_at="fee.unit"),
        MoneyAt("lines.*.net", currency_at="lines.*.unit"),
        MoneyAt("total", code="EUR"),
    )
    assert subject_place(schema) == "who"
    assert subject_place({"properties": {"a": {"x-subject": True}, "b": {"x-subject": True}}}) == ""
    assert sums({"lines": [{"net": 1, "unit": "EUR"}]}, money_places(schema)) == ([], ["lines.*.net"])
    endless = {"properties": {"next": {"$ref": "#"}, "x": {"x-money": {"code": "EUR"}}}}
    assert MoneyAt("x", code="EUR") in money_places(endless)


@tool(name="pay")
def transfer(
    customer: Annotated[str, Subject],
    amount: Annotated[float, Money(currency="currency")],
    currency: str,
    tip: Annotated[float, Money("EUR"), Sensitive] = 0.0,
) -> str:
    """Pay."""
    return f"paid {customer}"


def paying(house: House, **args: Any) -> tuple[Any, Any, Any]:
    engine = house.engine("- {id: all, gate: confirm}")
    agent = Agent("helper", ScriptedModel([calls(call("pay", **args))]), engine=engine, tools=[transfer])
    return engine, agent, agent.run("go", user="alice")


def lines(engine: Any, event: str) -> list[dict[str, Any]]:
    return [one for one in (json.loads(line.body) for line in engine.audit.records()) if one["event"] == event]


def test_the_line_of_a_verdict_has_the_sums_in_minor_units(house: House) -> None:
    engine, _, run = paying(house, customer="zoe", amount=4200.0, currency="EUR", tip=5.5)
    (judged,) = lines(engine, "call_judged")
    assert judged["data"]["money"] == [{"at": "amount", "minor": 420_000, "currency": "EUR"}]
    assert judged["data"]["money_unclear"] == ["tip"], "nobody is shown it"
    run.active_requirements[0].confirm(
        args={"customer": "zoe", "amount": 10.25, "currency": "KWD", "tip": 5.5}, by="alice"
    )
    (edited,) = lines(engine, "call_edited")
    assert edited["data"]["money"] == [{"at": "amount", "minor": 10_250, "currency": "KWD"}]


def test_what_a_call_is_about_goes_with_the_person_whom_it_is_about(house: House) -> None:
    engine, agent, run = paying(house, customer="zoe", amount=1.0, currency="EUR")
    engine.view(run.active_requirements[0].value.requirement_id, by="alice")
    run.active_requirements[0].confirm(by="alice")
    agent.continue_run(run)
    if house.store_url:
        return  # without keys nothing is kept beside the lines
    written = "SELECT k.subject FROM content c JOIN subject_key k ON k.key_id = c.subject_key WHERE c.seq = ?"

    def subjects(event: str) -> set[str]:
        return {house.sql(written, line["seq"])[0][0] for line in lines(engine, event)}

    for event in (
        "call_judged",
        "requirement_viewed",
        "requirement_presented",
        "requirement_resolved",
        "call_succeeded",
    ):
        assert subjects(event) == {"zoe"}, event
    assert subjects("run_created") == subjects("model_replied") == {"alice"}
    assert asyncio.run(engine.store.contents([lines(engine, "call_succeeded")[0]["seq"]]))


def test_a_mark_says_one_of_two() -> None:
    for wrong in ({}, {"code": "EUR", "currency": "c"}):
        with pytest.raises(ValueError, match="one of the two"):
            Money(**wrong)
