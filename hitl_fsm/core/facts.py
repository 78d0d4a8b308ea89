"""What the record says of each thing that happened: digests instead of contents, names instead of sentences.

People's data and secrets stay out of the record; it binds to them by SHA-256 of their JSON.
"""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
from msgspec.structs import replace

from hitl_fsm.model.answer import Vote
from hitl_fsm.model.call import Call
from hitl_fsm.model.event import LateResult, ModelReplied, RunCreated
from hitl_fsm.model.grant import Grant
from hitl_fsm.model.override import Override
from hitl_fsm.model.requirement import Requirement
from hitl_fsm.model.verdict import Escalation, Reason, Review, Would

_DOMAIN = b"hitl-fsm/content/v1\0"
_ENCODER = msgspec.json.Encoder(order="sorted")


def content_digest(value: Any) -> str:
    """SHA-256 (hex) of a JSON value's sorted encoding, domain-separated from every other digest."""
    return hashlib.sha256(_DOMAIN + _ENCODER.encode(value)).hexdigest()


def created(event: RunCreated) -> dict[str, Any]:
    """A run: of whom, for whom, under which policies; what was asked, and the context, by digest."""
    context = {"context": content_digest(event.context)} if event.context else {}
    return {
        "kind": event.kind,
        "name": event.name,
        "user": event.user.id,
        "input": content_digest(event.input),
        "model": event.model,
        "policies": event.policy_digest,
        **context,
        **({} if event.forked is None else {"forked": {"run": event.forked.run_id, "version": event.forked.version}}),
    }


def replied(event: ModelReplied, turn: int) -> dict[str, Any]:
    """A model's turn: which model and why not another, what it said by digest, what it cost."""
    data: dict[str, Any] = {
        "turn": turn,
        "model": event.model,
        "text": content_digest(event.text),
        "calls": len(event.calls),
        "tokens": [event.usage.prompt, event.usage.completion],
        **({"refused": content_digest(event.refused)} if event.refused else {}),
    }
    if event.usage.cost is not None:
        data["micro_dollars"] = event.usage.cost
    if event.instead_of:
        data["instead_of"] = event.instead_of
    return data


def succeeded(call: Call, result: Any) -> dict[str, Any]:
    """An effect: of which action, with which result (by digest)."""
    return {"call": call.call_id, "tool": call.tool, "digest": call.digest, "result": content_digest(result)}


def held(call: Call) -> dict[str, Any]:
    """A result that waits for its review: of which execution, and what (by digest)."""
    return {**succeeded(call, call.held), "execution": call.retries + 1}


def edited(call: Call, result: Any) -> dict[str, Any]:
    """Another result instead: both by digest; the log has both whole."""
    return {**succeeded(call, result), "was": content_digest(call.held)}


def late(event: LateResult) -> dict[str, Any]:
    """What a worker that had lost the run found out: of which start, and what (by digest)."""
    data: dict[str, Any] = {"call": event.call_id, "attempt": event.attempt}
    if not event.begun:
        return {**data, "begun": False}
    told = event.result if event.error is None else event.error
    return {**data, "failed": event.error is not None, "result": content_digest(told)}


def judged(call: Call) -> dict[str, Any]:
    """A verdict: what was asked, what the rules said, and where they stand."""
    verdict = call.verdict
    data: dict[str, Any] = {
        "call": call.call_id,
        "tool": call.tool,
        "digest": call.digest,
        "outcome": verdict.outcome,
        "reasons": _places(verdict.reasons),
        "policies": verdict.policy_digest,
    }
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
    problem = call.problem or verdict.problem
    if problem:
        data["problem"] = problem
    return data


def _places(reasons: tuple[Reason, ...]) -> tuple[Reason, ...]:
    """The rules without what they are for: the set of policies, which `policies` names, has these words."""
    return tuple(replace(reason, description="") if reason.description else reason for reason in reasons)


def _would(would: Would) -> dict[str, Any]:
    """What shadow policies come to; forms by digest."""
    data: dict[str, Any] = msgspec.to_builtins(would)
    for gate in data.get("gates", ()):
        for form in ("schema", "result_schema"):
            if gate.get(form):
                gate[form] = content_digest(gate[form])
    return data


def opened(requirement: Requirement) -> dict[str, Any]:
    """A question: for which action, raised by which rules, until when."""
    data: dict[str, Any] = {
        "requirement": requirement.requirement_id,
        "kind": requirement.kind,
        "call": requirement.call_id,
        "tool": requirement.tool,
        "digest": requirement.digest,
        "stage": requirement.stage,
    }
    if requirement.execution > 1:
        data["execution"] = requirement.execution
    if isinstance(requirement.question, Review):
        data["result"] = content_digest(requirement.result)
    if requirement.substituted:
        data["substituted"] = True
    if requirement.expires_at is not None:
        data["expires_at"] = requirement.expires_at
    return data


def closed(requirement: Requirement, at: int) -> dict[str, Any]:
    """An answer: to which question, about which action, how long it took, what it was (contents by digest)."""
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
        data["content"] = content_digest(answer)
        if requirement.resolution.presented:
            data["presented"] = requirement.resolution.presented
        if answer.note:
            data["note"] = answer.note
    if requirement.votes:
        data["votes"] = [_vote(vote) for vote in requirement.votes]
    if requirement.escalated:
        data["escalated"] = requirement.escalated
    return data


def voted(requirement: Requirement, vote: Vote) -> dict[str, Any]:
    """A vote that leaves its question open."""
    return {"requirement": requirement.requirement_id, "call": requirement.call_id, **_vote(vote)}


def _vote(vote: Vote) -> dict[str, Any]:
    """Whose it is, what it was, and of which action and which picture of it."""
    data: dict[str, Any] = {
        "voter": vote.by.id,
        "persons": vote.by.persons,
        "authenticated_by": vote.by.authenticated_by,
        "answer": vote.answer.__struct_config__.tag,
        "voted_at": vote.at,
        "shown": vote.digest,
        "content": content_digest(vote.answer),
    }
    if vote.presented:
        data["presented"] = vote.presented
    if vote.level:
        data["level"] = vote.level
    if vote.answer.note:
        data["note"] = vote.answer.note
    return data


def taken_back(requirement: Requirement, note: str | None) -> dict[str, Any]:
    """A vote, or a yes, that does not count any more."""
    data = {"requirement": requirement.requirement_id, "call": requirement.call_id, "tool": requirement.tool}
    return data if note is None else {**data, "note": note}


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


def overridden(override: Override) -> dict[str, Any]:
    """A gate that one person passed alone; somebody else owes a look at it."""
    return {
        "requirement": override.requirement_id,
        "tool": override.tool,
        "digest": override.digest,
        "reason": override.reason,
    }


def granted(grant: Grant) -> dict[str, Any]:
    """A permission that is remembered: for what, how far; the arguments by digest."""
    data: dict[str, Any] = msgspec.to_builtins(grant)
    del data["args"], data["by"]
    return {**data, "args": content_digest(grant.args), "voters": [actor.id for actor in grant.by]}
