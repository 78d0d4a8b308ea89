"""The built-in tool by which an agent asks a person (DESIGN section 5): declared like any other, never run.

The engine turns a call of it into a user-input requirement; what the person fills in is the call's result.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from hitl_fsm.errors import ToolError
from hitl_fsm.policy.ask_user import ASK_USER
from hitl_fsm.runtime.tools.tool import Declaration, Tool


@dataclass(frozen=True)
class AskedChoice:
    """A value to choose, and the words that the user reads for it."""

    value: str | float | bool
    label: str


@dataclass(frozen=True)
class AskedField:
    """One field of the form. `choices` limits the answer to one of them, with `multiple` to some of them."""

    name: str
    type: Literal["string", "number", "integer", "boolean"] = "string"
    description: str = ""
    required: bool = True
    choices: list[str | float | bool | AskedChoice] | None = None
    multiple: bool = False


def _ask_user(question: str, fields: list[AskedField] | None = None, schema: dict[str, Any] | None = None) -> str:
    """Ask the user for information that you need and do not have. Never guess it.

    Args:
        question: What you want to know and why, in a sentence or two.
        fields: The fields of the form that the user fills in. Leave out both this and schema for one free-text answer.
            A choice is a value, or {value, label} to show the user other words than the value that you get.
        schema: Instead of fields: a JSON Schema of type object, for forms that fields cannot say.
    """
    del question, fields, schema
    msg = "ask_user is a question to a person; it is never run"
    raise ToolError(msg, help="give it to an agent: Agent(tools=[ask_user, ...])")


ask_user = Tool(_ask_user, Declaration(ASK_USER, dynamic=True))
