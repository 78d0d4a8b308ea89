"""Erasing what is known of a person, and pruning the record, each in one transaction with the line that says so."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

from hitl_fsm.adapters.store import descent, holding, log, reached, retention
from hitl_fsm.adapters.store import statements as sql
from hitl_fsm.adapters.store.batch import Written
from hitl_fsm.adapters.store.database import Connection
from hitl_fsm.adapters.store.living import lines_about_rows
from hitl_fsm.adapters.store.recording import Encoded
from hitl_fsm.adapters.store.sealing import subject_of
from hitl_fsm.audit.checkpoint import read_note, read_tree
from hitl_fsm.errors import ErasureRefused, RecordHeld, RecordKept
from hitl_fsm.ports_record import Kept, PrunedLines, PrunedPage

PRUNE_LINES = 5_000
"""Lines of the record that one transaction prunes."""

KEPT_EVENTS = frozenset(
    {
        "key_added",
        "key_rotated",
        "record_pruned",
        "policies_activated",
        "people_activated",
        "subject_erased",
        "hold_placed",
        "hold_released",
        "reader_retired",
        "runs_forgotten",
        "checkpoint_anchored",
        "record_exported",
    }
)
"""Lines that keep their bodies: without them nobody could tell why others have none, or under which keys and rules."""

# Runs for a person, and runs with contents about them, also those that were forgotten.
_ABOUT = (
    'SELECT run_id FROM run WHERE "user" = ? UNION'
    " SELECT record.run_id FROM content JOIN record ON record.seq = content.seq"
    " JOIN subject_key ON subject_key.key_id = content.subject_key"
    " WHERE subject_key.subject = ? AND record.run_id <> ''"
)
_GOES_ON = (
    "(state NOT IN ('done', 'cancelled') OR EXISTS"
    " (SELECT 1 FROM call WHERE call.run_id = run.run_id AND call.state IN ('executing', 'outcome_unknown')) OR EXISTS"
    " (SELECT 1 FROM override WHERE override.run_id = run.run_id AND override.state = 'open'))"
)
_GOING = f"SELECT run_id FROM run WHERE {_GOES_ON} AND run_id IN ({{marks}})"  # noqa: S608 - constants
_KEY = f"SELECT key_id FROM subject_key WHERE subject = ?{sql.LOCK}"  # noqa: S608 - a constant
_KEY_DELETE = "DELETE FROM subject_key WHERE key_id = ?"
_CONTENT_DELETE = "DELETE FROM content WHERE subject_key = ?"
_LINES = "SELECT seq, run_id, body, leaf FROM record WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?"
_LINES_DROP = "UPDATE record SET body = ? WHERE seq IN"
_CONTENTS_DROP = "DELETE FROM content WHERE seq IN"
_CHECKPOINT = "SELECT size, note FROM checkpoint WHERE log = ? ORDER BY size DESC LIMIT 1"
_FIRST_OF = "SELECT body FROM record WHERE run_id = ? ORDER BY seq LIMIT 1"
_DROP_AT_ONCE = 500
_SLOW = "run a worker that has it; if nothing has it any more: `hitl-fsm audit readers retire NAME --reason WHY`"

Telling = Callable[[int], Encoded]


class Page(NamedTuple):
    """Runs to be forgotten, the line that says so, and when (ms)."""

    run_ids: Sequence[str]
    record: Encoded
    at: int


class Wanted(NamedTuple):
    """Lines from `after` (exclusive) to `upto` that are older than `before` (ms); or only what is kept beside them."""

    after: int
    upto: int
    before: int
    contents_only: bool


class _Event(msgspec.Struct):
    event: str
    at: int


class _Started(msgspec.Struct, frozen=True):
    user: str = ""


class _Start(msgspec.Struct):
    data: _Started = _Started()


_event = msgspec.json.Decoder(_Event)
_start = msgspec.json.Decoder(_Start)


def runs_about(connection: Connection, subject: str) -> Sequence[str]:
    """In order of id: also those that go on from one of them, and so have a copy of what was said there."""
    roots = {row[0] for row in connection.execute(_ABOUT, (subject, subject_of(subject)))}
    return sorted(descent.gone_on(connection, roots))


def unready(connection: Connection, subject: str, limit: int) -> Sequence[str]:
    """Those of them that cannot be forgotten yet."""
    return sorted(_going(connection, runs_about(connection, subject)))[:limit]


def erase(connection: Connection, subject: str, told: Telling, pages: Sequence[Page] = ()) -> Written:
    """Its value is how many lines lose their contents; None where there is nothing. See `ports_record.Contents`.

    Its runs are locked before they are looked for, so that whoever goes on from one of them has done so, or finds it
    gone. The head is locked before that and before the key: whoever writes lines takes them in this order, and finds no
    key afterwards.
    """
    holding.lock(connection)
    hold = holding.holding(connection, subject)
    if hold is not None:
        raise held(subject, hold.hold_id)
    named = {run_id for page in pages for run_id in page.run_ids}
    for _ in descent.marked(connection, descent.THERE, named):
        pass
    log.lock_head(connection)
    about = runs_about(connection, subject)
    if set(about) - named:
        message = f"{min(set(about) - named)}, which is about {subject}, is in the store"
        raise ErasureRefused(message, help="forget its runs first; nothing was erased")
    waiting = _going(connection, about)
    if waiting:
        message = f"{min(waiting)}, which is about {subject}, has not ended"
        raise ErasureRefused(message, help="nothing was erased")
    for page in pages:
        if not retention.forget(connection, page.run_ids, page.record, page.at, wholly=True).value:
            message = f"somebody else forgets runs about {subject} at the same time"
            raise ErasureRefused(message, help="nothing was erased")
    row = connection.execute(_KEY, (subject_of(subject),)).fetchone()
    if row is None and not pages:
        return Written(None)
    lines = 0
    if row is not None:
        lines = connection.execute(_CONTENT_DELETE, row).rowcount
        connection.execute(_KEY_DELETE, row)
    return Written(lines, (*(page.record for page in pages), told(lines)))


def held(subject: str, hold_id: str) -> RecordHeld:
    """Why nothing of a person is erased."""
    return RecordHeld(f"nothing of {subject} may be erased: the hold {hold_id} covers it")


def prune(connection: Connection, wanted: Wanted, told: Callable[[PrunedLines], Encoded]) -> Written:
    """See `ports_record.Contents`; its value is what was pruned, None when there was nothing."""
    holding.lock(connection)
    if any(row.hold.kind == "all" for row in holding.active(connection)):
        message = "nothing of the record may be pruned: a hold covers all of it"
        raise RecordHeld(message)
    size, root = _covered(connection)
    reader, read = next(iter(reached.readers(connection)), ("", size))
    last = min(wanted.upto, size, read)
    rows = connection.execute(_LINES, (wanted.after, last, PRUNE_LINES)).fetchall()
    if not rows and not wanted.after and read < size:
        message = f"the reader {reader!r} of the record has come no further than line {read}"
        raise RecordKept(message, help=_SLOW)
    if not rows:
        return Written(None)
    seqs, kept = _sorted_out(connection, rows, wanted)
    if not wanted.contents_only:
        _each(connection, f"{_LINES_DROP} ({{marks}})", seqs, (b"",))
    dropped = _each(connection, f"{_CONTENTS_DROP} ({{marks}})", seqs)
    lines = 0 if wanted.contents_only else len(seqs)
    pruned = PrunedLines(rows[0][0], rows[-1][0], rows[-1][3].hex(), lines, dropped, size, root)
    page = PrunedPage(pruned, kept, reader if read < min(wanted.upto, size) else "")
    if not pruned.lines and not pruned.contents:
        return Written(page)
    return Written(page, (told(pruned),))


def _sorted_out(
    connection: Connection, rows: Sequence[tuple[int, str, bytes, bytes]], wanted: Wanted
) -> tuple[list[int], Kept]:
    """Numbers of those lines that go, and how many others that are old enough stay for now."""
    old = [(seq, run_id, body) for seq, run_id, body, _ in rows if body and not _stays(body, wanted.before)]
    ids = sorted({run_id for _, run_id, _ in old if run_id})
    first, last = rows[0][0], rows[-1][0]
    runs, lines = _held_runs(connection, ids), holding.held_lines(connection, first, last)
    hold = {seq for seq, run_id, _ in old if run_id in runs or seq in lines}
    going = _going(connection, ids)
    run = {seq for seq, run_id, _ in old if run_id in going} - hold
    row = holding.telling_lines(connection, first, last)
    if not wanted.contents_only:
        row |= lines_about_rows(connection, ((seq, body) for seq, _, body in old))
    row = row & {seq for seq, *_ in old} - hold - run
    left = hold | run | row
    return [seq for seq, *_ in old if seq not in left], Kept(len(hold), len(run), len(row))


def _covered(connection: Connection) -> tuple[int, str]:
    """How many lines the newest signed checkpoint covers, and its root; RecordKept without one."""
    row = connection.execute(_CHECKPOINT, (log.LOG,)).fetchone()
    if row is None:
        message = "no signed checkpoint covers the record, so that nobody could verify it without its lines"
        raise RecordKept(message, help="`hitl-fsm audit checkpoint` signs one; `hitl-fsm audit keys` tells of the keys")
    tree = read_tree(read_note(row[1]))
    return tree.size, tree.root.hex()


def _held_runs(connection: Connection, run_ids: Sequence[str]) -> set[str]:
    """Also those that were forgotten: the first line of a run says whose it was."""
    found = set(holding.held_runs(connection, run_ids))
    subjects = {row.hold.about for row in holding.active(connection) if row.hold.kind == "subject"}
    for run_id in run_ids if subjects else ():
        row = connection.execute(_FIRST_OF, (run_id,)).fetchone()
        if row is not None and row[0] and _user(row[0]) in subjects:
            found.add(run_id)
    return found


def _going(connection: Connection, run_ids: Sequence[str]) -> set[str]:
    """Those that are not over: what comes of them is judged by what led to it."""
    return {row[0] for row in descent.marked(connection, _GOING, run_ids)}


def _user(body: bytes) -> str:
    try:
        return _start.decode(body).data.user
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""


def _stays(body: bytes, before: int) -> bool:
    """Also a line that cannot be read: it is evidence."""
    try:
        line = _event.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return True
    return line.event in KEPT_EVENTS or line.at >= before


def _each(connection: Connection, query: str, seqs: Sequence[int], values: Sequence[object] = ()) -> int:
    count = 0
    for start in range(0, len(seqs), _DROP_AT_ONCE):
        page = seqs[start : start + _DROP_AT_ONCE]
        count += connection.execute(query.format(marks=", ".join("?" * len(page))), (*values, *page)).rowcount
    return count
