"""What a person types at a list of choices, and what it means."""

from __future__ import annotations

from typing import Any

import pytest

from hitl_fsm.cli.answers.choosing import chosen, offered
from hitl_fsm.errors import AnswerRefused
from hitl_fsm.runtime.presenting.presentation import FormField, form_fields

SIZES = [{"const": "s", "title": "Small"}, {"const": "l", "title": "Large, with a bow"}, {"const": "xs"}]


def field(schema: dict[str, Any]) -> FormField:
    (found,) = form_fields({"type": "object", "properties": {"a": schema}})
    return found


ONE = field({"type": "string", "oneOf": SIZES})
SOME = field({"type": "array", "items": {"oneOf": SIZES}})
NUMBERS = field({"type": "integer", "enum": [3, 1, 2]})


def test_each_line_has_a_number_the_words_and_the_value() -> None:
    assert offered(ONE) == ("1) Small = s", "2) Large, with a bow = l", "3) xs")
    assert (ONE.labels, ONE.multiple, SOME.multiple) == (("Small", "Large, with a bow", ""), False, True)
    assert (NUMBERS.labels, offered(NUMBERS)) == ((), ("1) 3", "2) 1", "3) 2"))


@pytest.mark.parametrize(
    ("asked", "text", "value"),
    [
        (ONE, "1", "s"),
        (ONE, "s", "s"),
        (ONE, "small", "s"),
        (ONE, "Large, with a bow", "l"),
        (ONE, "3", "xs"),
        (ONE, "4", "4"),
        (ONE, "huge", "huge"),
        (NUMBERS, "1", 1),
        (NUMBERS, "3", 3),
        (SOME, "1, 3", ["s", "xs"]),
        (SOME, "Small,xs", ["s", "xs"]),
        (SOME, "Large, with a bow", ["l"]),
        (SOME, '["s", "Large, with a bow"]', ["s", "l"]),
        (SOME, "[5]", [5]),
        (SOME, "[s", ["[s"]),
        (SOME, "s,,", ["s"]),
        (SOME, ",", []),
    ],
)
def test_it_is_found_by_number_by_value_and_by_words(asked: FormField, text: str, value: object) -> None:
    assert chosen(asked, text) == value


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ([{"const": "yes", "title": "no"}, {"const": "no", "title": "yes"}], "yes"),
        ([{"const": "a", "title": "2"}, {"const": "b", "title": "B"}], "2"),
        ([{"const": "a", "title": "Same"}, {"const": "b", "title": "same"}], "Same"),
    ],
)
def test_what_could_mean_two_of_them_is_asked_again(options: list[dict[str, Any]], text: str) -> None:
    for schema in ({"oneOf": options}, {"type": "array", "items": {"oneOf": options}}):
        with pytest.raises(AnswerRefused, match="could mean"):
            chosen(field(schema), text)
    assert chosen(field({"oneOf": options}), "1") == options[0]["const"]
