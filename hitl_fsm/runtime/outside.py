"""What reaches a run from outside, for which nobody holds it: a person's answer, a cancellation.

None of it needs a lease: version and fence decide who is first.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any, NamedTuple

import msgspec

from hitl_fsm.core.ballot import given_by, revocable
from hitl_fsm.core.decide import Step
from hitl_fsm.core.frames import chain
from hitl_fsm.core.votes import next_level
from hitl_fsm.core.who import Involved, Persons, involved, kept_out, named, objection
from hitl_fsm.errors import (
    AlreadyResolved,
    AnswerTooEarly,
    Fenced,
    NotAuthorised,
    NotRevocable,
    RequirementChanged,
    RequirementExpired,
    RunEnded,
    Tampered,
    UnknownRunnable,
)
from hitl_fsm.model import event as events
from hitl_fsm.model.actor import TIMER, Actor
from hitl_fsm.model.answer import Advise, Answer
from hitl_fsm.model.call import Call
from hitl_fsm.model.event import Entry
from hitl_fsm.model.instant import iso
from hitl_fsm.model.paths import START, frame_of
from hitl_fsm.model.requirement import Requirement
from hitl_fsm.model.run import Run
from hitl_fsm.model.states import RequirementState, RunState
from hitl_fsm.model.verdict import Verdict
from hitl_fsm.policy.evaluate import PolicySet, join
from hitl_fsm.runtime.agents.judge import judge, subject_of
from hitl_fsm.runtime.beginning import START_TOOL
from hitl_fsm.runtime.entering import enter
from hitl_fsm.runtime.given import checked_actor, checked_answer
from hitl_fsm.runtime.ground import By, Ground
from hitl_fsm.runtime.parts import Parts
from hitl_fsm.runtime.people.answering import fitted, may_edit
from hitl_fsm.runtime.people.grants import revoke_grant_of
from hitl_fsm.runtime.people.viewing import presented
from hitl_fsm.runtime.presenting.presentation import Look, look
from hitl_fsm.runtime.steps import Loaded, commit, load, requirement_of
from hitl_fsm.runtime.tools.tool import AnyTool

ANSWER_ATTEMPTS = 64
"""Tries of one answer whose run was moved by other answers meanwhile."""


class Shown(NamedTuple):
    """What the person who answers saw: the digest of the action, that of the whole picture, where they are known."""

    digest: str | None = None
    presented: str | None = None


async def resolve(ground: Ground, requirement_id: str, answer: Answer, by: By, shown: Shown) -> Run:
    """See `Engine.aresolve`."""
    parts, answer = ground.parts, checked_answer(answer)
    await ground.in_force.tell_people()
    for _ in range(ANSWER_ATTEMPTS):
        loaded, requirement = await _find(parts, requirement_id)
        actor = _of_today(ground, loaded.run.user) if by is None else ground.actor(by, loaded.run.user)
        try:
            if await _is_escalated(parts, loaded, requirement):
                continue
            seen = _same_as_shown(loaded.run, requirement, shown)
            known = involved(loaded.run, requirement, parts.person)
            _refuse_kept_out(parts, requirement, actor, answer, known)
            _authorise(requirement, actor, answer, known, parts.person)
            await _refuse_untimely(parts, loaded, requirement)
            as_whom = named(requirement, actor, known, parts.person)
            return await _record_answer(ground, loaded, requirement, answer, actor, (seen, as_whom))
        except Fenced:
            continue
    msg = f"{requirement_id}: the run kept moving while the answer was given"
    raise Fenced(msg, help="try again")


def _same_as_shown(run: Run, requirement: Requirement, shown: Shown) -> Look:
    """What there is to see now; RequirementChanged where the person saw something else."""
    seen = look(requirement, run)
    if shown.digest not in (None, requirement.digest):
        msg = f"{requirement.requirement_id} is about another action than the one shown"
        raise RequirementChanged(msg, help="look at it again, then answer")
    if shown.presented not in (None, seen.digest):
        msg = f"{requirement.requirement_id} is not shown any more as it was"
        raise RequirementChanged(msg, help="look at it again, then answer")
    return seen


def _authorise(requirement: Requirement, actor: Actor, answer: Answer | None, known: Involved, person: Persons) -> None:
    why = objection(requirement, actor, answer, known, person)
    if why:
        msg = f"{actor.id} may not answer {requirement.requirement_id}: {why}"
        raise NotAuthorised(msg, help=f"`hitl-fsm show {requirement.requirement_id}` tells who may")


def _of_today(ground: Ground, user: Actor) -> Actor:
    """The run's user, without roles that are over, where somebody knows."""
    today = ground.parts.actors(user.id)
    if today is None:
        return user
    today = checked_actor(today, "the actor that the lookup returned")
    roles = tuple(one for one in user.roles if one in today.roles)
    groups = tuple(one for one in user.groups if one in today.groups)
    return msgspec.structs.replace(user, roles=roles, groups=groups)


def _refuse_kept_out(parts: Parts, requirement: Requirement, actor: Actor, answer: Answer, known: Involved) -> None:
    """Who is excluded by the own role does not come in by another one's, which is all that a delegation shows."""
    own = None if actor.on_behalf_of is None or isinstance(answer, Advise) else parts.actors(actor.id)
    if own is not None and own.kind == actor.kind and (why := kept_out(requirement, own, answer, known, parts.person)):
        msg = f"{actor.id} may not answer {requirement.requirement_id}: {why}"
        raise NotAuthorised(msg, help=f"`hitl-fsm show {requirement.requirement_id}` tells who may")


async def withdraw(ground: Ground, requirement_id: str, by: By, note: str | None) -> Run:
    """See `Engine.awithdraw`."""

    def event(_loaded: Loaded, requirement: Requirement, actor: Actor) -> events.Event:
        if requirement.state is not RequirementState.OPEN:
            raise already(requirement)
        if actor.kind != "human" or not given_by(actor, requirement):
            msg = f"{actor.id} has no vote on {requirement.requirement_id} to take back"
            raise NotAuthorised(msg, help=f"`hitl-fsm show {requirement.requirement_id}` tells who voted")
        return events.VoteWithdrawn(requirement_id, note)

    return await _taken_back(ground, requirement_id, by, event)


async def revoke(ground: Ground, requirement_id: str, by: By, note: str | None) -> Run:
    """See `Engine.arevoke`."""
    await revoke_grant_of(ground, requirement_id, by)

    def event(loaded: Loaded, requirement: Requirement, actor: Actor) -> events.Event:
        call = next((one for one in loaded.run.calls if one.call_id == requirement.call_id), None)
        given = () if call is None else revocable(loaded.run, requirement, call)
        if not given:
            msg = f"{requirement_id} is {requirement.state.value}; there is no yes to it that could be taken back"
            raise NotRevocable(msg, help="what has begun is not undone; `runs cancel` keeps the rest from happening")
        if not set(actor.persons) & set(given):
            msg = f"{actor.id} did not say yes to {requirement_id}"
            raise NotAuthorised(msg, help="who said yes may take it back; somebody else can cancel the run")
        return events.ApprovalRevoked(requirement_id, note)

    return await _taken_back(ground, requirement_id, by, event)


async def _taken_back(
    ground: Ground, requirement_id: str, by: By, event: Callable[[Loaded, Requirement, Actor], events.Event]
) -> Run:
    parts = ground.parts
    for _ in range(ANSWER_ATTEMPTS):
        loaded, requirement = await _known(parts, requirement_id)
        actor = ground.actor(by, loaded.run.user)
        try:
            return await apply(parts, loaded, event(loaded, requirement, actor), actor, {})
        except Fenced:
            continue
    msg = f"{requirement_id}: the run kept moving while the answer was taken back"
    raise Fenced(msg, help="try again")


async def cancel(parts: Parts, run_id: str, by: Actor | None, reason: str | None) -> Run:
    """See `Engine.acancel`; without `by` it is the run's own user."""
    for _ in range(ANSWER_ATTEMPTS):
        loaded = await load(parts, run_id)
        run = loaded.run
        if run.state in {RunState.DONE, RunState.CANCELLED}:
            msg = f"{run_id} is already {run.state.value}"
            raise RunEnded(msg)
        try:
            return await apply(parts, loaded, events.RunCancelled(reason), by or run.user, {})
        except Fenced:
            continue
    msg = f"{run_id} kept moving while it was cancelled"
    raise Fenced(msg, help="try again")


async def _record_answer(
    ground: Ground,
    loaded: Loaded,
    requirement: Requirement,
    answer: Answer,
    actor: Actor,
    seen: tuple[Look, tuple[str, ...]],
) -> Run:
    parts, run = ground.parts, loaded.run
    call = run.call(requirement.call_id)
    event, verdict = await _fit(ground, run, requirement, answer)
    if event.args is None and may_edit(answer):  # no edit after all, so that its giver answers like everybody else
        _authorise(requirement, actor, None, involved(run, requirement, parts.person), parts.person)
    event = msgspec.structs.replace(event, presented=seen[0].digest, named=seen[1])
    if requirement.answerable_from is not None:
        event = msgspec.structs.replace(event, worker_gone=not _may_act(parts, loaded, requirement))
    verdicts = {} if verdict is None else {call.call_id: verdict}
    return await apply(parts, loaded, event, actor, verdicts, seen[0] if actor.kind == "human" else None)


async def _fit(
    ground: Ground, run: Run, requirement: Requirement, answer: Answer
) -> tuple[events.AnswerRecorded, Verdict | None]:
    """The event that the answer is, and the new verdict where it changes the call's arguments."""
    parts, call = ground.parts, run.call(requirement.call_id)
    tool = await _tool_of(ground, run, call) if may_edit(answer) else None  # who only says yes needs no toolset
    sets = [await _policies_of(parts, digest) for digest in call.judged_by] if may_edit(answer) else []

    def rejudge(args: dict[str, Any]) -> Verdict:
        """Under all policies that shaped the verdict: an edit must not shake off an earlier demand (law 15)."""
        return reduce(join, (judge(parts, policies, run, subject_of(call), args) for policies in sets))

    return fitted(requirement, call, answer, tool, rejudge)


async def check(ground: Ground, requirement_id: str, answer: Answer) -> None:
    """AnswerRefused where this answer would be refused, whoever gives it; nothing is recorded. For who asks first."""
    answer = checked_answer(answer)
    loaded, requirement = await _find(ground.parts, requirement_id)
    await _fit(ground, loaded.run, requirement, answer)


async def _tool_of(ground: Ground, run: Run, call: Call) -> AnyTool | None:
    """The call's tool, where this process knows what the run is of."""
    recipe = ground.recipe(run)
    if recipe is None:
        return None
    if call.call_id == START:
        return START_TOOL
    try:
        return (await recipe.down(chain(run, frame_of(call.call_id))).opened()).get(call.tool)
    except UnknownRunnable:
        return None


async def _find(parts: Parts, requirement_id: str) -> tuple[Loaded, Requirement]:
    """The open requirement and its run; AlreadyResolved where it is closed."""
    loaded, requirement = await _known(parts, requirement_id)
    if requirement.state is not RequirementState.OPEN:
        raise already(requirement)
    return loaded, requirement


async def _known(parts: Parts, requirement_id: str) -> tuple[Loaded, Requirement]:
    """A requirement and its run, as the log tells them; the commit holds the row against it."""
    row = await requirement_of(parts.store, requirement_id)
    loaded = await load(parts, row.run_id)
    found = next((r for r in loaded.run.requirements if r.requirement_id == requirement_id), None)
    if found is None:  # of an earlier turn
        raise already(row)
    return loaded, found


def _may_act(parts: Parts, loaded: Loaded, requirement: Requirement) -> bool:
    """Whether the worker that began a lost call may still be there."""
    return parts.may_be_alive(loaded.run.call(requirement.call_id).worker)


async def _refuse_untimely(parts: Parts, loaded: Loaded, requirement: Requirement) -> None:
    now = parts.clock.now()
    early = requirement.answerable_from is not None and now < requirement.answerable_from
    if early and _may_act(parts, loaded, requirement):
        msg = f"{requirement.requirement_id} cannot be answered yet: the worker that began the call may still act"
        told = f"answer from {iso(requirement.answerable_from or 0)} on; its own result counts"
        raise AnswerTooEarly(msg, help=told)
    if not _is_over(parts, requirement):
        return
    await apply(parts, loaded, events.RequirementTimedOut(requirement.requirement_id), TIMER, {})
    msg = f"{requirement.requirement_id} expired before this answer; the action is denied"
    raise RequirementExpired(msg, help="continue the run; the model is told")


def _is_over(parts: Parts, requirement: Requirement) -> bool:
    return requirement.expires_at is not None and parts.clock.now() >= requirement.expires_at


async def _is_escalated(parts: Parts, loaded: Loaded, requirement: Requirement) -> bool:
    """Time went on before this answer: others are asked now, perhaps this person among them."""
    if not _is_over(parts, requirement) or next_level(requirement) is None:
        return False
    await apply(parts, loaded, events.RequirementTimedOut(requirement.requirement_id), TIMER, {})
    return True


async def _policies_of(parts: Parts, digest: str) -> PolicySet:
    """The policies that a verdict was reached under, from the store when they are not today's."""
    if digest == parts.policies.digest:
        return parts.policies
    text = await parts.store.policies(digest)
    if text is None:
        msg = f"the policies {digest[:16]} that this action was judged by are not in the store"
        raise Tampered(msg, help="nothing was recorded; restore the store from a backup, or reject the action")
    from hitl_fsm.policy.load import restore  # noqa: PLC0415 - brings pydantic, which most answers do not need

    return restore(text, digest=digest)


async def apply(
    parts: Parts,
    loaded: Loaded,
    event: events.Event,
    by: Actor,
    verdicts: dict[str, Verdict],
    seen: Look | None = None,
) -> Run:
    """Write what an event leads to, for a run that nobody needs to hold; the run as it is then.

    `seen`: what there was to see of the question that a person answers; it is on the record before the answer.
    """
    run = loaded.run

    async def write(step: Step, entry: Entry) -> int:
        if seen is not None:
            shown = presented(seen, run, by, entry.at)
            step = msgspec.structs.replace(step, records=(shown, *step.records))
        return await commit(parts, run, step, entry, "none", loaded.fence)

    entered, _ = await enter(parts, run, event, by, verdicts, write)
    return entered.step.run


def already(requirement: Requirement) -> AlreadyResolved:
    """The second answer's error: who was first, and when (law 2)."""
    resolution = requirement.resolution
    who = ""
    if resolution is not None:
        answer = str(resolution.answer.__struct_config__.tag)
        who = f" by {resolution.by.id} ({answer}) at {iso(resolution.at)}"
    msg = f"{requirement.requirement_id} is already {requirement.state.value}{who}; this answer changed nothing"
    return AlreadyResolved(msg, help=f"`hitl-fsm runs show {requirement.run_id}` tells what followed")
