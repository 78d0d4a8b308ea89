"""What a run begins with: the input, what was said before it, and what the policies say of its start."""

from __future__ import annotations

from typing import Any, NamedTuple

from msgspec.structs import replace

from hitl_fsm.core.fork import point_of
from hitl_fsm.core.gates import SALTED_REVIEWS
from hitl_fsm.core.start import START_VERSION, let_through
from hitl_fsm.errors import RunNotFound
from hitl_fsm.model.action import Aspect
from hitl_fsm.model.actor import Actor
from hitl_fsm.model.event import Forked, RunCreated
from hitl_fsm.model.paths import START
from hitl_fsm.model.run import Run
from hitl_fsm.model.verdict import Review, Verdict
from hitl_fsm.runtime.agents.judge import Subject, judge
from hitl_fsm.runtime.agents.session import said_before
from hitl_fsm.runtime.parts import Parts
from hitl_fsm.runtime.recipe import Recipe
from hitl_fsm.runtime.tools.tool import AnyTool, Declaration, Tool

NO_REVIEW = (
    "a policy asks for a review of what this run comes to, which only a member's or a step's run can have: "
    "name the tools whose results are to be reviewed, or run it in a team or a workflow"
)


class Given(NamedTuple):
    """What the application starts a run with; `value` is the input where it is more than text."""

    text: str
    value: Any
    user: Actor
    context: dict[str, Any]
    session: str = ""


async def created(parts: Parts, recipe: Recipe, run_id: str, given: Given) -> RunCreated:
    """The first event of a run; of a session, with what was said in it before."""
    event = _event(parts, recipe, run_id, given)
    before = await said_before(parts.store, _as_run(parts, event), recipe.history)
    return replace(event, history=before.messages, follows=before.run_ids)


async def forked(parts: Parts, recipe: Recipe, run_id: str, source: str, at_step: int) -> RunCreated:
    """The first event of a run that goes on from another one, as that stood after `at_step` turns.

    RunNotFound, or ForkRefused where it never stood there.
    """
    stored = await parts.store.load(source)
    first = stored.entries[0].event if stored is not None and stored.entries else None
    if stored is None or not isinstance(first, RunCreated):
        msg = f"no run {source!r} in this store"
        raise RunNotFound(msg, help="`hitl-fsm runs list` shows what there is")
    point = point_of(stored.entries, at_step)
    given = Given(*let_through(first, point.messages), first.user, first.context, first.session)
    event = _event(parts, recipe, run_id, given)
    from_there = Forked(source, point.version, at_step, point.rejected)
    return replace(event, history=point.messages, forked=from_there)


def start_verdicts(parts: Parts, event: RunCreated) -> dict[str, Verdict]:
    """What the policies say of the start, where one speaks of it; nothing otherwise."""
    subject = Subject(event.name, aspects=(Aspect("start", event.name, acts=False),))
    given = event.input if event.value is None else event.value
    if event.kind not in {"agent", "team"}:
        return {}
    verdict = judge(parts, parts.policies, _as_run(parts, event), subject, {"input": given})
    if any(isinstance(gate, Review) for gate in verdict.gates):  # nobody would look: the answer is the run's own
        verdict = replace(verdict, outcome="deny", gates=(), problem=NO_REVIEW)
    silent = verdict.outcome == "allow" and not verdict.audit and not verdict.would
    return {} if silent else {START: verdict}


def _started(input: Any) -> None:  # noqa: A002 - as policies and people see it
    """Nothing to do: that it may begin is all."""
    del input


START_TOOL: AnyTool = Tool(_started, Declaration("start", START_VERSION, idempotent=True))
"""What runs when a start is allowed."""


def _event(parts: Parts, recipe: Recipe, run_id: str, given: Given) -> RunCreated:
    return RunCreated(
        run_id=run_id,
        kind=recipe.kind,
        name=recipe.name,
        input=given.text,
        user=given.user,
        model=recipe.model_name,
        policy_digest=parts.policies.digest,
        value=given.value,
        context=given.context,
        session=given.session,
        salt=parts.ids.salt(),
        digests=SALTED_REVIEWS,
    )


def _as_run(parts: Parts, event: RunCreated) -> Run:
    """The run as it will be, for those who look at whose it is."""
    return Run(event.run_id, event.kind, event.name, event.user, parts.clock.now(), session=event.session)
