"""What goes with an export is enough for a stranger: the program of its own says what is wrong, and never crashes."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from hitl_fsm.audit import bundle
from hitl_fsm.audit.bundle import Line, Sealed
from hitl_fsm.audit.chain import GENESIS, seal
from hitl_fsm.audit.checkpoint import Tree, origin_of, write
from hitl_fsm.audit.keys import Signer, verifier_of
from hitl_fsm.audit.tree import EMPTY, extend, inclusion_proof, root_of
from hitl_fsm.errors import RecordError
from hitl_fsm.model.actor import Actor
from hitl_fsm.model.record import Record

ALICE = Actor(id="alice", roles=("finance",))
SEED = bytes(range(32))
INTACT, TAMPERED, INCOMPLETE, CANNOT = 0, 1, 2, 3
FLIPS = 60


class Log(NamedTuple):
    bodies: list[bytes]
    leaves: list[bytes]

    @property
    def lines(self) -> list[Line]:
        return [Line(seq, body) for seq, body in enumerate(self.bodies, 1)]

    def tree(self, size: int | None = None) -> Tree:
        size = len(self.leaves) if size is None else size
        return Tree(origin_of("default", self.leaves[0]), size, root_of(extend(EMPTY, self.leaves[:size])))

    def sealed(self, size: int | None = None, seed: bytes = SEED) -> Sealed:
        tree = self.tree(size)
        signer = Signer(tree.origin, seed)
        return Sealed(write(tree, [signer]), verifier_of(signer).text)

    def folder(self, into: Path, size: int | None = None, anchor: bytes = b"") -> Path:
        rows = b"".join(bundle.row(body, leaf) for body, leaf in zip(self.bodies, self.leaves, strict=True))
        return put(into, {bundle.LINES: rows, **bundle.files(self.sealed(size), anchor=anchor)})


def log(length: int = 21, about: str = "r1") -> Log:
    bodies, leaves, prev = [], [], GENESIS
    for seq in range(1, length + 1):
        body, prev = seal(Record("viewed", 1000 + seq, ALICE, about, {"amount": seq, "note": "é"}), seq, prev)
        bodies.append(body)
        leaves.append(bytes.fromhex(prev))
    return Log(bodies, leaves)


def put(folder: Path, files: dict[str, bytes]) -> Path:
    folder.mkdir(exist_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder


def run(*words: str | Path) -> tuple[int, str]:
    """The program as a stranger runs it: nothing but the standard library is in reach."""
    program = Path(bundle.__file__).parent / "standalone" / "verify.py"
    done = subprocess.run(
        [sys.executable, "-I", "-S", program, *words], capture_output=True, text=True, check=False, timeout=60
    )
    assert not done.stderr, done.stderr
    return done.returncode, done.stdout


@pytest.mark.parametrize("length", [1, 2, 3, 7, 8, 21])
def test_a_whole_export_is_intact(tmp_path: Path, length: int) -> None:
    code, told = run(log(length).folder(tmp_path / "out"))
    assert (code, told.splitlines()[-1]) == (INTACT, "intact")


def test_the_copy_in_the_folder_checks_its_own_folder(tmp_path: Path) -> None:
    folder = log().folder(tmp_path / "out")
    done = subprocess.run([sys.executable, "-I", "-S", folder / "verify.py"], capture_output=True, check=False)
    assert done.returncode == INTACT


def test_lines_after_the_checkpoint_are_said_to_be_uncovered(tmp_path: Path) -> None:
    code, told = run(log().folder(tmp_path / "out", size=20))
    assert code == INCOMPLETE
    assert "lines 21 to 21 are not covered" in told


def test_a_key_that_is_named_must_be_the_one_that_signed(tmp_path: Path) -> None:
    folder = log().folder(tmp_path / "out")
    assert run(folder, "--key", log().sealed().key)[0] == INTACT
    assert run(folder, "--key", log().sealed(seed=bytes(32)).key)[0] == TAMPERED


@pytest.mark.parametrize("size", [3, 21])
def test_an_anchor_of_this_log_fits_and_of_another_does_not(tmp_path: Path, size: int) -> None:
    good, bad = log().sealed(size).note, log(about="r2").sealed(size).note
    assert run(log().folder(tmp_path / "out", anchor=good))[0] == INTACT
    assert run(log().folder(tmp_path / "out", anchor=good + bad))[0] == TAMPERED


def test_a_log_that_was_rolled_back_does_not_reach_the_anchor(tmp_path: Path) -> None:
    code, told = run(log(20).folder(tmp_path / "out", anchor=log(21).sealed().note))
    assert code == TAMPERED
    assert "covers 21 lines, of which 20 are here" in told


def test_a_selection_is_proved_line_by_line(tmp_path: Path) -> None:
    whole, picked = log(), [1, 2, 5, 21]
    rows = b"".join(bundle.row(whole.bodies[seq - 1], b"") for seq in picked)
    proofs = bundle.proofs_of(picked, [], whole.leaves, 21)
    folder = put(tmp_path / "out", {bundle.LINES: rows, **bundle.files(whole.sealed(), proofs=proofs)})
    assert run(folder)[0] == INTACT
    for wrong in (
        rows.replace(b'"amount":5', b'"amount":6'),
        b"".join(rows.splitlines(True)[1:]),
        rows + rows[:0] + b"{}\n",
    ):
        put(folder, {bundle.LINES: wrong})
        assert run(folder)[0] == TAMPERED


def test_a_proof_stands_in_one_file(tmp_path: Path) -> None:
    whole = log()
    proof = bundle.proof_of([whole.lines[4], whole.lines[9]], [], whole.leaves, whole.sealed(17))
    put(tmp_path, {"proof.json": proof})
    assert run(tmp_path / "proof.json")[0] == INTACT
    put(tmp_path, {"proof.json": proof.replace(b'"index": 4', b'"index": 5')})
    assert run(tmp_path / "proof.json")[0] == TAMPERED


@pytest.mark.parametrize("size", [1, 2, 5, 8, 13])
def test_several_proofs_in_one_pass_are_those_of_the_tree(size: int) -> None:
    leaves = log(13).leaves
    found = bundle.paths_of(range(1, size + 1), leaves, size)
    assert [found[seq] for seq in sorted(found)] == [inclusion_proof(leaves, at, size) for at in range(size)]


def test_what_is_not_covered_cannot_be_proved() -> None:
    with pytest.raises(RecordError):
        bundle.paths_of([14], log(13).leaves, 13)
    with pytest.raises(RecordError):
        bundle.paths_of([1], log(13).leaves, 14)


def test_one_flipped_bit_anywhere_is_seen(tmp_path: Path) -> None:
    folder = log(5).folder(tmp_path / "out", anchor=log(5).sealed(3).note)
    key = (folder / bundle.KEY).read_text()
    chance = random.Random(7)
    for name in (bundle.LINES, bundle.CHECKPOINT, bundle.ANCHOR):
        good = (folder / name).read_bytes()
        for _ in range(FLIPS // 3):
            at = chance.randrange(len(good) * 8)
            bad = bytearray(good)
            bad[at // 8] ^= 1 << at % 8
            (folder / name).write_bytes(bad)
            assert run(folder, "--key", key)[0] != INTACT, (name, at)
        (folder / name).write_bytes(good)
    assert run(folder, "--key", key)[0] == INTACT


def test_any_bytes_give_a_verdict(tmp_path: Path) -> None:
    folder = log(5).folder(tmp_path / "out")
    chance = random.Random(11)
    for name in (bundle.LINES, bundle.CHECKPOINT, bundle.KEY, bundle.PROOFS, bundle.ANCHOR):
        good = (folder / name).read_bytes() if (folder / name).exists() else None
        for bad in (
            b"",
            b"\n",
            b"[" * 100_000,
            b'{"lines":[{"index":1e999}]}',
            chance.randbytes(500),
            b"\xff\n\n\xff\n",
        ):
            (folder / name).write_bytes(bad)
            assert run(folder)[0] in {TAMPERED, INCOMPLETE, CANNOT} or bad in {b"", b"\n"}
        if good is None:
            (folder / name).unlink()
        else:
            (folder / name).write_bytes(good)
