"""One turn of a model with what its agent asks of it: instructions filled in, guards, the form of the answer."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from hitl_fsm.core.frames import turn_of
from hitl_fsm.errors import InputRefused, ModelError
from hitl_fsm.model.event import ModelReplied, ProposedCall, RunStopped
from hitl_fsm.model.message import Message, ModelReply
from hitl_fsm.model.run import Run
from hitl_fsm.ports import Log
from hitl_fsm.runtime.agents.ask_model import OnText, ask_model
from hitl_fsm.runtime.agents.context import instructed
from hitl_fsm.runtime.agents.output import OUTPUT_TRIES
from hitl_fsm.runtime.loop import run_blocking
from hitl_fsm.runtime.recipe import Recipe


async def asked(
    recipe: Recipe, run: Run, frame: str, messages: Sequence[Message], on_text: OnText | None, log: Log
) -> ModelReply | RunStopped:
    """What the model said; or the refusal of a guard, which ends the run, or the run inside it.

    `messages` are the frame's own. `refused` of the reply is set where it is no answer of the form that was asked for.
    A text that a guard may yet refuse is not streamed: it comes as one piece when it has passed. ModelError when the
    model failed, or its instructions could not be made.
    """
    guards = recipe.guards
    if guards.input and turn_of(run, frame) == 0:
        for message in messages:
            why = await guards.against_input(message.content) if message.role == "user" else None
            if why is not None:
                return RunStopped(why, frame)
    request = recipe.request(list(messages), await _instructions(recipe, run))
    heard = None if guards.output else on_text
    reply = await ask_model(recipe.candidates, request, heard, log, run.run_id, run.salt)
    if not reply.calls and (why := await guards.against_output(reply.text)) is not None:
        return RunStopped(why, frame)
    if guards.output and on_text is not None and reply.text:
        on_text(reply.text)
    output = recipe.output
    if output is None or reply.calls:
        return reply
    checked = await run_blocking(lambda: output.check(reply.text), alone=False)
    return replace(reply, value=checked.value, refused=checked.problems)


def replied_event(recipe: Recipe, reply: ModelReply, proposed: tuple[ProposedCall, ...], frame: str) -> ModelReplied:
    """The event that a reply is, with its calls as they were read."""
    return ModelReplied(
        text=reply.text,
        calls=proposed,
        usage=reply.usage,
        model=reply.model,
        echo=reply.echo,
        frame=frame,
        value=reply.value,
        refused=_refusal(recipe, reply),
        origin=reply.origin,
        instead_of=reply.instead_of,
        request=reply.request,
        provider=reply.provider,
    )


def _refusal(recipe: Recipe, reply: ModelReply) -> str:
    """What the model is told of an answer that does not fit; "" where it does."""
    return recipe.output.refusal(reply.refused) if recipe.output is not None and reply.refused else ""


def given_up(recipe: Recipe, reply: ModelReply, frame: str, messages: Sequence[Message]) -> RunStopped | None:
    """The end of a run whose answers were refused too often; somebody may continue it, for one more each time."""
    if recipe.output is None or not reply.refused:
        return None
    tries = sum(message.refused for message in messages if message.frame == frame)
    if tries < OUTPUT_TRIES:
        return None
    return RunStopped(
        f"None of {tries} answers fits output_schema {recipe.output.name}. The last: {reply.refused}", frame
    )


async def _instructions(recipe: Recipe, run: Run) -> str:
    try:
        return await instructed(recipe.instructions, run.context)
    except InputRefused as error:  # the agent's instructions are others than those that the run was started under
        raise ModelError(error.message, help="repair the instructions, then continue the run") from error
