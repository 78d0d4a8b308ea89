"""The how-to page on checking policies against tools, followed to the letter."""

from __future__ import annotations

import json
import re
from pathlib import Path

from test_tutorial import ROOT, shell

PAGE = (ROOT / "docs/how-to/check-policies-against-your-tools.md").read_text(encoding="utf-8")


def test_the_page_prints_what_the_program_prints(tmp_path: Path) -> None:
    for name, text in re.findall(r"^```\w+ file=(\S+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    (tmp_path / "replies.yaml").write_text("- say: hello\n", encoding="utf-8")
    steps = re.findall(r"^\$ (hitl-fsm .*)\n((?:(?!\$|```).*\n)*)", PAGE, re.MULTILINE)
    assert len(steps) == 3
    for command, printed in steps:
        done = shell(command, tmp_path)
        assert done.returncode == (1 if "validate" in command else 0), done.stderr
        assert done.stdout == printed


def test_the_doctor_says_so_too(tmp_path: Path) -> None:
    test_the_page_prints_what_the_program_prints(tmp_path)
    checks = json.loads(shell("hitl-fsm --app app:engine doctor --format json", tmp_path).stdout)["checks"]
    (tools,) = [check for check in checks if check["topic"] == "tools"]
    assert tools["outcome"] == "problem"
    assert tools["told"] == "policies/refunds.policy.yaml:5:17 HF125 there is no tool `refnud` (and 3 more)"
