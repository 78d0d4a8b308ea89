"""What goes with an export of the record so that a stranger can check it: the checkpoint, the key, proofs, a program.

The program is `standalone/verify.py`, of which a copy goes with each export. A folder of the whole record has:

    lines.jsonl     each line exactly as it is stored; `{"pruned":"<leaf>"}` for one whose body was pruned
    checkpoint.txt  a signed note on the tree of the first lines
    key.txt         the key of the log from which lines of the record hand over to the one that signed
    anchor.txt      if there is one: a checkpoint as it is kept elsewhere

A folder of some lines has `proofs.json` too: how each of them is in the signed tree, in the order of `lines.jsonl`, and
the lines that hand over to later keys. A single file of a proof has all of that in one JSON document.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files as resources
from typing import NamedTuple

import msgspec

from hitl_fsm.audit.checkpoint import read_note, read_tree
from hitl_fsm.audit.tree import NODE_PREFIX
from hitl_fsm.errors import RecordError

LINES = "lines.jsonl"
CHECKPOINT = "checkpoint.txt"
KEY = "key.txt"
ANCHOR = "anchor.txt"
PROOFS = "proofs.json"
PROGRAM = "verify.py"

PROOFS_FORMAT = "hitl-fsm/proofs/v1"
PROOF_FORMAT = "hitl-fsm/proof/v1"


class Sealed(NamedTuple):
    """A signed checkpoint, and the text of the first key of its log."""

    note: bytes
    key: str


class Line(NamedTuple):
    """A stored line: its number and its exact bytes."""

    seq: int
    body: bytes


def row(body: bytes, leaf: bytes) -> bytes:
    """A line as it stands in `lines.jsonl`, with its end; `leaf` is told of one whose body was pruned."""
    return (body or b'{"pruned":"%s"}' % leaf.hex().encode()) + b"\n"


def files(sealed: Sealed, *, proofs: bytes = b"", anchor: bytes = b"") -> dict[str, bytes]:
    """By name, what stands beside `lines.jsonl`; `proofs` with a selection (`proofs_of`)."""
    found = {CHECKPOINT: sealed.note, KEY: f"{sealed.key}\n".encode(), PROGRAM: program()}
    if proofs:
        found[PROOFS] = proofs
    if anchor:
        found[ANCHOR] = anchor
    return found


def program() -> bytes:
    """The program that checks an export, without this package."""
    return (resources("hitl_fsm.audit") / "standalone" / "verify.py").read_bytes()


def proofs_of(seqs: Sequence[int], keys: Sequence[Line], leaves: Iterable[bytes], size: int) -> bytes:
    """`proofs.json` of a selection: the lines `seqs`, in their order, among the first `size`.

    `keys` are the lines that hand over from one key to the next (none where there is one key). `leaves` are all of
    the tree, from the first on; they are read once and not kept.
    """
    paths = paths_of({*seqs, *(one.seq for one in keys)}, leaves, size)
    document = {
        "format": PROOFS_FORMAT,
        "size": size,
        "lines": [_proof(seq, paths) for seq in seqs],
        "keys": [_proof(one.seq, paths, one.body) for one in keys],
    }
    return _written(document)


def proof_of(lines: Sequence[Line], keys: Sequence[Line], leaves: Iterable[bytes], sealed: Sealed) -> bytes:
    """A proof in one file: the lines themselves, how they are in the tree, who signed it."""
    size = read_tree(read_note(sealed.note)).size
    paths = paths_of({one.seq for one in (*lines, *keys)}, leaves, size)
    document = {
        "format": PROOF_FORMAT,
        "checkpoint": sealed.note.decode(),
        "key": sealed.key,
        "size": size,
        "lines": [_proof(one.seq, paths, one.body) for one in lines],
        "keys": [_proof(one.seq, paths, one.body) for one in keys],
    }
    return _written(document)


def paths_of(seqs: Iterable[int], leaves: Iterable[bytes], size: int) -> dict[int, list[bytes]]:
    """The inclusion proofs of several lines, by number, in one pass; RecordError where there is no such leaf."""
    paths: dict[int, list[bytes]] = {seq: [] for seq in seqs}
    peaks: list[tuple[bytes, tuple[int, ...]]] = []

    def joined(left: tuple[bytes, tuple[int, ...]], right: tuple[bytes, tuple[int, ...]]) -> None:
        for seq in left[1]:
            paths[seq].append(right[0])
        for seq in right[1]:
            paths[seq].append(left[0])
        peaks.append((hashlib.sha256(NODE_PREFIX + left[0] + right[0]).digest(), left[1] + right[1]))

    count = 0
    for leaf in leaves:
        if count == size:
            break
        peaks.append((leaf, (count + 1,) if count + 1 in paths else ()))
        rest, count = count, count + 1
        while rest & 1:
            right = peaks.pop()
            joined(peaks.pop(), right)
            rest >>= 1
    if count < size or any(not 0 < seq <= size for seq in paths):
        msg = f"the first {size} lines do not have all that is to be proved"
        raise RecordError(msg, help="`hitl-fsm audit checkpoint` signs the lines that are not covered yet")
    while len(peaks) > 1:
        right = peaks.pop()
        joined(peaks.pop(), right)
    return paths


def _proof(seq: int, paths: Mapping[int, Sequence[bytes]], body: bytes | None = None) -> dict[str, object]:
    told: dict[str, object] = {"index": seq - 1, "path": [one.hex() for one in paths[seq]]}
    return told if body is None else {**told, "line": base64.b64encode(body).decode()}


def _written(document: Mapping[str, object]) -> bytes:
    return msgspec.json.format(msgspec.json.encode(document), indent=1) + b"\n"
