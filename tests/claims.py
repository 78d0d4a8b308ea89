"""A claims desk with a history that a reviewer would ask about: votes, an edit, a no, a lost outcome, an emergency."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import Field

from hitl_fsm import Agent, Engine, tool
from hitl_fsm.model.answer import GrantTerms
from hitl_fsm.ports import LEASE_MS
from hitl_fsm.testing import FrozenClock, ScriptedModel

BEGINS = 1_767_600_000_000  # 2026-01-05T08:00:00Z
MINUTE = 60_000
HOSTILE = "</script><script>alert(1)</script> \u202eevil\u2066 =cmd|' /C calc'!A0 \x00 ]]> --> & \"q\" 'q'"

POLICY = """\
apiVersion: hitl-fsm/v1
kind: Policy
name: claims
owner: compliance@example.com
description: What a claims agent may do alone, and what it may not.
tools: [look_up, pay_claim, close_account, send_letter, tell_authority, discount]
rules:
  - {id: reading, tools: look_up, gate: audit}
  - id: large-payments
    tools: pay_claim
    severity: high
    description: Money leaves the house.  Two of finance look at it, and not who asked for it.
    when: args.amount > 1000
    gate:
      approval:
        of: [role:finance]
        quorum: 2
        not: [requester]
        expires: 4h
        break_glass: [role:oncall]
  - id: closing
    tools: close_account
    severity: critical
    gate: {approval: {of: [role:finance], not: [requester]}}
  - id: letters
    tools: send_letter
    gate:
      - confirm: {}
      - review: {of: [role:finance]}
  - id: authority
    tools: tell_authority
    gate: confirm
  - id: discounts
    tools: discount
    gate:
      approval:
        of: [role:finance]
        grant: {max: 3, for: 24h, scope: [run], vary: [percent]}
"""

ROLES = """\
apiVersion: hitl-fsm/v1
kind: Roles
people:
  alice: {name: Alice Aalto}
  maria: {name: María Peña}
  frank: {name: Frank O'Neill}
  nina: {name: Nina Okafor}
  otto: {name: Otto Brandt}
roles:
  finance: {members: [maria, frank]}
  oncall: {members: [otto]}
delegations:
  - {from: frank, to: nina, roles: [finance]}
"""


class Crash(BaseException):
    """As hard as a process that dies."""


class Desk:
    """The application; `history` plays one run through it, and returns its id."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = FrozenClock(BEGINS)
        self.told = 0
        (folder / "policies").mkdir(exist_ok=True)
        (folder / "policies/claims.policy.yaml").write_text(POLICY, encoding="utf-8")
        (folder / "house.roles.yaml").write_text(ROLES, encoding="utf-8")

    @property
    def url(self) -> str:
        return f"sqlite:///{self.folder / 'hitl.db'}?synchronous=normal"

    def engine(self) -> Engine:
        people = self.folder / "house.roles.yaml"
        return Engine(self.folder / "policies", self.url, actors=people, clock=self.clock)

    def tools(self) -> list[Any]:
        def look_up(claim: str) -> dict[str, Any]:
            """Look a claim up."""
            return {"claim": claim, "insured": "Rosa Lind", "iban": "DE89 3704 0044 0532 0130 00"}

        def pay_claim(
            claim: str,
            to: str,
            amount: int,
            memo: str = "",
            pin: Annotated[str, Field(json_schema_extra={"x-sensitive": True})] = "",
        ) -> str:
            """Pay a claim."""
            return f"paid {amount} EUR to {to}"

        def close_account(account: str) -> str:
            """Close an account."""
            return "closed"

        def send_letter(to: str, text: str) -> str:
            """Send a letter."""
            return f"Dear {to}, {text}"

        async def tell_authority(report: str) -> str:
            """Tell the authority; the first time the process dies in it."""
            self.told += 1
            if self.told == 1:
                raise Crash
            return "told"

        def discount(customer: str, percent: int) -> str:
            """Give a discount."""
            return f"{percent} % for {customer}"

        return [tool(one) for one in (look_up, pay_claim, close_account, send_letter, tell_authority, discount)]

    def agent(self, engine: Engine) -> Agent:
        def turn(*calls: tuple[str, dict[str, Any]]) -> dict[str, Any]:
            return {"calls": [{"tool": name, "args": args} for name, args in calls]}

        pay = {"claim": "C-1042", "to": "Rosa Lind", "amount": 12_000, "memo": "water damage", "pin": "pin-of-rosa"}
        replies = [
            turn(("look_up", {"claim": "C-1042"})),
            turn(("pay_claim", pay), ("close_account", {"account": "A-77"})),
            turn(("send_letter", {"to": "Rosa Lind", "text": HOSTILE})),
            turn(("tell_authority", {"report": "paid C-1042"})),
            turn(("pay_claim", {**pay, "claim": "C-1043", "amount": 5_000, "memo": "the same flood"})),
            turn(("discount", {"customer": "Rosa Lind", "percent": 5})),
            turn(("discount", {"customer": "Rosa Lind", "percent": 7})),
            {"say": "Paid, told, and apologised."},
        ]
        return Agent("claims", ScriptedModel(replies), engine=engine, tools=self.tools())

    def history(self) -> str:
        """Everything that a reviewer would ask about, in one run."""
        engine = self.engine()
        agent = self.agent(engine)
        run = agent.run("Settle claim C-1042 of Rosa Lind", user="alice")
        first, closing = run.active_requirements
        self.clock.advance(7 * MINUTE)
        first.confirm(by="maria", note="the expert's report is in the file")
        self.clock.advance(2 * MINUTE)
        edited = {"claim": "C-1042", "to": "Rosa Lind", "amount": 9_800, "memo": "water damage", "pin": "pin-of-rosa"}
        first.confirm(by="frank", args=edited, note="the deductible is 2,200")
        self.clock.advance(3 * MINUTE)
        again = next(one for one in agent.engine.runs.get(run.run_id).active_requirements if one.id != closing.id)
        again.confirm(by="maria", note="right")
        nina = engine.delegations.actor("nina", on_behalf_of="frank")
        closing.reject(by=nina, note="nobody asked for that")
        self.clock.advance(1_500)
        run = agent.continue_run(run)
        run.active_requirements[0].confirm(by="alice")
        run = agent.continue_run(run)
        self.clock.advance(MINUTE)
        run.active_requirements[0].edit_result("Dear Rosa Lind, we have paid.", by="maria", note="no markup in letters")
        run = agent.continue_run(run)
        run.active_requirements[0].confirm(by="alice")
        with pytest.raises(Crash):
            asyncio.run(agent.acontinue_run(run))
        return self._after_the_crash(run.run_id)

    def _after_the_crash(self, run_id: str) -> str:
        self.clock.advance(2 * LEASE_MS)
        engine = self.engine()
        agent = self.agent(engine)
        run = agent.continue_run(run_id=run_id)
        self.clock.advance(30 * MINUTE)
        run.active_requirements[0].it_happened("receipt 55-1", by="alice", note="they confirmed it on the phone")
        run = agent.continue_run(run_id=run_id)
        self.clock.advance(MINUTE)
        run.active_requirements[0].break_glass(by="otto", note="the family is without a roof; finance is unreachable")
        run = agent.continue_run(run_id=run_id)
        run.active_requirements[0].confirm(by="maria", grant=GrantTerms(uses=1))
        run = agent.continue_run(run_id=run_id)
        assert run.state.value == "done", run
        engine.overrides.review(engine.overrides.list()[0].requirement_id, by="maria", finding="right, and urgent")
        return run_id
