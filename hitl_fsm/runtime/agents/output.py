"""Structured output: the final answer as JSON of a type that the application gives.

pydantic reads the type and checks the answer. It is imported at the first use, not with this module.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, NamedTuple

import msgspec

from hitl_fsm.errors import ToolError
from hitl_fsm.model.visible import visible
from hitl_fsm.runtime.tools.results import RESULT_LIMIT, to_result

OUTPUT_TRIES = 3
"""Answers of one run that may be asked for until one fits; the run fails after the last."""
OUTPUT_SCHEMA_LIMIT = 64 * 1024
"""Bytes of the JSON Schema of an output."""
OUTPUT_PROBLEMS_MAX = 10
"""Problems of one answer that the model is told."""
_SHOWN = 200  # characters of one problem's text

_FENCE = "```"


class Checked(NamedTuple):
    """An answer that was held against the type: `value` as JSON, or in `problems` why it does not fit."""

    value: Any = None
    problems: str = ""


class OutputType:
    """A pydantic model, a dataclass, a TypedDict, or any other type that pydantic knows."""

    def __init__(self, kind: Any) -> None:
        self._kind = kind

    @property
    def name(self) -> str:
        return getattr(self._kind, "__name__", None) or str(self._kind)

    @cached_property
    def _adapter(self) -> Any:
        from pydantic import TypeAdapter  # noqa: PLC0415 - heavy, and not needed to start

        try:
            return TypeAdapter(self._kind)
        except (TypeError, NameError, RuntimeError) as error:  # what pydantic's own errors are
            raise self._unsupported(error) from error

    @cached_property
    def schema(self) -> dict[str, Any]:
        """Its JSON Schema; ToolError for a type that JSON cannot carry, and for one that is too large."""
        try:
            schema: dict[str, Any] = self._adapter.json_schema()
        except (TypeError, NameError, RuntimeError, ValueError) as error:
            raise self._unsupported(error) from error
        if len(msgspec.json.encode(schema)) > OUTPUT_SCHEMA_LIMIT:
            msg = f"output_schema {self.name}: its JSON Schema is larger than {OUTPUT_SCHEMA_LIMIT // 1024} KiB"
            raise ToolError(msg, help="ask for less at once")
        return schema

    def _unsupported(self, error: Exception) -> ToolError:
        why = visible(str(error).partition("\n")[0])[:_SHOWN]
        msg = f"output_schema {self.name} is no type that JSON can carry: {why}"
        return ToolError(msg, help="give a pydantic model, a dataclass or a TypedDict")

    def parsed(self, text: str) -> Any:
        """The instance that the text says; pydantic's ValidationError where it does not fit."""
        return self._adapter.validate_json(_bare(text), strict=True)

    def check(self, text: str) -> Checked:
        """Strict, as tools' arguments are: "12" is no integer. A fence of backquotes around all of it is left out."""
        from pydantic import ValidationError  # noqa: PLC0415

        try:
            found = self.parsed(text)
        except ValidationError as error:
            return Checked(problems=_joined([_line(one) for one in error.errors(include_url=False)]))
        except Exception as error:  # noqa: BLE001 - a validator of the application's own types may raise anything: refused
            return Checked(problems=f"it could not be checked: {type(error).__name__}")
        plain = self._adapter.dump_python(found, mode="json")
        if len(text) > RESULT_LIMIT:
            return Checked(problems=f"it is longer than {RESULT_LIMIT // 1024} KiB")
        return Checked(to_result(plain))

    def refusal(self, problems: str) -> str:
        """What the model reads; with the schema, which not every provider passes on."""
        schema = msgspec.json.encode(self.schema).decode()
        return (
            f"Your answer was not accepted: {problems}. "
            f"Answer again with JSON alone that fits this JSON Schema: {schema}"
        )


def _joined(problems: list[str]) -> str:
    more = len(problems) - OUTPUT_PROBLEMS_MAX
    return "; ".join([*problems[:OUTPUT_PROBLEMS_MAX], *([f"and {more} more"] if more > 0 else [])])


def _line(error: Any) -> str:
    place = ".".join(str(part) for part in error["loc"])
    message = visible(str(error["msg"]))[:_SHOWN]
    return f"{visible(place)[:_SHOWN]}: {message}" if place else message


def _bare(text: str) -> str:
    """Without a fence around all of it, which models like to put there."""
    stripped = text.strip()
    if stripped.startswith(_FENCE) and stripped.endswith(_FENCE) and "\n" in stripped:
        return stripped[: -len(_FENCE)].partition("\n")[2]
    return stripped
