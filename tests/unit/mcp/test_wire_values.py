"""What a server sends, read as it stands on the wire: listings, results, questions."""

from __future__ import annotations

from typing import Any

import pytest

from hitl_fsm.adapters.mcp.asking import MESSAGE_CHARS, SAID_CHARS, Flight, Unasked, question_of, said
from hitl_fsm.adapters.mcp.listing import listed
from hitl_fsm.adapters.mcp.place import address
from hitl_fsm.adapters.mcp.results import ERROR_CHARS, content_of, error_of

SCHEMA = {"type": "object", "properties": {"id": {"type": "string"}}}
LOOK = {"name": "look", "description": "Look.", "inputSchema": SCHEMA}
FORM = {"mode": "form", "message": "Why?", "requestedSchema": SCHEMA}


def version(**changed: Any) -> str:
    return listed([{**LOOK, **changed}])[0]["look"].version


def test_law05_the_version_is_that_of_name_description_and_schema_whatever_their_order() -> None:
    same = {"properties": {"id": {"type": "string"}}, "type": "object"}
    assert version() == version(inputSchema=same) == version(annotations={"readOnlyHint": True}, title="x")
    others = {version(description="Delete."), version(inputSchema={**SCHEMA, "required": ["id"]})}
    assert len(others | {version()}) == 3


def test_a_name_that_is_declared_twice_is_nobodys() -> None:
    found, left_out = listed([LOOK, {**LOOK, "description": "Another."}, LOOK, {**LOOK, "name": "pay"}])
    assert (list(found), left_out) == (["pay"], {"look": "it is declared twice"})


@pytest.mark.parametrize("odd", [{"name": 3}, {"name": "x", "description": 4}, {}])
def test_what_has_no_name_is_left_out(odd: dict[str, Any]) -> None:
    found, left_out = listed([odd])
    assert (found, len(left_out)) == ({}, 1)


@pytest.mark.parametrize(
    ("answer", "read"),
    [
        ({}, ""),
        ({"content": []}, ""),
        ({"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}, "a\n\nb"),
        ({"content": [{"type": "text", "text": "{}"}], "structuredContent": {"a": 1}}, {"a": 1}),
        (
            {"content": [{"type": "audio", "data": "QUJD", "mimeType": "x/y"}], "structuredContent": {}},
            {"structured": {}, "content": ["⟨audio x/y, 3 bytes⟩"]},
        ),
        (
            {"content": [{"type": "resource_link", "uri": "file:///a", "name": "a"}]},
            "⟨resource a  file:///a⟩",
        ),
        ({"content": [{"type": "resource", "resource": {"uri": "u", "text": "t"}}]}, "⟨resource u⟩\nt"),
        ({"content": [{"type": "resource", "resource": {"uri": "u", "blob": "QQ=="}}]}, "⟨resource u, 1 bytes⟩"),
        (
            {"content": [{"type": "resource"}, {"type": "new"}, 7]},
            "⟨resource⟩\n\n⟨content of kind new⟩\n\n⟨content of kind ?⟩",
        ),
    ],
)
def test_a_result_is_what_a_model_can_read(answer: dict[str, Any], read: Any) -> None:
    assert content_of(answer) == read


def test_a_failure_is_its_text_and_has_an_end() -> None:
    assert error_of({"content": []}) == "the server gave no reason"
    assert len(error_of({"content": [{"type": "text", "text": "x" * 50_000}]})) == ERROR_CHARS


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"mode": "url", "url": "https://evil.example"}, "does not send people to a URL"),
        ({"message": " "}, "The message"),
        ({"message": 3}, "The message"),
        ({"message": "x" * (MESSAGE_CHARS + 1)}, "The message"),
        ({"requestedSchema": None}, "cannot be shown"),
        ({"requestedSchema": {"type": "object", "properties": {}}}, "cannot be shown"),
        ({"requestedSchema": {"type": "object", "properties": {"a": {"$ref": "#"}}}}, "cannot be shown"),
        ({"requestedSchema": {"type": "object", "properties": {"a": {"pattern": "(?=a)"}}}}, "cannot be shown"),
    ],
)
def test_law06_a_question_that_cannot_be_shown_is_refused_with_the_reason(changed: dict[str, Any], why: str) -> None:
    with pytest.raises(Unasked, match=why):
        question_of({**FORM, **changed})


def test_law09_an_answer_is_given_to_its_own_question_only() -> None:
    key = question_of(FORM).key
    assert Flight({key: {"id": "1"}}).answer(FORM) == {"id": "1"}
    for other in ({**FORM, "message": "Why not?"}, {**FORM, "requestedSchema": {**SCHEMA, "required": ["id"]}}):
        flight = Flight({key: {"id": "1"}})
        assert flight.answer(other) is None
        assert flight.asked == question_of(other)


def test_what_a_server_says_when_it_lets_go_has_an_end() -> None:
    assert (said({"a": 1}), len(said("x" * 5_000))) == ('{"a":1}', SAID_CHARS)


def test_an_address_is_shown_without_its_secrets() -> None:
    assert str(address("https://u:p@x.example:8443/mcp?token=t", None, "auto")) == "https://x.example:8443/mcp"
