"""kill -9 at random instants, with the whole record: contents, signed checkpoints, a second copy.

No event is lost of which somebody was told; nothing takes effect without its intent, in the store and in the copy; and
what is left verifies.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from crash_record import Life, Notes, engine_at, program

from hitl_fsm.cli.main import main
from hitl_fsm.runtime.loop import run_sync

LONGEST_MS = 150
SEED = 7
STORES = ["sqlite", "postgres"]


def url_of(store: str, folder: Path, request: pytest.FixtureRequest) -> str:
    if store == "sqlite":
        return f"sqlite:///{folder / 'hitl.db'}"
    return str(request.getfixturevalue("postgres_server").schema_url())


def killed(url: str, folder: Path, times: int) -> None:
    chance = random.Random(SEED)
    with program(url, folder) as workers:
        for _ in range(times):
            assert workers.ask(f"live {chance.uniform(0, LONGEST_MS):.3f}") == "signal 9"
        assert workers.ask("finish") == "exit 0"


def lines_of(url: str, folder: Path) -> list[tuple[bytes, dict[str, Any]]]:
    engine = engine_at(url, folder)
    found: list[tuple[bytes, dict[str, Any]]] = []
    while page := run_sync(engine.store.records(after=len(found))):
        found += [(line.body, json.loads(line.body)) for line in page]
    engine.close()
    return found


def wrong_with(url: str, folder: Path) -> list[str]:
    lines = lines_of(url, folder)
    bodies, read = [body for body, _ in lines], [line for _, line in lines]
    told, effects = Notes(folder / "told.jsonl").all(), Notes(folder / "effects.jsonl").all()
    wrong = [f"lost: {one}" for one in told if not _has(read, one)]
    started = {
        (line["run"], line["data"]["call"], line["data"]["attempt"]) for line in read if line["event"] == "call_started"
    }
    wrong += [f"no intent: {one}" for one in effects if (one["run"], one["call"], one["attempt"]) not in started]
    wrong += [f"not in the copy: {one}" for one in effects if not one["copied"]]
    often = Counter((one["run"], one["call"]) for one in effects)
    wrong += [f"took effect {count} times: {call}" for call, count in often.items() if count > 1]
    copy = (folder / "copy.jsonl").read_bytes().split(b"\n")
    known = set(bodies)
    if list(dict.fromkeys(one for one in copy if one in known)) != bodies:
        wrong.append("the copy has not every line, the first time in order")
    if not told or not effects:
        wrong.append("nothing happened")
    return wrong


def _has(read: list[dict[str, Any]], told: dict[str, str]) -> bool:
    ((what, name),) = told.items()
    if what == "answered":
        return any(line["event"] == "requirement_resolved" and line["data"]["requirement"] == name for line in read)
    event = {"created": "run_created", "done": "run_done"}[what]
    return any(line["event"] == event and line["run"] == name for line in read)


def is_verified(url: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> bool:
    """By the command, as a stranger would, with the contents held against their commitments."""
    monkeypatch.setenv("HITL_FSM_RECORD_KEYS", "" if url.startswith("sqlite") else str(folder / "record.keys"))
    monkeypatch.chdir(folder)
    monkeypatch.setattr("sys.argv", ["hitl-fsm", "--store", url, "audit", "verify"])
    try:
        code = main()
    except SystemExit as end:
        code = end.code  # type: ignore[assignment]
    engine = engine_at(url, folder)
    signed = run_sync(engine.store.newest_checkpoint())
    engine.close()
    return code in {0, None} and signed is not None


@pytest.mark.parametrize("store", STORES)
def test_law03_killed_at_random_instants_a_sample(
    store: str, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = url_of(store, tmp_path, request)
    killed(url, tmp_path, 5)
    assert wrong_with(url, tmp_path) == []
    assert is_verified(url, tmp_path, monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize("store", STORES)
def test_law03_killed_fifty_times_at_random_instants(
    store: str, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = url_of(store, tmp_path, request)
    killed(url, tmp_path, 50)
    assert wrong_with(url, tmp_path) == []
    assert is_verified(url, tmp_path, monkeypatch)


def test_the_checks_see_what_they_are_for(tmp_path: Path) -> None:
    """An effect without an intent, an event that was told of and is not there, a line that the copy lacks."""
    url = f"sqlite:///{tmp_path / 'hitl.db'}"
    life = Life(url, tmp_path)
    run = life.agent.run("go", user="alice")
    life.told.add(created=run.run_id)
    life.answer()
    life.finish()
    assert wrong_with(url, tmp_path) == []
    life.told.add(done="run_of_nobody")
    life.effects.add(run="run_x", call="1.0", attempt=1, copied=False)
    copy = tmp_path / "copy.jsonl"
    copy.write_bytes(copy.read_bytes().partition(b"\n")[2])
    assert [one.partition(":")[0] for one in wrong_with(url, tmp_path)] == [
        "lost",
        "no intent",
        "not in the copy",
        "the copy has not every line, the first time in order",
    ]
