"""An agent: a model, tools and instructions, run under an engine's policies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict, Unpack

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


class AgentOptions(TypedDict, total=False):
    """What an agent, or the leader of a team, may be given besides its name and its model.

    `tools` are functions, `@tool` objects, or what has several (see `Toolset`); which of them need a person stands in
    the engine's policies, not here. `instructions` are a text, in which `{name}` stands for a variable of the run's
    context, or a function that makes it out of the context. `description` tells a team's leader what a member is for.
    `output_schema` is the type of the final answer: a pydantic model, a dataclass or a TypedDict; `run.parsed` is an
    instance of it then. `history`: how much a run reads of its session. `limits` bound what a run may take.
    `model_options` are keyword arguments of the model's provider. `fallbacks` (names, or ChatModels) are asked in order
    when the model does not answer: a name without any options, since a key or an address is one provider's.
    """

    tools: Sequence[AnyTools]
    instructions: Instructions
    description: str
    output_schema: Any
    hooks: Hooks
    guards: Guards
    history: History
    limits: Limits
    model_options: Mapping[str, Any]
    fallbacks: Sequence[str | ChatModel]


class Agent(Runnable):
    """`model` is a name (`openai/gpt-5`, `scripted/…`) or a ChatModel; for all else see `AgentOptions`."""

    def __init__(self, name: str, model: str | ChatModel, *, engine: Engine, **options: Unpack[AgentOptions]) -> None:
        super().__init__(engine, agent_recipe(name, model, engine, options))

    @property
    def tools(self) -> Mapping[str, AnyTool]:
        return self._recipe.tools


def agent_recipe(
    name: str, model: str | ChatModel, engine: Engine, options: AgentOptions, *, kind: str = "agent"
) -> Recipe:
    """What the engine needs of an agent, or of a team's leader. ToolError for an option that is none."""
    unknown = next((key for key in options if key not in AgentOptions.__annotations__), None)
    if unknown is not None:
        msg = f"{kind} {name!r} has no option {unknown!r}"
        raise ToolError(msg, help=f"its options are {', '.join(AgentOptions.__annotations__)}")
    grouped: tuple[tuple[str, type], ...] = (("hooks", Hooks), ("guards", Guards), ("history", History))
    for key, wanted in grouped:
        given = options.get(key, None)
        if key in options and not isinstance(given, wanted):
            msg = f"{kind} {name!r}: {key} is {type(given).__name__}, not {wanted.__name__}"
            raise ToolError(msg, help=f"as in {key}={wanted.__name__}(…)")
    schema = options.get("output_schema")
    provider = dict(options.get("model_options") or {})
    return Recipe(
        kind=kind,
        name=name,
        model_name=model if isinstance(model, str) else type(model).__name__,
        model=engine.parts.models(model, provider) if isinstance(model, str) else model,
        tools=Toolbox(name, options.get("tools", ())),
        instructions=options.get("instructions", ""),
        description=options.get("description", ""),
        options=provider,
        hooks=options.get("hooks", NO_HOOKS),
        guards=options.get("guards", NO_GUARDS),
        history=options.get("history", USUAL_HISTORY),
        output=None if schema is None else OutputType(schema),
        fallbacks=stand_ins(name, options.get("fallbacks", ()), engine.parts.models),
        limits=options.get("limits", USUAL),
    )
