"""A proof that some lines stand in a signed record, checked without the record. Total: any bytes give a report."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import msgspec

from hitl_fsm.audit.chain import leaf_of
from hitl_fsm.audit.claims import Claim, claim_of
from hitl_fsm.audit.findings import Finding, Tally, Verdict
from hitl_fsm.audit.keys import Verifier, read_verifier
from hitl_fsm.audit.tree import is_included
from hitl_fsm.audit.trust import hear, nothing_said, trust_in
from hitl_fsm.audit.walk import End, walk
from hitl_fsm.errors import BadNote, CannotVerify

MAX_PROOF = 64 * 1024 * 1024
"""Bytes of a proof that is read."""

_HELP = "give a file that `hitl-fsm audit prove` wrote"


class Proved(msgspec.Struct, frozen=True):
    """What a proof shows: `lines` (number and exact text) stand in the log `origin`, whose first `size` are signed."""

    verdict: Verdict
    trust: Literal["given", "first use", "none"]
    origin: str
    size: int
    lines: tuple[tuple[int, str], ...]
    findings: tuple[Finding, ...]


class _Step(msgspec.Struct):
    index: int
    path: list[str]
    line: str


class _Proof(msgspec.Struct):
    format: Literal["hitl-fsm/proof/v1"]
    checkpoint: str
    key: str
    lines: list[_Step]
    keys: list[_Step] = []


class _Read(NamedTuple):
    """One line of a proof."""

    seq: int
    body: bytes
    path: list[bytes]


_proof = msgspec.json.Decoder(_Proof).decode


def check(data: bytes, given: Sequence[Verifier] = ()) -> Proved:
    """CannotVerify for what is no proof at all."""
    lines, keys, claim, first = _taken_apart(data)
    said, found = nothing_said(), Tally()
    hear(said, [(one.seq, "", one.body, bytes.fromhex(leaf_of(one.body))) for one in keys])
    trust = trust_in(said, [*given] or [first])
    for finding in said.findings:
        found.add(finding)
    try:
        if trust.believed.isdisjoint(claim_of(claim.note, trust.known).signers):
            found.add(Finding(0, "the checkpoint is not signed by a key that is trusted", "signature"))
    except BadNote as error:
        found.add(Finding(0, error.message, "signature"))
    last = 0
    for one in lines:
        if one.seq <= last:
            found.add(Finding(one.seq, "the line stands twice, or out of its order", "order"))
        last = one.seq
    for one in (*lines, *keys):
        _check_line(one, claim, found)
    if not lines:
        found.add(Finding(0, "the proof has no lines", "unreached"))
    texts = tuple((one.seq, one.body.decode("utf-8", "replace")) for one in lines)
    why: Literal["given", "first use"] = "given" if given else "first use"
    return Proved(found.verdict, why, claim.tree.origin, claim.tree.size, texts, tuple(found.kept))


def _check_line(one: _Read, claim: Claim, found: Tally) -> None:
    leaf = bytes.fromhex(leaf_of(one.body))
    if not is_included(leaf, one.seq - 1, claim.tree.size, one.path, claim.tree.root):
        found.add(Finding(one.seq, "the line is not among those that were signed", "root"))
    # What it says of the line before cannot be checked here; only that it says something.
    prev = one.body.partition(b'"prev":"')[2][:64].decode("utf-8", "replace")
    walked = walk([(one.seq, None, one.body, leaf)], End(one.seq - 1, prev))
    found.take(walked.findings, walked.total, walked.altered)


def _taken_apart(data: bytes) -> tuple[list[_Read], list[_Read], Claim, Verifier]:
    if len(data) > MAX_PROOF:
        msg = f"the proof has more than {MAX_PROOF} bytes"
        raise CannotVerify(msg, help=_HELP)
    try:
        proof = _proof(data)
        claim = claim_of(proof.checkpoint.encode(), ())
        return [_step(one) for one in proof.lines], [_step(one) for one in proof.keys], claim, read_verifier(proof.key)
    except (msgspec.DecodeError, ValueError, binascii.Error, RecursionError, BadNote) as error:
        why: Any = error.message if isinstance(error, BadNote) else error
        msg = f"this is no proof: {why}"
        raise CannotVerify(msg, help=_HELP) from error


def _step(one: _Step) -> _Read:
    return _Read(one.index + 1, base64.b64decode(one.line, validate=True), [bytes.fromhex(part) for part in one.path])
