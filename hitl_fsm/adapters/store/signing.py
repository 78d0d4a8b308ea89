"""Signed checkpoints, written in the transaction of the lines that they cover.

The tree's frontier is kept between two transactions, and counts only while the log still ends where it was left; else
it is read from the newest checkpoint's row, and grown by the leaves since. A key that has not signed yet is told of on
the record first: `key_added`, or, where another one of the store's keys signed before, `key_rotated`.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from hitl_fsm.adapters.store.database import Connection
from hitl_fsm.adapters.store.log import LOG, Chained
from hitl_fsm.audit.checkpoint import Tree, origin_of, read_checkpoint, read_note, read_tree, write
from hitl_fsm.audit.keys import Keys, Signer, Verifier, is_own, rotation, sign, verifier_of
from hitl_fsm.audit.signed_at_once import DECISIONS, EVERY_LINES, unsigned
from hitl_fsm.audit.tree import EMPTY, Frontier, dump, extend, load, root_of
from hitl_fsm.errors import BadNote, KeysError, RecordError, Tampered
from hitl_fsm.model.actor import ENGINE, Actor
from hitl_fsm.model.record import Record

EVERY_MS = 1_000
"""The age of the newest checkpoint at which the next line is signed with it."""
LEAVES_AT_ONCE = 4_096
"""Leaves that are read together: an old log is signed for the first time in bounded memory."""

_NEWEST = "SELECT size, at, frontier, note FROM checkpoint WHERE log = ? ORDER BY size DESC LIMIT 1"
_INSERT = "INSERT INTO checkpoint (log, size, at, frontier, note) VALUES (?, ?, ?, ?, ?)"
_LEAVES = "SELECT leaf FROM record WHERE seq > ? AND seq <= ? ORDER BY seq"
_TAIL = "SELECT seq, body FROM record WHERE seq > ? AND seq <= ? ORDER BY seq"
_LOST = "restore the keys file from its backup; if it is gone for good: `hitl-fsm audit keys --replace-lost`"
_VERIFY = "nothing was written; `hitl-fsm audit verify` tells more"


class State(NamedTuple):
    """The log as it ends at `leaf`, its tree, and the newest checkpoint: its size, when it was signed, by which key.

    `signed_by` is the last of the present keys that signed it, `lost` the name of one that did and is known as lost.
    """

    keys: Keys
    origin: str
    leaf: bytes
    frontier: Frontier
    size: int
    at: int
    signed_by: Signer | None
    lost: str


class Newest(NamedTuple):
    """The newest checkpoint as it was last held against the keys: while its row says the same, that is not done again.

    A process that takes turns with another one finds mostly what it signed itself.
    """

    keys: Keys
    origin: str
    row: tuple[int, int, bytes, bytes]
    signed_by: Signer | None
    lost: str
    frontier: Frontier


class Signing:
    """Signs for one store. Used by one thread at a time, like the writing connection."""

    def __init__(self) -> None:
        self._state: State | None = None
        self._newest: Newest | None = None

    @property
    def is_behind(self) -> bool:
        """Whether there are lines, as far as is known here, that no checkpoint covers."""
        return self._state is not None and self._state.size < self._state.frontier.size

    @property
    def keys_were_lost(self) -> bool:
        """Whether the present keys replace lost ones, and have not signed yet."""
        return self._state is not None and bool(self._state.lost)

    def follow(self, connection: Connection, keys: Keys, added: Chained) -> None:
        """Learn what was added to the log.

        KeysError, so that nothing is written, unless the newest checkpoint was signed by one of the keys; Tampered
        where somebody else wrote lines that this would sign.
        """
        state, (size, leaf) = self._state, added.head
        if not added.leaves:
            state = None  # another process may have signed these very lines
        if state is not None and state.keys == keys and added.before == (state.frontier.size, state.leaf):
            grown = extend(state.frontier, added.leaves)
            self._state = state._replace(frontier=grown, leaf=leaf)
        else:
            self._state = None
            recalled, self._newest = _recalled(connection, keys, size, leaf, self._newest)
            _check_unsigned(connection, recalled.size, added.before[0])
            self._state = recalled

    def introduction(self, by: Actor | None = None) -> Record | None:
        """The line that tells of the present key, where it has not signed yet."""
        state = self._state
        if state is None or state.signed_by == state.keys.signers[-1]:
            return None
        now, new = _now(), _under(state.origin, state.keys.signers[-1])
        if state.signed_by is None:
            data = {"key": verifier_of(new).text} | ({"lost": state.lost} if state.lost else {})
            return Record("key_added", now, by or ENGINE, "", data)
        old = _under(state.origin, state.signed_by)
        statement = rotation(verifier_of(old), verifier_of(new))
        data = {
            "old": verifier_of(old).text,
            "new": verifier_of(new).text,
            "old_signature": base64.b64encode(sign(old.seed, statement)).decode(),
            "new_signature": base64.b64encode(sign(new.seed, statement)).decode(),
        }
        return Record("key_rotated", now, by or ENGINE, "", data)

    def is_due(self, events: Sequence[str]) -> bool:
        """Whether lines of these events, which `follow` has seen, are signed at once."""
        state = self._state
        if state is None or state.frontier.size == state.size:
            return False
        if state.frontier.size - state.size >= EVERY_LINES or not 0 <= _now() - state.at < EVERY_MS:
            return True
        return not DECISIONS.isdisjoint(events)

    def sign(self, connection: Connection) -> None:
        """A checkpoint of the log as `follow` has seen it last; the first one of a new key has the old one's, too."""
        state = self._state
        if state is None or state.frontier.size == state.size:
            return
        present = state.keys.signers[-1]
        signers = [present] if state.signed_by in {None, present} else [state.signed_by, present]
        tree = Tree(state.origin, state.frontier.size, root_of(state.frontier))
        now = _now()
        note = write(tree, [one for one in signers if one is not None])
        row = (tree.size, now, dump(state.frontier), note)
        connection.execute(_INSERT, (LOG, *row))
        self._newest = Newest(state.keys, state.origin, row, present, "", state.frontier)
        self._state = state._replace(size=tree.size, at=now, signed_by=present, lost="")


def exists(connection: Connection) -> bool:
    """Whether the log was ever signed."""
    return connection.execute(_NEWEST, (LOG,)).fetchone() is not None


def _recalled(
    connection: Connection, keys: Keys, size: int, leaf: bytes, known: Newest | None
) -> tuple[State, Newest | None]:
    """From the newest checkpoint's row, and the leaves since."""
    first = connection.execute(_LEAVES, (0, 1)).fetchone()
    origin = origin_of(LOG, leaf if first is None else first[0])
    row = connection.execute(_NEWEST, (LOG,)).fetchone()
    if row is None:
        known = None
    elif known is None or (known.keys, known.origin, known.row) != (keys, origin, row):
        known = _verified(keys, origin, row)
    covered, at = (0, 0) if known is None else known.row[:2]
    if covered > size:
        msg = f"the record has {size} lines, and its newest checkpoint covers {covered}"
        raise Tampered(msg, help=_VERIFY)
    frontier = extend(EMPTY if known is None else known.frontier, _leaves(connection, covered, size))
    if frontier.size != size:
        msg = "lines of the record are missing after its newest checkpoint"
        raise Tampered(msg, help=_VERIFY)
    signed_by, lost = (None, "") if known is None else (known.signed_by, known.lost)
    return State(keys, origin, leaf, frontier, covered, at, signed_by, lost), known


def _check_unsigned(connection: Connection, covered: int, upto: int) -> None:
    """A signature speaks for all lines before it: it is never put under a decision that nobody signed."""
    if not covered:
        return  # a log that had no keys until now
    for found in unsigned(connection.execute(_TAIL, (covered, upto))):
        msg = f"line {found.seq} of the record: {found.what}"
        raise Tampered(msg, help=_VERIFY)


def _verified(keys: Keys, origin: str, row: tuple[int, int, bytes, bytes]) -> Newest:
    """KeysError unless one of the keys signed it, Tampered unless its row says what was signed."""
    covered, _, stored, note = row
    signed_by, lost = _signer(keys, origin, note)
    return Newest(keys, origin, row, signed_by, lost, _checked(stored, note, origin, covered))


def _signer(keys: Keys, origin: str, note: bytes) -> tuple[Signer | None, str]:
    """Which of the keys signed the newest checkpoint, or the name of one that did and is lost. KeysError otherwise."""
    ours = {verifier_of(_under(origin, one)): one for one in keys.signers}

    def check(verifier: Verifier, text: bytes, signature: bytes) -> bool:
        return is_own(ours[verifier].seed, text, signature)

    try:
        signed = set(read_checkpoint(note, tuple(ours), check)[1])
        return [one for verifier, one in ours.items() if verifier in signed][-1], ""
    except BadNote as error:
        for name in _names(note):
            if name in keys.lost:
                return None, name
        msg = "the keys of this store are not those that signed its newest checkpoint"
        raise KeysError(msg, help=f"nothing was written; {_LOST}") from error


def _names(note: bytes) -> list[str]:
    """Of the keys that, as it says, signed a note."""
    try:
        return [f"{one.name}+{one.key_id.hex()}" for one in read_note(note).signatures]
    except BadNote:
        return []


def _checked(stored: bytes, note: bytes, origin: str, size: int) -> Frontier:
    """The frontier, as the checkpoint beside it says: what is not of the signed tree is never signed on."""
    try:
        frontier, tree = load(stored), read_tree(read_note(note))
    except RecordError as error:
        msg = "the newest checkpoint of the record cannot be read"
        raise Tampered(msg, help=_VERIFY) from error
    if tree != Tree(origin, size, root_of(frontier)) or frontier.size != size:
        msg = "the newest checkpoint of the record is not the one of its row"
        raise Tampered(msg, help=_VERIFY)
    return frontier


def _leaves(connection: Connection, after: int, upto: int) -> Iterator[bytes]:
    while after < upto:
        end = min(after + LEAVES_AT_ONCE, upto)
        for (leaf,) in connection.execute(_LEAVES, (after, end)).fetchall():
            yield leaf
        after = end


def _under(origin: str, signer: Signer) -> Signer:
    """A key signs for a log under the log's origin."""
    return Signer(origin, signer.seed)


def _now() -> int:
    return time.time_ns() // 1_000_000
