"""What a server asks a person while a call runs (elicitation), and what was answered before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec

from hitl_fsm.model.asked import question_key
from hitl_fsm.policy.form import check_form

MESSAGE_CHARS = 2_000
"""Characters of a server's question that a person is shown; a longer one is refused, since its end may matter."""

SAID_CHARS = 1_000
"""Characters, of what a server said when it was told to let go, that a person is shown; the rest is cut."""


class Question(NamedTuple):
    """A server's form: the same message and the same schema are the same question."""

    message: str
    schema: dict[str, Any]

    @property
    def key(self) -> str:
        return question_key(self.message, self.schema)


class Unasked(Exception):
    """A question that cannot be put to a person; its text says why, for the server and the model."""


@dataclass(slots=True, eq=False)
class Flight:
    """One call under way. `answers` are those that were given before, by the question's key.

    `asked`: the first question that nobody has answered yet. `undelivered`: the request certainly did not get out;
    `refused`: the server's HTTP status says that it did nothing; `too_long`: its answer is longer than is read.
    """

    answers: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    asked: Question | None = None
    undelivered: bool = False
    refused: bool = False
    too_long: bool = False

    def answer(self, params: Mapping[str, Any]) -> dict[str, Any] | None:
        """What was given to this question, by its parameters on the wire; None when a person has to be asked first."""
        question = question_of(params)
        found = self.answers.get(question.key)
        if found is None and self.asked is None:
            self.asked = question
        return found


def question_of(params: Mapping[str, Any]) -> Question:
    """Unasked where it is no form that a person can be shown."""
    if params.get("mode", "form") != "form":
        msg = "This client shows forms; it does not send people to a URL that a server names."
        raise Unasked(msg)
    message, schema = params.get("message"), params.get("requestedSchema")
    if not isinstance(message, str) or not message.strip() or len(message) > MESSAGE_CHARS:
        msg = f"The message of the form must be a text of at most {MESSAGE_CHARS} characters."
        raise Unasked(msg)
    if problems := check_form(schema):
        msg = f"The form cannot be shown: {'; '.join(problems)}."
        raise Unasked(msg)
    return Question(message, dict(schema or {}))


def said(word: Any) -> str:
    """What came of a start that asked, in short."""
    text = word if isinstance(word, str) else msgspec.json.encode(word).decode()
    return text if len(text) <= SAID_CHARS else f"{text[: SAID_CHARS - 1]}…"
