"""A question put to the record: the facts follow it to its head first, and what does not fit is said before others."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import structs

from hitl_fsm.adapters.questions import around, demands
from hitl_fsm.adapters.questions.projection import Place, Projection, is_away, not_kept
from hitl_fsm.adapters.questions.unheard import unheard
from hitl_fsm.adapters.store.url import POSTGRESQL, parse
from hitl_fsm.audit.chain import GENESIS, leaf_of
from hitl_fsm.audit.questions.question import Answer, Put, Question, Value
from hitl_fsm.ports import RecordLine, Store

FACTS_PAGE = 10_000
"""Lines that become facts in one transaction."""
ROWS_MAX = 100_000
"""Rows of one answer, whatever the limit is said to be."""
_NAME = 16
_NEEDS = {
    "rules": around.rules,
    "asked": around.asked,
    "demands": demands.demands,
    "thresholds": around.thresholds,
    "zone": around.zone,
    "run": around.run_lines,
}


async def ask(store: Store, put: Put) -> Answer:
    """Put a question. StoreError where the store cannot be read, QuestionError for what does not fit."""
    projection = await _projection(store)
    try:
        return await _answered(store, put, projection)
    except sqlite3.DatabaseError as error:
        if is_away(error):
            raise not_kept(error, projection.path) from error
        if type(error) is not sqlite3.DatabaseError:  # a mistake of ours: the file is not what is wrong
            raise
        return await _answered(store, structs.replace(put, anew=True), projection)  # damaged: they are made again
    finally:
        await asyncio.to_thread(projection.close)


async def _answered(store: Store, put: Put, projection: Projection) -> Answer:
    question, values = put.question, {**put.values, "now": put.now}
    place, damage, notes = await follow(store, projection, anew=put.anew)
    if place.bare:
        notes.append(f"lines up to {place.bare} were pruned before: runs that began there are not told of in full")
    connection = projection.connection
    if question.needs == "damage":
        around.make(connection, "damage", "what", [(one,) for one in damage])
    elif question.needs:
        said = await _NEEDS[question.needs](connection, store, values)
        (damage if said.startswith("!") else notes).extend([said.removeprefix("!")] if said else [])
    limit = max(1, min(put.limit, ROWS_MAX))
    rows = await asyncio.to_thread(_rows, connection, question, values, limit)
    found = rows[:limit]
    if not found:
        notes += await asyncio.to_thread(lambda: list(unheard(connection, question, values)))
    if question.shown is not None:
        found = await _opened(store, question, found, notes)
    told = {name: value for name, value in values.items() if name != "now"}
    return Answer(
        question.name,
        question.columns,
        tuple(found),
        len(rows) > limit,
        place.seq,
        place.leaf,
        told,
        tuple(damage),
        tuple(notes),
        question.must_be_empty,
        question.shown is not None and bool(found),
    )


def _rows(
    connection: sqlite3.Connection, question: Question, values: Mapping[str, Value], limit: int
) -> list[tuple[Any, ...]]:
    """One more than the limit, where there are more."""
    return connection.execute(question.statement, values).fetchmany(limit + 1)


async def _opened(
    store: Store, question: Question, rows: Sequence[tuple[Any, ...]], notes: list[str]
) -> list[tuple[Any, ...]]:
    """With the last column, made of the contents of the line that each row begins with."""
    assert question.shown is not None  # noqa: S101 - the caller's own condition
    contents = await store.contents([row[0] for row in rows]) if rows else {}
    gone = sum(row[0] not in contents for row in rows)
    if gone:
        notes.append(f"of {gone} of these lines the contents are not here: they were erased, pruned, or never kept")
    return [(*row[1:], question.shown(contents.get(row[0], {}))) for row in rows]


# -- following the record


async def follow(store: Store, projection: Projection, *, anew: bool = False) -> tuple[Place, list[str], list[str]]:
    """How far the facts are, what is wrong with the record, and what else is to be said."""
    notes: list[str] = []
    if anew:
        await asyncio.to_thread(projection.empty)
    seq, leaf = await store.head()
    place = await asyncio.to_thread(projection.place)
    first = await store.records(limit=1)
    if place.first and first and _leaf(first[0]) != place.first:
        notes.append("the facts were of another record, and were made anew")
        await asyncio.to_thread(projection.empty)
        place = await asyncio.to_thread(projection.place)
    wrong = await _gone_back(store, place, seq)
    while not wrong and place.seq < seq:
        lines = await store.records(after=place.seq, limit=min(FACTS_PAGE, seq - place.seq))
        if not lines:
            wrong = f"the record ends at line {place.seq}; it should reach line {seq}"
            break
        place, wrong = await asyncio.to_thread(projection.take, place, lines)
    if not wrong and (place.seq, place.leaf) != (seq, leaf) and place.seq <= seq and seq:
        wrong = f"line {seq} is not the one that is kept apart as the record's head"
    if not wrong and place.bare > place.pruned:
        wrong = f"line {place.bare} has nothing in it, and no line says that it was pruned"
    return place, [wrong] if wrong else [], notes


async def _gone_back(store: Store, place: Place, seq: int) -> str:
    """Whether what was read before is still there: the facts remember where they came to."""
    if not place.seq:
        return "" if seq or not await store.records(limit=1) else "the record has lines, and a head that has none"
    found = await store.records(after=place.seq - 1, limit=1)
    if not found or found[0].seq != place.seq:
        return f"the record had {place.seq} lines when it was read last, and ends before that now"
    if _leaf(found[0]) != place.leaf:
        return f"line {place.seq} is not what it was when it was read last: the record was written anew"
    return f"the record's head is line {seq}, and it had {place.seq} before" if seq < place.seq else ""


def _leaf(line: RecordLine) -> str:
    return leaf_of(line.body) if line.body else line.leaf


# -- where the facts are


async def _projection(store: Store) -> Projection:
    url: str = getattr(store, "url", "") or (await store.info()).url  # the latter counts all there is
    path = None if url.startswith(POSTGRESQL) else parse(url).path
    if path is None and not url.startswith(POSTGRESQL):
        return await asyncio.to_thread(Projection, None)
    beside = None if path is None else Path(f"{path}.questions")
    if beside is not None and os.access(beside if beside.exists() else beside.parent, os.W_OK):
        return await asyncio.to_thread(Projection, beside)
    return await asyncio.to_thread(Projection, await _cached(store))


async def _cached(store: Store) -> Path | None:
    """In the user's cache, by the record's first line; in memory where there is no such place, or no line."""
    first = await store.records(limit=1)
    name = (_leaf(first[0]) if first else GENESIS)[:_NAME]
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(base) / "hitl-fsm"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        return None
    return folder / f"{name}.questions" if first and os.access(folder, os.W_OK) else None
