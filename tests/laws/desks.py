"""A team that can be built again in each process: a leader and members, each with a script and tools with a witness."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from hitl_fsm import Agent, Engine, RunHandle, Team, tool
from hitl_fsm.errors import ModelError
from hitl_fsm.policy.evaluate import PolicySet
from hitl_fsm.ports import ChatModel
from hitl_fsm.runtime.agents.team import Mode
from hitl_fsm.testing import ScriptedModel
from house import House, policies, policy_text

PAY = "- {id: pay, tools: [pay], gate: confirm}"
"""A payment waits for the user; everything else is free."""


STARTS = """apiVersion: hitl-fsm/v1
kind: Policy
name: starts
owner: compliance@example.com
description: Who may set ann and eve to work.
agents: [ann, eve]
default: allow
{}
"""


def rules(*texts: str, extra: str = "default: allow", starts: str = "") -> PolicySet:
    """One policy over all tools; `starts` are rules over the starts of ann and eve, with their `batch`."""
    over_tools = policy_text("\n".join(texts), tools='["*"]', extra=extra) if texts else b""
    over_starts = STARTS.format(starts).encode() if starts else b""
    return policies(*(text for text in (over_tools, over_starts) if text))


def asks(tool_name: str, provider_id: str = "c1", /, **args: Any) -> dict[str, Any]:
    """One call of a script, under the provider's id."""
    return {"tool": tool_name, "args": args, "id": provider_id}


@dataclass
class Desk:
    """`scripts` are what each member says, or a model; `own` the leader's tools. A process may lack a member (`gone`)
    or a tool (`without`). `acts` is what happens in a tool before its effect.
    """

    house: House
    scripts: dict[str, Sequence[Any] | ChatModel]
    mode: Mode = "broadcast"
    leader: Any = None
    rules: PolicySet = field(default_factory=lambda: rules(PAY))
    acts: Callable[[str, str], Any] | None = None
    own: Sequence[str] = ()

    def team(self, *, gone: Sequence[str] = (), without: Sequence[str] = ()) -> Team:
        """All of it, of a process that has just started."""
        engine = self.house.engine(self.rules)
        members = [self.member(engine, name, without) for name in self.scripts if name not in gone]
        model = None if self.leader is None else ScriptedModel(self.leader)
        own = [self.tool("desk", one) for one in self.own]
        return Team("desk", members, engine=engine, mode=self.mode, model=model, tools=own)

    def member(self, engine: Engine, name: str, without: Sequence[str]) -> Agent:
        tools = [self.tool(name, one) for one in ("pay", "look") if one not in without]
        script = self.scripts[name]
        model = ScriptedModel(script) if isinstance(script, Sequence) else script
        return Agent(name, model, engine=engine, tools=tools)

    def tool(self, who: str, name: str) -> Any:
        @tool(name=name, version="1")
        async def act(to: str) -> str:
            if self.acts is not None:
                await self.acts(who, to)
            self.house.effects.append((who, name, to))
            return f"{who} {name} {to}"

        return act

    def start(self) -> RunHandle:
        return self.team().run("go", user="alice")

    def again(self, run: RunHandle, **how: Any) -> RunHandle:
        """Go on in a new process."""
        return self.team(**how).continue_run(run_id=run.run_id)


def pays(to: str = "bob", provider_id: str = "c1") -> list[Any]:
    """A script: one payment, then what came of it."""
    return [{"calls": [asks("pay", provider_id, to=to)]}, {"say": "{last_result}"}]


def question_of(run: RunHandle, who: str) -> Any:
    """The open question of one member, or of the leader (`desk`)."""
    (found,) = [one for one in run.active_requirements if one.value.agent == who]
    return found


class Failing(ScriptedModel):
    """It fails at the turns that the test names, for as long as the test wants."""

    def __init__(self, replies: list[Any], fails: set[int]) -> None:
        super().__init__(replies)
        self.fails = fails

    async def reply(self, request: Any, on_text: Any = None) -> Any:
        if sum(message.role == "assistant" for message in request.messages) in self.fails:
            raise ModelError("the provider is down")
        return await super().reply(request, on_text)
