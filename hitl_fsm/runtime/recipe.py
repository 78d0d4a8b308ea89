"""What the driver needs to know of an agent, a team, a workflow or a gated callable to advance its runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from hitl_fsm.errors import UnknownRunnable, UnknownTool
from hitl_fsm.model.action import Aspect, Below
from hitl_fsm.model.call import Call
from hitl_fsm.model.message import ChatRequest, Message
from hitl_fsm.model.paths import START
from hitl_fsm.model.run import Frame
from hitl_fsm.ports import ChatModel
from hitl_fsm.runtime.agents.ask_model import Candidate
from hitl_fsm.runtime.agents.context import Instructions, filled
from hitl_fsm.runtime.agents.guards import NO_GUARDS, Guards
from hitl_fsm.runtime.agents.hooks import NO_HOOKS, Hooks
from hitl_fsm.runtime.agents.output import OutputType
from hitl_fsm.runtime.agents.session import USUAL_HISTORY, History
from hitl_fsm.runtime.limits import USUAL, Limits
from hitl_fsm.runtime.tools.tool import AnyTool
from hitl_fsm.runtime.tools.toolkit import Toolbox


class Standing(NamedTuple):
    """What a call is: how it is put to the policies (nothing: as a call of its tool), and what carries it out."""

    aspects: tuple[Aspect, ...] = ()
    below: Below | None = None


def a_tool_call(tool: str, args: Mapping[str, Any]) -> Standing:
    """Where there are only tools."""
    del tool, args
    return Standing()


@dataclass(frozen=True, slots=True)
class Recipe:
    """`kind` and `name` tie a stored run to it; `fallbacks` are asked, in order, when the model does not answer.

    `below` has, by name, what runs inside its runs: a team's members, what stands in a workflow's steps. `standing`
    says what a call is; ToolError for one that makes no sense, which the model is told. `output`: the type of the final
    answer, None where it is any text.
    """

    kind: str
    name: str
    model_name: str
    model: ChatModel
    tools: Mapping[str, AnyTool]
    instructions: Instructions = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    fallbacks: tuple[Candidate, ...] = ()
    limits: Limits = USUAL

    below: Mapping[str, Recipe] = field(default_factory=dict)
    standing: Callable[[str, Mapping[str, Any]], Standing] = a_tool_call
    description: str = ""
    hooks: Hooks = NO_HOOKS
    guards: Guards = NO_GUARDS
    output: OutputType | None = None
    history: History = USUAL_HISTORY

    def down(self, frames: tuple[Frame, ...]) -> Recipe:
        """That of the last of these frames, each inside the one before; UnknownRunnable where it is gone."""
        recipe = self
        for frame in frames:
            inside = recipe.below.get(frame.name)
            if inside is None or inside.kind != frame.kind:
                msg = f"{recipe.kind} {recipe.name!r} has no {frame.kind} {frame.name!r} any more"
                raise UnknownRunnable(msg, help="give it back and continue the run: all answers are kept; or cancel it")
            recipe = inside
        return recipe

    def require_as_judged(self, call: Call) -> None:
        """UnknownTool where the name stands for something else now: nobody judged that, or was asked about it."""
        if call.call_id == START:
            return
        now = self.standing(call.tool, call.args or {})
        if now.below == call.below and _ways(now.aspects) == _ways(call.aspects):
            return
        msg = f"{call.tool!r} of {self.kind} {self.name!r} is no longer what {call.call_id} was judged as"
        raise UnknownTool(msg, help="put back what stood there and continue the run, or cancel it; the answer is kept")

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """The models that may be asked, the agent's own first."""
        return (Candidate(self.model_name, self.model, self.options), *self.fallbacks)

    async def opened(self) -> Mapping[str, AnyTool]:
        """Its tools, when the toolsets that were left until first use were asked, also those of what runs inside.

        What they raise comes through.
        """
        if isinstance(self.tools, Toolbox):
            await self.tools.opened()
        for inside in self.below.values():
            await inside.opened()
        return self.tools

    async def ready(self, context: Mapping[str, Any]) -> None:
        """Before a run begins; what `check` and `opened` raise comes through, and there is no run then."""
        self.check(context)
        await self.opened()

    def check(self, context: Mapping[str, Any]) -> None:
        """Refuse a run that could not go on, before it is one, for all that runs inside too.

        InputRefused for a variable that instructions name and the context lacks, ToolError for an output that JSON
        cannot carry.
        """
        if isinstance(self.instructions, str):
            filled(self.instructions, context)
        if self.output is not None:
            _ = self.output.schema
        for inside in self.below.values():
            inside.check(context)

    def request(self, messages: list[Message], instructions: str) -> ChatRequest:
        """The next model call: instructions as they are filled in, conversation, tools, the form of the answer."""
        system = (Message(role="system", content=instructions),) if instructions else ()
        return ChatRequest(
            model=self.model_name,
            messages=(*system, *messages),
            tools=tuple(tool.spec for tool in self.tools.values()),
            options=dict(self.options),
            output_schema=None if self.output is None else self.output.schema,
        )


def _ways(aspects: tuple[Aspect, ...]) -> list[tuple[str, str, bool]]:
    """As what a call is put to the policies, and whether it acts itself."""
    return [(aspect.kind, aspect.name, aspect.acts) for aspect in aspects]
