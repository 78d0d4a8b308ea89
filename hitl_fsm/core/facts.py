"""What the record says of each thing that happened: names and digests in the line, contents beside it.

People's data and secrets never stand in a line: it is committed to them (`audit/contents.py`), and they can be
forgotten. What a schema marks as sensitive is masked before that. What is nobody's, such as a policy's form, is
told by digest.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace

from hitl_fsm.core.money import sums, value_at
from hitl_fsm.core.who import asked
from hitl_fsm.model.answer import Answer, Vote
from hitl_fsm.model.asked import Asked
from hitl_fsm.model.call import Call
from hitl_fsm.model.event import LateResult, ModelReplied, RunCreated
from hitl_fsm.model.grant import Grant, GrantUse
from hitl_fsm.model.override import Override
from hitl_fsm.model.requirement import OutcomeUnknown, Requirement
from hitl_fsm.model.run import Run
from hitl_fsm.model.states import RunTrigger
from hitl_fsm.model.verdict import Approval, Confirm, Escalation, Reason, Review, Would
from hitl_fsm.policy.join import gate_key
from hitl_fsm.policy.sensitive import masked

_DOMAIN = b"hitl-fsm/content/v1\0"
_ENCODER = msgspec.json.Encoder(order="sorted")


class Told(NamedTuple):
    """What a line says, and the contents to which it is committed."""

    data: dict[str, Any]
    contents: dict[str, Any]


def content_digest(value: Any) -> str:
    """SHA-256 (hex) of a JSON value's sorted encoding, domain-separated from every other digest."""
    return hashlib.sha256(_DOMAIN + _ENCODER.encode(value)).hexdigest()


def created(event: RunCreated) -> Told:
    """A run: of whom, for whom, under which policies; beside it what was asked, and the context."""
    data: dict[str, Any] = {
        "kind": event.kind,
        "name": event.name,
        "user": event.user.id,
        "model": event.model,
        "policies": event.policy_digest,
        **({} if event.forked is None else {"forked": {"run": event.forked.run_id, "version": event.forked.version}}),
        **({"follows": list(event.follows)} if event.follows else {}),
    }
    contents: dict[str, Any] = {"input": event.input}
    if event.value is not None:
        contents["value"] = event.value
    if event.context:
        contents["context"] = event.context
    return Told(data, contents)


def replied(event: ModelReplied, turn: int) -> Told:
    """A model's turn: which model, why not another, what it cost, what it was asked by digest; beside it its words."""
    data: dict[str, Any] = {
        "turn": turn,
        "model": event.model,
        "calls": len(event.calls),
        "tokens": [event.usage.prompt, event.usage.completion],
    }
    if event.request:
        data["request"] = event.request
    if event.frame:
        data["frame"] = event.frame
    if event.usage.cost is not None:
        data["micro_dollars"] = event.usage.cost
    if event.provider:
        data["provider"] = event.provider
    contents: dict[str, Any] = {"text": event.text}
    if event.instead_of:
        data["fallbacks"] = len(event.instead_of)
        contents["instead_of"] = event.instead_of
    if event.refused:
        contents["refused"] = event.refused
    return Told(data, contents)


def moved(trigger: RunTrigger, why: Mapping[str, str | None]) -> Told:
    """A run in another state: what moved it; beside it why."""
    return Told({"trigger": trigger.value}, {name: told for name, told in why.items() if told is not None})


def model_failed(error: str, frame: str) -> Told:
    """A model that gave no answer, of the run or of a run inside it; beside it what went wrong."""
    return Told({"frame": frame} if frame else {}, {"error": error})


def asked_by_tool(call: Call, question: Asked) -> Told:
    """A tool that asks a person in the middle of its work; beside it the question."""
    return Told(of(call), {"question": question.message, "form": question.schema})


def subject_of(run: Run, call_id: str) -> str:
    """Whom it is about: the person whom the call's tool says, by id, else the run's user."""
    call = next((one for one in run.calls if one.call_id == call_id), None)
    named = None if call is None or not call.subject else value_at(call.args, call.subject)
    return named if isinstance(named, str) and named else run.user.id


def of(call: Call) -> dict[str, Any]:
    """Which action: the call, its tool, its digest."""
    return {"call": call.call_id, "tool": call.tool, "digest": call.digest}


def succeeded(call: Call, result: Any) -> Told:
    """An effect: of which action; beside it the result."""
    return Told({**of(call), "attempt": call.attempt}, {"result": result})


def failed(call: Call, error: str) -> Told:
    """What came of an action that did not work: beside it what was told of it."""
    return Told({**of(call), "attempt": call.attempt}, {"error": error})


def held(call: Call) -> Told:
    """A result that waits for its review: of which execution; beside it the result."""
    return Told({**of(call), "execution": call.retries + 1}, {"result": call.held})


def edited(call: Call, result: Any) -> Told:
    """Another result instead: beside it both."""
    return Told(of(call), {"result": result, "was": call.held})


def late(event: LateResult) -> Told:
    """What a worker that had lost the run found out: of which start; beside it what."""
    data: dict[str, Any] = {"call": event.call_id, "attempt": event.attempt}
    if not event.begun:
        return Told({**data, "begun": False}, {})
    told = event.result if event.error is None else event.error
    return Told({**data, "failed": event.error is not None}, {"result": told})


def not_begun(call: Call, why: str) -> Told:
    """A start after which nothing followed: of which action; beside it what kept it."""
    return Told({**of(call), "attempt": call.attempt}, {"why": why})


def authorised(call: Call) -> dict[str, Any]:
    """A call may begin: each gate that it passed as it stands, with whose word that was; none where it needed none."""
    passes = [
        {"gate": one.gate, "by": one.by, **({"grant": one.grant} if one.grant else {})}
        for one in call.passed
        if one.digest == call.digest
    ]
    return {**of(call), "passes": passes}


def changed(call: Call, was: Call) -> Told:
    """Other arguments: what the policies say of these; beside it the arguments before and after."""
    data, contents = judged(call)
    return Told({**data, "was": was.digest}, {**contents, "was": _shown(was)})


def _shown(call: Call) -> Any:
    return None if call.args is None else masked(call.args, call.sensitive)


def judged(call: Call) -> Told:
    """A verdict: what was asked, what the rules said, and where they stand.

    Beside it are the arguments, and what could not be read or evaluated.
    """
    verdict = call.verdict
    data: dict[str, Any] = {
        "call": call.call_id,
        "tool": call.tool,
        "digest": call.digest,
        "outcome": verdict.outcome,
        "reasons": _places(verdict.reasons),
        "policies": verdict.policy_digest,
    }
    if gates := [gate_key(gate) for gate in verdict.gates if not isinstance(gate, Review)]:
        data["gates"] = gates
    if verdict.audit:
        data["audit"] = True
    if verdict.severity != "low":
        data["severity"] = verdict.severity
    if verdict.looked:
        data["looked"] = verdict.looked
    if verdict.shadow:
        data["shadow"] = _places(verdict.shadow)
    if verdict.would is not None:
        data["would"] = _would(verdict.would)
    money, unclear = sums(_shown(call), call.money)
    if money:
        data["money"] = money
    if unclear:
        data["money_unclear"] = unclear
    contents: dict[str, Any] = {"args": _shown(call)}
    problem = call.problem or verdict.problem
    if problem:
        data["problem"] = True
        contents["problem"] = problem
    return Told(data, contents)


def _places(reasons: tuple[Reason, ...]) -> tuple[Reason, ...]:
    """The rules without what they are for: the set of policies, which `policies` names, has these words."""
    return tuple(replace(reason, description="") if reason.description else reason for reason in reasons)


def _would(would: Would) -> dict[str, Any]:
    """What shadow policies come to: forms, changes that they allow, and grants that they offer by digest."""
    data: dict[str, Any] = msgspec.to_builtins(would)
    for gate in data.get("gates", ()):
        for part in ("schema", "result_schema", "route_schemas", "edit", "grant"):
            if gate.get(part):
                gate[part] = content_digest(gate[part])
    if data.pop("problem", None):
        data["problem"] = True
    return data


def opened(requirement: Requirement) -> Told:
    """A question: for which action of whom, which gate it is, who is asked, what is worth a second look, until when."""
    data: dict[str, Any] = {
        "requirement": requirement.requirement_id,
        "kind": requirement.kind,
        "call": requirement.call_id,
        "tool": requirement.tool,
        "digest": requirement.digest,
        "stage": requirement.stage,
        "agent": requirement.agent,
        "of": asked(requirement),
    }
    question = requirement.question
    if not isinstance(question, OutcomeUnknown):
        data["gate"] = gate_key(question)
    if isinstance(question, Approval | Review) and question.excluded:
        data["excluded"] = question.excluded
    if requirement.severity != "low":
        data["severity"] = requirement.severity
    if requirement.flags:
        data["flags"] = [
            {"kind": flag.kind, **({"where": _argument(flag.where)} if flag.where else {})}
            for flag in requirement.flags
        ]
    if requirement.execution > 1:
        data["execution"] = requirement.execution
    if requirement.substituted:
        data["substituted"] = True
    if requirement.expires_at is not None:
        data["expires_at"] = requirement.expires_at
    return Told(data, {"result": requirement.result} if isinstance(question, Review) else {})


def _argument(where: str) -> str:
    """Which of the tool's arguments a place is in. The names of its fields may be people's: the picture has them."""
    return re.split(r"[.\[]", where, maxsplit=1)[0]


def closed(requirement: Requirement, at: int) -> Told:
    """An answer: to which question, about which action, how long it took, of what kind; beside it what it was."""
    contents: dict[str, Any] = {}
    data: dict[str, Any] = {
        "requirement": requirement.requirement_id,
        "kind": requirement.kind,
        "call": requirement.call_id,
        "digest": requirement.digest,
        "waited_ms": at - requirement.opened_at,
    }
    if requirement.resolution is not None:
        answer = requirement.resolution.answer
        data["answer"] = answer.__struct_config__.tag
        data["shown"] = requirement.resolution.digest
        contents["answer"] = _answer(answer, requirement)
        if requirement.resolution.presented:
            data["presented"] = requirement.resolution.presented
    if requirement.votes:
        data["votes"] = [_vote(vote) for vote in requirement.votes]
    if requirement.escalated:
        data["escalated"] = requirement.escalated
    return Told(data, contents)


def voted(requirement: Requirement, vote: Vote) -> Told:
    """A vote that leaves its question open; beside it what was said."""
    data = {"requirement": requirement.requirement_id, "call": requirement.call_id, **_vote(vote)}
    return Told(data, {"answer": _answer(vote.answer, requirement)})


def _answer(answer: Answer, requirement: Requirement) -> dict[str, Any]:
    told: dict[str, Any] = msgspec.to_builtins(answer)
    if told.get("args") is not None:
        told["args"] = masked(told["args"], requirement.sensitive)
    return told


def _vote(vote: Vote) -> dict[str, Any]:
    """Whose it is, what it was, and of which action and which picture of it."""
    data: dict[str, Any] = {
        "voter": vote.by.id,
        "persons": vote.by.persons,
        "authenticated_by": vote.by.authenticated_by,
        "answer": vote.answer.__struct_config__.tag,
        "voted_at": vote.at,
        "shown": vote.digest,
    }
    if vote.presented:
        data["presented"] = vote.presented
    if vote.level:
        data["level"] = vote.level
    return data


def taken_back(requirement: Requirement, note: str | None) -> Told:
    """A vote, or a yes, that does not count any more; beside it why."""
    data = {"requirement": requirement.requirement_id, "call": requirement.call_id, "tool": requirement.tool}
    return Told(data, {} if note is None else {"note": note})


def reminded(requirement: Requirement) -> dict[str, Any]:
    """People were told again; `number` reminders are over then, with those that were due while nobody swept."""
    return {"requirement": requirement.requirement_id, "call": requirement.call_id, "number": requirement.reminded}


def escalated(requirement: Requirement, level: Escalation) -> dict[str, Any]:
    """The next ones are asked; `requirement` as it was before."""
    return {
        "requirement": requirement.requirement_id,
        "call": requirement.call_id,
        "level": requirement.escalated + 1,
        "of": level.of,
        "waited_since": requirement.opened_at,
    }


def overridden(override: Override) -> Told:
    """A gate that one person passed alone, and somebody else owes a look at it; beside it the reason."""
    data = {"requirement": override.requirement_id, "tool": override.tool, "digest": override.digest}
    return Told(data, {"reason": override.reason})


def granted(grant: Grant) -> Told:
    """A permission that is remembered: for what, how far; beside it the arguments."""
    data: dict[str, Any] = msgspec.to_builtins(grant)
    del data["args"], data["by"]
    if grant.budget_of:
        data["budget"] = decimal_text(grant.budget)
    args = masked(grant.args, grant.sensitive)
    return Told({**data, "voters": [actor.id for actor in grant.by]}, {"args": args})


def granted_use(call: Call, use: GrantUse, gate: Approval | Confirm) -> Told:
    """A gate that was passed by what is remembered; beside it what counts against the budget, if there is one."""
    budget_of = "" if gate.grant is None else gate.grant.budget_of
    told = budget_of and budget_of not in call.sensitive
    return Told({**of(call), "grant": use.grant_id}, {"amount": use.amount} if told else {})


def decimal_text(amount: float) -> str:
    """A number exactly as it was written, without an exponent: no line has a float."""
    return f"{Decimal(repr(amount)):f}"
