"""One reply, of a model or of those that stand in for it, each asked a bounded number of times."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace

from hitl_fsm.errors import HitlError, ModelError, SettingsError
from hitl_fsm.model.message import ChatRequest, Message, ModelReply
from hitl_fsm.ports import ChatModel, Log, ModelSource
from hitl_fsm.runtime.agents.reply import checked_reply
from hitl_fsm.runtime.agents.request_digest import request_digest
from hitl_fsm.runtime.tools.results import error_text

MODEL_ATTEMPTS = 3
"""Tries of each model before the next one is asked; after the last the run is failed (`runs continue` goes on)."""
MODEL_BACKOFF_S = 0.5
"""Wait before the second try; doubled for each further one."""
FALLBACKS = 8
"""Models that may stand in for one."""

OnText = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model that may be asked: its name as the application gave it, and the options that are its own."""

    name: str
    model: ChatModel
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def provider(self) -> str:
        """Who runs the model, where its name says so: `anthropic` of `anthropic/claude-sonnet-4-5`."""
        before, found, _ = self.name.partition("/")
        return before if found else ""

    @property
    def origin(self) -> str:
        """Whose opaque data its replies hold: what the model says itself, else its kind."""
        return origin_of(self.model)


def origin_of(model: ChatModel) -> str:
    """What the model says of itself, else its kind."""
    told, kind = getattr(model, "origin", None), type(model)
    return told if isinstance(told, str) and told else f"{kind.__module__}.{kind.__qualname__}"


def stand_ins(agent: str, given: Sequence[str | ChatModel], models: ModelSource) -> tuple[Candidate, ...]:
    """The fallbacks of an agent, ready to be asked. SettingsError for too many, and for what is no list of models.

    A name is made without options: those of the agent hold its own provider's key and address, which are nobody else's.
    """
    if isinstance(given, str) or not isinstance(given, Sequence):
        msg = f"the fallbacks of agent {agent!r} are no list"
        raise SettingsError(msg, help='give a list: fallbacks=["anthropic/claude-sonnet-4-5"]')
    if len(given) > FALLBACKS:
        msg = f"agent {agent!r} has {len(given)} fallbacks, the limit is {FALLBACKS}"
        raise SettingsError(msg, help="give the first few; who has failed that often is seldom saved by one more")
    return tuple(
        Candidate(one, models(one, {})) if isinstance(one, str) else Candidate(type(one).__name__, one) for one in given
    )


async def ask_model(
    candidates: Sequence[Candidate],
    request: ChatRequest,
    on_text: OnText | None,
    log: Log,
    run_id: str,
    salt: str = "",
) -> ModelReply:
    """The first reply, the candidates asked in order. ModelError with the reason of each when none answered.

    The reply says whose opaque data it holds (`origin`), why each before did not answer (`instead_of`), and what was
    asked (`request`, a digest under the run's `salt`).

    Nothing is asked again, of any of them, after text has been streamed: a reader would read two beginnings.
    """
    failed: list[ModelError] = []
    streamed = False

    def note(text: str) -> None:
        nonlocal streamed
        streamed = True
        if on_text is not None:
            on_text(text)

    for place, candidate in enumerate(candidates):
        own = _own_request(candidate, request, is_first=place == 0)
        for attempt in range(1, MODEL_ATTEMPTS + 1):
            try:
                reply = checked_reply(await _replied(candidate.model, own, None if on_text is None else note))
            except ModelError as error:
                if streamed:
                    raise
                if error.retryable and attempt < MODEL_ATTEMPTS:
                    log("model_retried", level="warning", run=run_id, attempt=attempt, error=error.message)
                    await asyncio.sleep(MODEL_BACKOFF_S * 2 ** (attempt - 1))
                    continue
                failed.append(error)
                break
            return replace(
                reply,
                model=reply.model or candidate.name,
                origin=candidate.origin if reply.echo is not None else "",
                instead_of=tuple(error.message for error in failed),
                provider=candidate.provider,
                request=request_digest(own, salt),
            )
        if place + 1 < len(candidates):
            then = candidates[place + 1].name
            log(
                "model_fallback", level="warning", run=run_id, model=candidate.name, then=then, error=failed[-1].message
            )
    raise _nobody(failed)


def _own_request(candidate: Candidate, request: ChatRequest, *, is_first: bool) -> ChatRequest:
    """The request with this candidate's options, and without what belongs to another provider.

    Thoughts and signatures of one provider are nothing that another one is to see, and some refuse them. Messages of
    older logs do not say whose they are: they are the first model's, which was the only one then.
    """
    origin = candidate.origin
    messages = tuple(
        message if message.echo is None else _own_message(message, origin, is_first) for message in request.messages
    )
    return replace(request, model=candidate.name, options=dict(candidate.options), messages=messages)


def _own_message(message: Message, origin: str, is_first: bool) -> Message:  # noqa: FBT001 - passed on as it came
    if message.origin == origin or (is_first and not message.origin):
        return message
    return replace(message, echo=None)


def _nobody(failed: Sequence[ModelError]) -> ModelError:
    if len(failed) == 1:
        return failed[0]
    told = "; ".join(error.message for error in failed)
    return ModelError(
        f"none of {len(failed)} models answered: {told}",
        retryable=any(error.retryable for error in failed),
        help=failed[-1].help,
    )


async def _replied(model: ChatModel, request: ChatRequest, on_text: OnText | None) -> ModelReply:
    """A model of the application's own may raise anything: the run has failed then, and no worker dies of it."""
    try:
        return await model.reply(request, on_text)
    except HitlError:
        raise
    except Exception as error:
        msg = f"the model raised {error_text(error)}"
        raise ModelError(msg, help="repair it, then continue the run") from error
