"""What reaches a run from outside, for which nobody holds it: a person's answer, a cancellation.

None of it needs a lease: version and fence decide who is first.
"""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, Any

import msgspec

from hitl_fsm.core.decide import decide
from hitl_fsm.core.frames import chain
from hitl_fsm.errors import (
    AlreadyResolved,
    AnswerTooEarly,
    Fenced,
    RequirementChanged,
    RequirementExpired,
    RequirementNotFound,
    RunEnded,
    Tampered,
    UnknownRunnable,
)
from hitl_fsm.model import event as events
from hitl_fsm.model.actor import TIMER, Actor
from hitl_fsm.model.answer import Answer
from hitl_fsm.model.call import Call
from hitl_fsm.model.event import Entry
from hitl_fsm.model.instant import iso
from hitl_fsm.model.paths import START, frame_of
from hitl_fsm.model.requirement import Requirement
from hitl_fsm.model.run import Run
from hitl_fsm.model.states import RequirementState, RunState
from hitl_fsm.model.verdict import Verdict
from hitl_fsm.policy.evaluate import PolicySet, join
from hitl_fsm.runtime.answering import fitted, may_edit
from hitl_fsm.runtime.authorise import authorise
from hitl_fsm.runtime.beginning import START_TOOL
from hitl_fsm.runtime.judge import judge, subject_of
from hitl_fsm.runtime.parts import Parts
from hitl_fsm.runtime.steps import Loaded, commit, load
from hitl_fsm.runtime.tools import AnyTool

if TYPE_CHECKING:
    from hitl_fsm.runtime.engine import Engine
    from hitl_fsm.runtime.handles import By

ANSWER_ATTEMPTS = 64
"""Tries of one answer whose run was moved by other answers meanwhile."""


async def resolve(engine: Engine, requirement_id: str, answer: Answer, by: By, digest: str | None) -> Run:
    """See `Engine.aresolve`."""
    parts = engine.parts
    for _ in range(ANSWER_ATTEMPTS):
        loaded, requirement = await _find(parts, requirement_id)
        actor = engine.actor(by, loaded.run.user)
        if digest is not None and digest != requirement.digest:
            msg = f"{requirement_id} is about another action than the one shown"
            raise RequirementChanged(msg, help="look at it again, then answer")
        authorise(loaded.run, requirement, actor, answer)
        try:
            await _refuse_untimely(parts, loaded, requirement)
            return await _record_answer(engine, loaded, requirement, answer, actor)
        except Fenced:
            continue
    msg = f"{requirement_id}: the run kept moving while the answer was given"
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
            return await _apply(parts, loaded, events.RunCancelled(reason), by or run.user, {})
        except Fenced:
            continue
    msg = f"{run_id} kept moving while it was cancelled"
    raise Fenced(msg, help="try again")


async def _record_answer(engine: Engine, loaded: Loaded, requirement: Requirement, answer: Answer, actor: Actor) -> Run:
    parts, run = engine.parts, loaded.run
    call = run.call(requirement.call_id)
    tool = await _tool_of(engine, run, call) if may_edit(answer) else None  # who only says yes needs no toolset
    sets = [await _policies_of(parts, digest) for digest in call.judged_by] if may_edit(answer) else []

    def rejudge(args: dict[str, Any]) -> Verdict:
        """Under all policies that shaped the verdict: an edit must not shake off an earlier demand (law 15)."""
        return reduce(join, (judge(parts, policies, run, subject_of(call), args) for policies in sets))

    event, verdict = fitted(requirement, call, answer, tool, rejudge)
    if requirement.answerable_from is not None:
        event = msgspec.structs.replace(event, worker_gone=not _may_act(parts, loaded, requirement))
    return await _apply(parts, loaded, event, actor, {} if verdict is None else {call.call_id: verdict})


async def _tool_of(engine: Engine, run: Run, call: Call) -> AnyTool | None:
    """The call's tool, where this process knows what the run is of."""
    recipe = engine.recipe(run)
    if recipe is None:
        return None
    if call.call_id == START:
        return START_TOOL
    try:
        return (await recipe.down(chain(run, frame_of(call.call_id))).opened()).get(call.tool)
    except UnknownRunnable:
        return None


async def _find(parts: Parts, requirement_id: str) -> tuple[Loaded, Requirement]:
    """The open requirement and its run, as the log tells them; the commit holds the row against it."""
    row = await parts.store.requirement(requirement_id)
    if row is None:
        msg = f"no requirement {requirement_id!r} in this store"
        raise RequirementNotFound(msg, help="`hitl-fsm inbox` lists what is open")
    loaded = await load(parts, row.run_id)
    requirement = next((r for r in loaded.run.requirements if r.requirement_id == requirement_id), None)
    if requirement is None or requirement.state is not RequirementState.OPEN:
        raise already(requirement or row)
    return loaded, requirement


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
    if requirement.expires_at is None or now < requirement.expires_at:
        return
    await _apply(parts, loaded, events.RequirementTimedOut(requirement.requirement_id), TIMER, {})
    msg = f"{requirement.requirement_id} expired before this answer; the action is denied"
    raise RequirementExpired(msg, help="continue the run; the model is told")


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


async def _apply(parts: Parts, loaded: Loaded, event: events.Event, by: Actor, verdicts: dict[str, Verdict]) -> Run:
    run = loaded.run
    entry = Entry(run.version + 1, parts.clock.now(), by, event, verdicts)
    step = decide(run, entry)
    await commit(parts, run, step, entry, "none", loaded.fence)
    return step.run


def already(requirement: Requirement) -> AlreadyResolved:
    """The second answer's error: who was first, and when (law 2)."""
    resolution = requirement.resolution
    who = ""
    if resolution is not None:
        answer = str(resolution.answer.__struct_config__.tag)
        who = f" by {resolution.by.id} ({answer}) at {iso(resolution.at)}"
    msg = f"{requirement.requirement_id} is already {requirement.state.value}{who}; this answer changed nothing"
    return AlreadyResolved(msg, help=f"`hitl-fsm runs show {requirement.run_id}` tells what followed")
