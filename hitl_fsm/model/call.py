"""One tool call of one run."""

from __future__ import annotations

from typing import Any

import msgspec

from hitl_fsm.model.action import Aspect, Below, MoneyAt
from hitl_fsm.model.asked import Asked
from hitl_fsm.model.states import CallState
from hitl_fsm.model.verdict import Verdict


class Pass(msgspec.Struct, frozen=True, omit_defaults=True):
    """A gate that was passed, and the digest of the action as that answer left it.

    A pass counts only while the call's digest is still that one: an edit voids earlier ones (law 5). That of a review
    is bound to the result, too. `by` are the people whose word it was, `grant` the one that stood for them.
    """

    gate: str
    digest: str
    by: tuple[str, ...] = ()
    grant: str = ""


class Call(msgspec.Struct, frozen=True, omit_defaults=True):
    """`call_id` is unique in its run (see `model/paths.py`); `provider_id` is the model's own name for it.

    `args` is None when the model's arguments could not be read; `problem` then says why.
    `attempt` counts its starts; `worker` began the last one, at `started_at` (ms). A lost one may still act until
    `acting_until` (ms; 0: it cannot).
    `parameters` and `defaults` are the tool's; `judged_by` are the digests of all policies that shaped the verdict.
    `answers` are form values that are not arguments; `result` is what the model will read; `held` is the result that
    is under review, and goes nowhere until then. Reviewers had it run again `retries` times, the last time after the
    attempt `sent_back`, with the word `feedback`. `substituted`: a person gave the result, and it does not run.
    `given_up`: it began, and nobody will ever know whether it took effect.
    `aspects` (empty: it is a call of `tool`) say what is judged; `below` is the run inside this one that carries it
    out, where that is no code of its own. `asked` is what its tool wanted to know of people, `told` what they
    answered, by the question's key.
    `said` is what the model wrote beside its calls, but for `said_cut` characters; `sensitive` the arguments that
    nobody is shown; `editors` are those people who changed the arguments, which the model had `proposed` otherwise.
    `money` says which arguments are sums, `subject` which one names the person whom it is about ("": none).
    """

    call_id: str
    provider_id: str
    tool: str
    args: dict[str, Any] | None
    digest: str
    verdict: Verdict
    state: CallState = CallState.PROPOSED
    tool_version: str = ""
    idempotent: bool = False
    dynamic: bool = False
    parameters: tuple[str, ...] = ()
    defaults: dict[str, Any] = {}
    judged_by: tuple[str, ...] = ()
    attempt: int = 0
    worker: str = ""
    started_at: int = 0
    acting_until: int = 0
    passed: tuple[Pass, ...] = ()
    answers: dict[str, Any] = {}
    result: Any = None
    held: Any = None
    retries: int = 0
    sent_back: int = 0
    feedback: str = ""
    substituted: bool = False
    given_up: bool = False
    problem: str | None = None
    aspects: tuple[Aspect, ...] = ()
    below: Below | None = None
    asked: tuple[Asked, ...] = ()
    told: dict[str, dict[str, Any]] = {}
    said: str = ""
    said_cut: int = 0
    sensitive: tuple[str, ...] = ()
    editors: tuple[str, ...] = ()
    proposed: dict[str, Any] | None = None
    money: tuple[MoneyAt, ...] = ()
    subject: str = ""
