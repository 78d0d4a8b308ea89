"""What lines are committed to: sealed in the transaction, under a key a person, opened only as it was sealed."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from kinds import Kind, all_at_once, spawn, whole

from costs import calls
from hitl_fsm.adapters.keys import KeyFile, new_keys
from hitl_fsm.adapters.store import open_store, sealing
from hitl_fsm.adapters.store.sealing import KEYS_KNOWN, SUBJECT_CHARS
from hitl_fsm.adapters.store.store import SqlStore
from hitl_fsm.audit.checkpoint import read_note
from hitl_fsm.audit.keys import Keys
from hitl_fsm.errors import StoreError, Tampered
from hitl_fsm.model.actor import Actor
from hitl_fsm.model.hold import Hold
from hitl_fsm.model.record import Record

ANN = Actor("ann")
RACERS = 4

RACER = """
import asyncio
from hitl_fsm.adapters.keys import KeyFile
from hitl_fsm.adapters.store import open_store
from hitl_fsm.model.actor import Actor
from hitl_fsm.model.record import Record
from pathlib import Path

async def main():
    store = open_store(sys.argv[1], None, KeyFile(Path(sys.argv[2])))
    await store.head()
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(25):
        for subject in ("ann", "bob", f"s{number}"):
            await store.append([Record("x", 1, Actor("ann"), "", {}, {"t": f"{sys.argv[3]} {number}"}, subject)])
    await store.close()
    print("done")

asyncio.run(main())
"""


def record(text: object, subject: str = "ann", run: str = "") -> Record:
    return Record("x", 1, ANN, run, {}, {"text": text}, subject)


def told(lines: int) -> Record:
    return Record("subject_erased", 2, ANN, data={"subject": "ann", "lines": lines, "runs": 0})


def opened(kind: Kind, keys: Path | Keys) -> SqlStore:
    source: Any = KeyFile(keys) if isinstance(keys, Path) else lambda **_: keys
    store = open_store(kind.url, None, source)
    assert isinstance(store, SqlStore)
    return store


@pytest.fixture
async def sealed(shared: Kind, tmp_path: Path) -> AsyncIterator[SqlStore]:
    store = opened(shared, tmp_path / "the.keys")
    yield store
    await store.close()


async def texts(store: SqlStore) -> dict[int, object]:
    seqs = [line.seq for line in await store.records(limit=10_000)]
    return {seq: found.get("text") for seq, found in (await store.contents(seqs)).items()}


async def test_what_was_sealed_is_opened_and_nothing_else(sealed: SqlStore) -> None:
    values = ["x", None, {"a": [1, 2.5, "ß\u2028"]}, [], "y" * 100_000]
    await sealed.append([record(value) for value in values])
    await sealed.append([Record("bare", 1, ANN)])
    assert list((await texts(sealed)).values()) == values
    assert await sealed.contents([]) == {}
    assert await sealed.contents([10**6, -1]) == {}


async def test_each_person_has_one_key_and_each_line_a_nonce_of_its_own(shared: Kind, sealed: SqlStore) -> None:
    await sealed.append([record(number, f"p{number % 3}") for number in range(30)])
    await sealed.append([record(number, f"p{number % 3}") for number in range(30)])
    assert len(await shared.sql("SELECT key_id FROM subject_key")) == 3
    nonces = await shared.sql("SELECT nonce FROM content")
    assert len({bytes(nonce) for (nonce,) in nonces}) == len(nonces) == 60


async def test_more_people_than_keys_are_remembered(sealed: SqlStore) -> None:
    for _ in range(2):
        await sealed.append([record(number, f"p{number}") for number in range(KEYS_KNOWN + 10)])
    assert len(await texts(sealed)) == 2 * (KEYS_KNOWN + 10)
    assert len(sealed._writer._ledger._sealing._known) <= KEYS_KNOWN + 10


@pytest.mark.parametrize(
    "subject", ["", "x" * (SUBJECT_CHARS + 1), "a\0b", "\ud800", "Ünï 名前", "o'; DROP TABLE content"]
)
async def test_any_name_can_be_a_subject(sealed: SqlStore, subject: str) -> None:
    await sealed.append([record("it", subject)])
    assert list((await texts(sealed)).values()) == ["it"]


async def test_processes_that_make_one_key_at_once_have_one(shared: Kind, tmp_path: Path) -> None:
    store = opened(shared, tmp_path / "the.keys")
    await store.append([record("first", "zoe")])
    racers = [spawn(RACER, shared.url, str(tmp_path / "the.keys"), str(number)) for number in range(RACERS)]
    assert await all_at_once(racers) == ["done"] * RACERS
    assert len(await shared.sql("SELECT key_id FROM subject_key")) == 28
    found = await store.contents([line.seq for line in await store.records(limit=10_000)])
    assert len(found) == RACERS * 75 + 1
    await whole(store)
    await store.close()


TAMPERING = {
    "another line's contents": "UPDATE content SET nonce = (SELECT nonce FROM content WHERE seq = ?),"
    " body = (SELECT body FROM content WHERE seq = ?) WHERE seq = ?",
    "another commitment": "UPDATE record SET body = (SELECT body FROM record WHERE seq = ?) WHERE seq = ? AND ? > 0",
}


@pytest.mark.parametrize("what", TAMPERING)
async def test_contents_that_are_not_those_of_the_line_are_not_told(shared: Kind, sealed: SqlStore, what: str) -> None:
    await sealed.append([record("one"), record("two")])
    first, second = (await texts(sealed)).keys()
    await shared.sql(TAMPERING[what], first, second if what == "another commitment" else first, second)
    with pytest.raises(Tampered):
        await sealed.contents([second])


async def test_a_key_of_somebody_else_opens_nothing(shared: Kind, sealed: SqlStore) -> None:
    await sealed.append([record("one", "ann"), record("two", "bob")])
    ((bob,),) = await shared.sql("SELECT wrapped FROM subject_key WHERE subject = 'bob'")
    await shared.sql("UPDATE subject_key SET wrapped = ? WHERE subject = 'ann'", bob)
    with pytest.raises(Tampered):
        await texts(sealed)
    with pytest.raises(Tampered):
        await sealed.append([record("three", "ann")])


async def test_without_its_keys_nothing_is_opened_and_with_others_nothing_is_written(
    shared: Kind, sealed: SqlStore
) -> None:
    await sealed.append([record("one")])
    other = opened(shared, new_keys())
    with pytest.raises(Tampered):
        await texts(other)
    await other.close()


async def test_after_the_keys_of_a_store_were_lost_people_get_new_ones(shared: Kind, tmp_path: Path) -> None:
    store = opened(shared, tmp_path / "the.keys")
    await store.append([record("one")])
    await store.close()
    ((note,),) = await shared.sql("SELECT note FROM checkpoint ORDER BY size DESC LIMIT 1")
    signature = read_note(bytes(note)).signatures[0]
    store = opened(shared, new_keys((f"{signature.name}+{signature.key_id.hex()}",)))
    await store.append([record("two")])
    assert list((await texts(store)).values()) == ["two"]
    await store.close()


async def test_a_transaction_that_fails_leaves_no_key_behind(shared: Kind, sealed: SqlStore) -> None:
    await sealed.append([record("zero", "bob")])
    hold = Hold("hold_1", "all", "", ANN, 1, "a lawsuit")
    await sealed.place_hold(hold, record("one", "bob"))
    with pytest.raises(StoreError, match="already"):
        await sealed.place_hold(hold, record("two", "carl"))
    assert await shared.sql("SELECT subject FROM subject_key WHERE subject = 'carl'") == []
    await sealed.append([record("three", "carl")])
    assert "three" in (await texts(sealed)).values()


async def test_lines_written_while_a_person_is_erased_are_gone_or_readable(shared: Kind, tmp_path: Path) -> None:
    """Whichever is first: no line is left with contents under a key that is gone, and none is lost for good."""
    stores = [opened(shared, tmp_path / "the.keys") for _ in range(2)]
    await stores[0].append([record("start")])

    async def write() -> None:
        for number in range(60):
            await stores[0].append([record(number)])

    async def erase() -> None:
        for _ in range(12):
            await stores[1].erase("ann", told)
            await asyncio.sleep(0.005)

    await asyncio.gather(write(), erase())
    orphans = "SELECT count(*) FROM content WHERE subject_key NOT IN (SELECT key_id FROM subject_key)"
    assert await shared.sql(orphans) == [(0,)]
    await stores[0].append([record("end")])
    assert list((await texts(stores[0])).values())[-1] == "end"
    await whole(stores[0])
    for store in stores:
        await store.close()


@pytest.mark.parametrize("settle", ["close", "scrub"])
async def test_neither_the_key_nor_the_ciphertext_is_left_in_the_files(path: Path, settle: str) -> None:
    """Also where the files are not written anew: SQLite overwrites what it deletes."""
    store = open_store(f"sqlite:///{path}")
    await store.append([record(f"private-{'x' * number}") for number in range(0, 4000, 50)])
    await store.close()
    with closing(sqlite3.connect(path)) as connection:
        found = connection.execute("SELECT body FROM content UNION ALL SELECT wrapped FROM subject_key").fetchall()
    slices = [body[start : start + 32] for (body,) in found for start in range(0, len(body), 512)]
    parts = [part for part in slices if len(part) == 32]  # fewer bytes may stand anywhere by chance
    assert len(parts) > 100
    before = await asyncio.to_thread(path.read_bytes)
    assert any(part in before for part in parts)
    store = open_store(f"sqlite:///{path}")
    await store.erase("ann", told)
    if settle == "scrub":
        assert await store.scrub()
    await store.close()
    files = [file for file in path.parent.iterdir() if file.is_file()]
    assert not [file for file in files for part in parts if part in file.read_bytes()]


async def test_what_an_older_program_deleted_goes_when_the_files_are_written_anew(path: Path) -> None:
    """It did not overwrite what it deleted."""
    store = open_store(f"sqlite:///{path}")
    await store.append([record("start")])
    await store.close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA secure_delete = OFF")
        connection.execute("INSERT INTO policy_set (digest, text, at) VALUES ('d', 'a-word-of-old', 1)")
        connection.commit()
        connection.execute("DELETE FROM policy_set WHERE digest = 'd'")
        connection.commit()
    assert b"a-word-of-old" in await asyncio.to_thread(path.read_bytes)
    store = open_store(f"sqlite:///{path}")
    assert await store.scrub()
    files = [file for file in path.parent.iterdir() if file.is_file()]
    assert not [file for file in files if b"a-word-of-old" in file.read_bytes()]
    await whole(store)
    await store.close()


async def test_files_that_somebody_still_reads_are_not_said_to_be_clean(path: Path) -> None:
    store = open_store(f"sqlite:///{path}")
    await store.append([record("start")])
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM record").fetchone()
        await store.append([record("more")])
        await store._write(lambda connection: connection.execute("PRAGMA busy_timeout = 50") and None)
        assert not await store.scrub()
    assert await store.scrub()
    await store.close()


async def test_sealing_a_line_takes_a_few_calls_and_little_of_a_statement(
    sealed: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cipher is made for a person, not for a line; how long it takes is measured by the benchmark."""
    records = [sealed._encoded(record({"to": "x" * 300}, f"p{number % 20}")) for number in range(1000)]
    await sealed.append([record("warm")])
    keys = sealed._keys()
    assert keys is not None
    ciphers: list[bytes] = []
    made: list[int] = []
    real = sealing.cipher_of
    monkeypatch.setattr(sealing, "cipher_of", lambda key: (ciphers.append(key), real(key))[1])

    def work(connection: Any) -> Any:
        spied = Spied(connection)
        write = sealed._writer._ledger._sealing.write
        made.append(calls(lambda: write(spied, keys, 10_000, records)))
        made.append(spied.statements)
        return None

    await sealed._write(work)
    assert made[0] < 50 * 1000, "15 a line"
    assert made[1] == 1 + 20 + 16, "the keys, those that are new, and the lines, 64 at once"
    assert len(ciphers) == 2 * 20, "to wrap a new key, and under it"


class Spied:
    """A connection that counts what it is sent."""

    def __init__(self, connection: Any) -> None:
        self._connection, self.statements = connection, 0

    def execute(self, *given: Any) -> Any:
        self.statements += 1
        return self._connection.execute(*given)
