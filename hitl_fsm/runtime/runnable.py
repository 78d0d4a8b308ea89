"""What agents, teams and workflows have in common: run, arun, continue_run, acontinue_run, streaming or not.

One coroutine each; the synchronous methods run it on the background loop.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping, Sequence
from typing import Any, Literal, TypedDict, Unpack, overload

from hitl_fsm.errors import InputRefused, RequirementChanged, RequirementNotFound, RunNotFound
from hitl_fsm.model.actor import Actor
from hitl_fsm.model.requirement import Requirement
from hitl_fsm.runtime.agents.context import Variables
from hitl_fsm.runtime.engine import Engine
from hitl_fsm.runtime.ground import By
from hitl_fsm.runtime.handles import RequirementHandle, RunHandle
from hitl_fsm.runtime.loop import iterate_sync, run_sync
from hitl_fsm.runtime.recipe import Recipe
from hitl_fsm.runtime.streaming.channel import Stream
from hitl_fsm.runtime.streaming.stream import Publish, StreamEvent

ANONYMOUS = Actor(id="user")
"""For whom a run acts when the application names nobody."""

Named = RequirementHandle | Requirement | str

Input = str | int | float | bool | Mapping[str, Any] | Sequence[Any] | None
"""What a run may be given: text, and for a workflow any JSON value."""


class StartOptions(TypedDict, total=False):
    """What else a run may be started with."""

    user: By
    context: Variables
    session: str


class Runnable:
    """Something with a recipe, registered with an engine."""

    def __init__(self, engine: Engine, recipe: Recipe) -> None:
        self.engine = engine
        self._recipe = recipe
        engine.register(recipe)

    @property
    def name(self) -> str:
        return self._recipe.name

    @property
    def recipe(self) -> Recipe:
        """What an engine needs to know to advance its runs, also where it stands inside another."""
        return self._recipe

    # -- starting

    @overload
    def run(self, prompt: Input, *, stream: Literal[False] = False, **given: Unpack[StartOptions]) -> RunHandle: ...
    @overload
    def run(self, prompt: Input, *, stream: Literal[True], **given: Unpack[StartOptions]) -> Iterator[StreamEvent]: ...
    def run(
        self, prompt: Input, *, stream: bool = False, **given: Unpack[StartOptions]
    ) -> RunHandle | Iterator[StreamEvent]:
        """Start a run for `user`; it comes back paused or ended. With `stream=True`: its events, as they happen.

        The prompt is text; a workflow takes any JSON value. `context`: JSON values by name, for instructions and tools
        to read; it is recorded, and never changes. `session`: the conversation that it belongs to; what was said there
        before, by this user and this agent, is read first.
        """
        if stream:
            return iterate_sync(self.arun(prompt, stream=True, **given))
        return run_sync(self.arun(prompt, **given))

    @overload
    def arun(
        self, prompt: Input, *, stream: Literal[False] = False, **given: Unpack[StartOptions]
    ) -> Coroutine[Any, Any, RunHandle]: ...
    @overload
    def arun(
        self, prompt: Input, *, stream: Literal[True], **given: Unpack[StartOptions]
    ) -> AsyncIterator[StreamEvent]: ...
    def arun(
        self, prompt: Input, *, stream: bool = False, **given: Unpack[StartOptions]
    ) -> Coroutine[Any, Any, RunHandle] | AsyncIterator[StreamEvent]:
        """As `run`: `await` it, or iterate over it with `async for` when `stream=True`."""
        unknown = next((key for key in given if key not in StartOptions.__annotations__), None)
        if unknown is not None:  # a misspelt user would be nobody
            msg = f"{self.recipe.kind} {self.name!r}: a run has no option {unknown!r}"
            raise InputRefused(msg, help=f"its options are {', '.join(StartOptions.__annotations__)}")
        user = self.engine.actor(given.get("user"), ANONYMOUS)
        context, session = given.get("context"), given.get("session", "")

        def work(publish: Publish | None = None) -> Coroutine[Any, Any, RunHandle]:
            return self.engine.astart(self._recipe, prompt, user, publish, context=context, session=session)

        return Stream(work) if stream else work()

    # -- going on

    @overload
    def continue_run(
        self,
        run_response: RunHandle | None = None,
        *,
        run_id: str | None = None,
        requirements: Sequence[Named] | None = None,
        stream: Literal[False] = False,
    ) -> RunHandle: ...
    @overload
    def continue_run(
        self,
        run_response: RunHandle | None = None,
        *,
        run_id: str | None = None,
        requirements: Sequence[Named] | None = None,
        stream: Literal[True],
    ) -> Iterator[StreamEvent]: ...
    def continue_run(
        self,
        run_response: RunHandle | None = None,
        *,
        run_id: str | None = None,
        requirements: Sequence[Named] | None = None,
        stream: bool = False,
    ) -> RunHandle | Iterator[StreamEvent]:
        """Advance a paused run whose gates are closed, by the object or by its id (also in a new process).

        With gates still open nothing executes and the run comes back, still paused. `requirements`, where given, must
        be this run's, as it now is: an unknown, foreign or changed one is an error, and nothing happens.
        """
        if stream:
            return iterate_sync(self.acontinue_run(run_response, run_id=run_id, requirements=requirements, stream=True))
        return run_sync(self.acontinue_run(run_response, run_id=run_id, requirements=requirements))

    @overload
    def acontinue_run(
        self,
        run_response: RunHandle | None = None,
        *,
        run_id: str | None = None,
        requirements: Sequence[Named] | None = None,
        stream: Literal[False] = False,
    ) -> Coroutine[Any, Any, RunHandle]: ...
    @overload
    def acontinue_run(
        self,
        run_response: RunHandle | None = None,
        *,
        run_id: str | None = None,
        requirements: Sequence[Named] | None = None,
        stream: Literal[True],
    ) -> AsyncIterator[StreamEvent]: ...
    def acontinue_run(
        self,
        run_response: RunHandle | None = None,
        *,
        run_id: str | None = None,
        requirements: Sequence[Named] | None = None,
        stream: bool = False,
    ) -> Coroutine[Any, Any, RunHandle] | AsyncIterator[StreamEvent]:
        """As `continue_run`: `await` it, or iterate over it with `async for` when `stream=True`."""

        async def work(publish: Publish | None = None) -> RunHandle:
            target = _target(run_response, run_id)
            await self._check(target, requirements or ())
            return await self.engine.aadvance(target, publish, expected=self._recipe)

        return Stream(work) if stream else work()

    async def _check(self, run_id: str, requirements: Sequence[Named]) -> None:
        """Each requirement is the run's, unchanged."""
        for named in requirements:
            wanted = named.value if isinstance(named, RequirementHandle) else named
            requirement_id = wanted if isinstance(wanted, str) else wanted.requirement_id
            row = await self.engine.store.requirement(requirement_id)
            if row is None or row.run_id != run_id:
                msg = f"{requirement_id} is no requirement of {run_id}"
                raise RequirementNotFound(msg, help="nothing was executed")
            if not isinstance(wanted, str) and wanted.digest != row.digest:
                msg = f"{requirement_id} is about another action than the one given"
                raise RequirementChanged(msg, help="nothing was executed; look at it again")


def _target(run_response: RunHandle | None, run_id: str | None) -> str:
    if run_response is None and run_id is None:
        msg = "continue_run needs a run"
        raise RunNotFound(msg, help="give run_response=… or run_id=…")
    if run_response is None:
        return str(run_id)
    given: object = getattr(run_response, "run_id", None)
    if not isinstance(given, str):
        msg = f"continue_run was given {run_response!r}, which is no run"
        raise RunNotFound(msg, help="an id is named: continue_run(run_id=…)")
    if run_id is not None and given != run_id:
        msg = f"run_response is {given}, run_id is {run_id}"
        raise RunNotFound(msg, help="give one of them")
    return given
