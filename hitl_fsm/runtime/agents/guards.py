"""Guards: what an application says of a prompt before a model reads it, and of an answer before anybody does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from hitl_fsm.model.text import repaired
from hitl_fsm.runtime.agents.callback import called, checked_callables, name_of
from hitl_fsm.runtime.tools.results import error_text

WHY_LIMIT = 2_000
"""Characters of a guard's reason; the rest is cut."""

Guard = Callable[[str], Awaitable[str | None] | str | None]
"""The text; it returns None to let it pass, or why not. It may raise `GuardRefused` instead."""


class GuardRefused(Exception):
    """Raised by a guard: `GuardRefused("why")`."""


@dataclass(frozen=True)
class Guards:
    """For `Agent(guards=Guards(input=[...], output=[...]))`; plain or async functions, asked in order.

    `input` is asked about the prompt before the model is called for the first time, `output` about the final answer
    before it is recorded. A refusal fails the run, with the guard's name and reason as its error. A guard that raises,
    takes too long, or returns neither None nor text refuses too.
    """

    input: Sequence[Guard] = ()
    output: Sequence[Guard] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "input", checked_callables(self.input, "input"))
        object.__setattr__(self, "output", checked_callables(self.output, "output"))

    async def against_input(self, prompt: str) -> str | None:
        """Why the prompt is refused, and by which guard; None where it passes."""
        return await _refusal("input", self.input, prompt)

    async def against_output(self, answer: str) -> str | None:
        """Why the answer is refused, and by which guard; None where it passes."""
        return await _refusal("output", self.output, answer)


NO_GUARDS = Guards()


async def _refusal(side: str, guards: Sequence[Guard], text: str) -> str | None:
    for guard in guards:
        try:
            why: object = await called(guard, text)
        except GuardRefused as refused:
            why = str(refused)
        except Exception as error:  # noqa: BLE001 - a guard of the application may raise anything; what it did not pass is refused
            why = f"it failed: {error_text(error)}"
        if why is None:
            continue
        said = why if isinstance(why, str) else f"it returned {type(why).__name__}, not None or a reason"
        return f"The {side} guard {name_of(guard)} refused: {repaired(said[:WHY_LIMIT]) or 'it gave no reason'}"
    return None
