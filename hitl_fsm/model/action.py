"""The question put to the policies: one action, with everything that a condition may look at."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from hitl_fsm.model.actor import Actor


class Aspect(msgspec.Struct, frozen=True, omit_defaults=True):
    """One way in which a call is put to the policies; what they say of all its aspects is joined.

    As a tool's call, as a step of a workflow, or as the start of an agent's (or a team's) run; a `branch` is no action
    of its own, and no policy speaks of it. `acts`: code of its own runs, so that the engine's default holds where no
    policy covers it; what only leads to other calls is allowed then, since each of these is judged by itself. `asks`
    is a form (an object schema) that a person always fills in first, whatever the policies say. `beside`: it goes
    beside the others of its turn by the application's word, not by a model's; so do steps and branches.
    """

    kind: Literal["tool", "step", "start", "branch"]
    name: str
    acts: bool = True
    asks: dict[str, Any] | None = None
    beside: bool = False


class Below(msgspec.Struct, frozen=True, omit_defaults=True):
    """Whose run carries out a call; the call's argument `argument` is what that run is given as its input."""

    kind: str
    name: str
    argument: str = "input"


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


class MoneyAt(msgspec.Struct, frozen=True, omit_defaults=True):
    """An argument (dotted) that is a sum: of the currency `code`, or of that whose code stands at `currency_at`."""

    at: str
    code: str = ""
    currency_at: str = ""
