"""A team: a leader's model and members to whom it can hand tasks, run under an engine's policies.

A task that is handed over is a call like any other: the policies judge it as the start of that member's run, its
member's run carries it out inside the team's own, and all that the member does is judged there.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Unpack

import msgspec
from msgspec.structs import replace

from hitl_fsm.errors import TeamError
from hitl_fsm.model.action import Aspect, Below
from hitl_fsm.model.message import FREE, ChatRequest, Message, ModelReply, ToolCall
from hitl_fsm.model.states import CallState
from hitl_fsm.ports import ChatModel
from hitl_fsm.runtime.agents.agent import AgentOptions, agent_recipe, checked_options
from hitl_fsm.runtime.agents.ask_model import origin_of
from hitl_fsm.runtime.agents.context import Instructions, escaped
from hitl_fsm.runtime.engine import Engine
from hitl_fsm.runtime.recipe import Recipe, Standing
from hitl_fsm.runtime.runnable import Runnable
from hitl_fsm.runtime.tools.tool import NAME_MAX, AnyTool, Declaration, Tool

Mode = Literal["coordinate", "route", "broadcast"]
MODES: tuple[Mode, ...] = ("coordinate", "route", "broadcast")
MEMBERS_MAX = 64
"""Members of one team."""

_ASK = "ask_"
_ODD = re.compile(r"[^A-Za-z0-9_.-]")


class Team(Runnable):
    """`members` are agents and teams of the same engine; each is a tool of the leader, `ask_<name>`.

    `coordinate`: the leader asks whom it wants, as often as it wants, and answers. `route`: it asks one member, whose
    answer is the team's. `broadcast`: every member gets the task, side by side, and the leader joins the answers; with
    `model=None` they are put below each other. For all else, which is the leader's own, see `AgentOptions`.
    """

    def __init__(
        self,
        name: str,
        members: Sequence[Runnable],
        *,
        engine: Engine,
        model: str | ChatModel | None = None,
        mode: Mode = "coordinate",
        **options: Unpack[AgentOptions],
    ) -> None:
        checked_options(name, Nobody() if model is None else model, engine, options, kind="team")
        _check(name, members, model, mode, engine)
        super().__init__(engine, _recipe(name, members, Nobody() if model is None else model, mode, engine, options))
        self.members = tuple(members)


def _recipe(
    name: str,
    members: Sequence[Runnable],
    model: str | ChatModel,
    mode: Mode,
    engine: Engine,
    options: AgentOptions,
) -> Recipe:
    """The leader's, with a door to each member."""
    doors = {member.name: _door(member.recipe) for member in members}
    leader = agent_recipe(name, model, engine, {**options, "tools": [*options.get("tools", ()), *doors.values()]})
    mind = _mind(mode, tuple(door.name for door in doors.values()))
    return dataclasses.replace(
        leader,
        kind="team",
        model=mind(leader.model),
        fallbacks=tuple(dataclasses.replace(one, model=mind(one.model)) for one in leader.fallbacks),
        instructions=_instructions(leader.instructions, mode, members),
        below={member.name: member.recipe for member in members},
        standing=_standing({doors[member.name].name: member.recipe for member in members}, mode),
    )


def _check(name: str, members: Sequence[Runnable], model: object, mode: str, engine: Engine) -> None:
    if mode not in MODES:
        msg = f"team {name!r}: {mode!r} is no mode"
        raise TeamError(msg, help=f"one of {', '.join(MODES)}")
    if model is None and mode != "broadcast":
        msg = f"team {name!r} has no model to lead it"
        raise TeamError(msg, help="give model=…; only a broadcast can do without")
    if isinstance(members, str | Mapping) or not isinstance(members, Sequence):
        msg = f"team {name!r}: its members are of type {type(members).__name__}"
        raise TeamError(msg, help="give a list, also of one: members=[clerk]")
    if not 1 <= len(members) <= MEMBERS_MAX:
        msg = f"team {name!r} has {len(members)} members"
        raise TeamError(msg, help=f"give 1 to {MEMBERS_MAX}")
    for member in members:
        if not isinstance(member, Runnable) or member.recipe.kind not in {"agent", "team"}:
            msg = f"team {name!r}: {type(member).__name__} cannot be a member"
            raise TeamError(msg, help="members are agents and teams; put a workflow's steps around the team instead")
        if member.engine is not engine:
            msg = f"team {name!r}: its member {member.name!r} belongs to another engine"
            raise TeamError(msg, help="build both with the same engine: one store, one set of policies")
    names = [_door_name(member.name) for member in members]
    twice = next((one for one in names if names.count(one) > 1), None)
    if twice is not None:
        msg = f"team {name!r}: two of its members would both be the tool {twice!r}"
        raise TeamError(msg, help="give one of them another name")


def _door_name(member: str) -> str:
    return (_ASK + _ODD.sub("_", member))[:NAME_MAX]


def _door(member: Recipe) -> AnyTool:
    """The tool by which the leader hands a task to a member. It is never run: the member's own run carries it out."""

    def hand_over(task: str) -> str:
        del task
        msg = f"{member.name} carries this out by a run of its own"
        raise TeamError(msg)

    about = member.description or f"the {member.kind} {member.name}"
    told = f"Hand a task to {about}. Say all that is needed: it sees nothing but the task. Its answer comes back."
    return Tool(hand_over, Declaration(_door_name(member.name), description=told))


def _standing(members: Mapping[str, Recipe], mode: Mode) -> Callable[[str, Mapping[str, Any]], Standing]:
    """A task for a member is the start of its run; in a broadcast all begin side by side, by the team's own word."""

    def standing(tool: str, args: Mapping[str, Any]) -> Standing:
        del args
        member = members.get(tool)
        if member is None:
            return Standing()
        start = Aspect("start", member.name, acts=False, beside=mode == "broadcast")
        return Standing((start,), Below(member.kind, member.name, "task"))

    return standing


def _instructions(own: Instructions, mode: Mode, members: Sequence[Runnable]) -> Instructions:
    if mode == "broadcast":
        return own
    told = [f"- {_door_name(one.name)}: {one.recipe.description or one.name}" for one in members]
    how = (
        "Hand the task to the one member that fits best; its answer is given to the user as it is."
        if mode == "route"
        else "Hand tasks to your members where they can help, then answer."
    )
    lead = "You lead a team. " + how + "\n" + "\n".join(told)
    if isinstance(own, str):
        return "\n\n".join(part for part in (own, escaped(lead)) if part)

    async def both(context: dict[str, Any]) -> str:
        made = own(context)
        return f"{await made if inspect.isawaitable(made) else made}\n\n{lead}"

    return both


def _mind(mode: Mode, doors: tuple[str, ...]) -> Callable[[ChatModel], ChatModel]:
    """What the leader's model, or one that stands in for it, becomes in a team."""
    match mode:
        case "coordinate":
            return lambda leader: leader
        case "route":
            return lambda leader: _Route(leader, frozenset(doors))
        case "broadcast":
            return lambda leader: _Broadcast(leader, doors)


class Nobody:
    """A broadcast without a leader: the answers are put below each other."""

    async def reply(self, request: ChatRequest, on_text: Callable[[str], None] | None = None) -> ModelReply:
        del request, on_text
        raise AssertionError  # _Broadcast never asks it


class _Route:
    """The leader is asked for one member; what that one answers is the answer, without another word of the leader."""

    def __init__(self, leader: ChatModel, doors: frozenset[str]) -> None:
        self._leader = leader
        self._doors = doors
        self.origin = origin_of(leader)

    async def reply(self, request: ChatRequest, on_text: Callable[[str], None] | None = None) -> ModelReply:
        last = request.messages[-1]
        if last.role == "tool" and last.tool in self._doors and last.outcome == CallState.SUCCEEDED:
            if on_text is not None:
                on_text(last.content)
            return ModelReply(text=last.content, value=last.value, usage=FREE)
        reply = await self._leader.reply(request, on_text)
        first = next((call for call in reply.calls if call.tool in self._doors), None)
        if first is None or len(reply.calls) == 1:
            return reply
        return replace(reply, calls=(first,), echo=None)  # what a provider said of calls that are none would not fit


class _Broadcast:
    """The first turn is nobody's choice: every member gets the task. Then the leader joins what they say."""

    origin = "team"  # its echo comes back to it, whoever leads

    def __init__(self, leader: ChatModel, doors: tuple[str, ...]) -> None:
        self._leader = leader
        self._doors = doors
        self.origin = origin_of(leader)

    async def reply(self, request: ChatRequest, on_text: Callable[[str], None] | None = None) -> ModelReply:
        asked = next((i for i, m in enumerate(request.messages) if m.role == "assistant" and m.calls), None)
        if asked is None:
            return self._to_all(request.messages)
        if isinstance(self._leader, Nobody):
            return self._joined(request.messages[asked + 1 :])
        told = self._joined(request.messages[asked + 1 :]).text  # not as results of calls that it never made
        answers = Message(role="user", content=f"Your members were asked the same, and answered:\n\n{told}")
        after = request.messages[asked + 1 + len(self._doors) :]
        messages = (*request.messages[:asked], answers, *after)
        return await self._leader.reply(replace(request, messages=messages), on_text)

    def _to_all(self, messages: Sequence[Message]) -> ModelReply:
        before = max((i for i, m in enumerate(messages) if m.role == "assistant"), default=-1)  # of its session
        task = "\n\n".join(message.content for message in messages[before + 1 :] if message.role == "user")
        arguments = msgspec.json.encode({"task": task}).decode()
        calls = tuple(ToolCall(f"broadcast-{number}", door, arguments) for number, door in enumerate(self._doors))
        return ModelReply(calls=calls, usage=FREE)

    def _joined(self, messages: Sequence[Message]) -> ModelReply:
        told = [message for message in messages if message.role == "tool"][: len(self._doors)]
        text = "\n\n".join(f"{(one.tool or '').removeprefix(_ASK)}: {one.content}" for one in told)
        value = {(one.tool or "").removeprefix(_ASK): one.content if one.value is None else one.value for one in told}
        return ModelReply(text=text, value=value, usage=FREE)
