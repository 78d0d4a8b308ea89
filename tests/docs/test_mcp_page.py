"""The how-to page on MCP tools, followed to the letter, each command a process with a server of its own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from test_tutorial import ROOT, shell

PAGE = (ROOT / "docs/how-to/mcp-tools.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_page_works_as_written(tmp_path: Path) -> None:
    for name, text in re.findall(r"^```\w+ file=(\S+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    assert shell("hitl-fsm validate policies", tmp_path).returncode == 0
    [block] = re.findall(r"^```bash\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    run = ""
    exits, last, asked = [], "", ""
    for line in block.splitlines():
        command = line.replace("RUN", run).replace("REQ", run.replace("run_", "req_"))
        done = shell(command, tmp_path)
        run = run or re.findall(r"run_[0-9a-z]+", done.stdout + done.stderr)[0]
        exits.append(done.returncode)
        last, asked = done.stdout, asked + done.stderr
        assert done.returncode in {0, 8}, command + done.stderr
    assert exits == [8, 0, 8, 0, 0]
    assert "milk is gone: bought" in last
    assert "    notes.remove asks: Why should 'milk' go?\n" in asked
