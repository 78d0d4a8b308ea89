"""The how-to page on changing a policy, followed line by line in a real project."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from test_check_in_ci import run
from test_check_in_ci import shell as policies_only

from acceptance.shell import APP, POLICY, Shell

PAGE = (Path(__file__).parents[2] / "docs/how-to/change-a-policy.md").read_text(encoding="utf-8")
shell = policies_only


@pytest.fixture
def project(shell: Shell) -> Shell:
    for file in (shell.folder / "policies").iterdir():
        file.unlink()
    shade = POLICY.replace("name: house", "name: shade\nmode: shadow").replace("gate: confirm", "gate: deny")
    (shell.folder / "policies/shade.policy.yaml").write_text(shade, encoding="utf-8")
    examples = "examples: {match: [{args: {to: bob, amount: 5}}]}, gate: confirm, severity"
    policy = POLICY.replace("gate: confirm, severity", examples)
    (shell.folder / "policies/house.policy.yaml").write_text(policy, encoding="utf-8")
    (shell.folder / "app.py").write_text(APP.replace("house.policy.yaml", "policies"), encoding="utf-8")
    return shell


def test_the_page_works_as_written(project: Shell) -> None:
    blocks = re.findall(r"^```bash\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    assert len(lines) == 7
    copy, compare, allow, impact, as_json, recorded, shadow = lines
    project.start("paying")

    def typed(line: str, code: int) -> str:
        done = run(project, line)
        assert done.returncode == code, (line, done.stdout, done.stderr)
        return done.stdout

    typed(copy, 0)
    assert "0 loosened, 0 changed, 0 tightened" in typed(compare, 0)
    new = project.folder / "new-policies/house.policy.yaml"
    new.write_text(new.read_text(encoding="utf-8").replace("gate: confirm, severity", "gate: allow, severity"))
    assert "1 loosened" in typed(compare, 1)
    typed(allow, 0)
    told = typed(impact, 1)
    assert told.startswith("had this been in force since ")
    assert "1 fewer confirmation" in told
    typed(as_json, 1)
    assert json.loads((project.folder / "impact.json").read_text(encoding="utf-8"))["counts"]["loosened"] == 1
    assert "1 loosened" in typed(recorded, 1)
    assert "shade/pay" in typed(shadow, 0)
