"""Who gained and lost a role is on the record before anybody acts by it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from hitl_fsm.adapters import people
from hitl_fsm.errors import StoreError
from hitl_fsm.runtime.people.in_force import changes
from house import House, call, calls

HEAD = "apiVersion: hitl-fsm/v1\nkind: Roles\n"
ONE = f"{HEAD}people: {{maria: {{}}, frank: {{}}}}\nroles: {{finance: {{members: maria}}}}\n"
OTHER = f"{HEAD}people: {{maria: {{}}, frank: {{}}}}\nroles: {{finance: {{members: frank}}}}\n"
RULE = "- {id: all, gate: {approval: {of: [role:finance]}}}"


def told(engine: Any) -> list[dict[str, Any]]:
    lines = [json.loads(line.body) for line in engine.audit.records()]
    return [line for line in lines if line["event"] == "people_activated"]


def write(house: House, text: str) -> None:
    path = Path(house.folder) / "a.roles.yaml"
    path.write_text(text, encoding="utf-8")
    os.utime(path, (1_000_000_000, 1_000_000_000))
    house.actors = str(path)  # type: ignore[assignment]  # roles files instead of names with roles


def test_changes_are_by_person() -> None:
    assert changes({"a": ["role:x"], "b": ["role:x"]}, {"b": ["role:x"], "c": ["group:y"]}) == [
        {"person": "a", "lost": ["role:x"]},
        {"person": "c", "gained": ["group:y"]},
    ]


def test_the_first_use_and_each_change_is_told_once(house: House) -> None:
    write(house, ONE)
    engine = house.engine(RULE)
    run = house.agent(engine, [calls(call("pay", to="bob", amount=5))]).run("go", user="alice")
    (first,) = told(engine)
    assert first["seq"] < engine.audit.records(run_id=run.run_id)[0].seq, "before anything happens by it"
    assert first["data"]["changed"] == [{"person": "maria", "gained": ["role:finance"]}]
    assert ("was" in first["data"], first["data"]["count"]) == (False, 1)
    again = house.engine(RULE)
    house.agent(again, []).run("go", user="alice")
    assert len(told(again)) == 1, "another process with the same files tells nothing"
    write(house, OTHER)
    changed = house.engine(RULE)
    changed.inbox.get(run.active_requirements[0].value.requirement_id).confirm(by="frank")
    _, second = told(changed)
    assert second["data"]["was"] == first["data"]["people"] != second["data"]["people"]
    if not house.store_url:  # what was before stands beside the line, which takes keys
        assert second["data"]["changed"] == [
            {"person": "frank", "gained": ["role:finance"]},
            {"person": "maria", "lost": ["role:finance"]},
        ]
    resolved = next(line for line in changed.audit.records() if b"requirement_resolved" in line.body)
    assert second["seq"] < resolved.seq


def test_law06_nobody_answers_by_roles_that_cannot_be_recorded(house: House) -> None:
    write(house, ONE)
    run = house.agent(house.engine(RULE), [calls(call("pay", to="bob", amount=5))]).run("go", user="alice")
    write(house, OTHER)
    engine = house.engine(RULE)
    house.jam("record")
    with pytest.raises(StoreError):
        engine.inbox.get(run.active_requirements[0].value.requirement_id).confirm(by="frank")
    house.unjam("record")
    assert engine.runs.get(run.run_id).is_paused


def test_roles_files_that_are_refused_are_told_of_once_each(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(people, "PAUSE_PER_LOOK", 0)
    write(house, ONE)
    engine = house.engine(RULE, reload=0)
    agent = house.agent(engine, [])
    agent.run("go", user="alice")
    for _ in range(2):
        write(house, ONE.replace("members: maria", "members: [maria, eve]"))
        agent.run("go", user="alice")
        agent.run("go", user="alice")
        write(house, ONE)
        agent.run("go", user="alice")
    lines = [json.loads(line.body) for line in engine.audit.records()]
    refused = [line["data"] for line in lines if line["event"] == "people_refused"]
    assert [one["in_force"] for one in refused] == [told(engine)[0]["data"]["people"]] * 2
    assert all(one["count"] == 1 and "eve" in one["findings"][0] for one in refused)
    assert len(told(engine)) == 1
