"""Structured output: the schema that goes out, and the answer that comes back."""

from __future__ import annotations

import dataclasses
import enum
import subprocess
import sys
from typing import Any

import pydantic
import pytest
from typing_extensions import TypedDict

from hitl_fsm.errors import ToolError
from hitl_fsm.runtime.agents.output import OUTPUT_PROBLEMS_MAX, OutputType


class Mood(enum.Enum):
    GOOD = "good"


class Answer(pydantic.BaseModel):
    total: int
    mood: Mood = Mood.GOOD
    lines: list[str] = []


@dataclasses.dataclass
class Flat:
    total: int


class Keyed(TypedDict):
    total: int


@pytest.mark.parametrize("kind", [Answer, Flat, Keyed])
def test_a_model_a_dataclass_and_a_typed_dict_are_asked_for_and_read(kind: Any) -> None:
    output = OutputType(kind)
    assert output.name == kind.__name__
    assert output.schema["properties"]["total"]["type"] == "integer"
    assert output.check('{"total": 3}').value["total"] == 3
    found = output.parsed('{"total": 3}')
    assert (found["total"] if kind is Keyed else found.total) == 3


def test_the_value_is_json() -> None:
    assert OutputType(Answer).check('{"total": 1, "lines": ["a"]}').value == {
        "total": 1,
        "mood": "good",
        "lines": ["a"],
    }


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("It is three.", "Invalid JSON"),
        ('{"total": "3"}', "total: Input should be a valid integer"),
        ("{}", "total: Field required"),
        ('{"total": 1, "mood": "bad"}', "mood: Input should be 'good'"),
        ("[]", "object"),
    ],
)
def test_what_does_not_fit_is_told_with_the_schema(text: str, why: str) -> None:
    checked = OutputType(Answer).check(text)
    assert checked.value is None
    assert why in checked.problems
    told = OutputType(Answer).refusal(checked.problems)
    assert told.startswith(f"Your answer was not accepted: {checked.problems}. Answer again")
    assert '"required":["total"]' in told


def test_the_problems_that_are_told_are_bounded() -> None:
    text = f'{{"total": 1, "lines": {[1] * 50}}}'
    assert OutputType(Answer).check(text).problems.count("lines.") == OUTPUT_PROBLEMS_MAX
    assert "and 40 more" in OutputType(Answer).check(text).problems


@pytest.mark.parametrize("text", ['```json\n{"total": 3}\n```', '```\n{"total": 3}```', '  {"total": 3}\n'])
def test_a_fence_around_the_answer_is_left_out(text: str) -> None:
    assert OutputType(Flat).check(text).value == {"total": 3}


def test_a_validator_that_raises_anything_refuses() -> None:
    class Odd(pydantic.BaseModel):
        total: int

        @pydantic.field_validator("total")
        @classmethod
        def no(cls, value: int) -> int:
            raise ZeroDivisionError

    assert "could not be checked: ZeroDivisionError" in OutputType(Odd).check('{"total": 1}').problems


def test_an_answer_that_is_too_long_is_refused() -> None:
    text = f'{{"total": 1, "lines": ["{"x" * 300_000}"]}}'
    assert "longer than 256 KiB" in OutputType(Answer).check(text).problems


def test_a_type_that_json_cannot_carry_is_told() -> None:
    class Opaque: ...

    with pytest.raises(ToolError, match="output_schema Opaque is no type that JSON can carry"):
        OutputType(Opaque).schema  # noqa: B018


def test_pydantic_is_imported_at_first_use() -> None:
    use = "from hitl_fsm.runtime.agents.output import OutputType; OutputType(dict)"
    code = f"import sys; {use}; print('pydantic' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
