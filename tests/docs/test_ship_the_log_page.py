"""The how-to page on shipping the operational log: what it starts prints lines as it shows them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tomllib
from configparser import RawConfigParser
from pathlib import Path

from test_tutorial import ROOT

from hitl_fsm.adapters.log import LINE_BYTES
from hitl_fsm.adapters.record_log import LEVEL_OF

OF_NO_RECORD = {"timer_failed", "late_result_not_kept", "work_failed", "anchor_failed", "run_not_continued"}
PAGE = (ROOT / "docs/how-to/ship-the-log.md").read_text(encoding="utf-8")


def blocks(info: str) -> list[str]:
    return re.findall(rf"^```{info}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_what_the_page_starts_prints_a_json_line_an_event(tmp_path: Path) -> None:
    (command,) = blocks("bash run")
    folder = str(Path(sys.executable).parent)
    done = subprocess.run(
        ["/bin/bash", "-c", command],
        cwd=tmp_path,
        env={**os.environ, "PATH": f"{folder}:/usr/bin:/bin", "PYTHONPATH": str(ROOT)},
        input=b"y\n" * 50,
        capture_output=True,
        timeout=120,
        check=False,
    )
    written = done.stderr.splitlines()
    assert written
    lines = [json.loads(line) for line in written]
    (shown,) = (json.loads(line) for line in blocks("json line"))
    resolved = next(line for line in lines if line["event"] == shown["event"])
    assert shown.keys() <= resolved.keys()
    assert all(line.isascii() and len(line) < LINE_BYTES for line in written)


def test_the_recipes_can_be_read() -> None:
    for block in blocks("toml"):
        assert tomllib.loads(block)["sinks"]
    unit, sections = blocks("ini")
    parser = RawConfigParser()
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(unit)
    assert parser["Service"]["Environment"] == "HITL_FSM_LOG=info"
    # Fluent Bit's own form: sections, and in them a name, blanks, a value.
    for line in sections.splitlines():
        assert re.fullmatch(r"\[(INPUT|FILTER|OUTPUT)\]|    \w+ +\S.*|", line), line


POLICY = """\
apiVersion: hitl-fsm/v1
kind: Policy
name: none
owner: a@example.com
description: One gate.
tools: [pay]
rules:
  - {id: all, tools: pay, gate: confirm}
"""
APP = """\
from hitl_fsm import Agent, Engine
from hitl_fsm.testing import ScriptedModel

engine = Engine("policies/", store="sqlite:///hitl.db")
agent = Agent("clerk", ScriptedModel([{"say": "done"}]), engine=engine)
"""


def test_the_worker_of_the_page_says_its_troubles_in_the_log_and_nowhere_else(tmp_path: Path) -> None:
    """They stood beside the log, in words: an anchor that failed, a store that was away, a run that met a defect."""
    unit, _ = blocks("ini")
    arguments = unit.rpartition("bin/hitl-fsm ")[2].split()
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "none.policy.yaml").write_text(POLICY)
    (tmp_path / "app.py").write_text(APP)
    folder = {**os.environ, "PYTHONPATH": f"{ROOT}:{tmp_path}"}
    program = [sys.executable, "-c", "from hitl_fsm.cli.main import main; main()", "--app", "app:agent"]
    subprocess.run([*program, "run", "app:agent", "go", "--user", "al"], cwd=tmp_path, env=folder, check=True)
    worker = subprocess.Popen(
        [*program, *arguments],
        cwd=tmp_path,
        env={**folder, "HITL_FSM_LOG": "info", "HITL_FSM_RECORD_ANCHORS": f"file://{tmp_path}"},
        stderr=subprocess.PIPE,
        text=True,
    )
    with worker:
        assert worker.stderr is not None
        line = worker.stderr.readline()
        worker.send_signal(signal.SIGTERM)
        _, rest = worker.communicate(timeout=60)
    first = json.loads(line)
    assert (first["event"], first["level"]) == ("anchor_failed", "warning")
    assert "is no regular file" in first["error"]
    assert [json.loads(line) for line in rest.splitlines()] == []
    assert worker.returncode == 0


def test_levels_are_as_the_page_says() -> None:
    for level, names in re.findall(r"^\| `(\w+)` \| [^|]+ \| (.+) \|$", PAGE, re.MULTILINE):
        for name in re.findall(r"`(\w+)`", names):
            if name in OF_NO_RECORD:
                continue
            assert LEVEL_OF.get(name, "info") == level
