"""What is kept beside the lines, opened and held against what each is committed to; and what could not be opened.

The record tells how many lines lost their contents, by an erasure or by pruning. What is missing beyond that is told:
without the keys file, or with rows that are gone, nothing was checked, and so nothing was found.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from hitl_fsm.audit.pruned import unexplained
from hitl_fsm.audit.trust import Said
from hitl_fsm.audit.verify import Verification
from hitl_fsm.errors import StoreError, Tampered
from hitl_fsm.ports import Store
from hitl_fsm.runtime.loop import run_sync

PAGE = 2_048
"""Lines whose contents are opened at once."""


class _Line(msgspec.Struct, gc=False):
    contents: dict[str, str] = {}


_line = msgspec.json.Decoder(_Line).decode
_BROKEN = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, TypeError)


def check_contents(store: Store, upto: int, verification: Verification) -> Sequence[int]:
    """What can be opened is what the lines are committed to. The numbers of those of which nothing could be opened."""
    unopened, count = array("q"), 0
    for page in _pages(store, upto):
        committed = {seq for seq, _, body, _ in page if _is_committed(body)}
        seqs = [seq for seq, _, _, _ in page]
        try:
            opened = {*run_sync(store.contents(seqs))}
        except (Tampered, StoreError):
            opened = {*_one_by_one(store, seqs, verification)}
        unopened.extend(sorted(committed - opened))
        count += len(committed & opened)
    verification.opened = count
    return unopened


def check_gone(unopened: Sequence[int], said: Said, verification: Verification) -> None:
    """Those of which no line says that they were erased or pruned."""
    slots = [(1, seq - 1, lines) for seq, lines in said.erased]
    # With a line's body its commitments go, too, so that only what was pruned beside bodies that stayed is missed.
    slots += [(one.first, one.last, one.contents) for one in said.pruned if not one.lines]
    missed = unexplained(unopened, slots)
    if missed:
        what = (
            f"what is kept beside {len(missed)} lines, the first of them {missed[-1]}, could not be opened:"
            " it is gone, or the keys are"
        )
        verification.found(missed[-1], "unreached", what)


def _is_committed(body: Any) -> bool:
    try:
        return b'"contents":{' in body and bool(_line(body).contents)
    except _BROKEN:
        return False


def _one_by_one(store: Store, seqs: Sequence[int], verification: Verification) -> Iterator[int]:
    """Those of which something was opened, or of which it is told what is wrong."""
    for seq in seqs:
        try:
            yield from run_sync(store.contents([seq]))
        except (Tampered, StoreError) as error:
            verification.found(seq, "contents", error.message)
            yield seq


def _pages(store: Store, upto: int) -> Iterator[Sequence[tuple[Any, ...]]]:
    """Rows that cannot be read were told of before."""
    after = 0
    while leaves := run_sync(store.raw_leaves(after, upto, PAGE)):
        last = leaves[-1][0]
        try:
            yield run_sync(store.raw_lines(after, last, PAGE))
        except StoreError:
            yield [(seq, None, b"", leaf) for seq, leaf in leaves]
        after = last
