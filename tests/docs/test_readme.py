"""What the README shows is what happens: its commands, its Python, its transcript, its picture, the tests it names."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from forked import write_program
from hitl_fsm.core.diagram import mermaid
from hitl_fsm.core.table import RUN

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
TWO_LINES = (
    "python3 -m venv .venv && .venv/bin/pip install -q -e . && .venv/bin/hitl-fsm demo",
    ".venv/bin/pip install -q -e '.[dev]' && .venv/bin/pytest",
)
RUN_ID = re.compile(r"(?<=run_)[0-9a-z]{18}|(?<=req_)[0-9a-z]{18}")
CHANGING = (
    (re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z"), "<time>"),
    (re.compile(r"\b[0-9a-f]{64}\b"), "<digest>"),
    (re.compile(r"hitl-fsm/default/[0-9a-f]{16}\+[0-9a-f]{8}\+[A-Za-z0-9+/]+=*"), "<key>"),
)


def blocks(text: str, kind: str) -> list[str]:
    """The bodies of the fenced blocks whose info string is `kind`."""
    return re.findall(rf"^```{re.escape(kind)}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def test_install_demo_and_tests_are_the_lines_that_ci_runs() -> None:
    assert blocks(README, "bash") == [f"{line}\n" for line in TWO_LINES]
    ci = (ROOT / ".ci/run").read_text(encoding="utf-8").splitlines()
    assert set(TWO_LINES) <= set(ci)


def test_the_python_runs_as_printed_under_the_policy_as_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    [policy] = blocks(README, "yaml readme=policy")
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies/refunds.policy.yaml").write_text(policy, encoding="utf-8")
    (tmp_path / "script.yaml").write_text(
        '- calls: [{tool: refund, args: {order_id: "42", amount: 1200}}]\n- say: "Done: {last_result}."\n',
        encoding="utf-8",
    )
    [code] = blocks(README, "python")
    assert code.count('"openai/gpt-5"') == 1
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "readme"}
    exec(compile(code.replace('"openai/gpt-5"', '"scripted/script.yaml"'), "README.md", "exec"), names)
    names["engine"].close()  # type: ignore[attr-defined]
    assert capsys.readouterr().out.splitlines() == [
        "user_input refund {'order_id': '42', 'amount': 1200}",
        "approval refund {'order_id': '42', 'amount': 1200, 'reason': 'damaged'}",
        "Done: refunded 1200.00 for order 42 (damaged).",
    ]


def test_the_team_and_the_workflow_run_as_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "policies").mkdir()
    for name in ("policy", "steps"):
        [policy] = blocks(README, f"yaml readme={name}")
        (tmp_path / f"policies/{name}.policy.yaml").write_text(policy, encoding="utf-8")
    for name, reply in (
        ("lead", '{calls: [{tool: ask_clerk, args: {task: "Pay 200 back."}}]}'),
        ("clerk", '{calls: [{tool: refund, args: {order_id: "42", amount: 200}}]}'),
    ):
        (tmp_path / f"{name}.yaml").write_text(f"- {reply}\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    [first] = blocks(README, "python")
    [team] = blocks(README, "python readme=team")
    [workflow] = blocks(README, "python readme=workflow")
    assert team.count('"openai/gpt-5"') == 2
    built = first.partition("run = agent.run(")[0]
    team = team.replace('"openai/gpt-5"', '"scripted/clerk.yaml"', 1).replace('"openai/gpt-5"', '"scripted/lead.yaml"')
    names: dict[str, object] = {"__name__": "readme"}
    for code in (built, team, workflow):
        exec(compile(code, "README.md", "exec"), names)
    names["engine"].close()  # type: ignore[attr-defined]
    assert capsys.readouterr().out.splitlines() == [
        "team desk / agent clerk asks for refund",
        "review Dear customer: refunded 20.00 for order 42 (). ",
    ]


def settled(text: str) -> str:
    """The text without what differs from one run to the next, and without blanks at the ends of lines."""
    for pattern, stand_in in CHANGING:
        text = pattern.sub(stand_in, text)
    return "\n".join(line.rstrip() for line in text.splitlines())


def test_the_transcript_is_what_the_shell_shows(tmp_path: Path) -> None:
    [transcript] = blocks(README, "console")
    steps = [step.split("\n", 1) for step in re.split(r"^\$ ", transcript, flags=re.MULTILINE)[1:]]
    assert len(steps) > 5
    printed_id = RUN_ID.findall(transcript)[0]
    bin_folder = tmp_path / "bin"
    program = bin_folder / "hitl-fsm"
    write_program(program)
    environment = {
        **os.environ,
        "PATH": f"{bin_folder}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "HITL_FSM_STORE": f"sqlite:///{tmp_path / 'hitl.db'}",
    }
    last_exit, real_id = 0, ""
    for command, expected in steps:
        if command.startswith("export "):
            name, _, value = command.removeprefix("export ").partition("=")
            environment[name] = value
            continue
        if command == "echo $?":
            assert expected.strip() == str(last_exit)
            continue
        done = subprocess.run(
            ["bash", "-c", command.replace(printed_id, real_id) if real_id else command],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        last_exit = done.returncode
        real_id = real_id or RUN_ID.findall(done.stdout)[0]
        assert settled(done.stdout.replace(real_id, printed_id)) == settled(expected), command


def test_the_picture_is_that_of_the_table() -> None:
    assert blocks(README, "mermaid") == [mermaid(RUN)]


def test_every_test_that_it_names_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", README))
    assert len(named) >= 5
    text = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    missing = {name for name in named if not re.search(rf"^(async )?def {name}\(", text, re.MULTILINE)}
    assert missing == set()


@pytest.mark.parametrize(
    "page",
    [
        ROOT / "README.md",
        ROOT / "ARCHITECTURE.md",
        *sorted((ROOT / "docs").rglob("*.md")),
        *sorted((ROOT / "policies").rglob("*.md")),
    ],
    ids=lambda page: page.relative_to(ROOT).as_posix(),
)
def test_every_link_to_a_file_leads_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    targets = [target.partition("#")[0] for target in re.findall(r"\]\(([^)\s]+)\)", text)]
    missing = [t for t in targets if t and "://" not in t and not (page.parent / t).exists()]
    assert missing == []
