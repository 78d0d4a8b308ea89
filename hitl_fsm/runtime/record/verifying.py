"""Verification of a store's record: reads its rows as they stand, in ranges, and hands them to `audit/verify`.

Plain functions over the port: a range can be inspected anywhere, also in another process.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

from hitl_fsm.audit.chain import GENESIS, leaf_of
from hitl_fsm.audit.claims import Claim, claim_of, claims_of
from hitl_fsm.audit.findings import Finding, Head, Report
from hitl_fsm.audit.keys import Verifier
from hitl_fsm.audit.signed_at_once import EVERY_LINES, unsigned
from hitl_fsm.audit.trust import Said, Trust, hear, nothing_said, trust_in
from hitl_fsm.audit.verify import Anchor, Held, Part, Verification
from hitl_fsm.audit.walk import RANGE, End, Row, skim, walk
from hitl_fsm.errors import BadNote, StoreError
from hitl_fsm.ports import Store
from hitl_fsm.runtime.loop import run_sync
from hitl_fsm.runtime.record.comparing import check_runs, check_states
from hitl_fsm.runtime.record.granted import check_granted
from hitl_fsm.runtime.record.opening import check_contents, check_gone
from hitl_fsm.runtime.record.replayed import check_replayed

PAGE = 2_048
"""Rows read at once: bounds the memory that a verification takes."""
LOG = "default"

_FIRST, _LAST = -(2**63), 2**63 - 1
_UNREADABLE: Row = (None, None, None, None)


class Asked(NamedTuple):
    """What the record is held against: keys that are trusted, checkpoints kept elsewhere, one verified before.

    `unreached` says of each anchor that could not be read why. `contents`: those that can be opened are held against
    the lines, too.
    """

    keys: tuple[Verifier, ...] = ()
    anchors: tuple[Anchor, ...] = ()
    since: bytes = b""
    unreached: tuple[str, ...] = ()
    contents: bool = False


class Task(NamedTuple):
    """Inspect the lines after one number up to another. `skim`: they were verified before."""

    after: int
    upto: int
    marks: tuple[int, ...]
    known: tuple[bytes, ...]
    skim: bool


ALONE = Asked()
Spread = Callable[[Sequence[Task]], Iterator[Part]]
"""Inspects ranges, and yields what was found in the order of the ranges."""


def verified(store: Store, asked: Asked = ALONE, spread: Spread | None = None) -> Report:
    """The report on a store's record, as it was when this began. `spread` says who inspects its ranges.

    StoreError where the store cannot be read. It is not for the thread of an event loop.
    """
    lines, checkpoints = run_sync(store.raw_counts())
    head = _head(store)
    said = said_in(store, head.seq)
    trust = trust_in(said, asked.keys)
    since = _since(asked.since, trust) if asked.since else None
    verification = Verification(Held(trust, said, asked.anchors, since, LOG))
    marks = verification.marks
    tasks = [
        Task(after, upto, tuple(one for one in marks if after < one <= upto), trust.known, _is_old(since, upto))
        for after, upto in ranges(store, head.seq)
    ]
    for part in spread(tasks) if spread else (inspect(store, task) for task in tasks):
        verification.add(part)
    _look_beyond(store, verification)
    if asked.since and since is None:
        what = "the checkpoint that was verified before is not signed by a key that is trusted; all lines were verified"
        verification.found(0, "untrusted", what)
    for why in asked.unreached:
        verification.found(0, "unreached", why)
    unopened = check_contents(store, head.seq, verification) if asked.contents else ()
    _check_unsigned(store, head.seq, said, verification)
    verification.texts(_policies(store), _files)
    hear(said, _loose(store, head.seq, _LAST))  # what was pruned, and which policies came, while this was looking
    if unopened:
        check_gone(unopened, said, verification)
    check_states(store, head.seq, verification)
    check_granted(store, verification)
    check_runs(store, head.seq, verification)
    check_replayed(store, head.seq, verification)
    seen, signed = verification.seen
    if seen < lines:
        verification.found(0, "row", f"{lines - seen} rows have numbers that no line of this log can have")
    if signed < checkpoints and since is None:
        what = f"{checkpoints - signed} checkpoints are of more lines than there are, or of none"
        verification.found(head.seq, "checkpoint", what)
    return verification.end(head)


def inspect(store: Store, task: Task) -> Part:
    """What is found in one range."""
    before = run_sync(store.raw_line_before(task.after)) if task.after > 0 else None
    start = End(0, GENESIS) if before is None else _end(before)
    if task.skim:
        return Part(skim(_lines(store, task.after, task.upto), start, task.marks))
    rows = _pages(lambda after: store.raw_checkpoints(after, task.upto, PAGE), task.after, place=1)
    count, claims, wrong = 0, [], list[Finding]()
    for page in rows:
        found, bad = claims_of(page, LOG, task.known)
        claims += found
        wrong += bad
        count += len(page)
    marks = sorted({*task.marks, *(claim.tree.size for claim in claims)})
    walked = walk(_lines(store, task.after, task.upto), start, marks)
    return Part(walked, claims, wrong, count)


def ranges(store: Store, upto: int) -> list[tuple[int, int]]:
    """From after one number up to another: as many as the lines that there are need, whatever their numbers."""
    found: list[tuple[int, int]] = []
    after = _FIRST
    while rows := run_sync(store.raw_leaves(after, upto, 1)):
        start = max(0, (rows[0][0] - 1) // RANGE * RANGE)
        found.append((start if found or start else _FIRST, min(start + RANGE, upto)))
        after = start + RANGE
    return found


def said_in(store: Store, upto: int) -> Said:
    """What the lines of no run say."""
    said = nothing_said()
    hear(said, _loose(store, 0, upto))
    return said


def _loose(store: Store, after: int, upto: int) -> Iterator[Row]:
    for page in _pages(lambda start: store.raw_lines(start, upto, PAGE, loose=True), after):
        yield from page


def _check_unsigned(store: Store, upto: int, said: Said, verification: Verification) -> None:
    """What stands after the newest checkpoint of a log that is signed."""
    if not said.keys or not 0 < verification.agreed < upto:
        return
    rows = islice(_lines(store, verification.agreed, upto), EVERY_LINES)
    for finding in unsigned((seq, body) for seq, _, body, _ in rows):
        verification.found(finding.seq, finding.kind, finding.what)


def _head(store: Store) -> Head:
    """The end as it is kept apart from the lines; of what is no number and no hash, one that no line has."""
    row = run_sync(store.raw_head())
    if row is None:
        return Head(0, GENESIS)
    seq, leaf = row
    return Head(seq if isinstance(seq, int) else 0, leaf.hex() if isinstance(leaf, bytes) else "")


def _since(note: bytes, trust: Trust) -> Claim | None:
    """None unless it is signed by a key that is trusted: then all lines are verified, as if there were none."""
    try:
        claim = claim_of(note, trust.known)
    except BadNote:
        return None
    return None if trust.believed.isdisjoint(claim.signers) else claim


def _is_old(since: Claim | None, upto: int) -> bool:
    return since is not None and upto <= since.tree.size


def _end(row: tuple[Any, ...]) -> End:
    seq, _, body, leaf = row
    if not isinstance(body, bytes) or not isinstance(leaf, bytes):
        return End(seq, "")
    return End(seq, leaf_of(body) if body else leaf.hex())


def _look_beyond(store: Store, verification: Verification) -> None:
    """Lines that nobody's commit wrote stand beyond the end that every commit moves."""
    rows = run_sync(store.raw_leaves(_head(store).seq, _LAST, 1))
    end = _head(store).seq
    if rows and rows[0][0] > end:
        verification.found(end, "end", f"the log goes on beyond line {end}, which should be its last")


def _lines(store: Store, after: int, upto: int) -> Iterator[Row]:
    """The rows of a range; one that cannot be read comes as one of no kind."""
    while True:
        try:
            page: Sequence[Any] = run_sync(store.raw_lines(after, upto, PAGE))
        except StoreError:
            page = list(_one_by_one(store, after, upto))
        yield from page
        if len(page) < PAGE:
            return
        after = page[-1][0]


def _one_by_one(store: Store, after: int, upto: int) -> Iterator[Row]:
    for seq, _ in run_sync(store.raw_leaves(after, upto, PAGE)):
        try:
            yield from run_sync(store.raw_lines(seq - 1, seq, 1))
        except StoreError:
            yield seq, None, None, None


def _pages(
    read: Callable[[int], Coroutine[Any, Any, Sequence[tuple[Any, ...]]]], after: int, *, place: int = 0
) -> Iterator[Sequence[Any]]:
    """Page after page; the number by which rows are sorted stands at `place`."""
    while True:
        page = run_sync(read(after))
        if page:
            yield page
        if len(page) < PAGE:
            return
        after = page[-1][place]


def _policies(store: Store) -> Iterator[tuple[Any, Any]]:
    after = 0
    while True:
        try:
            rows = run_sync(store.raw_policies(after, 1))
        except StoreError:
            yield None, None
            return
        if not rows:
            return
        after, digest, text = rows[0]
        yield digest, text


def _files(digest: str, text: str) -> Sequence[str] | None:
    """The files of a set of policies; None unless its text is that of the digest, letter by letter."""
    from hitl_fsm.policy.stored import files_of  # noqa: PLC0415 - with YAML, and only for policies

    return files_of(digest, text)
