"""What a running tool may know of the call that runs it."""

from __future__ import annotations

from typing import Any

import msgspec

from hitl_fsm.model.actor import Actor


class CallContext(msgspec.Struct, frozen=True, omit_defaults=True):
    """`user` is the run's own user; `answers` are form values that are no arguments of the tool. `told` is
    what people answered to what the tool itself asked (`model/asked.py`), by the question's key.

    `idempotency_key` is for the outside system: it stays the same over the attempts of an idempotent tool, and is
    another one for each attempt of any other (see `idempotency_key`). `feedback` is what a reviewer said who sent the
    call back to run again. `context` has the variables that the run was started with; it is the tool's own copy.
    """

    run_id: str
    call_id: str
    idempotency_key: str
    attempt: int
    user: Actor
    answers: dict[str, Any] = {}
    feedback: str = ""
    told: dict[str, dict[str, Any]] = {}
    context: dict[str, Any] = {}


def idempotency_key(run_id: str, call_id: str, attempt: int, *, idempotent: bool) -> str:
    """`run:call` for an idempotent tool, whose retries are to be recognised as one; else `run:call:attempt`."""
    return f"{run_id}:{call_id}" if idempotent else f"{run_id}:{call_id}:{attempt}"
