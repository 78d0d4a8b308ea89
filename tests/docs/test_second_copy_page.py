"""The how-to page on second copies of the record, followed to the letter."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from test_tutorial import ROOT

PAGE = (ROOT / "docs/how-to/second-copy.md").read_text(encoding="utf-8")


def blocks(info: str) -> list[str]:
    return re.findall(rf"^```{info}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_the_page_prints_what_the_program_prints(tmp_path: Path) -> None:
    for name, text in re.findall(r"^```\w+ file=(\S+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    code = "".join(["from app import agent, engine\n", *blocks("python run"), "engine.close()\n"])
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": f"{tmp_path}:{ROOT}", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout == "".join(blocks("text prints"))


def test_each_form_of_the_setting_is_one() -> None:
    from hitl_fsm.adapters.sinks.kinds import sinks_of

    rows = re.findall(r"^\| .+? \| `.+?` \| (.+?) \| .+ \|$", PAGE, re.MULTILINE)
    urls = [url.replace("port", "601") for row in rows for url in re.findall(r"`(\S+)`", row)]
    assert len(urls) == 5
    for url in urls:
        assert len(sinks_of(url)) == 1
