"""An agent: a model, tools and instructions, run under an engine's policies."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypedDict, Unpack

from hitl_fsm.errors import ToolError
from hitl_fsm.ports import ChatModel
from hitl_fsm.runtime.agents.ask_model import stand_ins
from hitl_fsm.runtime.agents.context import Instructions
from hitl_fsm.runtime.agents.guards import NO_GUARDS, Guards
from hitl_fsm.runtime.agents.hooks import NO_HOOKS, Hooks
from hitl_fsm.runtime.agents.output import OutputType
from hitl_fsm.runtime.agents.session import USUAL_HISTORY, History
from hitl_fsm.runtime.engine import Engine
from hitl_fsm.runtime.limits import USUAL, Limits
from hitl_fsm.runtime.recipe import Recipe
from hitl_fsm.runtime.runnable import Runnable
from hitl_fsm.runtime.tools.tool import AnyTool
from hitl_fsm.runtime.tools.toolkit import AnyTools, Toolbox


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
    checked_options(name, model, engine, options, kind=kind)
    schema = options.get("output_schema")
    provider = dict(options.get("model_options", {}))
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


def checked_options(name: str, model: object, engine: object, options: Mapping[str, Any], *, kind: str) -> None:
    """ToolError for an option that is none, and for a value of which no agent can be made."""
    for key, value in {"engine": engine, "model": model, **options}.items():
        if key not in _WANTED:
            msg = f"{kind} {name!r} has no option {key!r}"
            raise ToolError(msg, help=f"its options are {', '.join(AgentOptions.__annotations__)}")
        fits, told = _WANTED[key]
        if not fits(value):
            msg = f"{kind} {name!r}: {key} is {'None' if value is None else f'of type {type(value).__name__}'}"
            raise ToolError(msg, help=told)


def _is_model(value: object) -> bool:
    return isinstance(value, str) or (callable(getattr(value, "reply", None)) and not isinstance(value, type))


def _are_options(value: object) -> bool:
    return isinstance(value, Mapping) and all(isinstance(key, str) for key in value)


_DATA = (str, bytes, int, float, list, Mapping)
_MODELS = "give a name, as in model='openai/gpt-5', or an object that replies, such as a ScriptedModel"
_WANTED: dict[str, tuple[Callable[[Any], bool], str]] = {
    "engine": (
        lambda value: isinstance(value, Engine),
        "give the engine whose policies hold: engine=Engine('policies/')",
    ),
    "model": (_is_model, _MODELS),
    "tools": (
        lambda value: isinstance(value, Iterable) and not isinstance(value, str | Mapping),
        "give a list, also of one: tools=[refund]; leave it out for none",
    ),
    "instructions": (
        lambda value: isinstance(value, str) or callable(value),
        "give a text, or a function that makes it out of the context",
    ),
    "description": (lambda value: isinstance(value, str), "give a text: what a leader hands to this one"),
    "output_schema": (
        lambda value: not isinstance(value, _DATA),
        "give a type: a pydantic model, a dataclass or a TypedDict",
    ),
    "hooks": (lambda value: isinstance(value, Hooks), "as in hooks=Hooks(…)"),
    "guards": (lambda value: isinstance(value, Guards), "as in guards=Guards(…)"),
    "history": (lambda value: isinstance(value, History), "as in history=History(…)"),
    "limits": (lambda value: isinstance(value, Limits), "as in limits=Limits(turns=20)"),
    "model_options": (_are_options, "give a mapping of keyword arguments, as in model_options={'temperature': 0}"),
    "fallbacks": (
        lambda value: not isinstance(value, Sequence) or isinstance(value, str) or all(map(_is_model, value)),
        'give names or models: fallbacks=["anthropic/claude-sonnet-4-5"]',
    ),
}
"""By the option: whether a value can be used, and what to give."""
