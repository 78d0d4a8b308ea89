"""A second execution in the store: only where a reviewer asked for it, and never on the votes for the first one."""

from __future__ import annotations

import msgspec
import pytest
from steps import BOB, T0, Story

from hitl_fsm.adapters.store.store import SqlStore
from hitl_fsm.errors import Tampered
from hitl_fsm.model.answer import Accept, Answer, Approve, Resolution, Retry
from hitl_fsm.model.call import Pass
from hitl_fsm.model.event import AnswerRecorded, CallReturned, VerdictsRevised
from hitl_fsm.model.states import CallState, RequirementState, RunState
from hitl_fsm.model.verdict import Review


async def sent_back(store: SqlStore, said: Answer | None = None) -> Story:
    """A call that ran, was reviewed, and waits for its approval again; `said` is what the reviewer's row tells."""
    story = Story()
    for commit in (story.create(), story.pause(), story.answer(), story.start()):
        await store.commit(commit)
    approval, digest = story.requirement, "ee" * 32
    review = msgspec.structs.replace(
        approval, requirement_id="r1-2", question=Review(retries=1), digest=digest, resolution=None, result="secret",
        state=RequirementState.OPEN,
    )  # fmt: skip
    story.call = msgspec.structs.replace(story.call, state=CallState.IN_REVIEW, held="secret")
    returned = CallReturned("1.0", "secret")
    await store.commit(story.step(returned, RunState.PAUSED, "keep", (story.call,), (review,)))
    answer = said or Retry()
    review = msgspec.structs.replace(
        review, state=RequirementState.RESOLVED, resolution=Resolution(answer, BOB, T0 + 9000, digest)
    )
    again = msgspec.structs.replace(
        approval, requirement_id="r1-3", execution=2, state=RequirementState.OPEN, resolution=None
    )
    story.call = msgspec.structs.replace(story.call, state=CallState.GATED, held=None, passed=(), retries=1)
    recorded = AnswerRecorded("r1-2", answer, digest)
    await store.commit(story.step(recorded, RunState.RESOLVING, "none", (story.call,), (review, again), by=BOB))
    story.requirement = again
    return story


async def test_law02_the_vote_for_the_first_execution_starts_no_second_one(store: SqlStore) -> None:
    story = await sent_back(store)
    superseded = msgspec.structs.replace(story.requirement, state=RequirementState.SUPERSEDED)
    passed = (Pass("approval", story.call.digest),)
    story.call = msgspec.structs.replace(story.call, state=CallState.AUTHORISED, passed=passed)
    revised = VerdictsRevised("p2")
    await store.commit(story.step(revised, RunState.CONTINUING, "none", (story.call,), (superseded,)))
    with pytest.raises(Tampered, match="no answer to its gates is stored"):
        await store.commit(story.start())


async def test_a_new_vote_starts_the_second_execution(store: SqlStore) -> None:
    story = await sent_back(store)
    await store.commit(story.answer(Approve()))
    assert await store.commit(story.start()) == 3, "the fence of a later claim"


async def test_law03_a_second_execution_that_no_reviewer_asked_for_does_not_start(store: SqlStore) -> None:
    story = await sent_back(store, Accept())
    await store.commit(story.answer(Approve()))
    with pytest.raises(Tampered, match="sent back 1 times, but 0 such answers are stored"):
        await store.commit(story.start())
