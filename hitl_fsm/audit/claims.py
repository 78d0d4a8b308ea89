"""What signed checkpoints claim of a log, and whether its lines agree."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from hitl_fsm.audit.checkpoint import Tree, read_note, read_tree, signed_by
from hitl_fsm.audit.findings import Finding
from hitl_fsm.audit.keys import Verifier, is_key_name
from hitl_fsm.errors import BadNote

CheckpointRow = tuple[Any, Any, Any, Any]
"""Log, size, frontier, note, as they are stored: nothing has been checked."""

_SIGNATURES = re.compile("\n\n(?:— [^\n]*\n)+".encode())


class Claim(NamedTuple):
    """A well-formed note: what it says, and which of the known public keys signed it. `frontier` is a digest."""

    tree: Tree
    signers: tuple[bytes, ...]
    note: bytes
    frontier: bytes


def claims_of(rows: Iterable[CheckpointRow], log: str, known: Sequence[bytes]) -> tuple[list[Claim], list[Finding]]:
    """From rows of stored checkpoints."""
    claims, found = list[Claim](), list[Finding]()
    for name, size, frontier, note in rows:
        at = size if isinstance(size, int) else 0
        if name != log or not isinstance(frontier, bytes) or not isinstance(note, bytes):
            found.append(Finding(at, "the row of a checkpoint is not one of this log", "checkpoint"))
            continue
        try:
            claim = claim_of(note, known)
        except BadNote as error:
            found.append(Finding(at, f"the checkpoint of {at} lines: {error.message}", "checkpoint"))
            continue
        if claim.tree.size != size:
            what = f"the checkpoint that is stored as one of {at} lines is one of {claim.tree.size}"
            found.append(Finding(at, what, "checkpoint"))
            continue
        if not claim.signers:
            what = f"the checkpoint of {at} lines is signed by no key that the record names"
            found.append(Finding(at, what, "signature"))
        claims.append(claim._replace(frontier=hashlib.sha256(frontier).digest()))
    return claims, found


def claim_of(note: bytes, known: Sequence[bytes]) -> Claim:
    """BadNote where it is no checkpoint, or where a signature of a known key is wrong."""
    parsed = read_note(note)
    tree = read_tree(parsed)
    names = {one.name for one in parsed.signatures if is_key_name(one.name)}
    signers = signed_by(parsed, [Verifier(name, public) for public in known for name in names])
    return Claim(tree, tuple(one.public for one in signers), note, b"")


def notes_in(data: bytes) -> list[bytes]:
    """The checkpoints of a file that has one or several, one after the other; what is none comes as it is."""
    found, start = list[bytes](), 0
    for one in _SIGNATURES.finditer(data):
        text = data[start : one.start()].rpartition(b"\n\n")[2].lstrip(b"\n")
        start = one.end()
        if text:
            found.append(text + one.group())
    return found or ([data] if data.strip() else [])
