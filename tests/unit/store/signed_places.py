"""A database with the file of its keys, whose checkpoints are held against a tree of the tests' own."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from kinds import Kind
from steps import ALICE

from hitl_fsm.adapters.keys import KeyFile
from hitl_fsm.adapters.store import open_store
from hitl_fsm.adapters.store.store import SqlStore
from hitl_fsm.audit.checkpoint import read_checkpoint
from hitl_fsm.audit.keys import Signer, Verifier, verifier_of
from hitl_fsm.audit.tree import load, root_of
from hitl_fsm.model.record import Record
from hitl_fsm.ports_record import Checkpoint


class Place:
    """A database, and the file of its keys."""

    def __init__(self, kind: Kind, path: Path) -> None:
        self.kind, self.file = kind, KeyFile(path)

    def open(self) -> SqlStore:
        opened = open_store(self.kind.url, keys=KeyFile(self.file.path))
        assert isinstance(opened, SqlStore)
        return opened

    async def bodies(self) -> list[bytes]:
        return [row[0] for row in await self.kind.sql("SELECT body FROM record ORDER BY seq")]

    async def verified(self, store: SqlStore) -> list[tuple[int, tuple[Verifier, ...]]]:
        """Every checkpoint against the lines as they stand, by a tree of the test's own."""
        bodies = await self.bodies()
        leaves = [hashlib.sha256(b"\0" + one).digest() for one in bodies]
        keys = self.file()
        assert keys is not None
        origin = f"hitl-fsm/default/{leaves[0].hex()[:16]}"
        ours = [verifier_of(Signer(origin, one.seed)) for one in keys.signers]
        found = []
        for one in await every(store):
            tree, signed = read_checkpoint(one.note, ours)
            assert (tree.origin, tree.size, tree.root) == (origin, one.size, mth(leaves[: one.size]))
            found.append((one.size, signed))
        for size, frontier in await self.kind.sql("SELECT size, frontier FROM checkpoint"):
            assert root_of(load(bytes(frontier))) == mth(leaves[:size])
        return found


async def every(store: SqlStore) -> list[Checkpoint]:
    found: list[Checkpoint] = []
    while page := await store.checkpoints(after=found[-1].size if found else 0, limit=7):
        found += page
    return found


def mth(leaves: Sequence[bytes]) -> bytes:
    """RFC 6962, 2.1."""
    if len(leaves) < 2:
        return leaves[0] if leaves else hashlib.sha256(b"").digest()
    k = 1 << ((len(leaves) - 1).bit_length() - 1)
    return hashlib.sha256(b"\x01" + mth(leaves[:k]) + mth(leaves[k:])).digest()


def line(event: str = "note") -> Record:
    return Record(event, 1, ALICE, "r1")
