"""Remembered permissions: which one passes a gate, and what people may do with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hitl_fsm.model.call import Call
from hitl_fsm.model.grant import GrantUse
from hitl_fsm.model.run import Run
from hitl_fsm.model.verdict import Approval, Confirm
from hitl_fsm.runtime.parts import Parts

if TYPE_CHECKING:
    from hitl_fsm.runtime.engine import Engine
    from hitl_fsm.runtime.handles import By


async def grants_for(parts: Parts, run: Run, call: Call, gate: Approval | Confirm) -> GrantUse | None:
    """The grant that passes this gate of this call."""
    del parts, run, call, gate
    return None


async def revoke_grant_of(engine: Engine, requirement_id: str, by: By) -> None:
    """End the grant that came of an answer, if one did."""
    del engine, requirement_id, by
