"""Who looked at what, and what there was to see at each answer, are on the record."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import msgspec
import pytest

from hitl_fsm.errors import InputRefused, RequirementNotFound, StoreError
from hitl_fsm.model.actor import Actor
from hitl_fsm.model.answer import Report
from hitl_fsm.runtime.presenting.presentation import presentation, presentation_digest
from house import House, call, calls

PAY = [calls(call("pay", to="bob", amount=5))]
SECRET_ARGS = "bob"


def lines(engine: Any, event: str) -> list[dict[str, Any]]:
    return [one for one in (json.loads(line.body) for line in engine.audit.records()) if one["event"] == event]


def beside(engine: Any, line: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = asyncio.run(engine.store.contents([line["seq"]]))[line["seq"]]
    return found


def test_a_look_is_on_the_record_with_what_was_shown(house: House) -> None:
    engine = house.engine()
    run = house.agent(engine, PAY).run("go", user="alice")
    (asked,) = run.active_requirements
    engine.inbox.list()
    assert lines(engine, "requirement_viewed") == [], "a list is no look"
    shown = engine.view(asked.value.requirement_id, by="maria", surface="chat")
    assert shown == presentation(asked.value, run.value)
    (line,) = lines(engine, "requirement_viewed")
    assert (line["by"]["id"], line["run"]) == ("maria", run.run_id)
    assert line["data"] == {
        "requirement": asked.value.requirement_id,
        "call": asked.value.call_id,
        "presented": presentation_digest(shown),
        "surface": "chat",
    }
    if not house.store_url:  # a file has keys of its own; a server keeps what is beside lines where it is given some
        assert beside(engine, line)["presentation"]["args"] == {"to": "bob", "amount": 5, "memo": "-"}
    assert SECRET_ARGS not in str(line)
    with pytest.raises(RequirementNotFound):
        engine.view("req_none", by="maria")
    with pytest.raises(InputRefused):
        engine.view(asked.value.requirement_id, by="maria", surface="")


def test_law06_what_cannot_be_recorded_is_not_shown(house: House) -> None:
    engine = house.engine()
    run = house.agent(engine, PAY).run("go", user="alice")
    house.jam("record")
    with pytest.raises(StoreError):
        engine.view(run.active_requirements[0].value.requirement_id, by="maria")


def test_law10_the_line_before_a_persons_answer_has_what_there_was_to_see(house: House) -> None:
    engine = house.engine()
    run = house.agent(engine, PAY).run("go", user="alice")
    (asked,) = run.active_requirements
    shown = presentation(asked.value, run.value)
    asked.confirm(by="alice")
    told = house.records(engine, run.run_id)
    assert told[told.index("requirement_resolved") - 1] == "requirement_presented"
    (line,) = lines(engine, "requirement_presented")
    (answer,) = lines(engine, "requirement_resolved")
    assert line["data"]["presented"] == answer["data"]["presented"] == presentation_digest(shown)
    assert (line["at"], line["by"]) == (answer["at"], answer["by"])
    if not house.store_url:
        assert beside(engine, line)["presentation"]["arguments"] == shown.arguments
    assert engine.audit.verify().intact


def test_each_vote_has_its_own(house: House) -> None:
    engine = house.engine("- {id: all, gate: {approval: {of: [role:finance], quorum: 2}}}")
    run = house.agent(engine, PAY).run("go", user="alice")
    (asked,) = run.active_requirements
    asked.confirm(by="maria")
    asked.confirm(by="frank")
    told = house.records(engine, run.run_id)
    assert [told[at + 1] for at, one in enumerate(told) if one == "requirement_presented"] == [
        "requirement_voted", "requirement_resolved",
    ]  # fmt: skip


def test_a_refused_answer_leaves_no_line_and_a_machine_was_shown_nothing(house: House) -> None:
    engine = house.engine("- {id: all, gate: {external: {route: bank}}}")
    run = house.agent(engine, PAY).run("go", user="alice")
    (asked,) = run.active_requirements
    engine.resolve(asked.value.requirement_id, Report({"tx": 1}), by=Actor("bank", kind="service"))
    assert lines(engine, "requirement_presented") == []


def test_nobody_finds_out_what_was_shown_by_trying(house: House) -> None:
    """All but the arguments may be known; the digest is of a nonce, too, which nobody has who only has the line."""
    engine = house.engine()
    run = house.agent(engine, PAY).run("go", user="alice")
    shown = presentation(run.active_requirements[0].value, run.value)
    assert len(shown.nonce) == 64
    assert run.value.salt not in shown.nonce
    guessed = msgspec.structs.replace(shown, nonce="")
    assert presentation_digest(guessed) != presentation_digest(shown)
