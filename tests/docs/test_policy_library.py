"""The policies to start from: each folder is whole, tested in full, clean, and can be taken over as its page says."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from forked import write_program
from hitl_fsm.adapters.policy_around import gather_around
from hitl_fsm.adapters.policy_files import gather
from hitl_fsm.adapters.policy_tests import collect
from hitl_fsm.cli.policies.checking import Request, look_at
from hitl_fsm.policy.catalogue import Known
from hitl_fsm.policy.describe.html import html
from hitl_fsm.policy.describe.markdown import markdown
from hitl_fsm.policy.describe.page import page
from hitl_fsm.policy.load import check
from hitl_fsm.policy.testing.run import run
from hitl_fsm.policy.testing.suite import Wish, examine

ROOT = Path(__file__).parents[2]
LIBRARY = ROOT / "policies"
FOLDERS = sorted(path for path in LIBRARY.iterdir() if path.is_dir())
DENIAL = re.compile(r"^    gate:\n      deny: .*\n", re.MULTILINE)
HEADINGS = ["What to change", "What the tool must have", "What it does not protect against", "Try it"]


@pytest.fixture(autouse=True)
def _at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_starter_policy_is_complete(folder: Path) -> None:
    name = folder.name
    assert sorted(path.name for path in folder.iterdir()) == [
        "README.md", f"{name}.policy.yaml", f"{name}.policytest.yaml",
    ]  # fmt: skip
    text = (folder / f"{name}.policy.yaml").read_text(encoding="utf-8")
    assert text.startswith("# yaml-language-server: $schema=../../schemas/policy.schema.json\n#\n# ")
    document = yaml.safe_load(text)
    assert document["name"] == name
    assert document["owner"]
    assert document["description"]
    assert document["default"] == "deny"
    for rule in document["rules"]:
        assert rule["examples"]["match"], rule["id"]
        if "when" in rule or "unless" in rule:
            assert rule["examples"]["not_match"], f"{rule['id']} is conditional: show what it does not match"
    told = (folder / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"^## (.*)$", told, re.MULTILINE) == HEADINGS
    assert re.findall(r"^\| `([\w-]+)` \|", told, re.MULTILINE) == [rule["id"] for rule in document["rules"]]
    for variable in re.findall(r"`vars\.(\w+)`", told):
        assert variable in document["vars"]
    tests = (folder / f"{name}.policytest.yaml").read_text(encoding="utf-8")
    assert tests.startswith("# yaml-language-server: $schema=../../schemas/policytest.schema.json\n#\n# ")


def test_every_case_passes_and_nothing_is_untried() -> None:
    found = collect(["policies"], with_untested=True)
    report = examine(found.suites, Wish(coverage=True, minimum=100, untested=tuple(found.untested)))
    assert found.findings == []
    assert len(found.suites) == len(FOLDERS)
    assert [str(one.place) for one in report.findings] == []
    assert report.ok


def test_the_cases_notice_each_denial_that_is_gone() -> None:
    tried = 0
    for suite in collect(["policies"]).suites:
        [member] = suite.project.members
        file = member.source.file
        text = Path(file).read_text(encoding="utf-8")
        for denial in DENIAL.finditer(text):
            changed = f"{text[: denial.start()]}    gate: audit\n{text[denial.end() :]}"
            project = check({file: changed.encode()}, lambda path: Path(path).read_bytes())
            assert project.policies is not None, project.findings
            assert any(not result.passed for result in run(project, suite.test)), f"{file}: {denial[0]}"
            tried += 1
    assert tried >= 30


def test_no_lint_rule_finds_anything_and_none_is_set_aside() -> None:
    report = look_at(Request(("policies",), True, lambda: Known(None))).report
    assert [f"{one.place} {one.code} {one.message}" for one in report.findings] == []
    assert report.policies == len(FOLDERS)
    assert [file for file in report.files if "hitl-fsm: ignore" in Path(file).read_text(encoding="utf-8")] == []


def test_each_rule_stands_on_the_page_that_an_owner_signs() -> None:
    gathered = gather(["policies"])
    around, wrong, _ = gather_around(["policies"])
    project = check(gathered.files, gathered.read, around)
    paper = page(project)
    text = markdown(paper)
    assert (list(wrong), list(project.findings)) == ([], [])
    assert html(paper).startswith("<!DOCTYPE html>")
    for member in project.members:
        for rule in member.document.rules:
            assert f"[{member.policy.name} / {rule.id}]" in text


def test_roles_and_routes_are_those_that_the_policies_name() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in LIBRARY.glob("*/*.policy.yaml"))
    roles = yaml.safe_load((LIBRARY / "house.roles.yaml").read_text(encoding="utf-8"))["roles"]
    routes = yaml.safe_load((LIBRARY / "house.routes.yaml").read_text(encoding="utf-8"))["routes"]
    assert set(roles) == set(re.findall(r"role:([\w-]+)", text)) | set(re.findall(r"'([\w-]+)' in user\.roles", text))
    assert set(routes) == set(re.findall(r"route: ([\w-]+)", text))


def test_the_page_names_every_folder_and_a_policy_is_taken_over_as_it_says(tmp_path: Path) -> None:
    told = (LIBRARY / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| \[([\w-]+)\]\(\1\) \|", told, re.MULTILINE) == [folder.name for folder in FOLDERS]
    [commands] = re.findall(r"^```bash\n(.*?)^```$", told, re.MULTILINE | re.DOTALL)
    program = tmp_path / "bin/hitl-fsm"
    write_program(program)
    done = subprocess.run(
        ["bash", "-euc", commands],
        cwd=ROOT,
        env={
            **os.environ,
            "HOME": str(tmp_path),
            "PATH": f"{program.parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "all passed; coverage 100 %" in done.stderr
    assert (tmp_path / "shop/schemas/policytest.schema.json").exists()
