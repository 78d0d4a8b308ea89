"""What the record costs: committing lines, verifying, questioning, exporting, each beside its floor in the same run.

    python bench/record.py [--inserts 2000] [--rounds 3] [--lines 50000] [--tries 3]

`inserts`: each line is committed alone, by 1, 8 and 64 producers whose commits the writer groups. Plain inserts are the
same bytes in the same statements through the same writer, but no line is hashed and no head is kept; they and the
chained, and the signed ones (with contents and checkpoints), take turns. Ratios of CPU are the steadier figures on a
busy machine.

`lines`: of the record that is verified, questioned and exported; the goals are for a million. Verifying is CPU seconds
of the whole process a million lines, its start taken off (that of a record of one run). Its floors are a process that
reads the same rows and hashes them, and one that checks the signatures: there is one a run, as each decision is signed
in its transaction (a record that is written to less than once a second has more). Questions are put to a made-up month,
`tries` times each, after the first has made its facts; the floor is a bare count that looks at each line. The floor of
exports is copying the bytes.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from record_work import (
    SCAN,
    SIGNATURES,
    asked,
    body_bytes,
    checkpoints,
    copied,
    count_ms,
    exported,
    fill,
    given_for,
    hitl,
    insert,
    lines,
    made,
    python,
    scan,
)
from workload import Line, options, ratio, show

from hitl_fsm.adapters.store import open_store
from hitl_fsm.adapters.store.recording import Encoded
from hitl_fsm.audit.chain import GENESIS, sealed
from hitl_fsm.audit.export.formats import FORMATS
from hitl_fsm.audit.questions.all import QUESTIONS

GOAL_SEAL_US = 4
GOAL_INSERTS = 0.9
GOAL_VERIFY_S = 4
GOAL_MIB = 100
GOAL_QUESTION_MS = 200
GOAL_RUBBER_STAMP_MS = 1000
KINDS = ("plain", "chained", "signed")
PRODUCERS = (1, 8, 64)
MILLION = 1_000_000


def seal(work: Sequence[Encoded]) -> None:
    """What `log.append` does to lines before it writes them."""
    leaf = bytes.fromhex(GENESIS)
    for seq, line in enumerate(work, 1):
        _, leaf = sealed(line.line, seq, leaf)


def sealing_table(count: int, rounds: int) -> None:
    work = list(lines(count))
    sealed, hashed = ([cpu_us(job, work) for _ in range(rounds)] for job in (seal, scan))
    mine = statistics.median(sealed)
    sizes = statistics.mean(len(line.line) for line in work)
    show(
        f"Sealing a line of {sizes:.0f} bytes",
        [
            Line("CPU us", mine, GOAL_SEAL_US),
            Line("CPU us, SHA-256 alone", statistics.median(hashed)),
            Line("sealing / SHA-256", ratio(sealed, hashed)),
        ],
    )


def cpu_us(job: Callable[[Sequence[Encoded]], None], work: Sequence[Encoded]) -> float:
    before = time.process_time()
    job(work)
    return (time.process_time() - before) / len(work) * 1e6


def inserts_table(count: int, rounds: int, sync: str) -> None:
    work = list(lines(count))
    for producers in PRODUCERS:
        rates: dict[str, list[float]] = {kind: [] for kind in KINDS}
        cpus: dict[str, list[float]] = {kind: [] for kind in KINDS}
        for _ in range(rounds):
            for kind in KINDS:
                with tempfile.TemporaryDirectory() as folder:
                    wall, cpu = asyncio.run(insert(Path(folder) / "record.db", sync, kind, producers, work))
                rates[kind].append(count / wall)
                cpus[kind].append(cpu / count * 1e6)
        found = []
        for kind in KINDS:
            found.append(Line(f"{kind}, a second", statistics.median(rates[kind])))
            found.append(Line(f"{kind}, CPU us", statistics.median(cpus[kind])))
            if kind != "plain":
                goal = GOAL_INSERTS if kind == "chained" else None
                found.append(Line(f"{kind} / plain, a second", ratio(rates[kind], rates["plain"]), goal, at_least=True))
                found.append(Line(f"plain / {kind}, CPU", ratio(cpus["plain"], cpus[kind])))
        show(f"Lines committed, each alone, {producers} producers, {sync}", found)


def verify_table(folder: Path, least: int) -> None:
    path, empty = folder / "record.db", folder / "empty.db"
    count = asyncio.run(fill(path, least))
    asyncio.run(fill(empty, 1))
    floor = python(SCAN, str(path)).cpu_s - python(SCAN, str(empty)).cpu_s
    signed = python(SIGNATURES, str(path)).cpu_s - python(SIGNATURES, str(empty)).cpu_s
    start = hitl(empty, "audit", "verify")
    one = hitl(path, "audit", "verify")
    two = hitl(path, "audit", "verify", "--jobs", "2")
    ours = one.cpu_s - start.cpu_s
    show(
        f"Verifying {count} lines, {body_bytes(path) / count:.0f} bytes each",
        [
            Line("CPU s a million lines", ours / count * MILLION, GOAL_VERIFY_S),
            Line("CPU s a million lines, SHA-256 of the rows", floor / count * MILLION),
            Line("CPU s a million lines, Ed25519 of the checkpoints", signed / count * MILLION),
            Line("verifying / SHA-256 and Ed25519", ours / (floor + signed)),
            Line("checkpoints a thousand lines", checkpoints(path) / count * 1000),
            Line("s, with its start", one.wall_s),
            Line("s, with its start, --jobs 2", two.wall_s),
            Line("CPU s of its start", start.cpu_s),
            Line("MiB of memory", one.mib, GOAL_MIB),
        ],
    )


def questions_table(path: Path, count: int, tries: int) -> None:
    floor = statistics.median(count_ms(path) for _ in range(tries))

    async def put() -> list[Line]:
        store = open_store(f"sqlite:///{path}")
        given = given_for(path)
        before = time.perf_counter()
        await asked(store, "integrity", {}, 1)
        rate = count / (time.perf_counter() - before)
        found = [Line("lines a second become facts", rate), Line("a bare count, ms", floor)]
        for name, question in QUESTIONS.items():
            needed = [one.name for one in question.parameters if one.default is None]
            values = {key: value for each in needed for key, value in given[each].items()}
            goal = GOAL_RUBBER_STAMP_MS if name == "rubber-stamp" else GOAL_QUESTION_MS
            found.append(Line(f"{name}, ms", (await asked(store, name, values, tries)).ms, goal))
        await store.close()
        return found

    show(f"Questions to {count} lines, warm", asyncio.run(put()))


def exports_table(path: Path, folder: Path, count: int) -> None:
    floor = copied(path, folder / "copied")
    found = [Line("lines a CPU second, copied", count / floor)]
    for kind in FORMATS:
        if kind not in {"jsonl", "html"}:  # the one is the copy, the other a page for people
            took = exported(path, folder / kind, kind)
            found += [Line(f"lines a CPU second, {kind}", count / took), Line(f"{kind} / copied, CPU", took / floor)]
    show(f"Exporting {count} lines", found)


def main() -> None:
    given = options(__doc__, inserts=2000, rounds=3, lines=50_000, tries=3)
    sealing_table(given.inserts, given.rounds)
    for sync in ("NORMAL", "FULL"):
        inserts_table(given.inserts, given.rounds, sync)
    with tempfile.TemporaryDirectory() as folder:
        verify_table(Path(folder), given.lines)
        month = Path(folder) / "month.db"
        made(month, given.lines)
        questions_table(month, given.lines, given.tries)
        exports_table(month, Path(folder), given.lines)


if __name__ == "__main__":
    main()
