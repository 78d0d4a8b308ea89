"""Law 5 and the log's wholeness, with somebody at the file: whatever is changed there, the call does not start."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from steps import Story

from hitl_fsm.adapters.store import open_store
from hitl_fsm.adapters.store.store import SqlStore
from hitl_fsm.audit.verify import Head, verify
from hitl_fsm.errors import AlreadyResolved, Tampered
from hitl_fsm.model.answer import Reject
from hitl_fsm.model.states import RequirementState


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqlStore]:
    opened = open_store(f"sqlite:///{path}")
    assert isinstance(opened, SqlStore)
    yield opened
    await opened.close()


def tamper(path: Path, *statements: str) -> None:
    """What a person with the sqlite3 shell does."""
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            assert connection.execute(statement).rowcount != 0, statement


async def answered(store: SqlStore, answer: RequirementState = RequirementState.RESOLVED) -> Story:
    story = Story()
    for commit in (story.create(), story.pause(), story.answer(Reject() if answer != "resolved" else None, answer)):
        await store.commit(commit)
    return story


def as_json(old: str, new: str) -> str:
    return f"UPDATE requirement SET body = CAST(replace(CAST(body AS TEXT), '{old}', '{new}') AS BLOB)"


ZEROS = "0" * 64
VOTE_ATTACKS = {
    "state reopened": ["UPDATE requirement SET state = 'open'"],
    "row deleted": ["DELETE FROM requirement"],
    "row moved away": ["UPDATE requirement SET call_id = '9.9'"],
    "shown digest": [f"UPDATE requirement SET digest = '{ZEROS}'"],
    "bound digest": [f"UPDATE requirement SET bound = '{ZEROS}'"],
    "kind made harmless": ["UPDATE requirement SET kind = 'outcome'"],
    "body is junk": ["UPDATE requirement SET body = x'00'"],
    "body of another state": [as_json('"state":"resolved"', '"state":"rejected"')],
    "body of another call": [as_json('"call_id":"1.0"', '"call_id":"1.1"')],
    "call digest": [f"UPDATE call SET digest = '{ZEROS}'"],
    "call deleted": ["DELETE FROM call"],
    "call said to have ended": ["UPDATE call SET state = 'denied'"],
    "call and vote deleted": ["DELETE FROM call", "DELETE FROM requirement"],
}


@pytest.mark.parametrize("attack", VOTE_ATTACKS)
async def test_law05_a_changed_row_stops_the_start(store: SqlStore, path: Path, attack: str) -> None:
    story = await answered(store)
    records = await store.records()
    tamper(path, *VOTE_ATTACKS[attack])
    with pytest.raises(Tampered) as caught:
        await store.commit(story.start())
    assert "nothing was run" in str(caught.value.help)
    stored = await store.load("r1")
    assert stored is not None
    assert (stored.version, stored.fence, stored.owner) == (3, 1, "")
    assert await store.records() == records


@pytest.mark.parametrize("attack", [["UPDATE requirement SET state = 'resolved'"], ["DELETE FROM requirement"]])
async def test_law04_a_rejection_cannot_be_turned_by_hand(store: SqlStore, path: Path, attack: list[str]) -> None:
    story = await answered(store, RequirementState.REJECTED)
    tamper(path, *attack, "UPDATE call SET state = 'authorised'")
    story.call = msgspec.structs.replace(story.call, passed=()) if "DELETE" not in attack[0] else _passed(story)
    with pytest.raises(Tampered):
        await store.commit(story.start())


def _passed(story: Story) -> msgspec.Struct:
    from hitl_fsm.model.call import Pass

    return msgspec.structs.replace(story.call, passed=(Pass("approval", story.digest),))


async def test_law05_an_approval_of_another_action_counts_for_nothing(store: SqlStore, path: Path) -> None:
    story = await answered(store)
    story.call = msgspec.structs.replace(story.call, passed=())
    tamper(path, f"UPDATE requirement SET bound = '{ZEROS}'")
    with pytest.raises(Tampered, match="not the action that was approved"):
        await store.commit(story.start())


async def test_law05_an_answer_to_another_question_than_the_stored_one_is_refused(store: SqlStore, path: Path) -> None:
    story = Story()
    for commit in (story.create(), story.pause()):
        await store.commit(commit)
    other = msgspec.structs.replace(story.requirement, digest=ZEROS)
    with closing(sqlite3.connect(path)) as connection, connection:
        values = (ZEROS, msgspec.json.encode(other))
        connection.execute("UPDATE requirement SET digest = ?, body = ?", values)
    with pytest.raises(Tampered, match="not about the same action"):
        await store.commit(story.answer())


async def test_law05_a_second_gates_answer_cannot_be_removed(store: SqlStore, path: Path) -> None:
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
    tamper(path, "DELETE FROM requirement WHERE requirement_id = 'r1-2'")
    with pytest.raises(Tampered, match="2 gates were passed, but 1 answers are stored"):
        await store.commit(story.start())


@pytest.mark.parametrize(
    ("attack", "error"),
    [
        ("UPDATE requirement SET state = 'resolved'", Tampered),
        ("DELETE FROM requirement", Tampered),
        (f"UPDATE requirement SET digest = '{ZEROS}'", Tampered),
        (as_json('"tool":"refund"', '"tool":"payout"') + " WHERE 0 = 1", None),
    ],
)
async def test_law02_an_answer_needs_the_open_row(
    store: SqlStore, path: Path, attack: str, error: type[Exception] | None
) -> None:
    story = Story()
    for commit in (story.create(), story.pause()):
        await store.commit(commit)
    if error is None:
        await store.commit(story.answer())
        return
    tamper(path, attack)
    with pytest.raises(error):
        await store.commit(story.answer())


async def test_law02_a_row_closed_whole_by_hand_is_already_closed(store: SqlStore, path: Path) -> None:
    story = Story()
    for commit in (story.create(), story.pause()):
        await store.commit(commit)
    closed = msgspec.structs.replace(story.requirement, state=RequirementState.EXPIRED)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE requirement SET state = 'expired', body = ?", (msgspec.json.encode(closed),))
    with pytest.raises(AlreadyResolved, match="already expired"):
        await store.commit(story.answer())


@pytest.mark.parametrize(
    "attack",
    [
        "DELETE FROM event WHERE seq = 1",
        "DELETE FROM event WHERE seq = 2",
        "DELETE FROM event WHERE seq = 3",
        "UPDATE event SET seq = 4 WHERE seq = 3",
        "UPDATE event SET body = x'7b7d' WHERE seq = 2",
        "UPDATE event SET body = x'ff' WHERE seq = 2",
        "UPDATE event SET body = 'text' WHERE seq = 2",
        "UPDATE event SET body = 12 WHERE seq = 2",
        "UPDATE event SET body = (SELECT body FROM event WHERE seq = 1) WHERE seq = 2",
        "UPDATE run SET version = 2",
        "UPDATE run SET version = 4",
        "INSERT INTO event (run_id, seq, body) VALUES ('r1', 4, x'7b7d')",
    ],
)
async def test_a_log_that_is_not_whole_is_not_read(store: SqlStore, path: Path, attack: str) -> None:
    await answered(store)
    tamper(path, attack)
    with pytest.raises(Tampered, match="r1"):
        await store.load("r1")


@pytest.mark.parametrize(
    "attack",
    [
        "DELETE FROM record WHERE seq = 3",
        "DELETE FROM record WHERE seq = 2",
        "UPDATE record SET body = x'00' WHERE seq = 2",
        "UPDATE record SET body = 'text' WHERE seq = 2",
        "UPDATE record SET leaf = x'00' WHERE seq = 2",
        "UPDATE record SET leaf = 'text' WHERE seq = 2",
        "UPDATE record SET seq = 7 WHERE seq = 3",
        "UPDATE log_head SET seq = 2",
    ],
)
async def test_law10_a_changed_record_does_not_verify(store: SqlStore, path: Path, attack: str) -> None:
    await answered(store)
    tamper(path, attack)
    assert not verify(await store.records(), Head(*await store.head())).intact


@pytest.mark.parametrize("table", ["run", "call", "requirement"])
async def test_no_row_leaves_the_table_of_its_machine(store: SqlStore, path: Path, table: str) -> None:
    await answered(store)
    with pytest.raises(sqlite3.IntegrityError, match=re.escape("CHECK")):
        tamper(path, f"UPDATE {table} SET state = 'approved'")
