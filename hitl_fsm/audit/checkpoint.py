"""Checkpoints: a tree's size and root in a signed note (C2SP tlog-checkpoint, signed-note). Pure, and total.

    hitl-fsm/default/3f2a9c0d11e4b7a6
    4711
    <base64 of the root>

    — hitl-fsm/default/3f2a9c0d11e4b7a6 <base64(key id ‖ signature)>

What is signed is the text up to and including the newline before the blank line.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple, NoReturn

from hitl_fsm.audit.keys import MAX_NAME, SIGNATURE_BYTES, Signer, Verifier, is_key_name, is_signed, sign, verifier_of
from hitl_fsm.audit.tree import HASH_BYTES, MAX_SIZE
from hitl_fsm.errors import BadNote

MAX_NOTE = 64 * 1024
"""Bytes of a note that is read."""
MAX_SIGNATURES = 64
"""Of one note; any verifier must take 16."""
ORIGIN = "hitl-fsm/"
ORIGIN_DIGITS = 16
"""Of the first line's leaf: no two logs share an origin."""

_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
_SIGNATURE_LINE = "— "
_KEY_ID_BYTES = 4
_TREE_LINES = 3
_HELP = "a checkpoint is a C2SP signed note, as `hitl-fsm audit checkpoint` prints it"


class Signature(NamedTuple):
    """One line of a note, whoever's it is; `body` is without the key's id."""

    name: str
    key_id: bytes
    body: bytes


class Note(NamedTuple):
    """A signed note, taken apart; none of its signatures has been checked."""

    text: bytes
    signatures: tuple[Signature, ...]


class Tree(NamedTuple):
    """What a checkpoint says: whose log, how many leaves, which root."""

    origin: str
    size: int
    root: bytes


def origin_of(log: str, first_leaf: bytes) -> str:
    """What a log is called in its checkpoints."""
    return f"{ORIGIN}{log}/{first_leaf.hex()[:ORIGIN_DIGITS]}"


def write(tree: Tree, signers: Sequence[Signer]) -> bytes:
    """The checkpoint, signed; each key signs under the log's origin, whatever it is called where it is kept."""
    text = f"{tree.origin}\n{tree.size}\n{base64.b64encode(tree.root).decode()}\n".encode()
    return text + b"\n" + b"".join(_line(Signer(tree.origin, one.seed), text) for one in signers)


def read_note(data: bytes) -> Note:
    """Text and signatures. BadNote for what is no signed note, or a longer one than is read."""
    if len(data) > MAX_NOTE:
        _refuse(f"it has more than {MAX_NOTE} bytes")
    try:
        whole = data.decode()
    except UnicodeDecodeError:
        _refuse("it is not UTF-8")
    if _CONTROL.search(whole) is not None:
        _refuse("it has control characters")
    text, blank, lines = whole.rpartition("\n\n")
    if not text or not blank or not lines.endswith("\n"):
        _refuse("it has no signatures after a blank line")
    found = lines[:-1].split("\n")
    if len(found) > MAX_SIGNATURES:
        _refuse(f"it has more than {MAX_SIGNATURES} signatures")
    return Note(f"{text}\n".encode(), tuple(_signature(line) for line in found))


def read_tree(note: Note) -> Tree:
    """What the note says, signed or not. BadNote if it is no checkpoint."""
    lines = note.text.decode().split("\n")[:-1]
    if len(lines) < _TREE_LINES or not all(lines):
        _refuse("it does not have an origin, a size and a root")
    origin, size, root = lines[:_TREE_LINES]
    if not is_key_name(origin):
        _refuse(f"its origin is no name of at most {MAX_NAME} characters without spaces")
    # Not `isdecimal`, which takes digits of other scripts; no longer than any number that is a size.
    if len(size) > len(str(MAX_SIZE)) or not size.isascii() or not size.isdigit() or str(int(size)) != size:
        _refuse("its size is not a decimal number")
    body = _base64(root)
    if int(size) > MAX_SIZE or len(body) != HASH_BYTES:
        _refuse("its size or its root is too long")
    return Tree(origin, int(size), body)


Check = Callable[[Verifier, bytes, bytes], bool]
"""Whether a key signed a text so."""


def _is_of(verifier: Verifier, text: bytes, signature: bytes) -> bool:
    return is_signed(verifier.public, text, signature)


def read_checkpoint(
    data: bytes, verifiers: Sequence[Verifier], check: Check = _is_of
) -> tuple[Tree, tuple[Verifier, ...]]:
    """What a checkpoint says, and those of `verifiers` that signed it, as `check` finds: at least one.

    BadNote if none did, and if a signature under one of their names and ids is wrong. Others are no concern.
    """
    note = read_note(data)
    tree = read_tree(note)
    signed = signed_by(note, verifiers, check)
    if not signed:
        _refuse("none of the known keys signed it")
    return tree, signed


def signed_by(note: Note, verifiers: Sequence[Verifier], check: Check = _is_of) -> tuple[Verifier, ...]:
    """Those of `verifiers` that signed the note; BadNote if a signature of one of them is wrong."""
    known = {(one.name, one.key_id): one for one in verifiers}
    found: dict[Verifier, None] = {}
    for signature in note.signatures:
        verifier = known.get((signature.name, signature.key_id))
        if verifier is None:
            continue
        if len(signature.body) != SIGNATURE_BYTES or not check(verifier, note.text, signature.body):
            _refuse(f"its signature of {verifier.name}+{verifier.key_id.hex()} is wrong")
        found[verifier] = None
    return tuple(found)


def _line(signer: Signer, text: bytes) -> bytes:
    body = verifier_of(signer).key_id + sign(signer.seed, text)
    return f"{_SIGNATURE_LINE}{signer.name} {base64.b64encode(body).decode()}\n".encode()


def _signature(line: str) -> Signature:
    name, _, body = line.removeprefix(_SIGNATURE_LINE).partition(" ")
    if not line.startswith(_SIGNATURE_LINE) or not is_key_name(name):
        _refuse("a signature does not stand in a line `— <name> <base64>`")
    decoded = _base64(body)
    if len(decoded) <= _KEY_ID_BYTES:
        _refuse("a signature is too short")
    return Signature(name, decoded[:_KEY_ID_BYTES], decoded[_KEY_ID_BYTES:])


def _base64(text: str) -> bytes:
    """Canonical: no second text for the same bytes."""
    try:
        found = base64.b64decode(text.encode("ascii"), validate=True)
    except (ValueError, binascii.Error):
        _refuse("it has what is no base64")
    if base64.b64encode(found).decode() != text:
        _refuse("it has what is no base64")
    return found


def _refuse(why: str) -> NoReturn:
    msg = f"this is no signed checkpoint: {why}"
    raise BadNote(msg, help=_HELP)
