"""A run whose call a grant lets pass, as the core would hand it to the store."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from msgspec.structs import replace
from steps import ALICE, ARGS, BOB, GATE, T0, Story

from hitl_fsm.model.call import Pass
from hitl_fsm.model.event import ModelReplied, ProposedCall
from hitl_fsm.model.grant import Grant, GrantUse
from hitl_fsm.model.override import Override
from hitl_fsm.model.record import Record
from hitl_fsm.model.states import CallState, RunState
from hitl_fsm.policy.join import gate_key
from hitl_fsm.ports import Commit, Store

HOUR = 3_600_000
KEY = gate_key(GATE)
GRANT = Grant(
    "grant_r0-1", KEY, "refund", "support", ARGS, uses=2, until=T0 + HOUR, by=(BOB,), at=T0, requirement_id="r0-1",
    tool_version="1", vary=("amount",), budget_of="amount", budget=3000,
)  # fmt: skip
REVOKED = Record("grant_revoked", T0, BOB, data={"grant": GRANT.grant_id})
OVERRIDE = Override("r1-1", "r1", "refund", "ab" * 32, BOB, T0, "payroll is due tonight")
REVIEWED = replace(OVERRIDE, reviewed_by=ALICE, reviewed_at=T0 + 5, finding="it was right")


async def kept(store: Store, *grants: Grant, run_id: str = "r0") -> None:
    """The grants are made by an answer."""
    story = Story(run_id)
    await store.commit(story.create())
    await store.commit(story.pause())
    await store.commit(replace(story.answer(), grants=grants or (GRANT,)))


class Spared(Story):
    """A run whose call is asked about nobody: a grant passes its gate."""

    def __init__(self, run_id: str = "r1", args: dict[str, Any] | None = None, grant: Grant = GRANT) -> None:
        super().__init__(run_id, args=args)
        self.grant = grant

    def spare(self, **use: Any) -> Commit:
        passed = (Pass(KEY, self.digest, self.grant.persons, self.grant.grant_id),)
        self.call = replace(self.call, state=CallState.AUTHORISED, passed=passed)
        proposed = ProposedCall("1.0", "p1", "refund", self.args, tool_version="1")
        step = self.step(ModelReplied("", (proposed,)), RunState.RUNNING, "keep", (self.call,))
        amount = self.args.get("amount", 0)
        used = {"grant_id": self.grant.grant_id, "gate": KEY, "amount": amount, "call_id": "1.0", "by": ("bob",), **use}
        return replace(step, grant_uses=(GrantUse(**used),))

    def start(self, lease: Any = "keep") -> Commit:
        return super().start(lease)


async def spared(store: Store, run_id: str = "r1", args: dict[str, Any] | None = None, **use: Any) -> Spared:
    story = Spared(run_id, args)
    await store.commit(story.create())
    await store.commit(story.spare(**use))
    return story


async def counted(store: Store) -> tuple[int, Decimal]:
    row = await store.grant(GRANT.grant_id)
    assert row is not None
    return row.used, row.spent
