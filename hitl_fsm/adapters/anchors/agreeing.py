"""What anchors have in common: notes follow one another, of one log, and never of two trees of one size."""

from __future__ import annotations

from hitl_fsm.audit.checkpoint import read_note, read_tree
from hitl_fsm.audit.keys import SIGNATURE_BYTES
from hitl_fsm.errors import AnchorError, BadNote

NOTES_MAX = 1_000_000
"""Notes that are read of one anchor."""


def is_whole(note: bytes) -> bool:
    """Whether it is a checkpoint whose signatures are as long as signatures are."""
    try:
        found = read_note(note)
        read_tree(found)
    except BadNote:
        return False
    return all(len(one.body) >= SIGNATURE_BYTES for one in found.signatures)


def is_new(note: bytes, newest: bytes | None, where: str) -> bool:
    """Whether a note is to be added after the newest one. AnchorError where the two contradict each other."""
    tree = read_tree(read_note(note))
    if newest is None:
        return True
    try:
        there = read_tree(read_note(newest))
    except BadNote as error:
        msg = f"the newest note in {where} is no checkpoint"
        raise AnchorError(msg, help="nothing was added; look who writes there besides") from error
    if there.origin != tree.origin:
        msg = f"{where} has checkpoints of another log, {there.origin}"
        raise AnchorError(msg, help="nothing was added; give each log an anchor of its own")
    if there.size == tree.size and there.root != tree.root:
        msg = f"{where} has a checkpoint of {there.size} lines with another root"
        raise AnchorError(msg, help="the record was altered, here or there: `hitl-fsm audit verify --anchor …`")
    return there.size < tree.size
