"""Which keys are believed: those that were given, or the log's first one, and whom these hand over to on the record."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple

import msgspec

from hitl_fsm.audit.findings import Finding
from hitl_fsm.audit.keys import Verifier, is_signed, read_verifier, rotation
from hitl_fsm.audit.pruned import Told, told
from hitl_fsm.audit.walk import Row
from hitl_fsm.errors import BadNote

KEY_ADDED = "key_added"
KEY_ROTATED = "key_rotated"
POLICIES = "policies_activated"
PRUNED = "record_pruned"
ERASED = "subject_erased"
NEEDED = frozenset({KEY_ADDED, KEY_ROTATED, POLICIES, PRUNED, ERASED})
"""Events whose lines a verification reads; their bodies are never pruned."""


class HandOver(NamedTuple):
    """From one public key to another, signed by both."""

    old: bytes
    new: bytes


class Said(NamedTuple):
    """What lines say that belong to no run: keys in their order, policies by digest, what was pruned, and erased.

    Of policies: the line that says that they were in force, and their files. Of each erasure: its line, and how many
    before it lost what was kept beside them.
    """

    keys: list[bytes | HandOver]
    policies: dict[str, tuple[int, Any]]
    pruned: list[Told]
    erased: list[tuple[int, int]]
    lines: list[tuple[int, bytes]]
    findings: list[Finding]


class Trust(NamedTuple):
    """Public keys that are believed, all that may have signed, and why the former are believed."""

    believed: frozenset[bytes]
    known: tuple[bytes, ...]
    why: Literal["given", "first use", "none"]


class _Line(msgspec.Struct, gc=False):
    event: str
    data: msgspec.Raw = msgspec.Raw(b"{}")


_line = msgspec.json.Decoder(_Line).decode
_data = msgspec.json.Decoder(dict[str, Any]).decode
_BROKEN = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def nothing_said() -> Said:
    """Before the first line was heard."""
    return Said([], {}, [], [], [], [])


def hear(said: Said, rows: Iterable[Row]) -> None:
    """More rows of lines of no run, in order. A line whose bytes are not those of its leaf says nothing."""
    for seq, _, body, leaf in rows:
        try:
            line = _line(body)
            if line.event not in NEEDED or hashlib.sha256(b"\x00" + body).digest() != leaf:
                continue
            data = _data(line.data)
        except (*_BROKEN, TypeError):
            continue
        _hear(said, seq, body, line.event, data)


def trust_in(said: Said, given: Sequence[Verifier]) -> Trust:
    """The given keys, or else the first one of the record, and all to which these hand over."""
    added = [one for one in said.keys if isinstance(one, bytes)]
    believed = {one.public for one in given} or set(added[:1])
    why: Literal["given", "first use", "none"] = "given" if given else "first use" if believed else "none"
    known = dict.fromkeys([*(one.public for one in given), *added])
    for one in said.keys:
        if isinstance(one, HandOver):
            known |= dict.fromkeys(one)
            if one.old in believed:
                believed.add(one.new)
    return Trust(frozenset(believed), tuple(known), why)


def _hear(said: Said, seq: int, body: bytes, event: str, data: dict[str, Any]) -> None:
    if event == POLICIES and isinstance(data.get("policies"), str):
        said.policies.setdefault(data["policies"], (seq, data.get("files")))
    elif event == PRUNED:
        said.pruned.extend(told(seq, data))
    elif event == ERASED:
        lines = data.get("lines")
        said.erased.append((seq, lines if isinstance(lines, int) else 0))
    elif event in {KEY_ADDED, KEY_ROTATED}:
        try:
            key = read_verifier(str(data.get("key"))).public if event == KEY_ADDED else _handed_over(data)
        except BadNote as error:
            said.findings.append(Finding(seq, f"the line about a key is not sound: {error.message}", "key"))
            return
        said.keys.append(key)
        said.lines.append((seq, body))


def _handed_over(data: dict[str, Any]) -> HandOver:
    """BadNote unless both keys signed it."""
    old, new = read_verifier(str(data.get("old"))), read_verifier(str(data.get("new")))
    statement = rotation(old, new)
    try:
        by_old, by_new = (
            base64.b64decode(str(data.get(one)), validate=True) for one in ("old_signature", "new_signature")
        )
    except (ValueError, binascii.Error) as error:
        msg = "its signatures cannot be read"
        raise BadNote(msg) from error
    if not is_signed(old.public, statement, by_old) or not is_signed(new.public, statement, by_new):
        msg = "it is not signed by both keys"
        raise BadNote(msg)
    return HandOver(old.public, new.public)
