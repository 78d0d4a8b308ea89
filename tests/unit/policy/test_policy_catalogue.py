"""A tools file is read whole or refused at a place, whatever it holds."""

from __future__ import annotations

import json
import random
from typing import Any

import msgspec
import pytest

from hitl_fsm.policy import catalogue
from hitl_fsm.policy.catalogue import Known, catalogue_of, read_catalogue
from hitl_fsm.policy.surroundings import ToolShape

PAY = ToolShape("pay", {"type": "object", "properties": {"to": {"type": "string"}}}, "Pay.", "2", idempotent=True)
LOOK = ToolShape("look", {})


def read(text: str | bytes) -> Known:
    return read_catalogue(text if isinstance(text, bytes) else text.encode(), "tools.json")


def test_what_is_written_is_what_is_read() -> None:
    data = msgspec.json.encode(catalogue_of([PAY, LOOK]))
    assert [tool["name"] for tool in json.loads(data)["tools"]] == ["look", "pay"]
    assert read(data).tools == {"look": LOOK, "pay": PAY}
    assert read(b"\xef\xbb\xbf" + data).tools == {"look": LOOK, "pay": PAY}


NESTED: dict[str, Any] = {}
for _ in range(catalogue.MAX_SCHEMA_DEPTH + 1):
    NESTED = {"items": NESTED}


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("", 1, 1, "this is not JSON: it ends too early"),
        ("[]", 1, 1, "this is no list of tools: Expected `object`, got `array`"),
        ('{"version": 1,\n "tools": [', 2, 12, "this is not JSON: it ends too early"),
        ('{"version": 1,\n "tools": [}]}', 2, 12, "this is not JSON: JSON is malformed: invalid character"),
        ('{"tools": [{"name": "ü", "parameters": ?}]}', 1, 40, "this is not JSON: JSON is malformed: invalid"),
        ('{"version": 2, "tools": []}', 1, 13, "the file has version 2; this release reads version 1"),
        ('{"version": 1, "tools": 3}', 1, 25, "this is no list of tools: Expected `array`, got `int`"),
        (
            '{"version": 1, "tools": [\n  {"name": "a", "parameters": {}},\n  {"name": 3, "parameters": {}}\n]}',
            3, 12, "this is no list of tools: Expected `str`, got `int`",
        ),
        (
            '{"version": 1, "tools": [\n{"name": "a", "parameters": {"x": ["}", {"y": "\\"]"}]}},\n  {"name": ""}]}',
            3, 12, "this is no list of tools: Expected `str` of length >= 1",
        ),
        (
            '{"version": 1, "tools": [{"name": "a", "inputSchema": {}}]}',
            1, 26, "this is no list of tools: Object contains unknown field `inputSchema`",
        ),
        (
            '{"version": 1, "tools": [{"name": "a", "parameters": {}},\n {"name": "a", "parameters": {}}]}',
            2, 2, "the tool `a` stands twice",
        ),
        (
            '{"version": 1, "tools": [{"name": "a", "parameters": {"type": "string"}}]}',
            1, 26, "the schema of `a` is not one of type object",
        ),
        (
            json.dumps({"version": 1, "tools": [{"name": "a", "parameters": NESTED}]}),
            1, 26, "the schema of `a` is nested deeper than 64 levels",
        ),
        ("[" * 100_000, 1, 1, "this is no list of tools: Expected `object`, got `array`"),
    ],
)  # fmt: skip
def test_a_bad_file_is_refused_at_its_place(text: str, line: int, column: int, message: str) -> None:
    known = read(text)
    assert known.tools is None
    (found,) = known.findings
    assert (found.code, found.place.line, found.place.column) == ("HF126", line, column)
    assert found.message.startswith(message)
    assert found.help


def test_a_file_that_is_not_text_or_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    (found,) = read(b'{"a":\n "\xff"}').findings
    assert (found.message, found.place.line, found.place.column) == ("the file is not UTF-8 text", 2, 3)
    for ends in ("\r", "\r\n"):
        (found,) = read(f'{{"version": 1,{ends} "tools": 3}}').findings
        assert (found.place.line, found.place.column) == (2, 11)
    monkeypatch.setattr(catalogue, "MAX_TOOLS_BYTES", 10)
    assert read("{}" + " " * 9).findings[0].message == "the file has more than 10 bytes"


def test_deep_schemas_never_crash() -> None:
    deep = '{"version": 1, "tools": [{"name": "a", "parameters": ' + '{"a":' * 50_000 + "1" + "}" * 50_000 + "}]}"
    assert read(deep).tools is None


def test_damaged_files_are_refused_or_read_and_nothing_else() -> None:
    randomness = random.Random(3)
    data = msgspec.json.format(msgspec.json.encode(catalogue_of([PAY, LOOK])))
    refused = 0
    for _ in range(2000):
        damaged = bytearray(data)
        for _ in range(randomness.randrange(1, 4)):
            damaged[randomness.randrange(len(damaged))] = randomness.choice(b'{}[],:" \n\\a0\xff')
        known = read(bytes(damaged))
        refused += known.tools is None
        for found in known.findings:
            assert found.place.line <= data.count(b"\n") + 40
            assert found.place.column >= 1
        assert (known.tools is None) is bool(known.findings)
    assert refused > 1000
