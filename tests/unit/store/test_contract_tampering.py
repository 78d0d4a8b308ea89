"""Law 5 and the log's wholeness, with somebody at the database: whatever is changed there, the call does not start."""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

import msgspec
import psycopg
import pytest
from kinds import Kind
from steps import Story

from hitl_fsm.audit.verify import Head, verify
from hitl_fsm.errors import AlreadyResolved, StoreError, Tampered
from hitl_fsm.model.answer import Reject
from hitl_fsm.model.call import Pass
from hitl_fsm.model.states import RequirementState
from hitl_fsm.ports import Store


class Sql(NamedTuple):
    """`?` in the text are the values."""

    text: str
    values: tuple[object, ...] = ()


class Body(NamedTuple):
    """Another text in the JSON of each requirement."""

    old: str
    new: str


Attack = list[Sql | Body]


async def tamper(kind: Kind, attack: Attack) -> None:
    """What a person with the database's shell does."""
    for one in attack:
        if isinstance(one, Sql):
            await kind.sql(one.text, *one.values)
            continue
        for number, body in await kind.sql("SELECT id, body FROM requirement"):
            assert one.old.encode() in body
            changed = body.replace(one.old.encode(), one.new.encode())
            await kind.sql("UPDATE requirement SET body = ? WHERE id = ?", changed, number)


async def answered(store: Store, answer: RequirementState = RequirementState.RESOLVED) -> Story:
    story = Story()
    for commit in (story.create(), story.pause(), story.answer(Reject() if answer != "resolved" else None, answer)):
        await store.commit(commit)
    return story


ZEROS = "0" * 64
JUNK = b"\0"
VOTE_ATTACKS: dict[str, Attack] = {
    "state reopened": [Sql("UPDATE requirement SET state = 'open'")],
    "row deleted": [Sql("DELETE FROM requirement")],
    "row moved away": [Sql("UPDATE requirement SET call_id = '9.9'")],
    "shown digest": [Sql(f"UPDATE requirement SET digest = '{ZEROS}'")],
    "bound digest": [Sql(f"UPDATE requirement SET bound = '{ZEROS}'")],
    "kind made harmless": [Sql("UPDATE requirement SET kind = 'outcome'")],
    "body is junk": [Sql("UPDATE requirement SET body = ?", (JUNK,))],
    "body of another state": [Body('"state":"resolved"', '"state":"rejected"')],
    "body of another call": [Body('"call_id":"1.0"', '"call_id":"1.1"')],
    "call digest": [Sql(f"UPDATE call SET digest = '{ZEROS}'")],
    "call deleted": [Sql("DELETE FROM call")],
    "call said to have ended": [Sql("UPDATE call SET state = 'denied'")],
    "call and vote deleted": [Sql("DELETE FROM call"), Sql("DELETE FROM requirement")],
}


@pytest.mark.parametrize("attack", VOTE_ATTACKS)
async def test_law05_a_changed_row_stops_the_start(store: Store, kind: Kind, attack: str) -> None:
    story = await answered(store)
    records = await store.records()
    await tamper(kind, VOTE_ATTACKS[attack])
    with pytest.raises(Tampered) as caught:
        await store.commit(story.start())
    assert "nothing was run" in str(caught.value.help)
    stored = await store.load("r1")
    assert stored is not None
    assert (stored.version, stored.fence, stored.owner) == (3, 1, "")
    assert await store.records() == records


@pytest.mark.parametrize("attack", ["UPDATE requirement SET state = 'resolved'", "DELETE FROM requirement"])
async def test_law04_a_rejection_cannot_be_turned_by_hand(store: Store, kind: Kind, attack: str) -> None:
    story = await answered(store, RequirementState.REJECTED)
    await tamper(kind, [Sql(attack), Sql("UPDATE call SET state = 'authorised'")])
    passed = (Pass("approval", story.digest),) if "DELETE" in attack else ()
    story.call = msgspec.structs.replace(story.call, passed=passed)
    with pytest.raises(Tampered):
        await store.commit(story.start())


async def test_law05_an_approval_of_another_action_counts_for_nothing(store: Store, kind: Kind) -> None:
    story = await answered(store)
    story.call = msgspec.structs.replace(story.call, passed=())
    await tamper(kind, VOTE_ATTACKS["bound digest"])
    with pytest.raises(Tampered, match="not the action that was approved"):
        await store.commit(story.start())


async def test_law05_an_answer_to_another_question_than_the_stored_one_is_refused(store: Store, kind: Kind) -> None:
    story = Story()
    for commit in (story.create(), story.pause()):
        await store.commit(commit)
    other = msgspec.json.encode(msgspec.structs.replace(story.requirement, digest=ZEROS))
    await tamper(kind, [Sql("UPDATE requirement SET digest = ?, body = ?", (ZEROS, other))])
    with pytest.raises(Tampered, match="not about the same action"):
        await store.commit(story.answer())


async def test_law05_a_second_gates_answer_cannot_be_removed(store: Store, kind: Kind) -> None:
    story = Story()
    for commit in (story.create(), story.pause()):
        await store.commit(commit)
    first = story.requirement
    second = msgspec.structs.replace(first, requirement_id="r1-2", stage=2)
    both = story.answer()
    await store.commit(msgspec.structs.replace(both, requirements=(*both.requirements, second)))
    story.requirement = second
    await store.commit(story.answer())
    assert len(story.call.passed) == 2
    await tamper(kind, [Sql("DELETE FROM requirement WHERE requirement_id = 'r1-2'")])
    with pytest.raises(Tampered, match="2 gates were passed, but 1 answers are stored"):
        await store.commit(story.start())


@pytest.mark.parametrize(
    "attack",
    [
        "UPDATE requirement SET state = 'resolved'",
        "DELETE FROM requirement",
        f"UPDATE requirement SET digest = '{ZEROS}'",
    ],
)
async def test_law02_an_answer_needs_the_open_row(store: Store, kind: Kind, attack: str) -> None:
    story = Story()
    for commit in (story.create(), story.pause()):
        await store.commit(commit)
    await tamper(kind, [Sql(attack)])
    step = story.answer()
    with pytest.raises(Tampered):
        await store.commit(step)


async def test_law02_a_row_closed_whole_by_hand_is_already_closed(store: Store, kind: Kind) -> None:
    story = Story()
    for commit in (story.create(), story.pause()):
        await store.commit(commit)
    closed = msgspec.json.encode(msgspec.structs.replace(story.requirement, state=RequirementState.EXPIRED))
    await tamper(kind, [Sql("UPDATE requirement SET state = 'expired', body = ?", (closed,))])
    with pytest.raises(AlreadyResolved, match="already expired"):
        await store.commit(story.answer())


@pytest.mark.parametrize(
    "attack",
    [
        Sql("DELETE FROM event WHERE seq = 1"),
        Sql("DELETE FROM event WHERE seq = 2"),
        Sql("DELETE FROM event WHERE seq = 3"),
        Sql("UPDATE event SET seq = 4 WHERE seq = 3"),
        Sql("UPDATE event SET body = ? WHERE seq = 2", (b"{}",)),
        Sql("UPDATE event SET body = ? WHERE seq = 2", (b"\xff",)),
        Sql("UPDATE event SET body = (SELECT body FROM event WHERE seq = 1) WHERE seq = 2"),
        Sql("UPDATE run SET version = 2"),
        Sql("UPDATE run SET version = 4"),
        Sql("INSERT INTO event (run_id, seq, body) VALUES ('r1', 4, ?)", (b"{}",)),
    ],
    ids=str,
)
async def test_a_log_that_is_not_whole_is_not_read(store: Store, kind: Kind, attack: Sql) -> None:
    await answered(store)
    await tamper(kind, [attack])
    with pytest.raises(Tampered, match="r1"):
        await store.load("r1")


@pytest.mark.parametrize(
    "attack",
    [
        Sql("DELETE FROM record WHERE seq = 3"),
        Sql("DELETE FROM record WHERE seq = 2"),
        Sql("UPDATE record SET body = ? WHERE seq = 2", (JUNK,)),
        Sql("UPDATE record SET leaf = ? WHERE seq = 2", (JUNK,)),
        Sql("UPDATE record SET seq = 7 WHERE seq = 3"),
        Sql("UPDATE log_head SET seq = 2"),
    ],
    ids=str,
)
async def test_law10_a_changed_record_does_not_verify(store: Store, kind: Kind, attack: Sql) -> None:
    await answered(store)
    await tamper(kind, [attack])
    assert not verify(await store.records(), Head(*await store.head())).intact


@pytest.mark.parametrize("table", ["run", "call", "requirement"])
async def test_no_row_leaves_the_table_of_its_machine(store: Store, kind: Kind, table: str) -> None:
    await answered(store)
    with pytest.raises((sqlite3.IntegrityError, psycopg.IntegrityError, StoreError), match=r"CHECK|check"):
        await tamper(kind, [Sql(f"UPDATE {table} SET state = 'approved'")])
