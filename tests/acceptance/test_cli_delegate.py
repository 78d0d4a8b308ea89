"""`hitl-fsm delegate`, and answering for somebody by it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from shell import Shell

PEOPLE = """\
apiVersion: hitl-fsm/v1
kind: Roles
people:
  me: {identities: ['os:%d']}
  maria: {name: Maria López}
  frank: {}
roles:
  finance: {members: [maria]}
"""


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    made = Shell.in_new_project(tmp_path)
    (tmp_path / "people.roles.yaml").write_text(PEOPLE % os.geteuid(), encoding="utf-8")
    app = tmp_path / "app.py"
    text = app.read_text(encoding="utf-8")
    before = 'actors={"maria": ["finance"], "frank": ["finance"]}'
    assert before in text
    app.write_text(text.replace(before, 'actors=HERE / "people.roles.yaml"'), encoding="utf-8")
    return made


def test_somebody_answers_for_somebody_by_a_delegation_until_it_is_ended(shell: Shell) -> None:
    app = ["--app", "app:engine"]
    _, (first,) = shell.start("refunding")
    _, (second,) = shell.start("refunding")
    refused = shell(*app, "approve", first, "--as", "for:maria", "--yes")
    assert (refused.code, "may not speak for maria" in refused.err) == (4, True)
    days = ["--until", "2999-01-01"]
    assert shell(*app, "delegate", "me", "--role", "finance", *days, "--as", "maria").code == 2  # too long
    from datetime import UTC, datetime, timedelta

    soon = (datetime.now(UTC) + timedelta(days=2)).date().isoformat()
    made = shell(*app, "delegate", "me", "--role", "finance", "--until", soon, "--as", "maria", "--format", "json")
    assert (made.code, made.json["from"], made.json["to"], made.json["roles"]) == (0, "maria", "me", ["finance"])
    listed = shell("delegate", "--list")
    assert f"{made.json['id']}: me may speak for maria with finance, from" in listed.out
    done = shell(*app, "approve", first, "--as", "for:maria", "--yes")
    assert done.code == 0, done.err
    record = shell("audit", "show", "--format", "json").out
    assert f'"authenticated_by":"os:{os.geteuid()}","on_behalf_of":"maria"' in record.replace(": ", ":").replace(
        ", ", ","
    )
    assert shell(*app, "delegate", "--end", made.json["id"]).code == 4  # not the giver
    ended = shell(*app, "delegate", "--end", made.json["id"], "--as", "maria")
    assert (ended.code, "speaks for maria by it no more" in ended.out) == (0, True)
    assert shell(*app, "approve", second, "--as", "for:maria", "--yes").code == 4
    assert shell("delegate", "--list", "--format", "json").json == []


def test_what_delegate_is_to_do_is_said_once(shell: Shell) -> None:
    shell.start("paying")
    for wrong in (
        ["delegate"],
        ["delegate", "frank", "--list"],
        ["delegate", "frank"],
        ["delegate", "frank", "--until", "soon"],
    ):
        assert shell("--app", "app:engine", *wrong).code == 2, wrong
