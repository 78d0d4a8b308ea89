"""Defaults inside of an argument: what is judged and shown has them, and the function gets the same as without."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field, computed_field

from hitl_fsm import tool


class Limit(BaseModel):
    eur: float = 100.0
    note: str | None = None


class Payment(BaseModel):
    amount: float
    currency: str = Field("EUR", alias="cur")
    instant: bool = True
    limit: Limit = Limit()
    tags: list[str] = Field(default_factory=lambda: ["new"])

    @computed_field
    @property
    def cents(self) -> int:
        return int(self.amount * 100)


@dataclass
class Place:
    town: str
    country: str = "DE"


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int = 9


class Dog(BaseModel):
    kind: Literal["dog"]
    loud: bool = False


class Odd(BaseModel):
    given: str
    rest: object = Field(default_factory=object)


@tool
def act(
    payment: Payment | None = None,
    many: list[Payment] | None = None,
    by_name: dict[str, Place] | None = None,
    pet: Cat | Dog | None = None,
    odd: Odd | None = None,
    free: dict[str, Any] | None = None,
) -> str:
    """Whatever it is given."""
    return ""


REST = {"cur": "EUR", "instant": True, "limit": {"eur": 100.0}, "tags": ["new"]}


@pytest.mark.parametrize(
    ("given", "whole"),
    [
        ({"payment": {"amount": 5}}, {"payment": {"amount": 5, **REST}}),
        (
            {"payment": {"amount": 5, "instant": False, "limit": {"note": "x"}}},
            {"payment": {"amount": 5, **REST, "instant": False, "limit": {"note": "x", "eur": 100.0}}},
        ),
        ({"many": [{"amount": 1}, {"amount": 2, "cur": "GBP"}]},
         {"many": [{"amount": 1, **REST}, {"amount": 2, **REST, "cur": "GBP"}]}),
        ({"by_name": {"a": {"town": "Köln"}}}, {"by_name": {"a": {"town": "Köln", "country": "DE"}}}),
        ({"pet": {"kind": "dog"}}, {"pet": {"kind": "dog", "loud": False}}),
        ({"odd": {"given": "x"}}, {"odd": {"given": "x"}}),
        ({"free": {"a": {"b": 1}}}, {"free": {"a": {"b": 1}}}),
        ({"payment": {"amount": "5"}}, {"payment": {"amount": "5"}}),
        ({"payment": {"amount": 5, "unknown": 1}}, {"payment": {"amount": 5, "unknown": 1}}),
    ],
)  # fmt: skip
def test_what_is_left_out_inside_is_written_out(given: dict[str, Any], whole: dict[str, Any]) -> None:
    others = dict.fromkeys(act.parameters)
    assert act.completed(given) == {**others, **whole}
    assert act.completed(act.completed(given)) == act.completed(given)
    if not act.problems(given) and "odd" not in given:
        assert act.bind(whole) == act.bind(given)
