"""Checkpoints are C2SP signed notes; nothing else is taken for one, and nothing crashes the reader."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hitl_fsm.audit import keys
from hitl_fsm.audit.checkpoint import (
    MAX_NOTE,
    MAX_SIGNATURES,
    Tree,
    origin_of,
    read_checkpoint,
    read_note,
    read_tree,
    signed_by,
    write,
)
from hitl_fsm.audit.keys import Keys, Signer, Verifier, read_signer, read_verifier, signer_text, verifier_of
from hitl_fsm.errors import BadNote

SEED = bytes(range(32))
ORIGIN = "hitl-fsm/default/3f2a9c0d11e4b7a6"
TREE = Tree(ORIGIN, 4711, bytes(range(32, 64)))
SIGNER = Signer(ORIGIN, SEED)
OTHER = Signer(ORIGIN, bytes(32))
NOTE = write(TREE, (SIGNER,))

# The example of the specification of Go's notes (golang.org/x/mod/sumdb/note), with its key.
PEOPLE = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PEOPLE_NOTE = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)


def test_a_note_of_another_program_is_read() -> None:
    found = read_note(PEOPLE_NOTE.encode())
    assert [one.name for one in signed_by(found, [read_verifier(PEOPLE)])] == ["PeterNeumann"]


def test_what_is_written_is_read() -> None:
    assert read_checkpoint(NOTE, [verifier_of(SIGNER)]) == (TREE, (verifier_of(SIGNER),))
    text, _, line = NOTE.decode().partition("\n\n")
    assert text.split("\n") == [ORIGIN, "4711", base64.b64encode(TREE.root).decode()]
    assert line.startswith(f"— {ORIGIN} ")
    assert line.endswith("\n")


def test_a_key_signs_under_the_origin_of_the_log() -> None:
    note = write(TREE, (Signer("hitl-fsm/default", SEED),))
    assert note == NOTE


def test_several_keys_may_sign() -> None:
    note = write(TREE, (SIGNER, OTHER))
    assert read_checkpoint(note, [verifier_of(OTHER)])[1] == (verifier_of(OTHER),)
    assert set(read_checkpoint(note, [verifier_of(OTHER), verifier_of(SIGNER)])[1]) == {
        verifier_of(OTHER),
        verifier_of(SIGNER),
    }


def test_keys_that_are_not_known_do_not_count() -> None:
    with pytest.raises(BadNote, match="none of the known keys"):
        read_checkpoint(NOTE, [verifier_of(OTHER)])
    with pytest.raises(BadNote, match="none of the known keys"):
        read_checkpoint(NOTE, [Verifier("another", verifier_of(SIGNER).public)])
    with pytest.raises(BadNote, match="none of the known keys"):
        read_checkpoint(NOTE, [])


def test_a_wrong_signature_of_a_known_key_is_not_forgiven() -> None:
    forged = write(TREE._replace(size=4712), (SIGNER, OTHER)).replace(b"\n4712\n", b"\n4711\n")
    note = NOTE + forged.split(b"\n")[-2] + b"\n"
    assert read_checkpoint(note, [verifier_of(SIGNER)])[0] == TREE
    with pytest.raises(BadNote, match="is wrong"):
        read_checkpoint(note, [verifier_of(SIGNER), verifier_of(OTHER)])


@given(st.integers(0, len(NOTE) - 1), st.integers(0, 7))
def test_every_changed_bit_is_found(at: int, bit: int) -> None:
    changed = bytearray(NOTE)
    changed[at] ^= 1 << bit
    with pytest.raises(BadNote):
        read_checkpoint(bytes(changed), [verifier_of(SIGNER)])


@given(st.binary(max_size=400) | st.text(max_size=200).map(str.encode))
def test_no_bytes_crash_the_reader(data: bytes) -> None:
    for candidate in (data, NOTE + data, data + NOTE, NOTE[: len(NOTE) // 2] + data, data + b"\n\n" + NOTE[-110:]):
        try:
            read_tree(read_note(candidate))
        except BadNote:
            continue


@pytest.mark.parametrize(
    "text",
    [
        f"{ORIGIN}\n4711\n",
        f"\n4711\n{'A' * 43}=\n",
        f"{ORIGIN}\n04711\n{'A' * 43}=\n",
        f"{ORIGIN}\n+4711\n{'A' * 43}=\n",
        f"{ORIGIN}\n-1\n{'A' * 43}=\n",
        f"{ORIGIN}\n٤\n{'A' * 43}=\n",
        f"{ORIGIN}\n²\n{'A' * 43}=\n",
        f"{ORIGIN}\n{2**63}\n{'A' * 43}=\n",
        f"{ORIGIN}\n{'9' * 5000}\n{'A' * 43}=\n",
        f"{ORIGIN}\n1\n{'A' * 42}==\n",
        f"{ORIGIN}\n1\n{'A' * 42}B=\n",
        f"{ORIGIN}\n1\n{'A' * 43}=\n\nmore\n",
        f"two words\n1\n{'A' * 43}=\n",
    ],
)
def test_a_signed_text_that_is_no_checkpoint(text: str) -> None:
    note = text.encode() + b"\n" + NOTE.rpartition(b"\n\n")[2]
    with pytest.raises(BadNote):
        read_tree(read_note(note))


def test_lines_that_are_added_to_a_checkpoint_are_no_concern() -> None:
    text = f"{ORIGIN}\n1\n{'A' * 43}=\nmore\n".encode()
    assert read_tree(read_note(text + b"\n" + NOTE.rpartition(b"\n\n")[2])) == Tree(ORIGIN, 1, bytes(32))


@pytest.mark.parametrize(
    "note",
    [
        b"",
        b"\n",
        b"\n\n",
        NOTE[:-1],
        NOTE.replace(b"\n\n", b"\n"),
        NOTE + b"\n",
        NOTE + b"more\n",
        NOTE.replace("— ".encode(), b"- "),
        NOTE.replace("— ".encode(), "—  ".encode()),
        NOTE.replace(b"\n", b"\r\n"),
        b"\xff" + NOTE,
        b"\x00" + NOTE,
        NOTE + NOTE.splitlines(keepends=True)[-1] * MAX_SIGNATURES,
        b"a" * MAX_NOTE + NOTE,
        b"a\n\n\xe2\x80\x94 name AAAA\n",
        b"a\n\n\xe2\x80\x94 na+me AAAAAAAA\n",
    ],
)
def test_what_is_no_signed_note(note: bytes) -> None:
    with pytest.raises(BadNote):
        read_note(note)


def test_as_many_signatures_as_any_verifier_must_take() -> None:
    note = NOTE + NOTE.splitlines(keepends=True)[-1] * 15
    assert read_checkpoint(note, [verifier_of(SIGNER)])[1] == (verifier_of(SIGNER),)


def test_keys_as_text() -> None:
    assert read_signer(signer_text(SIGNER)) == SIGNER
    assert read_verifier(verifier_of(SIGNER).text) == verifier_of(SIGNER)
    assert signer_text(SIGNER).startswith(f"PRIVATE+KEY+{ORIGIN}+")
    assert read_verifier(PEOPLE).text == PEOPLE


def test_secrets_are_not_shown() -> None:
    shown = repr(Keys((SIGNER,), b"w" * 32))
    assert "ww" not in shown
    assert "seed" not in shown
    assert repr(SEED)[2:-1] not in shown


@pytest.mark.parametrize(
    "text",
    [
        "",
        "+",
        "a+b",
        "a+00000000+AQ==",
        PEOPLE.replace("c74f20a3", "c74f20a4"),
        PEOPLE.replace("c74f20a3", "C74F20A3"),
        PEOPLE.replace("+AR", "+AX"),
        PEOPLE.replace("PeterNeumann", "Peter Neumann"),
        PEOPLE + "A",
        PEOPLE + "\n",
        PEOPLE[:-1] + "é",
        "a" * 1000 + PEOPLE,
    ],
)
def test_what_is_no_key(text: str) -> None:
    with pytest.raises(BadNote):
        read_verifier(text)
    with pytest.raises(BadNote):
        read_signer(text)
    with pytest.raises(BadNote):
        read_signer("PRIVATE+KEY+" + text)


def test_origin() -> None:
    assert origin_of("default", bytes.fromhex("3f2a9c0d11e4b7a6" + "00" * 24)) == ORIGIN


def test_a_key_knows_what_it_signed_by_signing_again_and_verifies_what_it_would_sign_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seed, message = SIGNER.seed, b"what is said"
    signature = keys.sign(seed, message)
    assert keys.is_own(seed, message, signature)
    assert not keys.is_own(seed, b"something else", signature)
    assert not keys.is_own(OTHER.seed, message, signature)
    assert not keys.is_own(seed, message, signature[:-1])
    with monkeypatch.context() as another_library:
        another_library.setattr(keys, "sign", lambda *_: bytes(keys.SIGNATURE_BYTES))
        assert keys.is_own(seed, message, signature)
        assert not keys.is_own(seed, b"something else", signature)
