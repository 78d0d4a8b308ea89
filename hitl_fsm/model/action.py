"""The question put to the policies: one action, with everything that a condition may look at."""

from __future__ import annotations

from typing import Any

import msgspec

from hitl_fsm.model.actor import Actor


class Action(msgspec.Struct, frozen=True):
    """A tool call (`tool`), a step of a workflow (`step`), or the start of an agent's run (neither).

    `agent`, `team` and `workflow` say in whose run it happens, and `step` also in which step a tool is called; all are
    empty where there is none. `now` is one frozen instant a verdict, in milliseconds since the epoch (UTC).
    """

    tool: str
    args: dict[str, Any]
    user: Actor
    now: int
    run_id: str = ""
    agent: str = ""
    env: dict[str, str] = {}
    step: str = ""
    team: str = ""
    workflow: str = ""
