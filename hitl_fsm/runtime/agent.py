"""An agent: a model, tools and instructions, run under an engine's policies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hitl_fsm.ports import ChatModel
from hitl_fsm.runtime.engine import Engine
from hitl_fsm.runtime.recipe import TURNS, Recipe
from hitl_fsm.runtime.runnable import Runnable
from hitl_fsm.runtime.toolkit import AnyTools, Toolbox
from hitl_fsm.runtime.tools import AnyTool


class Agent(Runnable):
    """`model` is a name (`openai/gpt-5`, `scripted/…`; see `model_options` for its keyword arguments) or a ChatModel.

    `tools` are functions, `@tool` objects, or what has several (see `Toolset`); which of them need a person stands in
    the engine's policies, not here.
    `max_turns` bounds the model turns of a run; None means no bound.
    """

    def __init__(  # noqa: PLR0913 - the names that users know; each is one plain fact about the agent
        self,
        name: str,
        model: str | ChatModel,
        *,
        engine: Engine,
        tools: Sequence[AnyTools] = (),
        instructions: str = "",
        model_options: Mapping[str, Any] | None = None,
        max_turns: int | None = TURNS,
    ) -> None:
        options = dict(model_options or {})
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
                max_turns=max_turns,
            ),
        )

    @property
    def tools(self) -> Mapping[str, AnyTool]:
        return self._recipe.tools
