"""That a question was put to the record is on the record."""

from __future__ import annotations

from collections.abc import Mapping

from hitl_fsm.audit.questions.question import Answer
from hitl_fsm.model.actor import Actor
from hitl_fsm.ports import Clock, Store
from hitl_fsm.runtime.record.reading import told_read

ROWS = 100
"""Rows of an answer, unless told otherwise."""


async def told_asked(store: Store, clock: Clock, by: Actor, answer: Answer, given: Mapping[str, object]) -> str:
    """Who asked what, and how many rows they saw. "", or why that is not on the record (see `told_read`)."""
    parameters = {name: str(value) for name, value in given.items() if name != "run"}
    return await told_read(
        store,
        clock,
        by,
        f"q {answer.question}",
        about=str(given.get("run", "")),
        lines=len(answer.rows),
        contents=answer.opened,
        parameters=parameters,
    )
