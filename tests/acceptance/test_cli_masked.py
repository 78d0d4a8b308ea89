"""What nobody is shown stays unseen where policies are tried, compared and explained."""

from __future__ import annotations

from pathlib import Path

from acceptance.shell import Shell

HEAD = "apiVersion: hitl-fsm/v1\nkind: Policy\nname: house\ntools: [pay]\nrules:\n"
RULE = """\
  - id: all
    gate:
      - user_input:
          schema: {type: object, required: [iban], properties: {iban: {type: string, x-sensitive: true}}}
"""
APP = '''\
from typing import Annotated

from hitl_fsm import Agent, Engine, Sensitive, tool
from hitl_fsm.testing import ScriptedModel


@tool
def pay(to: str, pin: Annotated[str, Sensitive], iban: str = "") -> str:
    """Send money."""
    return "paid"


script = [{"calls": [{"tool": "pay", "args": {"to": "bob", "pin": "s3cret-4711"}}]}, {"say": "done"}]
engine = Engine("house.policy.yaml", "sqlite:///hitl.db?synchronous=normal")
agent = Agent("clerk", ScriptedModel(script), tools=[pay], engine=engine)
'''
SECRETS = ("s3cret-4711", "ES91-2100")


def test_what_nobody_is_shown_is_masked_in_impact_diff_and_explain(tmp_path: Path) -> None:
    shell = Shell.in_new_project(tmp_path)
    (tmp_path / "app.py").write_text(APP, encoding="utf-8")
    (tmp_path / "house.policy.yaml").write_text(HEAD + RULE, encoding="utf-8")
    (tmp_path / "new.policy.yaml").write_text(HEAD + "  - {id: all, gate: allow}\n", encoding="utf-8")
    run = shell("run", "app:agent", "go", "--format", "json").json
    filled = shell("--app", "app:engine", "input", run["requirements"][0]["id"], "--data", '{"iban": "ES91-2100"}')
    assert filled.code == 0, filled.err
    args = '{"to": "bob", "pin": "s3cret-4711", "iban": "ES91-2100"}'
    impact = shell("--format", "json", "impact", "new.policy.yaml")
    assert sorted(one["occasion"] for one in impact.json["changes"]) == ["asked", "filled_in"]
    assert {one["args"]["pin"] for one in impact.json["changes"]} == {"⟦masked⟧"}
    explained = shell("--app", "app:engine", "--format", "json", "explain", "pay", "--args", args)
    assert explained.json["action"]["args"] == {"to": "bob", "pin": "⟦masked⟧", "iban": "⟦masked⟧"}
    compared = shell("diff", "house.policy.yaml", "new.policy.yaml", "--recorded")
    assert compared.out.count('"pin":"⟦masked⟧"') == 2, compared.out
    for told in (impact, explained, compared):
        assert not any(secret in told.out + told.err for secret in SECRETS)
