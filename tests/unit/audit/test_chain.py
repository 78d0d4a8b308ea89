"""The chain holds, and `verify` sees every change, whatever the bytes."""

from __future__ import annotations

import hashlib
import json
import random
from typing import NamedTuple

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hitl_fsm.audit.chain import GENESIS, leaf_of, seal, seal_encoded, sealed
from hitl_fsm.audit.verify import MAX_FINDINGS, START, Head, verify
from hitl_fsm.errors import RecordError
from hitl_fsm.model.actor import Actor
from hitl_fsm.model.record import Record

ALICE = Actor(id="alice", roles=("finance",))
LENGTH = 12
BIT_FLIPS = 400


class Row(NamedTuple):
    seq: int
    body: bytes
    leaf: str


def chain(length: int = LENGTH, start: Head = START) -> list[Row]:
    rows, prev = [], start.leaf
    for seq in range(start.seq + 1, start.seq + 1 + length):
        record = Record(f"event_{seq}", 1000 + seq, ALICE, "r1", {"amount": seq, "note": "é\u2028"})
        body, prev = seal(record, seq, prev)
        rows.append(Row(seq, body, prev))
    return rows


def head(rows: list[Row]) -> Head:
    return Head(rows[-1].seq, rows[-1].leaf)


def resealed(rows: list[Row]) -> list[Row]:
    """What an attacker does who knows the format: new leaves for changed bytes."""
    return [Row(seq, body, leaf_of(body)) for seq, body, _ in rows]


def test_a_line_is_number_predecessor_and_record() -> None:
    body, leaf = seal(Record("viewed", 7, ALICE), 3, "ab" * 32)
    assert body == (
        b'{"seq":3,"prev":"' + b"ab" * 32 + b'","event":"viewed","at":7,"by":{"id":"alice","roles":["finance"]}}'
    )
    assert leaf == hashlib.sha256(b"\x00" + body).hexdigest()
    assert json.loads(body)["seq"] == 3


@given(st.binary(max_size=200), st.integers(1, 2**63 - 1), st.binary(min_size=32, max_size=32))
def test_who_seals_many_has_the_same_bytes(more: bytes, seq: int, prev: bytes) -> None:
    record = b"{" + more
    body, leaf = seal_encoded(record, seq, prev.hex())
    assert sealed(record, seq, prev) == (body, bytes.fromhex(leaf))


@settings(max_examples=60)
@given(st.integers(0, 30))
def test_an_honest_chain_is_intact(length: int) -> None:
    rows = chain(length)
    expected = head(rows) if rows else START
    report = verify(rows, expected)
    assert (report.intact, report.count, report.head, report.findings) == (True, length, expected, ())


def test_a_part_verifies_from_a_known_head() -> None:
    rows = chain()
    assert verify(rows[5:], head(rows), Head(rows[4].seq, rows[4].leaf)).intact
    assert not verify(rows[5:], head(rows)).intact


@pytest.mark.parametrize("seal_again", [False, True])
@pytest.mark.parametrize("at", range(LENGTH))
def test_an_edit_is_seen(at: int, seal_again: bool) -> None:
    rows = chain()
    expected = head(rows)
    edited = rows[at]._replace(body=rows[at].body.replace(b'"amount":', b'"amount":9'))
    rows[at] = edited
    report = verify(resealed(rows) if seal_again else rows, expected)
    assert not report.intact
    assert report.findings[0].seq in {at + 1, at + 2}


@pytest.mark.parametrize("at", range(LENGTH))
def test_a_changed_leaf_is_seen(at: int) -> None:
    rows = chain()
    rows[at] = rows[at]._replace(leaf="0" * 64)
    report = verify(rows)
    assert [(finding.seq, finding.what[:22]) for finding in report.findings] == [(at + 1, "the bytes do not have ")]


@pytest.mark.parametrize("at", range(LENGTH - 1))
def test_deletion_insertion_and_reordering_are_seen(at: int) -> None:
    rows = chain()
    without = rows[:at] + rows[at + 1 :]
    report = verify(without)
    assert not report.intact
    assert "missing" in report.findings[0].what
    renumbered = [row._replace(seq=number) for number, row in enumerate(without, 1)]
    assert not verify(renumbered).intact
    assert not verify(resealed(renumbered)).intact
    assert not verify([*rows[:at], rows[at], *rows[at:]]).intact
    swapped = [*rows[:at], rows[at + 1], rows[at], *rows[at + 2 :]]
    assert not verify(swapped).intact
    renamed = [row._replace(seq=number) for number, row in enumerate(swapped, 1)]
    assert not verify(renamed).intact


def test_truncation_is_seen_only_against_a_kept_head() -> None:
    rows = chain()
    expected = head(rows)
    for keep in range(LENGTH):
        cut = rows[:keep]
        assert verify(cut).intact
        report = verify(cut, expected)
        assert not report.intact
        assert "should reach line 12" in report.findings[0].what
    assert "goes on beyond" in verify([*rows, *chain(1, expected)], expected).findings[0].what
    rewritten = [*rows[:-1], *chain(1, Head(rows[-2].seq, "0" * 64))]
    assert not verify(rewritten, expected).intact


def test_a_whole_new_chain_is_not_the_expected_one() -> None:
    rows, other = chain(), chain(1)
    body, leaf = seal(Record("forged", 1, ALICE), 1, GENESIS)
    for seq in range(2, LENGTH + 1):
        body, leaf = seal(Record("forged", seq, ALICE), seq, leaf)
        other.append(Row(seq, body, leaf))
    report = verify([Row(1, *seal(Record("forged", 1, ALICE), 1, GENESIS)), *other[1:]], head(rows))
    assert [finding.what for finding in report.findings] == ["the last line is not the expected one"]


def test_every_bit_flip_is_seen() -> None:
    rows = chain()
    expected = head(rows)
    dice = random.Random(20)
    for _ in range(BIT_FLIPS):
        at = dice.randrange(LENGTH)
        body = bytearray(rows[at].body)
        body[dice.randrange(len(body))] ^= 1 << dice.randrange(8)
        changed = [*rows[:at], rows[at]._replace(body=bytes(body)), *rows[at + 1 :]]
        assert not verify(changed, expected).intact
        assert not verify(resealed(changed), expected).intact


@settings(max_examples=300)
@given(st.lists(st.tuples(st.integers(-(2**70), 2**70), st.binary(max_size=60), st.text(max_size=70)), max_size=6))
def test_any_bytes_give_a_report(rows: list[tuple[int, bytes, str]]) -> None:
    report = verify([Row(*row) for row in rows], Head(1, "x"))
    assert not report.intact
    assert report.total_findings >= len(rows)


@pytest.mark.parametrize(
    "tail",
    [b"", b"{}", b'"event":1}', b'"event":"x","at":1,"by":{}', b'"event":"x","at":1,"by":{},"seq":9}', b"[" * 100_000,
     b'"event":"x","at":1,"by":{},"prev":"zz"}', b'"event":"\\ud800","at":1,"by":{}}', b"\xff\xfe", b'"at":1,"by":{}}'],
)  # fmt: skip
def test_a_well_hashed_line_that_is_no_record_is_found(tail: bytes) -> None:
    body = b'{"seq":1,"prev":"' + GENESIS.encode() + b'",' + tail
    report = verify([Row(1, body, leaf_of(body))])
    assert not report.intact


@pytest.mark.parametrize(
    "second", ["", "zz", f'{GENESIS}","event":"x', f'{GENESIS}","event":"x","at":1,"by":{{"id":"a']
)
def test_a_second_predecessor_is_found_whatever_it_says(second: str) -> None:
    begin = f'{{"seq":1,"prev":"{GENESIS}","event":"x","at":1,"by":{{"id":"a"}},"prev":'
    body = f"{begin}{json.dumps(second)}}}".encode()
    report = verify([Row(1, body, leaf_of(body))])
    assert [one.kind for one in report.findings] == ["shape"]


def test_rows_of_other_types_are_found() -> None:
    rows = [Row("1", b"", ""), Row(2, "text", ""), Row(3, b"", None)]  # type: ignore[arg-type]  # as SQLite may give
    report = verify(rows)
    assert len(report.findings) == 3


def test_findings_are_bounded_and_counted() -> None:
    body = b"junk"
    report = verify(Row(number, body, "no") for number in range(1, 2001))
    assert len(report.findings) == MAX_FINDINGS
    assert report.total_findings > MAX_FINDINGS
    assert report.count == 2000


@pytest.mark.parametrize("data", [{"x": object()}, {"x": "\ud800"}])
def test_a_record_without_json_is_a_typed_error(data: dict[str, object]) -> None:
    with pytest.raises(RecordError, match="'viewed' cannot be written"):
        seal(Record("viewed", 1, ALICE, data=data), 1, GENESIS)


def test_a_report_is_a_value() -> None:
    report = verify(chain(2))
    assert msgspec.json.decode(msgspec.json.encode(report))["count"] == 2
