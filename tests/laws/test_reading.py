"""Whose data was read, is on the record: also where an application does not say who asks."""

from __future__ import annotations

from typing import Any

import msgspec

from hitl_fsm import Engine
from house import House


def reads(engine: Engine) -> list[tuple[str, dict[str, Any]]]:
    lines = [msgspec.json.decode(line.body) for line in engine.audit.records() if b"record_read" in line.body]
    return [(line["by"]["id"], line["data"]) for line in lines]


def test_contents_that_a_question_opens_are_recorded_also_where_nobody_is_named(keyed: House) -> None:
    engine = keyed.engine()
    assert engine.audit.ask("holds").rows == ()
    assert engine.audit.ask("expired").rows == ()
    assert reads(engine) == []
    engine.audit.hold.place(by="otto", reason="the lawsuit of Ann", subject="ann")
    assert "the lawsuit of Ann" in str(engine.audit.ask("holds").rows)
    assert reads(engine) == [("hitl-fsm", {"what": "q holds", "lines": 1, "contents": True})]
    assert engine.audit.ask("holds", by="maria").rows
    assert [who for who, _ in reads(engine)] == ["hitl-fsm", "maria"]
