"""An agent: a model, tools and instructions, run under an engine's policies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hitl_fsm.errors import ToolError
from hitl_fsm.ports import ChatModel
from hitl_fsm.runtime.ask_model import stand_ins
from hitl_fsm.runtime.context import Instructions
from hitl_fsm.runtime.engine import Engine
from hitl_fsm.runtime.guards import NO_GUARDS, Guards
from hitl_fsm.runtime.hooks import NO_HOOKS, Hooks
from hitl_fsm.runtime.limits import USUAL, Limits
from hitl_fsm.runtime.output import OutputType
from hitl_fsm.runtime.recipe import Recipe
from hitl_fsm.runtime.runnable import Runnable
from hitl_fsm.runtime.session import USUAL_HISTORY, History
from hitl_fsm.runtime.toolkit import AnyTools, Toolbox
from hitl_fsm.runtime.tools import AnyTool


class Agent(Runnable):
    """`model` is a name (`openai/gpt-5`, `scripted/…`; see `model_options` for its keyword arguments) or a ChatModel.

    `tools` are functions, `@tool` objects, or what has several (see `Toolset`); which of them need a person stands in
    the engine's policies, not here.
    `instructions` are a text, in which `{name}` stands for a variable of the run's context, or a function that makes it
    out of the context. `output_schema` is the type of the final answer: a pydantic model, a dataclass or a TypedDict;
    `run.parsed` is an instance of it then.
    `fallbacks` (names, or ChatModels) are asked in order when the model does not answer: a name without any options,
    since a key or an address is one provider's. `limits` bound what a run may take.
    """

    def __init__(  # noqa: PLR0913 - the names that users know; each is one plain fact about the agent
        self,
        name: str,
        model: str | ChatModel,
        *,
        engine: Engine,
        tools: Sequence[AnyTools] = (),
        instructions: Instructions = "",
        output_schema: Any = None,
        hooks: Hooks = NO_HOOKS,
        guards: Guards = NO_GUARDS,
        history: History = USUAL_HISTORY,
        model_options: Mapping[str, Any] | None = None,
        fallbacks: Sequence[str | ChatModel] = (),
        limits: Limits = USUAL,
    ) -> None:
        options = dict(model_options or {})
        for given, kind in ((hooks, Hooks), (guards, Guards), (history, History)):
            if not isinstance(given, kind):
                msg = f"agent {name!r}: {kind.__name__.lower()} is {type(given).__name__}, not {kind.__name__}"
                raise ToolError(msg, help=f"as in {kind.__name__.lower()}={kind.__name__}(…=[function])")
        super().__init__(
            engine,
            Recipe(
                kind="agent",
                name=name,
                model_name=model if isinstance(model, str) else type(model).__name__,
                model=engine.parts.models(model, options) if isinstance(model, str) else model,
                tools=Toolbox(name, tools),
                instructions=instructions,
                options=options,
                hooks=hooks,
                guards=guards,
                history=history,
                output=None if output_schema is None else OutputType(output_schema),
                fallbacks=stand_ins(name, fallbacks, engine.parts.models),
                limits=limits,
            ),
        )

    @property
    def tools(self) -> Mapping[str, AnyTool]:
        return self._recipe.tools
