"""Proofs from a store: which lines tell of a question, and how they stand in the signed tree."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from hitl_fsm.audit.bundle import Line, Sealed, proof_of
from hitl_fsm.audit.checkpoint import read_note, read_tree
from hitl_fsm.audit.claims import claim_of
from hitl_fsm.audit.keys import Verifier
from hitl_fsm.audit.trust import Said, trust_in
from hitl_fsm.errors import CannotVerify, RequirementNotFound
from hitl_fsm.ports import Store
from hitl_fsm.runtime.loop import run_sync
from hitl_fsm.runtime.record.verifying import said_in

PAGE = 2_048
"""Rows read at once."""
MAX_LINES = 10_000
"""Lines of one proof."""

_LAST = 2**63 - 1
_decode = msgspec.json.Decoder(dict[str, Any]).decode


def prove(store: Store, seqs: Sequence[int]) -> bytes:
    """A proof of these lines, in one file. CannotVerify where they are not there, or not signed yet."""
    wanted = sorted(set(seqs))
    if not 0 < len(wanted) <= MAX_LINES:
        msg = f"a proof has from 1 to {MAX_LINES} lines, not {len(wanted)}"
        raise CannotVerify(msg, help="name fewer questions or lines")
    sealed, keys = sealed_in(store)
    size = read_tree(read_note(sealed.note)).size
    lines = [_line(store, seq) for seq in wanted]
    if wanted[-1] > size:
        msg = f"line {wanted[-1]} is not signed yet: the newest checkpoint is of {size} lines"
        raise CannotVerify(msg, help="`hitl-fsm audit checkpoint` signs what there is")
    return proof_of(lines, [one for one in keys if one.seq <= size], leaves_of(store, size), sealed)


def sealed_in(store: Store) -> tuple[Sealed, list[Line]]:
    """The newest checkpoint, the key that leads to who signed it, and the lines that tell of keys.

    That is the log's first key, but where keys were lost and replaced: nothing hands over to what signed since.
    CannotVerify without any.
    """
    newest = run_sync(store.newest_checkpoint())
    said = said_in(store, _LAST)
    added = [one for one in said.keys if isinstance(one, bytes)]
    if newest is None or not added:
        msg = "the record is not signed"
        raise CannotVerify(msg, help="name a keys file (record_keys), and `hitl-fsm audit checkpoint` signs it")
    origin = read_tree(read_note(newest.note)).origin
    return Sealed(newest.note, leading_to(newest.note, said, origin)), [Line(*one) for one in said.lines]


def leading_to(note: bytes, said: Said, origin: str) -> str:
    """The public key from which lines hand over to one that signed the note; "" where no line names a key."""
    keys = [Verifier(origin, one) for one in said.keys if isinstance(one, bytes)]
    signers = claim_of(note, trust_in(said, ()).known).signers
    leading = (one for one in keys if not trust_in(said, [one]).believed.isdisjoint(signers))
    found = next(leading, keys[0] if keys else None)
    return "" if found is None else found.text


def leaves_of(store: Store, size: int) -> Iterator[bytes]:
    """The leaves of the first lines."""
    after = 0
    while page := run_sync(store.raw_leaves(after, size, PAGE)):
        yield from (leaf for _, leaf in page)
        after = page[-1][0]


def lines_about(store: Store, requirement_id: str) -> list[int]:
    """The numbers of the lines that tell of a question, of the call that it is about, and of what came of it."""
    found = run_sync(store.requirement(requirement_id))
    if found is None:
        msg = f"no requirement {requirement_id!r} in this store"
        raise RequirementNotFound(msg, help="name lines by their numbers, as `hitl-fsm audit show` has them")
    seqs: list[int] = []
    after = 0
    while page := run_sync(store.records(after=after, limit=PAGE, run_id=found.run_id)):
        for line in page:
            data = _data(line.body)
            if data.get("requirement") == requirement_id or data.get("call") == found.call_id:
                seqs.append(line.seq)
        after = page[-1].seq
    return seqs


def _data(body: bytes) -> dict[str, Any]:
    try:
        data = _decode(body).get("data")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


def _line(store: Store, seq: int) -> Line:
    for number, _, body, _ in run_sync(store.raw_lines(seq - 1, seq, 1)):
        if number == seq and isinstance(body, bytes) and body:
            return Line(seq, body)
    msg = f"there is no line {seq}, or its body was pruned"
    raise CannotVerify(msg, help="`hitl-fsm audit show` lists what there is")
