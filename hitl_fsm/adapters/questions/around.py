"""What a question needs beside the facts, as tables of the moment: rules in force, limits, hours of a zone, lines."""

from __future__ import annotations

import hashlib
import sqlite3
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from hitl_fsm.audit.chain import leaf_of
from hitl_fsm.audit.questions.question import Value
from hitl_fsm.core.money import EXPONENTS
from hitl_fsm.errors import PolicyError, QuestionError
from hitl_fsm.model.verdict import Approval, Gate, Review
from hitl_fsm.policy.evaluate import PolicySet
from hitl_fsm.ports import RecordLine, Store

RUN_PAGE = 1_000
"""Lines of a run that are read at once."""
RUN_LINES = 100_000
"""Lines of one run that a timeline tells at most."""
TOLD_CHARS = 300
"""Characters of what a line of a timeline says besides."""
_DAY_MS = 86_400_000
_NOT_TOLD = ("call", "tool", "requirement", "digest", "looked", "reasons", "votes", "policies", "shown", "presented")


async def policies_at(connection: sqlite3.Connection, store: Store, at: int) -> PolicySet | None:
    """The set that was in force; None where none is known."""
    row = connection.execute("SELECT digest FROM activation WHERE at <= ? ORDER BY seq DESC LIMIT 1", (at,)).fetchone()
    return None if row is None else await restored(store, row[0])


async def restored(store: Store, digest: str) -> PolicySet | None:
    """A set by its digest; None where the store does not have it, or not any more as it was."""
    text = await store.policies(digest)
    if text is None:
        return None
    from hitl_fsm.policy.load import restore  # noqa: PLC0415 - brings pydantic, which few questions need

    try:
        return restore(text, digest=digest)
    except PolicyError:
        return None


def make(connection: sqlite3.Connection, name: str, columns: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """A table that is gone when the connection is."""
    marks = ", ".join("?" * (columns.count(",") + 1))
    connection.execute(f"CREATE TEMP TABLE {name} ({columns})")
    connection.executemany(f"INSERT INTO temp.{name} VALUES ({marks})", rows)  # noqa: S608 - names of ours


async def rules(connection: sqlite3.Connection, store: Store, values: Mapping[str, Value]) -> str:
    """Every rule of the policies in force at the end; what is to be said of them."""
    found = await policies_at(connection, store, int(values["until"] or 0))
    known = [] if found is None else [(one.name, rule.reason.rule) for one in found.enforced for rule in one.rules]
    make(connection, "rule_known", "policy, rule", known)
    return "" if known else "no policies are known to have been in force: only tools are told of"


async def older(connection: sqlite3.Connection, store: Store, values: Mapping[str, Value]) -> str:
    """How many calls were held against the lines of a release that did not write by whose word they began."""
    del store, values
    (calls, last) = connection.execute("SELECT count(*), max(older) FROM call WHERE older > 0").fetchone()
    counted = "1 call" if calls == 1 else f"{calls} calls"
    told = f"{counted} up to line {last} began by verdicts and answers of an older release"
    return f"{told}, which did not write by whose word: these are held against those lines" if calls else ""


async def asked(connection: sqlite3.Connection, store: Store, values: Mapping[str, Value]) -> str:
    """Whom the policies in force ask about a tool, by rule."""
    tool, rows, found = str(values["tool"]), list[tuple[str, str]](), None
    if tool:
        found = await policies_at(connection, store, int(values["at"] or 0))
    for policy, several in () if found is None else found.asked(tool):
        for rule in () if policy.shadow else several:
            name = f"{policy.name}/{rule.reason.rule}"
            rows += [(name, one) for gate in rule.gates for one in _of(gate)]
    make(connection, "asked_of", "rule, name", rows)
    return "" if rows or not tool else f"the policies of then ask nobody about {tool}, or are not known"


def _of(gate: Gate) -> tuple[str, ...]:
    if isinstance(gate, Approval):
        return (*gate.of, *gate.break_glass, *(name for level in _levels(gate) for name in level))
    return gate.of if isinstance(gate, Review) else ()


def _levels(gate: Approval) -> Iterator[tuple[str, ...]]:
    return (one.of for one in (() if gate.patience is None else gate.patience.escalate))


async def thresholds(connection: sqlite3.Connection, store: Store, values: Mapping[str, Value]) -> str:
    """The limits with which rules compare an amount, in minor units: the largest amount that is below each."""
    from hitl_fsm.policy.thresholds import thresholds as limits_of  # noqa: PLC0415 - for one question

    places = connection.execute("SELECT DISTINCT policies, tool, agent, place, currency FROM money").fetchall()
    given, rows = int(values["limit_minor"] or 0), list[tuple[Any, ...]]()
    sets: dict[str, PolicySet | None] = {}
    for place in places:
        if given:
            rows.append((*place, given, "--limit-minor"))
            continue
        digest, tool, agent, where, currency = place
        if digest not in sets:
            sets[digest] = await restored(store, digest)
        found = sets[digest]
        for one in () if found is None else limits_of(found, tool, agent):
            minor = Decimal(str(one.limit)).scaleb(EXPONENTS.get(currency, 2))
            bound = int(minor) if one.reaches or minor != int(minor) else int(minor) - 1
            if one.where == where:
                rows.append((*place, bound, one.rule))
    make(connection, "threshold", "policies, tool, agent, place, currency, minor, rule", rows)
    connection.execute("CREATE INDEX temp.threshold_of ON threshold (tool, place, agent, policies, currency)")
    missing = sum(one is None for one in sets.values())
    return f"{missing} sets of policies are not in the store any more: their limits are not known" if missing else ""


async def zone(connection: sqlite3.Connection, store: Store, values: Mapping[str, Value]) -> str:
    """From when until when a time zone is how far from UTC, as far as there are decisions."""
    del store
    name = str(values["zone"])
    try:
        found = ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        msg = f"--zone cannot be {name[:60]!r}"
        raise QuestionError(msg, help="it is a name as the time zone database has it: Europe/Berlin, UTC") from None
    first, last = connection.execute("SELECT min(at), max(at) FROM decision").fetchone()
    rows = [] if first is None else list(shifts(found, first, last + 1))
    make(connection, "zone", "from_at, until_at, shift", rows)
    return ""


def shifts(found: ZoneInfo, first: int, last: int) -> Iterator[tuple[int, int, int]]:
    """(from, until, ms east of UTC), to the second."""

    def shift(at: int) -> int:
        offset = datetime.fromtimestamp(at / 1_000, UTC).astimezone(found).utcoffset()
        return 0 if offset is None else round(offset.total_seconds() * 1_000)

    begin = first
    while begin < last:
        now, end = shift(begin), min(begin + _DAY_MS, last)
        while end < last and shift(end) == now:
            end = min(end + _DAY_MS, last)
        if shift(end) != now:
            seconds = range(max(begin, end - _DAY_MS) // 1_000, end // 1_000 + 1)
            end = 1_000 * seconds[bisect_right(seconds, False, key=lambda second: shift(second * 1_000) != now)]  # noqa: FBT003 - the first for which it is another
        yield begin, end, now
        begin = end


async def run_lines(connection: sqlite3.Connection, store: Store, values: Mapping[str, Value]) -> str:
    """The lines of a run, in short; and what is wrong where they are not those that the facts were made of."""
    run_id, rows, after, bare, seal = str(values["run"]), list[tuple[Any, ...]](), 0, False, b""
    known = connection.execute("SELECT lines, seal FROM run WHERE run = ?", (run_id,)).fetchone()
    if known is None:
        msg = f"the record has no run {run_id[:60]!r}"
        raise QuestionError(msg, help="`hitl-fsm runs list` lists them; those that were forgotten have lines, too")
    (upto,) = connection.execute("SELECT value FROM meta WHERE key = 'seq'").fetchone()
    while after < upto and len(rows) < RUN_LINES:
        page = await store.records(after=after, limit=RUN_PAGE, run_id=run_id)
        for line in (one for one in page if one.seq <= upto):
            bare = bare or not line.body
            seal = hashlib.sha256(seal + bytes.fromhex(leaf_of(line.body) if line.body else line.leaf)).digest()
            rows.append(_in_short(line))
        if len(page) < RUN_PAGE:
            break
        after = page[-1].seq
    make(connection, "run_line", "seq, at, event, by_id, auth, call, tool, requirement, told", rows)
    whole = len(rows) < RUN_LINES
    if whole and not bare and (len(rows), seal) != tuple(known):
        return f"!the lines of {run_id} are not those that are in the chain"
    return "" if whole else f"only the first {RUN_LINES} lines are told"


def _in_short(line: RecordLine) -> tuple[Any, ...]:
    try:
        found = msgspec.json.decode(line.body) if line.body else {"event": "(pruned)"}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        found = {"event": "(cannot be read)"}
    found = found if isinstance(found, dict) else {}
    by, data = (one if isinstance(one, dict) else {} for one in (found.get("by"), found.get("data")))
    named = [str(data.get(name, "")) for name in ("call", "tool", "requirement")]
    told = " ".join(f"{name}={_brief(data[name])}" for name in data if name not in _NOT_TOLD)
    who = (str(by.get("id", "")), str(by.get("authenticated_by", "application" if by else "")))
    at = found.get("at")
    return (line.seq, at if isinstance(at, int) else None, str(found.get("event", "")), *who, *named, told[:TOLD_CHARS])


def _brief(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
