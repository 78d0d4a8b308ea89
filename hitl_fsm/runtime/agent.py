"""An agent: a model, tools and instructions, run under an engine's policies."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hitl_fsm.errors import ToolError
from hitl_fsm.ports import ChatModel
from hitl_fsm.runtime.engine import Engine
from hitl_fsm.runtime.recipe import TURNS, Recipe
from hitl_fsm.runtime.runnable import Runnable
from hitl_fsm.runtime.tools import AnyTool, as_tool


class Agent(Runnable):
    """`model` is a name (`openai/gpt-5`, `scripted/…`; see `model_options` for its keyword arguments) or a ChatModel.

    `tools` are functions or `@tool` objects; which of them need a person stands in the engine's policies, not here.
    `max_turns` bounds the model turns of a run; None means no bound.
    """

    def __init__(  # noqa: PLR0913 - the names that users know; each is one plain fact about the agent
        self,
        name: str,
        model: str | ChatModel,
        *,
        engine: Engine,
        tools: Sequence[AnyTool | Callable[..., Any]] = (),
        instructions: str = "",
        model_options: Mapping[str, Any] | None = None,
        max_turns: int | None = TURNS,
    ) -> None:
        options = dict(model_options or {})
        by_name: dict[str, AnyTool] = {}
        for one in tools:
            made = as_tool(one)
            if made.name in by_name:
                msg = f"agent {name!r} has two tools named {made.name!r}"
                raise ToolError(msg, help="give one of them another name: @tool(name=…)")
            by_name[made.name] = made
        super().__init__(
            engine,
            Recipe(
                kind="agent",
                name=name,
                model_name=model if isinstance(model, str) else type(model).__name__,
                model=engine.parts.models(model, options) if isinstance(model, str) else model,
                tools=by_name,
                instructions=instructions,
                options=options,
                max_turns=max_turns,
            ),
        )

    @property
    def tools(self) -> Mapping[str, AnyTool]:
        return self._recipe.tools
