"""What is left of somebody: in the database's files and columns, and of the contents beside the record's lines."""

from __future__ import annotations

from hitl_fsm import Engine
from hitl_fsm.model.states import RunState
from hitl_fsm.runtime.loop import run_sync
from house import House, call, calls

WORDS = ("ottoline-lives-here", "a-private-memo", "because-of-her-illness", "what-she-asked")
TABLES = (
    ("run", "name"),
    ("event", "body"),
    ("requirement", "body"),
    ("record", "body"),
    ("content", "body"),
    ("permission", "body"),
    ("delivery", "body"),
    ("override", "body"),
)
DAY = 86_400_000


def held_anywhere(house: House, word: str) -> list[str]:
    """Where a word stands: the files of SQLite, every column of PostgreSQL that could hold it."""
    if not house.store_url:
        files = [file for file in house.folder.rglob("*") if file.is_file()]
        return [file.name for file in files if word.encode() in file.read_bytes()]
    found = []
    for table, column in TABLES:
        rows = house.sql(f'SELECT "{column}" FROM "{table}"')
        if any(word.encode() in (value if isinstance(value, bytes) else str(value).encode()) for (value,) in rows):
            found.append(table)
    return found


def contents_of(engine: Engine, run_id: str | None = None) -> dict[int, dict[str, object]]:
    seqs = [line.seq for line in engine.audit.records(run_id=run_id)]
    return dict(run_sync(engine.store.contents(seqs)))


def paid(house: House, engine: Engine, user: str, words: tuple[str, ...] = WORDS) -> str:
    """A run that asks, is answered, and ends."""
    to, memo, note, prompt = words
    agent = house.agent(engine, [calls(call("pay", to=to, amount=5, memo=memo))])
    run = agent.run(f"please do {prompt}", user=user)
    run.active_requirements[0].confirm(note=note)
    done = agent.continue_run(run)
    assert done.state is RunState.DONE
    return str(run.run_id)
