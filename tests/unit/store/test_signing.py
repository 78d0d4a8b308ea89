"""What is signed, when, by which key: on a file and on a server, with processes that know nothing of each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kinds import FileKind, PostgresKind, all_at_once, spawn
from signed_places import Place, line
from steps import ALICE, Story

from hitl_fsm.adapters.keys import KeyFile, new_signer
from hitl_fsm.adapters.store import open_store, signing
from hitl_fsm.adapters.store.ledger import no_keys
from hitl_fsm.adapters.store.signing import EVERY_MS
from hitl_fsm.adapters.store.store import SqlStore
from hitl_fsm.audit import checkpoint, keys
from hitl_fsm.audit.checkpoint import read_note
from hitl_fsm.audit.events.all import EVENTS
from hitl_fsm.audit.keys import is_signed, read_verifier, rotation
from hitl_fsm.audit.signed_at_once import DECISIONS, EVERY_LINES
from hitl_fsm.errors import KeysError
from hitl_fsm.model.actor import Actor
from hitl_fsm.model.record import Record


@pytest.fixture(params=["file", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "file":
        return Place(FileKind(tmp_path / "hitl.db"), tmp_path / "hitl.db.keys")
    return Place(PostgresKind(request.getfixturevalue("postgres_server")), tmp_path / "keys")


@pytest.fixture
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    """No time passes: nothing is signed because of its age."""
    monkeypatch.setattr(signing, "_now", lambda: 1_750_000_000_000)


async def size(store: SqlStore) -> int:
    newest = await store.newest_checkpoint()
    return 0 if newest is None else newest.size


def test_decisions_are_events() -> None:
    assert set(EVENTS) >= DECISIONS


async def test_the_first_line_brings_the_key_and_a_checkpoint(place: Place) -> None:
    store = place.open()
    assert await store.newest_checkpoint() is None
    assert await store.sign() is None
    assert not place.file.path.exists()
    await store.commit(Story().create())
    bodies = await place.bodies()
    assert b'"key_added"' in bodies[1]
    [(covered, (signer,))] = await place.verified(store)
    assert covered == 2
    assert read_verifier(bodies[1].decode().partition('"key":"')[2].partition('"')[0]) == signer
    await store.close()


@pytest.mark.usefixtures("still")
async def test_decisions_are_signed_with_their_transaction(place: Place) -> None:
    store = place.open()
    await store.append([line()])
    expected = 2
    for event in sorted(DECISIONS):
        await store.append([line()])
        assert await size(store) == expected
        await store.append([line(), line(event), line()])
        expected += 4
        assert await size(store) == expected == (await store.head())[0]
    await place.verified(store)
    await store.close()


@pytest.mark.usefixtures("still")
async def test_so_many_lines_are_signed_whatever_they_say(place: Place) -> None:
    store = place.open()
    await store.append([line()])
    await store.append([line()] * (EVERY_LINES - 1))
    assert await size(store) == 2
    await store.append([line()])
    assert await size(store) == 2 + EVERY_LINES
    await store.append([line()] * (3 * EVERY_LINES))
    assert [one for one, _ in await place.verified(store)] == [2, 2 + EVERY_LINES, 2 + 4 * EVERY_LINES]
    await store.close()


async def test_what_is_written_after_a_second_is_signed(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1_750_000_000_000
    monkeypatch.setattr(signing, "_now", lambda: now)
    store = place.open()
    for passes, covered in ((0, 2), (EVERY_MS - 1, 2), (1, 4), (EVERY_MS - 1, 4), (-EVERY_MS, 6)):
        now += passes
        await store.append([line()])
        assert await size(store) == covered
    await store.close()


@pytest.mark.usefixtures("still")
async def test_the_last_lines_are_signed_when_a_store_is_closed_and_when_somebody_asks(place: Place) -> None:
    store = place.open()
    await store.append([line()])
    await store.append([line()])
    assert await size(store) == 2
    asked = await store.sign()
    assert asked is not None
    assert asked.size == 3
    assert await store.sign() == asked
    await store.append([line()])
    await store.close()
    again = place.open()
    assert await size(again) == 4
    await place.verified(again)
    await again.close()


@pytest.mark.usefixtures("still")
async def test_stores_that_write_in_turn_go_on_where_the_other_was(place: Place) -> None:
    one, other = place.open(), place.open()
    for number in range(12):
        store = (one, other, other)[number % 3]
        await store.append([line("requirement_resolved" if number % 4 == 3 else "note")] * (1 + number % 3))
    await one.sign()
    covered = [size for size, _ in await place.verified(one)]
    assert covered[-1] == (await one.head())[0]
    assert len(covered) >= 4
    await one.close()
    await other.close()


@pytest.mark.usefixtures("still")
async def test_what_another_one_signed_meanwhile_is_not_signed_again(place: Place) -> None:
    """Nobody wrote since: the second checkpoint of so many lines was refused by the database, and so was an export."""
    one, other = place.open(), place.open()
    await one.append([line()])
    await one.append([line()])
    signed = await other.sign()
    assert signed is not None
    assert await one.sign(Actor("otto")) == signed
    await one.append([line()])
    assert await size(one) == 3
    later = await other.sign()
    await one.close()  # who wrote signs at the end
    assert later is not None
    assert [size for size, _ in await place.verified(other)][-2:] == [3, 4]
    await other.close()


RACER = """
import asyncio
from pathlib import Path
from signed_places import Place, line
from steps import ALICE
from hitl_fsm.adapters.keys import KeyFile
from hitl_fsm.adapters.store import open_store
from hitl_fsm.model.record import Record
async def main():
    store = open_store(sys.argv[1], keys=KeyFile(Path(sys.argv[2])))
    print("ready", flush=True); sys.stdin.readline()
    for _ in range(8):
        await store.append([Record("note", 1, ALICE), Record("requirement_resolved", 1, ALICE)])
    await store.close()
asyncio.run(main())
"""


async def test_processes_that_write_at_once_sign_one_tree(place: Place) -> None:
    await all_at_once([spawn(RACER, place.kind.url, str(place.file.path)) for _ in range(3)])
    store = place.open()
    found = await place.verified(store)
    assert found[-1][0] == (await store.head())[0] == 1 + 3 * 8 * 2
    assert sum(b'"key_added"' in body for body in await place.bodies()) == 1
    await store.close()


async def test_the_first_checkpoint_of_an_old_log_covers_it_whole(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signing, "LEAVES_AT_ONCE", 10)
    old = open_store(place.kind.url, keys=no_keys)
    for _ in range(5):
        await old.append([line()] * 9)
    await old.close()
    store = place.open()
    await store.append([line()])
    assert [covered for covered, _ in await place.verified(store)] == [47]
    await store.close()


# -- keys


async def test_a_process_that_knew_of_no_keys_stops_where_another_one_signs(place: Place) -> None:
    plain = open_store(place.kind.url, keys=no_keys)
    await plain.append([line()])
    signed = place.open()
    await signed.append([line()])
    before = await place.bodies()
    with pytest.raises(KeysError, match="its keys are not there"):
        await plain.append([line("requirement_resolved")])
    assert await place.bodies() == before
    for one in (plain, signed):
        await one.close()


async def test_law10_a_signed_store_without_its_keys_writes_nothing(place: Place) -> None:
    store = place.open()
    await store.commit(Story().create())
    place.file.path.rename(place.file.path.with_name("away"))
    before = await place.bodies()
    for one in (store, place.open(), open_store(place.kind.url, keys=no_keys)):
        with pytest.raises(KeysError, match="its keys are not there"):
            await one.append([line()])
        with pytest.raises(KeysError):
            await one.commit(Story("r2").create())
        assert await one.load("r2") is None
        assert await place.bodies() == before
    assert not place.file.path.exists()
    place.file.path.with_name("away").rename(place.file.path)
    await store.append([line()])
    await place.verified(store)
    await store.close()


async def test_law10_keys_that_others_can_read_write_nothing(place: Place) -> None:
    store = place.open()
    await store.append([line()])
    place.file.path.chmod(0o644)
    with pytest.raises(KeysError, match="can be read by others"):
        await store.append([line()])
    assert len(await place.bodies()) == 2
    await store.close()


async def test_law10_keys_of_another_store_write_nothing(place: Place, tmp_path: Path) -> None:
    store = place.open()
    await store.append([line()])
    await store.close()
    other = KeyFile(tmp_path / "other")
    other.make()
    other.path.replace(place.file.path)
    again = place.open()
    with pytest.raises(KeysError, match="not those that signed"):
        await again.append([line()])
    assert len(await place.bodies()) == 2
    await again.close()


async def test_law10_a_checkpoint_that_cannot_be_written_takes_its_lines_along(tmp_path: Path) -> None:
    place = Place(FileKind(tmp_path / "hitl.db"), tmp_path / "hitl.db.keys")
    store = place.open()
    await store.commit(Story().create())
    jam = "CREATE TRIGGER jam BEFORE INSERT ON checkpoint BEGIN SELECT RAISE(ABORT, 'disk I/O error'); END"
    await place.kind.sql(jam)
    before = await place.bodies()
    with pytest.raises(Exception, match="disk I/O"):
        await store.append([line("requirement_resolved")])
    assert await place.bodies() == before
    await place.kind.sql("DROP TRIGGER jam")
    await store.append([line("requirement_resolved")])
    assert (await place.verified(store))[-1][0] == len(before) + 1
    await store.close()


async def test_a_key_that_takes_over_is_signed_for_by_both(place: Place) -> None:
    store, bystander = place.open(), place.open()
    await store.append([line()])
    await bystander.append([line()])
    place.file.add(new_signer())
    await store.sign(Actor(id="root"))
    await bystander.append([line("requirement_resolved")])
    found = await place.verified(bystander)
    sizes, signers = [one for one, _ in found], [len(signed) for _, signed in found]
    assert sizes[-1] == (await store.head())[0]
    rotated = [body for body in await place.bodies() if b'"key_rotated"' in body]
    assert len(rotated) == 1
    assert b'"root"' in rotated[0]
    assert signers.count(2) == 1
    assert found[0][1] != found[-1][1]
    import base64
    import json

    data = json.loads(rotated[0])["data"]
    old, new = read_verifier(data["old"]), read_verifier(data["new"])
    assert ((old,), (new,)) == (found[0][1], found[-1][1])
    for key, one in ((old, "old_signature"), (new, "new_signature")):
        assert is_signed(key.public, rotation(old, new), base64.b64decode(data[one]))
    await store.close()
    await bystander.close()


async def test_whoever_writes_next_finishes_a_rotation_that_was_cut_off(place: Place) -> None:
    store = place.open()
    await store.append([line()])
    await store.close()
    place.file.add(new_signer())
    again = place.open()
    await again.append([line()])
    assert sum(b'"key_rotated"' in body for body in await place.bodies()) == 1
    assert (await place.verified(again))[-1][0] == 4
    await again.close()


async def test_lost_keys_are_replaced_when_their_operator_says_so(place: Place) -> None:
    store = place.open()
    record = Record("note", 1, ALICE, "", contents={"said": "hello"}, subject="alice")
    await store.append([record])
    assert dict(await store.contents([1])) == {1: {"said": "hello"}}
    newest = await store.newest_checkpoint()
    assert newest is not None
    lost = tuple(f"{one.name}+{one.key_id.hex()}" for one in read_note(newest.note).signatures)
    place.file.set_aside(lost)
    await store.append([record])
    bodies = await place.bodies()
    assert b'"lost":"' + lost[0].encode() in bodies[-1]
    assert dict(await store.contents([1, 3])) == {3: {"said": "hello"}}
    await store.append([line("requirement_resolved")])
    assert sum(b'"key_added"' in body for body in await place.bodies()) == 2
    await store.close()


async def test_a_server_without_keys_is_chained_and_not_signed(place: Place) -> None:
    store = open_store(place.kind.url, keys=no_keys)
    await store.commit(Story().create())
    assert await store.sign() is None
    assert await store.checkpoints() == []
    assert len(await place.bodies()) == 1
    await store.close()


async def test_signing_a_decision_takes_one_signature_and_one_statement_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is read again and nothing verified; how long it takes is measured by the benchmark."""
    made: list[str] = []
    for module, name in ((checkpoint, "sign"), (keys, "sign"), (keys, "is_signed")):
        monkeypatch.setattr(module, name, telling(made, name, getattr(module, name)))
    place = Place(FileKind(tmp_path / "hitl.db"), tmp_path / "hitl.db.keys")
    sent = []
    for store in (place.open(), open_store(f"sqlite:///{tmp_path}/plain.db", keys=no_keys)):
        assert isinstance(store, SqlStore)
        await store.append([line(), line("requirement_resolved")])
        statements: list[str] = []
        await store._write(lambda connection, told=statements: connection.set_trace_callback(told.append))
        made.clear()
        for _ in range(10):
            await store.append([line("requirement_resolved")])
        sent.append(statements[statements.index("COMMIT") + 1 :])
        await store.close()
        assert made == ["sign"] * (10 if len(sent) == 1 else 0)
    signed, plain = (Counter(" ".join(text.split()[:3]) for text in found) for found in sent)
    assert signed - plain == {"INSERT INTO checkpoint": 10}


def telling(told: list[str], name: str, real: Callable[..., Any]) -> Callable[..., Any]:
    def instead(*args: Any) -> Any:
        told.append(name)
        return real(*args)

    return instead
