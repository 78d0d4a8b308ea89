"""The pages on policy tests: what is printed is what happens, and every key of the format is told."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from forked import write_program
from hitl_fsm.policy.testing.schema import policytest_schema

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```(\S+)(?: file=(\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_the_how_to_page_works_as_printed(tmp_path: Path) -> None:
    page = (ROOT / "docs/how-to/test-policies.md").read_text(encoding="utf-8")
    program = tmp_path / "bin/hitl-fsm"
    write_program(program)
    environ = {**os.environ, "PATH": f"{program.parent}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    folder = tmp_path / "policies/refunds"
    folder.mkdir(parents=True)
    code, transcripts = 0, 0

    def typed(line: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-c", f"{line} 2>&1"], cwd=folder, env=environ, capture_output=True, text=True, check=False
        )

    for kind, file, body in BLOCK.findall(page):
        if file:
            (folder / file).write_text(body, encoding="utf-8")
        elif kind == "bash":
            for line in body.splitlines():
                done = typed(line)
                assert done.returncode == 0, done.stdout
        elif kind == "console":
            transcripts += 1
            for step in re.split(r"^\$ ", body, flags=re.MULTILINE)[1:]:
                line, _, expected = step.partition("\n")
                if line == "echo $?":
                    assert expected == f"{code}\n"
                    continue
                done = typed(line)
                code = done.returncode
                assert done.stdout == expected, line
    assert transcripts == 3
    assert code == 0
    assert (folder / "policies.xml").read_text(encoding="utf-8").startswith("<?xml")


def test_the_reference_tells_every_key_of_the_format_and_no_other() -> None:
    page = (ROOT / "docs/reference/policy-tests.md").read_text(encoding="utf-8")
    schema = policytest_schema()
    models = (schema, *schema["$defs"].values())
    keys = {key for model in models for key in model.get("properties", {})}
    told = set(re.findall(r"`([a-z_A-Z]+)`", page))
    assert keys - told == set()
    rows = {
        key for row in re.findall(r"^\| (`.+?) \|", page, re.MULTILINE) for key in re.findall(r"`([a-zA-Z_]+)`", row)
    }
    assert rows - keys - {"default", "unless"} == set()
