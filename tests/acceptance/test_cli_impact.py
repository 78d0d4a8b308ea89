"""`hitl-fsm impact` and `diff` as processes: what they print, and how they end."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from acceptance.shell import POLICY, Shell
from hitl_fsm.cli.policies.changes import in_short

TEST = """\
apiVersion: hitl-fsm/v1
kind: PolicyTest
cases:
  - name: a look is free
    call: {tool: look, args: {}}
    expect: allow
  - name: a payment is asked for
    call: {tool: pay, args: {to: bob, amount: 5}}
    expect: confirm
"""
IDS = (
    (r"(run|req)_[0-9a-hjkmnp-tv-z]{18}", r"\1_ID"),
    (r"20\d\d-\d\d-\d\dT[0-9:.]+Z", "TIME"),
    (r"\(\d+ [a-z]+ ago\)|\(just now\)", "(AGO)"),
)
GOLDEN = """\
had this been in force: 1 more approval, 2 fewer confirmations
4 actions in 3 runs: 3 loosened, 1 changed, 0 tightened, 0 the same
1 action that a person rejected would be asked for less, or otherwise

loosened: 3 actions

pay  run_ID 1.0  TIME  for alice
  arguments: {"memo":"","to":"bob","amount":1}
  was: confirm, by house/pay at house.policy.yaml:10
  now: allow, by house/small at new/house.policy.yaml:11
  loosened: no longer asked: confirm
  loosened: severity was high, is low
  then: confirm is still open
  then: the call is gated

refund  run_ID 1.1  TIME  for alice
  arguments: {"order":"7","amount":2}
  was: approval of role:finance, by house/refund at house.policy.yaml:11
  now: approval of role:ops or role:finance, by house/refund at new/house.policy.yaml:12
  loosened: approval of role:finance: may answer too: role:ops
  loosened: approval of role:finance: no longer shut out: requester
  loosened: approval of role:finance: open for 8h, was for 4h
  then: approval is still open
  then: the call is gated

refund  run_ID 1.0  TIME  for alice
  arguments: {"order":"42","amount":5}
  was: approval of role:finance, by house/refund at house.policy.yaml:11
  now: approval of role:ops or role:finance, by house/refund at new/house.policy.yaml:12
  loosened: approval of role:finance: may answer too: role:ops
  loosened: approval of role:finance: no longer shut out: requester
  loosened: approval of role:finance: open for 8h, was for 4h
  then: approval was rejected by maria at TIME
  then: the call is denied

changed: 1 action

pay  run_ID 1.0  TIME  for alice
  arguments: {"memo":"","to":"bob","amount":5}
  was: confirm, by house/pay at house.policy.yaml:10
  now: approval of role:finance, by house/pay at new/house.policy.yaml:10
  changed: confirm became approval of role:finance
  then: confirm is still open
  then: the call is gated
"""
LARGE = "when: args.amount > 2, gate: {approval: {of: [role:finance]}}, severity: high}"
SMALL = "  - {id: small, tools: pay, when: args.amount <= 2, gate: allow}"


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """A project, and changed policies beside it."""
    made = Shell.in_new_project(tmp_path)
    changed = POLICY.replace("gate: confirm, severity: high}", f"{LARGE}\n{SMALL}")
    changed = changed.replace(
        "of: [role:finance], not: [requester], expires: 4h", "of: [role:ops, role:finance], expires: 8h"
    )
    (tmp_path / "new").mkdir()
    (tmp_path / "new/house.policy.yaml").write_text(changed, encoding="utf-8")
    (tmp_path / "house.policytest.yaml").write_text(TEST, encoding="utf-8")
    return made


def planted(shell: Shell) -> None:
    """Four actions: a payment, a refund that a person rejected, and both in one turn."""
    shell.start("paying")
    _, (refund,) = shell.start("refunding")
    assert shell("reject", refund, "--note", "no", "--as", "maria", "--app", "app:engine").code == 0
    shell.start("both")


def normal(text: str, shell: Shell) -> str:
    text = text.replace(f"{shell.folder}/", "")
    for pattern, word in IDS:
        text = re.sub(pattern, word, text)
    return text


def test_impact_tells_what_would_have_been_and_fails_on_what_is_lost(shell: Shell) -> None:
    assert (shell("impact", "new").code, shell("impact").code) == (3, 2), "no store; no policies"
    planted(shell)
    told = shell("impact", "new")
    assert normal(told.out, shell) == GOLDEN
    assert (told.code, told.err) == (1, "")

    allowed = shell("impact", "new", "--allow-loosening", "--limit", "1", "--since", "1d", "--format", "json")
    assert allowed.code == 0
    found = allowed.json
    assert (found["safe"], found["counts"]["loosened"], found["against"]) == (False, 3, 1)
    assert [one["change"] for one in found["changes"]] == ["loosened", "changed"]
    assert set(found["changes"][0]) == {
        *("change", "run", "call", "tool", "at", "occasion", "user", "agent", "decided", "became"),
        *("args", "old", "new", "differences"),
    }
    (reason,) = found["changes"][0]["new"]["reasons"]
    assert (reason["file"], reason["line"]) == ("new/house.policy.yaml", 11)

    same = shell("impact", "house.policy.yaml")
    assert (same.code, "0 loosened, 0 changed, 0 tightened, 4 the same" in same.out) == (0, True)
    later = shell("impact", "new", "--since", "2999-01-01")
    assert (later.code, "0 actions in 0 runs" in later.out) == (0, True)

    recorded = shell("diff", "house.policy.yaml", "new", "--recorded")
    assert recorded.code == 1
    assert normal(recorded.out, shell) == normal(told.out, shell)
    assert shell("--store", "sqlite:///hitl.db", "diff", "new", "new").code == 0
    assert shell("audit", "verify").code == 0


def test_as_much_that_is_asked_otherwise_is_not_said_to_be_the_same() -> None:
    assert in_short({}, {}, {"equal": 3, "loosened": 0}) == "nothing more and nothing less would be asked"
    assert in_short({}, {}, {"equal": 3, "loosened": 1}).endswith("would be asked, but otherwise")
    assert in_short({"approval": 1}, {}, {"tightened": 1}) == "1 more approval"


def test_impact_refuses_what_it_cannot_mean(shell: Shell) -> None:
    assert shell("impact", "new", "--shadow").code == 2
    assert shell("impact", "new", "--since", "yesterday").code == 2
    assert shell("diff", "new", "new", "--since", "1d").code == 2
    (shell.folder / "new/house.policy.yaml").write_text("nonsense", encoding="utf-8")
    broken = shell("diff", "house.policy.yaml", "new")
    assert (broken.code, "HF100 NEW cannot be read: new/house.policy.yaml:1:1" in broken.err) == (1, True)
    missing = shell("diff", "house.policy.yaml", "nowhere")
    assert (missing.code, "NEW: there is no file or folder 'nowhere'" in missing.err) == (2, True)


def test_diff_goes_over_the_cases_of_both_sides(shell: Shell) -> None:
    told = shell("diff", "house.policy.yaml", "new/house.policy.yaml")
    assert told.code == 1
    assert normal(told.out, shell) == (
        "2 actions: 0 loosened, 1 changed, 0 tightened, 1 the same\n"
        "\n"
        "changed: 1 action\n"
        "\n"
        "pay  a payment is asked for  house.policytest.yaml:7\n"
        '  arguments: {"to":"bob","amount":5}\n'
        "  was: confirm, by house/pay at house.policy.yaml:10\n"
        "  now: approval of role:finance, by house/pay at new/house.policy.yaml:10\n"
        "  changed: confirm became approval of role:finance\n"
    )
    assert shell("diff", "house.policy.yaml", "house.policy.yaml").code == 0
    found = shell("diff", "house.policy.yaml", "new", "--format", "json", "--allow-loosening")
    assert (found.code, found.json["safe"], found.json["actions"]) == (0, False, 2)
    (one,) = found.json["changes"]
    assert (one["case"], one["file"], one["line"]) == ("a payment is asked for", "house.policytest.yaml", 7)
    (shell.folder / "house.policytest.yaml").unlink()
    nothing = shell("diff", "house.policy.yaml", "new")
    assert (nothing.code, "nothing to compare over" in nothing.err) == (2, True)


def test_diff_goes_over_the_examples_of_rules(shell: Shell) -> None:
    (shell.folder / "house.policytest.yaml").unlink()
    file = shell.folder / "new/house.policy.yaml"
    examples = "examples: {match: [{args: {amount: 1}}], not_match: [{args: {amount: 3}}]}, "
    file.write_text(
        file.read_text(encoding="utf-8").replace(SMALL, SMALL.replace("gate:", f"{examples}gate:")), encoding="utf-8"
    )
    told = shell("diff", "house.policy.yaml", "new")
    assert told.code == 1
    assert "2 actions: 1 loosened, 1 changed" in told.out
    assert "pay  house/small match 1  new/house.policy.yaml:11" in told.out


def test_shadow_tells_of_each_rule(shell: Shell) -> None:
    shade = POLICY.replace("name: house", "name: shade\nmode: shadow").replace(
        "gate: confirm, severity: high", "gate: deny"
    )
    (shell.folder / "shade.policy.yaml").write_text(shade, encoding="utf-8")
    app = shell.folder / "app.py"
    text = app.read_text(encoding="utf-8")
    app.write_text(
        text.replace('HERE / "house.policy.yaml"', '[HERE / "house.policy.yaml", HERE / "shade.policy.yaml"]')
    )
    shell.start("paying")
    told = shell("impact", "--shadow")
    assert told.code == 0
    text = normal(told.out, shell)
    assert text.startswith("shadow policies had a word on 1 of 1 action in 1 run\n")
    assert "had they been enforced: 1 more denial, 1 fewer confirmation; 0 loosened, 0 changed, 1 tightened" in text
    assert re.search(r"shade/pay +deny +1 +gated 1 +TIME +TIME +shade.policy.yaml:11", text)
    (rule,) = shell("impact", "--shadow", "--format", "json").json["rules"]
    assert (rule["policy"], rule["rule"], rule["count"], rule["in_force"]) == ("shade", "pay", 1, {"gated": 1})
