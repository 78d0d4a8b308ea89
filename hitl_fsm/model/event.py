"""What happened: the inputs of the core, and the lines of a run's log."""

from __future__ import annotations

from typing import Any

import msgspec

from hitl_fsm.model.action import Aspect, Below, MoneyAt
from hitl_fsm.model.actor import Actor
from hitl_fsm.model.answer import Answer
from hitl_fsm.model.circumstances import Circumstances
from hitl_fsm.model.message import Message, Usage
from hitl_fsm.model.verdict import Verdict


class Forked(msgspec.Struct, frozen=True):
    """From which run another one goes on: as it was at `version`, after `turn` turns.

    `rejected`: digests (`asked_digest`) of what people rejected there.
    """

    run_id: str
    version: int
    turn: int
    rejected: tuple[str, ...] = ()


class RunCreated(msgspec.Struct, frozen=True, tag="run_created", omit_defaults=True):
    """`value` is the input where it is more than text, `context` what the application gave besides, as JSON values.

    `salt` (random, hex) goes into the digests of the run's actions; it leaves with the run when that is forgotten.
    `digests` is how they are made: "2" has the salt in those of results under review, too.
    `history` is what was said before: in the runs of its session that it `follows`, or where it was forked from.
    """

    run_id: str
    kind: str
    name: str
    input: str
    user: Actor
    model: str = ""
    policy_digest: str = ""
    value: Any = None
    context: dict[str, Any] = {}
    session: str = ""
    history: tuple[Message, ...] = ()
    follows: tuple[str, ...] = ()
    forked: Forked | None = None
    salt: str = ""
    digests: str = ""


class ProposedCall(msgspec.Struct, frozen=True, omit_defaults=True):
    """A call after its arguments were read: `args` or a `problem`, never both.

    `parameters` are the names of the tool's arguments, `defaults` what those get that are left out, so that a process
    that does not know the tool can take a form's answer. What the model wrote where a person's form asks was dropped.
    `money` says which arguments are sums, `subject` which one names the person whom the call is about ("": none).
    """

    call_id: str
    provider_id: str
    tool: str
    args: dict[str, Any] | None
    raw: str = ""
    tool_version: str = ""
    idempotent: bool = False
    dynamic: bool = False
    parameters: tuple[str, ...] = ()
    defaults: dict[str, Any] = {}
    problem: str | None = None
    aspects: tuple[Aspect, ...] = ()
    below: Below | None = None
    sensitive: tuple[str, ...] = ()
    money: tuple[MoneyAt, ...] = ()
    subject: str = ""


class ModelReplied(msgspec.Struct, frozen=True, tag="model_replied", omit_defaults=True):
    """`frame`: whose model (see `Frame`; "" is the run's own). `value`: the final answer where it is more than text.

    `refused`: why the answer is none, as the model then reads it; it is asked again.
    `model` is who answered, `instead_of` why those asked before it did not; `origin` is whose `echo` it is.
    `request` is the digest of what it was asked, under the run's salt, `provider` who runs it.
    """

    text: str
    calls: tuple[ProposedCall, ...] = ()
    usage: Usage = Usage()
    model: str = ""
    echo: dict[str, Any] | None = None
    frame: str = ""
    value: Any = None
    refused: str = ""
    origin: str = ""
    instead_of: tuple[str, ...] = ()
    request: str = ""
    provider: str = ""


class ModelFailed(msgspec.Struct, frozen=True, tag="model_failed", omit_defaults=True):
    """The run fails when nothing else in it can go on; going on with it asks that model again."""

    error: str
    frame: str = ""


class CallsStarted(msgspec.Struct, frozen=True, tag="calls_started", omit_defaults=True):
    """The intent (law 3): committed before any of these begins, by `worker`."""

    call_ids: tuple[str, ...]
    worker: str = ""


class CallReturned(msgspec.Struct, frozen=True, tag="call_returned"):
    call_id: str
    result: Any


class CallRaised(msgspec.Struct, frozen=True, tag="call_raised"):
    call_id: str
    error: str


class CallLost(msgspec.Struct, frozen=True, tag="call_lost", omit_defaults=True):
    """Intent without result: its worker died, or its time ran out while it may still act, until `acting_until` (ms)."""

    call_id: str
    acting_until: int = 0


class CallAsked(msgspec.Struct, frozen=True, tag="call_asked", omit_defaults=True):
    """What runs the tool wants to know something of a person first, and was told to let go.

    `said` is what came of that. The call begins again when the question is answered.
    """

    call_id: str
    message: str
    schema: dict[str, Any]
    said: str = ""


class CallNotBegun(msgspec.Struct, frozen=True, tag="call_not_begun"):
    """Its worker did not begin it after all, and says so itself: nothing happened. `why` is for people."""

    call_id: str
    why: str


class LateResult(msgspec.Struct, frozen=True, tag="late_result", omit_defaults=True):
    """What became of a start whose worker had lost the run: a result, an `error`, or (`begun` false) nothing at all.

    It answers the open question where nobody answered yet, and is kept here in any case.
    """

    call_id: str
    attempt: int
    result: Any = None
    error: str | None = None
    begun: bool = True


class AnswerRecorded(msgspec.Struct, frozen=True, tag="answer_recorded", omit_defaults=True):
    """`args` are the call's arguments after the answer, where the answer changed them (edit, form).

    `worker_gone`: the worker that began a lost call was certainly gone by then, so that nothing can act any more.
    `presented`: the digest of what was to be seen with the question. `named`: as which of those who are asked it was
    given, in the policy's words.
    """

    requirement_id: str
    answer: Answer
    digest: str
    args: dict[str, Any] | None = None
    worker_gone: bool = False
    presented: str = ""
    named: tuple[str, ...] = ()


class VoteWithdrawn(msgspec.Struct, frozen=True, tag="vote_withdrawn", omit_defaults=True):
    """Somebody takes the own vote back, while the question is open."""

    requirement_id: str
    note: str | None = None


class ApprovalRevoked(msgspec.Struct, frozen=True, tag="approval_revoked", omit_defaults=True):
    """Somebody who said yes takes it back, before the action begins: the gate is asked about again."""

    requirement_id: str
    note: str | None = None


class VerdictsRevised(msgspec.Struct, frozen=True, tag="verdicts_revised", omit_defaults=True):
    """The policies, a tool's version, or a grant on which a call relied, changed while the run was paused (law 15).

    The verdicts beside this event are the joins; `tool_versions` are the calls' versions where they changed: what was
    approved was another action then, so its passes no longer count (law 5). Nor do those by grants that were `revoked`
    since.
    """

    policy_digest: str
    tool_versions: dict[str, str] = {}
    revoked: tuple[str, ...] = ()


class RequirementTimedOut(msgspec.Struct, frozen=True, tag="requirement_timed_out"):
    """Its time is over: the next ones are asked, or, after the last, the action is denied."""

    requirement_id: str


class RequirementReminded(msgspec.Struct, frozen=True, tag="requirement_reminded"):
    """It is time to tell those who may answer again."""

    requirement_id: str


class RunCancelled(msgspec.Struct, frozen=True, tag="run_cancelled", omit_defaults=True):
    reason: str | None = None


class RunRetried(msgspec.Struct, frozen=True, tag="run_retried"):
    pass


class RunStopped(msgspec.Struct, frozen=True, tag="run_stopped", omit_defaults=True):
    """A named limit, or a damaged surrounding, ended the run, or the run inside it that carries out a call."""

    error: str
    frame: str = ""


Event = (
    RunCreated
    | ModelReplied
    | ModelFailed
    | CallsStarted
    | CallReturned
    | CallRaised
    | CallLost
    | CallAsked
    | CallNotBegun
    | LateResult
    | AnswerRecorded
    | VerdictsRevised
    | VoteWithdrawn
    | ApprovalRevoked
    | RequirementTimedOut
    | RequirementReminded
    | RunCancelled
    | RunRetried
    | RunStopped
)


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of a run's log: the event, who caused it, when (ms), and the verdicts that it was judged by.

    `seq` counts from 1 in each run and equals the run's version after it. `circumstances` are what else it was decided
    by.
    """

    seq: int
    at: int
    by: Actor
    event: Event
    verdicts: dict[str, Verdict] = {}
    circumstances: Circumstances | None = None
