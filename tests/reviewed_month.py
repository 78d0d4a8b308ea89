"""A month of history made by the real engine, with one or two of everything that a reviewer looks for.

Most of it is ordinary: people ask, others look for half a minute and answer, at working hours. What is planted is in
`planted`, by question. What an engine never does (an effect that nobody approved) is written past it, as valid lines.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hitl_fsm import Agent, Engine, tool
from hitl_fsm.model.actor import ENGINE, Actor
from hitl_fsm.model.record import Record
from hitl_fsm.runtime.handles import RunHandle
from hitl_fsm.runtime.loop import run_sync
from hitl_fsm.testing import FrozenClock, ScriptedModel
from house import HEADER

RULES = """\
tools: [pay, deploy, mail, look, hang, spare]
rules:
  - id: big
    tools: [pay]
    when: ['args.amount > 1000']
    gate: {approval: {of: ['role:finance'], break_glass: ['role:oncall'], expires: 1d}}
  - {id: never, tools: [mail], when: ['args.to == "nobody"'], gate: deny}
  - {id: unseen, tools: [spare], gate: deny}
  - {id: ships, tools: [deploy], gate: {approval: {of: ['role:ops', 'role:finance']}}}
  - {id: rest, gate: allow}
"""
LOOSE = RULES.replace("args.amount > 1000", "args.amount > 1000000")
DAY = 86_400_000
HOUR = 3_600_000
MINUTE = 60_000
BEGIN = round(datetime(2026, 3, 2, 9, tzinfo=UTC).timestamp() * 1000)  # a Monday
ROLES = {
    "finance": ("ann", "bob", "cid", "stan", "burt", "selma", "pat", "quinn", "ed", "nora", "wally", "flo", "dora"),
    "oncall": ("olga",),
    "ops": ("otto",),
    "audit": ("rita", "lea"),
}
REGULAR = ("ann", "bob", "cid")


@dataclass
class Month:
    """`planted` has, by question, what it must find; `runs` the ids of ordinary runs."""

    folder: Path
    clock: FrozenClock = field(default_factory=lambda: FrozenClock(BEGIN))
    planted: dict[str, list[Any]] = field(default_factory=dict)
    runs: list[str] = field(default_factory=list)
    number: int = 0

    def __post_init__(self) -> None:
        self.file = self.folder / "office.policy.yaml"
        self.rules(RULES)
        actors = {person: [role for role, people in ROLES.items() if person in people] for person in everybody()}
        self.engine = Engine(str(self.file), self.url, actors=actors, clock=self.clock, reload="off")

    @property
    def url(self) -> str:
        return f"sqlite:///{self.folder / 'month.db'}?synchronous=normal"

    def rules(self, text: str) -> None:
        self.file.write_text(HEADER.format(name="office") + text)

    def plant(self, question: str, what: Any) -> None:
        self.planted.setdefault(question, []).append(what)

    def at(self, day: int, hour: int = 10, minute: int = 0) -> None:
        """Go on to that time of a day of the month; time never goes back."""
        then = BEGIN - 9 * HOUR + day * DAY + hour * HOUR + minute * MINUTE
        self.clock.advance(max(1_000, then - self.clock.now()))

    def agent(self, *calls: dict[str, Any], name: str = "clerk") -> Agent:
        turns = [{"calls": [one]} for one in calls]
        return Agent(name, ScriptedModel([*turns, {"say": "done"}]), engine=self.engine, tools=TOOLS)

    def ask(self, user: str, *calls: dict[str, Any], name: str = "clerk") -> RunHandle:
        self.number += 1
        self.clock.advance(7_000)
        return self.agent(*calls, name=name).run(f"request {self.number}", user=person(user))

    def look(self, run: RunHandle, who: str) -> str:
        """Somebody opens the question; what there was to see is told by digest."""
        question = run.active_requirements[0]
        self.clock.advance(500)
        self.engine.view(question.id, by=person(who))
        return question.id

    def answer(self, run: RunHandle, who: str | Actor, *, after_ms: int = 40_000, yes: bool = True, **how: Any) -> str:
        """They look, take their time, and answer; the run goes on."""
        name = who if isinstance(who, str) else who.id
        question = self.look(run, name)
        self.clock.advance(after_ms)
        handle = self.engine.inbox.get(question)
        actor = person(who) if isinstance(who, str) else who
        done = handle.confirm(by=actor, **how) if yes else handle.reject(by=actor, note="no")
        if done.state.value == "continuing":
            self.agent_of(run).continue_run(run_id=run.run_id)
        return question

    def agent_of(self, run: RunHandle) -> Agent:
        return Agent(run.value.name, ScriptedModel([{"say": "done"}] * 9), engine=self.engine, tools=TOOLS)

    def write(self, event: str, run: str, by: Actor = ENGINE, **data: Any) -> None:
        """A line past the engine, which is chained like any other."""
        run_sync(self.engine.store.append([Record(event, self.clock.now(), by, run, data)]))

    def last_seq(self) -> int:
        return run_sync(self.engine.store.head())[0]


def everybody() -> list[str]:
    return [one for people in ROLES.values() for one in people]


def person(name: str) -> Actor:
    roles = tuple(role for role, people in ROLES.items() if name in people)
    return Actor(name, roles, authenticated_by="oidc:sso", person=name)


def pay(amount: float, to: str = "acme") -> dict[str, Any]:
    return {"tool": "pay", "args": {"to": to, "amount": amount}}


def _tools() -> list[Any]:
    def pay(to: str, amount: float) -> str:
        """Send money."""
        return f"paid {amount} to {to}"

    def deploy(what: str) -> str:
        """Put it into production."""
        return what

    def mail(to: str) -> str:
        """Write to somebody."""
        return to

    def look(page: str) -> str:
        """Read a page."""
        return page

    @tool(timeout_s=0.02)
    async def hang() -> str:
        """Never come back in time."""
        await asyncio.sleep(30)
        return "late"

    return [tool(pay), tool(deploy), tool(mail), tool(look), hang]


TOOLS = _tools()


def make(folder: Path, *, a_day: int = 6) -> Month:
    """The month, whole; the engine is left open."""
    month = Month(folder)
    everyone = [{"person": one, "gained": [f"role:{role}"]} for role, people in ROLES.items() for one in people]
    month.write("people_activated", "", people="11" * 32, was="", count=len(everyone), changed=everyone)
    for day in range(30):
        month.at(day)
        for number in range(a_day if day % 7 < 5 else 0):  # nobody works at weekends
            _ordinary(month, day * 7 + number)
        for story in STORIES.get(day, ()):
            story(month)
    month.at(31)
    return month


def _ordinary(month: Month, number: int) -> None:
    look = {"tool": "look", "args": {"page": "p"}}
    run = month.ask(f"user{number % 5}", look, pay(2_000 + number), name=f"clerk{number % 3}")
    month.answer(run, REGULAR[number % 3], after_ms=30_000 + 997 * (number % 40), yes=number % 11 != 0)
    month.runs.append(run.run_id)


from reviewed_stories import STORIES  # noqa: E402 - they are told with what is above
