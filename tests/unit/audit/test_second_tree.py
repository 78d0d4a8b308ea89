"""The tree and the notes once more, from the papers alone (RFC 6962, C2SP), on a record that the engine made."""

from __future__ import annotations

import base64
import hashlib
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from hitl_fsm.audit.tree import EMPTY, extend, inclusion_proof, root_of
from house import House, call, calls


def tree_hash(entries: list[bytes]) -> bytes:
    """MTH of RFC 6962, section 2.1, as it is defined: from the entries, not from their hashes."""
    if not entries:
        return hashlib.sha256().digest()
    if len(entries) == 1:
        return hashlib.sha256(b"\x00" + entries[0]).digest()
    k = 1
    while k * 2 < len(entries):
        k *= 2
    return hashlib.sha256(b"\x01" + tree_hash(entries[:k]) + tree_hash(entries[k:])).digest()


def audit_path(m: int, entries: list[bytes]) -> list[bytes]:
    """PATH of RFC 6962, section 2.1.1."""
    if len(entries) == 1:
        return []
    k = 1
    while k * 2 < len(entries):
        k *= 2
    if m < k:
        return [*audit_path(m, entries[:k]), tree_hash(entries[k:])]
    return [*audit_path(m - k, entries[k:]), tree_hash(entries[:k])]


def opened(note: bytes, public: bytes) -> tuple[str, int, bytes]:
    """Origin, size and root of a note that this key signed (c2sp.org/signed-note, c2sp.org/tlog-checkpoint)."""
    text, signatures = note.decode().split("\n\n")
    for line in signatures.strip("\n").split("\n"):
        dash, name, blob = line.split(" ")
        assert dash == "\u2014"
        raw = base64.b64decode(blob)
        if raw[:4] == hashlib.sha256(name.encode() + b"\n" + b"\x01" + public).digest()[:4]:
            Ed25519PublicKey.from_public_bytes(public).verify(raw[4:], (text + "\n").encode())
            origin, size, root = text.split("\n")[:3]
            return origin, int(size), base64.b64decode(root)
    raise AssertionError("not signed by this key")


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[bytes], list[bytes], bytes]:
    """The bodies, the notes and the public key of a real record."""
    folder = tmp_path_factory.mktemp("second")
    house = House(folder)
    engine = house.engine()
    for amount in range(4):
        agent = house.agent(engine, [calls(call("pay", to="bob", amount=amount))])
        run = agent.run("go", user="alice")
        run.active_requirements[0].confirm(by="alice")
        agent.continue_run(run)
    key = engine.audit.verify().keys[0]
    engine.close()
    with closing(sqlite3.connect(Path(folder) / "hitl.db")) as db:
        bodies = [body for (body,) in db.execute("SELECT body FROM record ORDER BY seq")]
        notes = [note for (note,) in db.execute("SELECT note FROM checkpoint ORDER BY size")]
    return bodies, notes, base64.b64decode(key.split("+", 2)[2])[1:]


def test_each_checkpoint_signs_the_root_that_the_paper_defines(
    record: tuple[list[bytes], list[bytes], bytes],
) -> None:
    bodies, notes, public = record
    assert len(notes) > 3
    first = hashlib.sha256(b"\x00" + bodies[0]).hexdigest()
    for note in notes:
        origin, size, root = opened(note, public)
        assert origin == f"hitl-fsm/default/{first[:16]}"
        assert root == tree_hash(bodies[:size])
    assert opened(notes[-1], public)[1] == len(bodies)


def test_roots_and_paths_are_those_of_the_paper(record: tuple[list[bytes], list[bytes], bytes]) -> None:
    bodies, _, _ = record
    leaves = [hashlib.sha256(b"\x00" + body).digest() for body in bodies]
    for size in range(1, len(bodies) + 1):
        assert root_of(extend(EMPTY, leaves[:size])) == tree_hash(bodies[:size])
    for index in range(len(bodies)):
        assert inclusion_proof(leaves, index, len(bodies)) == audit_path(index, bodies)
