"""One run whose approvals go every way, and processes that die under it at any write.

Who answers, pays and is told keeps nothing but what it saw: after a death it looks at the store, and goes on from
there. What happened outside stands in the witness.
"""

from __future__ import annotations

from itertools import repeat
from typing import Any

from crash_disk import MortalStore
from crash_people import Effect, act

from dying import LATER, Died
from hitl_fsm import Agent, Engine, current_call, tool
from hitl_fsm.model.actor import Actor
from hitl_fsm.model.dispatch import Handover, Outcome, Returned
from hitl_fsm.model.notice import Notice
from hitl_fsm.model.states import RequirementState, RunState
from hitl_fsm.ports import Store
from hitl_fsm.runtime.loop import run_sync
from hitl_fsm.testing import FrozenClock, ScriptedModel
from house import call, calls, policies, policy_text

RULES = """
- id: paying
  tools: [pay]
  gate: {approval: {of: [role:finance], quorum: 2, not: [requester, editor], edit: {amount: {maximum: 100}}}}
- id: shipping
  tools: [ship]
  gate: {approval: {of: [role:finance], not: [requester]}}
- id: buying
  tools: [buy]
  gate:
    approval:
      of: [role:finance]
      not: [requester]
      grant: {max: 3, for: 24h, scope: [run], vary: [amount], budget: {amount: 100}}
- id: opening
  tools: [unlock]
  gate: {approval: {of: [role:finance], quorum: 2, not: [requester], break_glass: [role:oncall]}}
- id: wiring
  tools: [wire]
  gate:
    approval:
      of: [role:finance]
      expires: 30d
      reminders: [10d]
      on_expiry: {escalate: [role:cfo], expires: 300d}
- {id: screening, tools: [screen], gate: {external: {route: bureau}}}
- {id: printing, tools: [stamp], gate: {external: {route: printer}}}
"""
SCRIPT = [
    calls(call("pay", amount=5), call("ship", amount=1)),
    calls(call("buy", amount=10)),
    calls(call("buy", amount=20), call("screen", amount=2)),
    calls(call("buy", amount=30), call("unlock", amount=3), call("stamp", amount=4)),
    calls(call("wire", amount=6)),
    {"say": "the end"},
]
ROLES = {
    "maria": ("finance",),
    "frank": ("finance",),
    "otto": ("finance",),
    "carla": ("cfo",),
    "nina": ("oncall",),
}
TOOLS = ("pay", "ship", "buy", "unlock", "wire", "screen", "stamp")
IDEMPOTENT = {"bureau": False, "printer": True}
ROUNDS = 60
"""Things that people do, and deaths, after which a run must have ended."""


class Play:
    """One run, from its first process to its end; the first dies at its own `deaths[0]`-th write, and so on."""

    def __init__(self, store: Store, clock: FrozenClock, *deaths: int, heard: bool = True) -> None:
        self.clock, self.store = clock, store
        self.deaths = iter((*deaths, *repeat(-1, ROUNDS)))
        self.disk = MortalStore(store, next(self.deaths), heard=heard)
        self.effects: list[Effect] = []
        self.sent: list[Notice] = []
        self.handed: list[tuple[str, Handover]] = []
        self.acknowledged: list[tuple[str, str, str]] = []
        self.wrong: list[str] = []
        self.output: str | None = None

    # -- the world outside

    def tool(self, name: str) -> Any:
        @tool(name=name, version="1")
        async def do(amount: float) -> str:
            """Do it."""
            call_id = current_call().call_id
            self.effects.append((name, call_id, amount))
            self.wrong += await self.unallowed(name, call_id, amount)
            return f"{name} done"

        return do

    async def unallowed(self, name: str, call_id: str, amount: float) -> list[str]:
        """What speaks against this effect, as it is on the disk at this moment."""
        (row,) = await self.store.runs()
        asked = await self.store.requirements(run_id=row.run_id, state=None)
        mine = [one for one in asked if one.call_id == call_id and one.kind == "approval"]
        yes = {vote.by.id for one in mine[-1:] for vote in one.votes}
        yes |= {one.resolution.by.id for one in mine[-1:] if one.resolution is not None}
        wanted = {"pay": {"maria", "otto"}, "ship": {"maria"}, "unlock": {"frank", "nina"}, "wire": {"carla"}}
        found = []
        if name in wanted and (yes != wanted[name] or mine[-1].state is not RequirementState.RESOLVED):
            found.append(f"{name} ran, and said yes had {sorted(yes)}")
        if name == "pay" and (amount, mine[-1].args) != (7, {"amount": 7}):
            found.append(f"{amount} was paid, and {mine[-1].args} approved")
        if name == "buy" and not mine:
            (grant,) = await self.store.grants()
            uses = sum(one[0] == "buy" for one in self.effects) - 1
            if (grant.used, grant.state) != (uses, "active"):
                found.append(f"a grant of which {grant.used} uses are counted passed {uses} calls")
        return found

    # -- one process

    def live(self) -> bool:
        """One process; whether it saw the end of the run."""
        engine = Engine(
            policies(policy_text(RULES, tools=f"[{', '.join(TOOLS)}]")),
            self.disk,
            clock=self.clock,
            actors=lambda name: Actor(name, roles=ROLES.get(name, ())),
            channels=[Channel(self.sent)],
            routes={name: Way(name, self.handed) for name in IDEMPOTENT},
        )
        agent = Agent("clerk", ScriptedModel(SCRIPT), engine=engine, tools=[self.tool(name) for name in TOOLS])
        rows = engine.runs.list()
        run = engine.runs.get(rows[0].run_id) if rows else agent.run("go", user="alice")
        for _ in range(ROUNDS):
            engine.sweep()
            engine.routes.dispatch()
            run = engine.runs.get(run.run_id)
            if act(engine, run, self.effects, self.given):
                continue
            if run.is_paused:
                self.wait()
            elif (run := agent.continue_run(run_id=run.run_id)).state is RunState.DONE:
                break
        engine.sweep()
        self.output = run.output
        return run.state is RunState.DONE

    def given(self, about: str, by: str, what: str) -> None:
        """Somebody was told that this is durable."""
        self.acknowledged.append((about, by, what))

    def wait(self) -> None:
        """Nobody has anything to do before this."""
        due = run_sync(self.store.next_timer())
        assert due is not None, "everybody waits for nothing"
        self.clock.advance(max(0, due - self.clock.now()))

    # -- all of them

    def to_the_end(self) -> list[str]:
        """All that is wrong with it."""
        for _ in range(ROUNDS):
            try:
                if self.live():
                    break
            except Died:
                self.wrong += self.disk.wrong
                self.disk = MortalStore(self.store, next(self.deaths), heard=self.disk.heard)
                self.clock.advance(LATER)
        else:
            self.wrong.append("it does not end")
        return [*self.wrong, *self.disk.wrong]


class Channel:
    """Keeps what it is sent, and forgets nothing."""

    name, details = "desk", False

    def __init__(self, sent: list[Notice]) -> None:
        self._sent = sent

    def wants(self, notice: Notice) -> bool:
        return notice.kind != "outcome"

    async def send(self, notice: Notice) -> None:
        self._sent.append(notice)


class Way:
    """A route whose system answers at once, and keeps what it was given."""

    def __init__(self, name: str, handed: list[tuple[str, Handover]]) -> None:
        self.name, self._handed = name, handed

    @property
    def idempotent(self) -> bool:
        return IDEMPOTENT[self.name]

    async def hand_over(self, handover: Handover) -> Outcome:
        self._handed.append((self.name, handover))
        return Returned(f"{self.name} did it")
