"""What `record.py` measures: lines as real runs write them, the store's writer with and without a chain, processes."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import sqlite3
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import NamedTuple

import month
from workload import Ours, Recorder, rss_mib, script, url

from hitl_fsm.adapters.questions.ask import ask
from hitl_fsm.adapters.store import open_store
from hitl_fsm.adapters.store import statements as sql
from hitl_fsm.adapters.store.batch import Job, Written
from hitl_fsm.adapters.store.database import Connection
from hitl_fsm.adapters.store.ledger import Landed, Ledger, no_keys
from hitl_fsm.adapters.store.recording import Encoded, encoded
from hitl_fsm.adapters.store.sqlite.database import SqliteDatabase
from hitl_fsm.adapters.store.url import parse
from hitl_fsm.adapters.store.writer import Writer
from hitl_fsm.audit.chain import GENESIS, head
from hitl_fsm.audit.export.formats import Format, Source, as_text
from hitl_fsm.audit.export.lines import read_all
from hitl_fsm.audit.keys import Keys, Signer
from hitl_fsm.audit.questions.all import question
from hitl_fsm.audit.questions.parameters import values
from hitl_fsm.audit.questions.question import Put
from hitl_fsm.model.actor import Actor
from hitl_fsm.model.record import Record
from hitl_fsm.ports import Store

KEYS = Keys((Signer("bench", b"\7" * 32),), b"\7" * 32)
"""Of nobody: they sign what is thrown away."""
HEAD = head(100_000, GENESIS)
"""As long as the beginning of a chained line."""
LOOK_S = 0.02
COLUMNS, ROWS = 4, 64
NOW = month.START + month.MONTH_MS

SCAN = """
import hashlib, sqlite3, sys
rows = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True).execute("select body from record order by seq")
for (body,) in rows:
    hashlib.sha256(b"\\0" + body).digest()
"""


SIGNATURES = """
import base64, sqlite3, sys
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
rows = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True).execute("select note from checkpoint order by size")
key = Ed25519PrivateKey.from_private_bytes(b"\\7" * 32).public_key()
for (note,) in rows:
    text, _, lines = note.partition(b"\\n\\n")
    key.verify(base64.b64decode(lines.split()[-1])[4:], text + b"\\n")
"""


class Plain(Ledger):
    """The same rows, of the same length, in the same statements: nothing is hashed, and no head is kept."""

    def __init__(self) -> None:
        super().__init__(no_keys)
        self._seq = 0

    def append(self, connection: Connection, records: Sequence[Encoded]) -> Landed | None:
        first = self._seq + 1
        values: list[object] = []
        for record in records:
            self._seq += 1
            values += (self._seq, record.run_id, HEAD + record.line[1:], b"\0" * 32)
        for start in range(0, len(values), COLUMNS * ROWS):
            rows = values[start : start + COLUMNS * ROWS]
            connection.execute(sql.RECORD_INSERT + sql.RECORD_MORE * (len(rows) // COLUMNS - 1), rows)
        return Landed(first, (self._seq, b"")) if records else None


def keys(*, make: bool = False) -> Keys:
    del make
    return KEYS


def ledger(kind: str) -> Ledger:
    """`plain`, `chained`, or `signed`: with contents and checkpoints, too."""
    return Plain() if kind == "plain" else Ledger(keys if kind == "signed" else no_keys)


# -- lines


def run_lines() -> list[Encoded]:
    """The lines of one run with one gated call."""
    recorder = Recorder()
    ours = Ours(recorder, script())  # type: ignore[arg-type]  # all that is asked of it, it has
    assert ours.resume(ours.start()) == "done"
    return [encoded(record) for commit in recorder.commits for record in commit.records]


def lines(count: int) -> Iterator[Encoded]:
    """As many lines, of runs and questions with ids of their own."""
    pattern, made = run_lines(), 0
    run_id = pattern[0].run_id
    while True:
        for number in range(10**9):
            other = f"run_{number:0{len(run_id) - 4}d}"
            for line in pattern:
                if made == count:
                    return
                made += 1
                yield line._replace(run_id=other, line=line.line.replace(run_id[4:].encode(), other[4:].encode()))


# -- the writer


async def insert(path: Path, sync: str, kind: str, producers: int, work: Sequence[Encoded]) -> tuple[float, float]:
    """Wall and CPU seconds of committing each line alone, by so many producers."""
    writer = Writer(SqliteDatabase(parse(url(path, sync))), ledger(kind))
    await writer.submit(Job("", lambda _: Written(None, run_lines()[:1])))

    async def produce(share: Sequence[Encoded]) -> None:
        for line in share:
            await writer.submit(Job("", partial(_written, (line,))))

    wall, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(produce(work[number::producers]) for number in range(producers)))
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    writer.stop()
    return wall, cpu


async def fill(path: Path, least: int) -> int:
    """A record of so many lines, or more to the end of a run: one that is under way has a row, and here are none.

    How many there are. Each run's are one transaction, and as that has a decision, it is signed.
    """
    writer = Writer(SqliteDatabase(parse(url(path, "normal"))), ledger("signed"))
    page, together = list[Encoded](), len(run_lines())
    count = -(-least // together) * together
    for line in lines(count):
        page.append(line)
        if len(page) == together:
            await _write(writer, page)
            page = []
    writer.stop()
    return count


async def _write(writer: Writer, page: Sequence[Encoded]) -> None:
    await writer.submit(Job("", partial(_written, page)))


def _written(page: Sequence[Encoded], _: Connection) -> Written:
    return Written(None, page)


def scan(work: Sequence[Encoded]) -> None:
    """The hashes alone, of the bytes that a chained line has."""
    for line in work:
        hashlib.sha256(b"\0" + HEAD + line.line[1:]).digest()


# -- processes


class Process(NamedTuple):
    """What a process and those that it began came to; `mib` is the most that all of them held at a time."""

    wall_s: float
    cpu_s: float
    mib: float


def program(*command: str, ends: Sequence[int] = (0,)) -> Process:
    """Run it to its end."""
    before = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    most = 0.0
    while True:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            break
        most = max(most, sum(rss_mib(each) for each in _family(process.pid)))
        time.sleep(LOOK_S)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.stderr is not None
    told = process.stderr.read().decode()
    process.stderr.close()
    assert process.returncode in ends, f"{command}: {process.returncode}\n{told}"
    return Process(time.perf_counter() - before, usage.ru_utime + usage.ru_stime, most)


def hitl(path: Path, *words: str, ends: Sequence[int] = (0,)) -> Process:
    """The command line on that store."""
    tool = str(Path(sys.executable).with_name("hitl-fsm"))
    return program(tool, "--store", f"sqlite:///{path}", *words, ends=ends)


def python(code: str, *words: str) -> Process:
    return program(sys.executable, "-c", code, *words)


def _family(pid: int) -> list[int]:
    try:
        below = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    except OSError:
        return []
    return [pid, *(each for child in below for each in _family(int(child)))]


def body_bytes(path: Path) -> int:
    """Of all lines."""
    return _number(path, "select sum(length(body)) from record")


def checkpoints(path: Path) -> int:
    """How many there are."""
    return _number(path, "select count(*) from checkpoint")


def _number(path: Path, query: str) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute(query).fetchone()[0])


# -- questions and exports


def made(path: Path, count: int) -> None:
    """A store with a month of history."""
    asyncio.run(open_store(url(path, "normal")).append([Record("bench", 0, Actor(id="bench"))]))
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("delete from record")
    month.fill(path, count)


class Asked(NamedTuple):
    """What one question came to."""

    ms: float
    rows: int


async def asked(store: Store, name: str, given: Mapping[str, str], tries: int) -> Asked:
    """A question, asked so often that its facts are warm; the median."""
    found = question(name)
    put = Put(found, values(found, given, NOW), NOW, 100)
    took, rows = [], 0
    for _ in range(tries):
        before = time.perf_counter()
        rows = len((await ask(store, put)).rows)
        took.append((time.perf_counter() - before) * 1e3)
    return Asked(statistics.median(took), rows)


def given_for(path: Path) -> dict[str, dict[str, str]]:
    """What some questions must be told, about something that there is."""
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("select run_id, body from record where run_id != '' order by seq")
        opened = next((run, body) for run, body in rows if b'"event":"requirement_opened"' in body)
    requirement = str(json.loads(opened[1])["data"]["requirement"])
    return {"run": {"run": opened[0]}, "requirement": {"requirement": requirement}}


def count_ms(path: Path) -> float:
    """The least that looks at every line: a bare count of those of one length."""
    with closing(sqlite3.connect(path)) as connection:
        before = time.perf_counter()
        connection.execute("select count(*) from record where length(body) = 0").fetchone()
        return (time.perf_counter() - before) * 1e3


def stored(path: Path) -> Iterator[month.Line]:
    """Lines as they are in the store."""
    with closing(sqlite3.connect(path)) as connection:
        for seq, body, leaf in connection.execute("select seq, body, leaf from record order by seq"):
            yield month.Line(seq, body, leaf.hex())


def exported(path: Path, out: Path, kind: Format) -> float:
    """CPU s of writing all lines in a format."""
    before = time.process_time()
    with out.open("w", encoding="utf-8") as file:
        file.writelines(as_text(kind, read_all(stored(path)), Source("bench", "0")))
    return time.process_time() - before


def copied(path: Path, out: Path) -> float:
    """CPU s of writing their bytes."""
    before = time.process_time()
    with out.open("wb") as file:
        file.writelines(line.body for line in stored(path))
    return time.process_time() - before
