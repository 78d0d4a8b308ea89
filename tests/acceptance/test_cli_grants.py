"""`grants` and `overrides` as processes: what need not be asked again, and what somebody still has to look at."""

from __future__ import annotations

from pathlib import Path

import pytest

from acceptance.shell import POLICY, Shell

OFFER = "grant: {max: 2, for: 24h, scope: [run, session, agent], vary: [amount], budget: {amount: 100}}"
GATE = f"gate: {{approval: {{of: [role:finance], not: [requester], {OFFER}, break_glass: [role:finance]}}}}"


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    made = Shell.in_new_project(tmp_path)
    policy = POLICY.replace("gate: {approval: {of: [role:finance], not: [requester], expires: 4h}}", GATE)
    (tmp_path / "house.policy.yaml").write_text(policy, encoding="utf-8")
    return made


def granted(shell: Shell) -> str:
    """One refund that maria approves, and wants remembered."""
    _, (requirement,) = shell.start("refunding")
    done = shell("approve", requirement, "--grant", "agent", "--as", "maria", "--app", "app:engine", "--yes")
    assert done.code == 0, done.err
    (grant,) = shell("grants", "list", "--format", "json").lines
    return str(grant["id"])


def test_a_grant_is_listed_shown_used_exported_and_revoked(shell: Shell) -> None:
    grant = granted(shell)
    used = shell("run", "app:refunding", "go", "--user", "alice", "--format", "json")
    assert (used.code, used.json["state"]) == (0, "done")
    (row,) = shell("grants", "list", "--tool", "refund", "--format", "json").lines
    assert {**row, "granted_at": "", "until": ""} == {
        "id": grant, "state": "active", "tool": "refund", "agent": "refunding", "args": {"order": "42", "amount": 5},
        "vary": ["amount"], "scope": "agent", "run": "", "session": "", "user": "", "uses": 2, "used": 1,
        "budget_of": "amount", "budget": 100, "spent": "5", "granted_by": ["maria"], "granted_at": "", "until": "",
        "requirement": grant.replace("grant_", "req_"),
    }  # fmt: skip
    assert shell("grants", "show", grant, "--format", "json").json == row
    shown = shell("grants", "show", grant)
    assert shown.code == 0
    for words in ("1 of 2", "5 of 100 (amount)", "maria", 'order = "42"', "wherever refunding does it"):
        assert words in shown.out
    listed = shell("grants", "list")
    assert grant in listed.out.replace("\n", "")
    exported = shell("grants", "export", grant)
    assert "unless: >-" in exported.out
    assert "granted by maria" in exported.out
    assert shell("grants", "export", grant, "--format", "json").json["yaml"].strip() == exported.out.strip()
    ended = shell("grants", "revoke", grant, "--note", "wrong", "--as", "frank", "--app", "app:engine")
    assert (ended.code, "is revoked; it was used 1 of 2 times" in ended.out) == (0, True)
    assert "no grants that could be used" in shell("grants", "list").err
    (over,) = shell("grants", "list", "--all", "--format", "json").lines
    assert over["state"] == "revoked"
    assert shell("run", "app:refunding", "go", "--user", "alice").code == 8
    assert "wrong" not in shell("audit", "show").out
    assert "wrong" in shell("audit", "show", "--contents").out


@pytest.mark.parametrize("command", ["show", "revoke", "export"])
def test_a_grant_that_is_not_there_is_told(shell: Shell, command: str) -> None:
    shell.start("refunding")
    refused = shell("grants", command, "grant_x")
    assert (refused.code, "HF320" in refused.err) == (2, True)


def test_a_gate_passed_alone_is_reviewed_by_somebody_else(shell: Shell) -> None:
    run, (requirement,) = shell.start("refunding")
    assert "nothing is to be reviewed" in shell("overrides", "list").err
    app = ("--app", "app:engine")
    broken = shell("break-glass", requirement, "--note", "payroll", "--tool", "refund", "--as", "maria", *app)
    assert broken.code == 0, broken.err
    (row,) = shell("overrides", "list", "--format", "json").lines
    assert (row["requirement"], row["run"], row["by"], row["reason"], row["state"]) == (
        requirement, run, "maria", "payroll", "open",
    )  # fmt: skip
    assert "payroll" in shell("overrides", "list").out
    assert "1 gate passed by one person alone" in " ".join(shell("doctor").out.split())
    review = ("overrides", "review", requirement, "--finding", "it was right")
    assert shell(*review, "--as", "maria", *app).code == 4
    done = shell(*review, "--as", "frank", *app)
    assert (done.code, f"{requirement} is reviewed" in done.out) == (0, True)
    assert shell(*review, "--as", "frank", *app).code == 5
    assert shell("overrides", "review", "req_x", "--finding", "x", "--as", "frank", *app).code == 2
    assert shell("overrides", "list", "--format", "json").lines == []
    (row,) = shell("overrides", "list", "--all", "--format", "json").lines
    assert (row["reviewed_by"], row["finding"]) == ("frank", "it was right")
