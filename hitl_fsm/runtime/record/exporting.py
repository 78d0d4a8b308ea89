"""Taking a copy of the record away: the exact lines with all that checks them, and beside them a format of choice.

An export is on the record before a line of it leaves (`record_exported`). What is exported are lines below one signed
checkpoint, made after that, so that each of them is proved by it. Plain functions over the port; they block.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple, TypeVar

import msgspec

from hitl_fsm.audit import bundle
from hitl_fsm.audit.checkpoint import origin_of, read_note, read_tree
from hitl_fsm.audit.contents import Opened
from hitl_fsm.audit.export.lines import Entry, read
from hitl_fsm.audit.trust import HandOver
from hitl_fsm.audit.verify import Line
from hitl_fsm.errors import ExportRefused
from hitl_fsm.model.actor import Actor
from hitl_fsm.model.instant import iso
from hitl_fsm.model.record import Record
from hitl_fsm.ports import Store
from hitl_fsm.runtime.loop import run_sync
from hitl_fsm.runtime.record.proving import leading_to
from hitl_fsm.runtime.record.verifying import LOG, said_in

T = TypeVar("T")

PAGE = 1_000
"""Lines read at once: bounds the memory that an export takes."""
NOTHING = Opened({}, {})
"""Of a line that commits to nothing, or whose contents are gone."""
SELECTED_LINES = 20_000
"""Lines of a selection in a folder, each with a proof of its own; and lines that one page of evidence is made of."""


class Wanted(NamedTuple):
    """Which lines: those of `run` ("": of any), from `since` on and before `until` (ms; None: no bound).

    `contents`: and what they are committed to, as far as it is still kept.
    """

    run: str = ""
    since: int | None = None
    until: int | None = None
    contents: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether that is every line."""
        return not self.run and self.since is None and self.until is None

    @property
    def words(self) -> str:
        """As a person says it."""
        bounds = [] if self.since is None else [f"since {iso(self.since)}"]
        bounds += [] if self.until is None else [f"before {iso(self.until)}"]
        what = f"the lines of {self.run}" if self.run else "the whole record" if self.is_whole else "the lines"
        return " ".join((what, *bounds))


class Cut(NamedTuple):
    """What is exported: so many lines, up to `upto`.

    `note` is the checkpoint that covers them (b"" where none is signed), `key` the one that leads to who signed it,
    `handed` are the lines by which keys handed over to later ones.
    """

    wanted: Wanted
    lines: int
    upto: int
    log: str
    note: bytes
    key: str
    handed: tuple[bundle.Line, ...]


class _When(msgspec.Struct, gc=False):
    at: int


_when = msgspec.json.Decoder(_When).decode


def cut(store: Store, wanted: Wanted, what: str, by: Actor, at: int, most: int | None = None) -> Cut:
    """Put the export on the record, sign, and say what it has.

    ExportRefused, and nothing is on the record, where there is nothing to export, or more than `most` lines.
    """
    upto, _ = run_sync(store.head())
    first, last, count = 0, 0, 0
    for line in lines_of(store, wanted, upto):
        first, last, count = first or line.seq, line.seq, count + 1
    if not count:
        msg = f"the record has nothing of {wanted.words}"
        raise ExportRefused(msg, help="`hitl-fsm audit show` lists its lines, `hitl-fsm runs list` the runs")
    if most is not None and count > most:
        msg = f"{wanted.words} are {count}, and one export of them holds at most {most}"
        raise ExportRefused(msg, help="name a run or a shorter time, export the whole record, or a format as one file")
    told: dict[str, Any] = {"what": f"export {what}", "lines": count, "first": first, "last": last}
    if wanted.run:
        told["about"] = wanted.run
    if wanted.contents:
        told["contents"] = True
    run_sync(store.append([Record("record_exported", at, by, "", told)]))
    signed = run_sync(store.sign())
    first_leaf = next((leaf for _, leaf in run_sync(store.raw_leaves(0, upto, 1))), b"")
    if signed is None:
        return Cut(wanted, count, upto, origin_of(LOG, first_leaf), b"", "", ())
    tree = read_tree(read_note(signed.note))
    said = said_in(store, signed.size)
    handed = tuple(
        bundle.Line(seq, body)
        for key, (seq, body) in zip(said.keys, said.lines, strict=True)
        if isinstance(key, HandOver)
    )
    if wanted.is_whole:
        upto = signed.size
    return Cut(wanted, count, upto, tree.origin, signed.note, leading_to(signed.note, said, tree.origin), handed)


def lines_of(store: Store, wanted: Wanted, upto: int) -> Iterator[Line]:
    """The lines, in order. Those whose bodies were pruned are among them only where every line is wanted."""
    after = 0
    while after < upto:
        page = run_sync(store.records(after=after, limit=PAGE, run_id=wanted.run or None))
        for line in page:
            if line.seq <= upto and (wanted.is_whole or (line.body and _is_within(line.body, wanted))):
                yield line
        if len(page) < PAGE:
            return
        after = page[-1].seq


def entries_of(store: Store, lines: Iterable[Line], *, contents: bool) -> Iterator[Entry]:
    """What they say; a line whose body was pruned says nothing. Tampered for what cannot be read."""
    for page in _pages((line for line in lines if line.body), PAGE):
        opened = run_sync(store.openings([line.seq for line in page])) if contents else {}
        for line in page:
            yield read(line, *opened.get(line.seq, NOTHING)) if contents else read(line)


def proofs(store: Store, found: Cut, seqs: Sequence[int]) -> bytes:
    """How each of these lines is in the signed tree."""
    size = read_tree(read_note(found.note)).size
    return bundle.proofs_of(seqs, found.handed, _leaves(store, size), size)


def _is_within(body: bytes, wanted: Wanted) -> bool:
    if wanted.since is None and wanted.until is None:
        return True
    try:
        at = _when(body).at
    except (msgspec.DecodeError, UnicodeDecodeError):
        return True  # it cannot be read: whoever looks at it has to see that
    return (wanted.since is None or at >= wanted.since) and (wanted.until is None or at < wanted.until)


def _leaves(store: Store, upto: int) -> Iterator[bytes]:
    after = 0
    while rows := run_sync(store.raw_leaves(after, upto, PAGE)):
        yield from (leaf for _, leaf in rows)
        after = rows[-1][0]


def _pages(items: Iterable[T], size: int) -> Iterator[list[T]]:
    stream = iter(items)
    while page := list(islice(stream, size)):
        yield page
