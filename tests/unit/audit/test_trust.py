"""Whose signatures are believed; and the Ed25519 of the program beside an export, against the paper and the library."""

from __future__ import annotations

import base64
import hashlib
import json
import random
import runpy
from pathlib import Path
from typing import Any

import pytest

from hitl_fsm.audit import bundle
from hitl_fsm.audit.keys import Signer, rotation, sign, verifier_of
from hitl_fsm.audit.trust import Said, hear, nothing_said, trust_in

PROGRAM: dict[str, Any] = runpy.run_path(str(Path(bundle.__file__).parent / "standalone" / "verify.py"))
ed25519_ok = PROGRAM["ed25519_ok"]
ONE, TWO, MALLORY = (Signer("log", bytes([at]) * 32) for at in (1, 2, 3))
PUBLIC = {one: verifier_of(one).public for one in (ONE, TWO, MALLORY)}


def row(seq: int, event: str, data: dict[str, Any]) -> tuple[Any, ...]:
    body = json.dumps({"seq": seq, "prev": "", "event": event, "at": 1, "by": {"id": "x"}, "data": data}).encode()
    return seq, "", body, hashlib.sha256(b"\0" + body).digest()


def handed(old: Signer, new: Signer, *, by: Signer | None = None) -> dict[str, Any]:
    statement = rotation(verifier_of(old), verifier_of(new))
    return {
        "old": verifier_of(old).text,
        "new": verifier_of(new).text,
        "old_signature": base64.b64encode(sign((by or old).seed, statement)).decode(),
        "new_signature": base64.b64encode(sign(new.seed, statement)).decode(),
    }


def said(*rows: tuple[Any, ...]) -> Said:
    found = nothing_said()
    hear(found, rows)
    return found


def test_the_first_key_is_believed_and_whom_it_hands_over_to() -> None:
    heard = said(row(2, "key_added", {"key": verifier_of(ONE).text}), row(9, "key_rotated", handed(ONE, TWO)))
    trust = trust_in(heard, ())
    assert (trust.why, trust.believed) == ("first use", {PUBLIC[ONE], PUBLIC[TWO]})
    assert trust_in(heard, (verifier_of(TWO),)).believed == {PUBLIC[TWO]}, "no key vouches for the one before it"


def test_a_key_that_nobody_believes_hands_over_to_nobody() -> None:
    heard = said(
        row(2, "key_added", {"key": verifier_of(ONE).text}),
        row(3, "key_added", {"key": verifier_of(MALLORY).text}),
        row(4, "key_rotated", handed(MALLORY, TWO)),
    )
    assert trust_in(heard, ()).believed == {PUBLIC[ONE]}
    assert {*trust_in(heard, ()).known} == {*PUBLIC.values()}


def test_a_handover_that_the_old_key_did_not_sign_is_a_finding() -> None:
    heard = said(
        row(2, "key_added", {"key": verifier_of(ONE).text}), row(3, "key_rotated", handed(ONE, MALLORY, by=MALLORY))
    )
    assert trust_in(heard, ()).believed == {PUBLIC[ONE]}
    assert [(one.seq, one.kind) for one in heard.findings] == [(3, "key")]
    assert trust_in(said(), ()).why == "none"


def test_the_programs_handover_is_the_same() -> None:
    keys, known = [PUBLIC[ONE]], list[bytes]()
    follow = PROGRAM["follow"]
    follow(keys, known, {"event": "key_rotated", "data": handed(ONE, MALLORY, by=MALLORY)})
    follow(keys, known, {"event": "key_rotated", "data": handed(MALLORY, TWO)})
    assert keys == [PUBLIC[ONE]]
    follow(keys, known, {"event": "key_rotated", "data": handed(ONE, TWO)})
    assert keys == [PUBLIC[ONE], PUBLIC[TWO]]


RFC_8032 = [
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
]


@pytest.mark.parametrize(("public", "message", "signature"), RFC_8032)
def test_the_programs_signatures_are_those_of_the_paper(public: str, message: str, signature: str) -> None:
    key, text, good = bytes.fromhex(public), bytes.fromhex(message), bytes.fromhex(signature)
    assert ed25519_ok(key, text, good)
    assert not ed25519_ok(key, text + b"x", good)
    assert not ed25519_ok(key, text, good[:-1])
    s = int.from_bytes(good[32:], "little") + PROGRAM["ORDER"]
    assert not ed25519_ok(key, text, good[:32] + s.to_bytes(32, "little")), "a second signature for the same text"


def test_the_programs_signatures_are_those_of_the_library() -> None:
    chance = random.Random(5)
    for _ in range(20):
        seed, text = chance.randbytes(32), chance.randbytes(chance.randrange(80))
        key, good = verifier_of(Signer("log", seed)).public, sign(seed, text)
        assert ed25519_ok(key, text, good)
        bad = bytearray(good)
        bad[chance.randrange(64)] ^= 1 << chance.randrange(8)
        assert not ed25519_ok(key, text, bytes(bad))
