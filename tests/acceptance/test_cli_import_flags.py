"""`import-flags` as a process: from the flags in a module to a policy that `validate` accepts."""

from __future__ import annotations

from pathlib import Path

import pytest

from acceptance.shell import Shell

APP = '''\
from types import SimpleNamespace


def transfer(account: str, amount: float) -> str:
    """Send money."""
    raise SystemExit("a tool was run")


def mail(subject: str, to: str) -> str:
    """Send a mail."""
    raise SystemExit("a tool was run")


def look(order: str) -> str:
    """Look an order up."""
    return order


def kind(function, **flags):
    return SimpleNamespace(name=function.__name__, description=function.__doc__, entrypoint=function, **flags)


tools = [
    kind(transfer, requires_confirmation=True),
    kind(mail, requires_user_input=True, user_input_fields=["to"]),
    kind(transfer, external_execution=True),
    look,
    {"type": "web_search"},
]
agent = SimpleNamespace(name="clerk", tools=tools)
evil = SimpleNamespace(name="x", description="a\\n  - id: y\\u202e", entrypoint=look, requires_confirmation=True)
empty = []
answer = 42
'''
POLICY = """\
# From the flags in the code of flags:agent. This file decides now; the flags can go.
#
# All rules that match a call count, and the strictest wins. `audit` runs at once, and is on the record;
# `confirm` asks the run's own user. A tool that is not listed here is refused.
apiVersion: hitl-fsm/v1
kind: Policy
name: agent
owner: ops@example.com
description: "What the tools of flags:agent asked for in code."
tools:
  - transfer
  - mail
  - look
rules:
  # Send money.
  # in the code: requires_confirmation=True
  - id: transfer
    tools: transfer
    gate: confirm

  # Send a mail.
  # in the code: requires_user_input=True, user_input_fields=['to']
  - id: mail
    tools: mail
    gate:
      user_input:
        schema:
          type: object
          required: [to]
          properties: {to: {type: string, maxLength: 1000}}
          additionalProperties: false
        of: [requester]

  # Send money.
  # in the code: external_execution=True
  # Whoever carries it out reports the result; the route is only a name.
  - id: transfer-2
    tools: transfer
    gate: {external: {route: transfer}}

  # Look an order up.
  # in the code: no flag, so it ran at once.
  - id: look
    tools: look
    gate: audit

# Without a rule:
# - web_search: it runs at the model's provider, where no policy of ours sees it
"""


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    (tmp_path / "flags.py").write_text(APP, encoding="utf-8")
    return Shell(tmp_path)


def test_the_policy_is_printed_and_validate_accepts_it(shell: Shell) -> None:
    done = shell("import-flags", "flags:agent", "--owner", "ops@example.com")
    assert (done.code, done.out) == (0, POLICY)
    assert done.err.splitlines() == [
        "without a rule: web_search: it runs at the model's provider, where no policy of ours sees it",
        "4 tools, 3 with flags",
    ]
    (shell.folder / "agent.policy.yaml").write_text(done.out, encoding="utf-8")
    assert shell("validate", ".", "--strict").code == 0
    assert not (shell.folder / "hitl.db").exists()


def test_it_writes_a_file_and_never_over_one(shell: Shell) -> None:
    line = ("import-flags", "flags:tools", "--out", "a.policy.yaml", "--owner", "me", "--name", "mine")
    written = shell(*line)
    assert (written.code, written.out) == (0, "")
    assert "next: hitl-fsm validate a.policy.yaml" in written.err
    file = shell.folder / "a.policy.yaml"
    text = file.read_text(encoding="utf-8")
    assert "\nname: mine\nowner: me\n" in text
    file.write_text("mine\n", encoding="utf-8")
    again = shell(*line)
    assert (again.code, "HF703 a.policy.yaml is there already" in again.err) == (5, True)
    assert file.read_text(encoding="utf-8") == "mine\n"


def test_json_tells_flags_and_gates(shell: Shell) -> None:
    told = shell("import-flags", "flags:agent", "--format", "json", "-q").json
    assert told["policy"].startswith("# From the flags")
    assert told["file"] is None
    assert told["tools"][0] == {"name": "transfer", "flags": {"requires_confirmation": True}, "gates": ["confirm"]}
    assert [one.split(":")[0] for one in told["left_out"]] == ["web_search"]


def test_text_of_the_code_stays_a_comment(shell: Shell) -> None:
    done = shell("import-flags", "flags:evil")
    assert done.code == 0
    assert done.out.count("- id:") == 2
    assert "# a - id: y⟦U+202E⟧" in done.out
    assert "\u202e" not in done.out


@pytest.mark.parametrize(
    ("args", "code", "told"),
    [
        (["flags:answer"], 2, "HF401 int is neither a tool nor something that has tools"),
        (["flags:empty"], 2, "HF401 list has no tools"),
        (["flags:nothing"], 2, "HF701 flags has no attribute 'nothing'"),
        (["nowhere:agent"], 2, "HF701 there is no module 'nowhere'"),
        (["flags"], 2, "HF701 'flags' names no application"),
        (["flags:agent", "--out", "a.yaml"], 2, "HF701 a.yaml would not be read as a policy"),
        (["flags:agent", "--out", "no/such/a.policy.yaml"], 2, "HF701 no/such/a.policy.yaml cannot be written"),
        (["flags:agent", "--name", "not a name"], 1, "HF100 no policy can be written: HF108"),
    ],
)
def test_what_cannot_be_imported_is_one_clear_error(shell: Shell, args: list[str], code: int, told: str) -> None:
    done = shell("import-flags", *args)
    assert (done.code, done.out) == (code, "")
    assert told in done.err
    assert "hint:" in done.err
