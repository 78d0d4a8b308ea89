"""`hitl-fsm test` as a process: what it prints, in each format, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from acceptance.shell import Shell

GOLDEN = Path(__file__).parents[1] / "golden" / "policytest"
ROOT = Path(__file__).parents[2]


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """A project whose test file has one case of each kind that goes wrong."""
    for name in ("pay.policy.yaml", "pay.policytest.yaml"):
        (tmp_path / name).write_bytes((GOLDEN / name).read_bytes())
    (tmp_path / "pyproject.toml").touch()
    return Shell(tmp_path)


@pytest.mark.parametrize(
    ("args", "golden"),
    [
        ((".", "--coverage", "-v"), "coverage.txt"),
        (("pay.policytest.yaml", "--case", "repaint"), "one.txt"),
        ((".", "--min-coverage", "80", "--format", "json"), "report.json"),
        ((".", "--min-coverage", "80", "--format", "junit"), "report.xml"),
    ],
    ids=["text", "one-case", "json", "junit"],
)
def test_the_output_is_the_golden_one(shell: Shell, args: tuple[str, ...], golden: str) -> None:
    done = shell("test", *args)
    assert done.code == 1
    assert done.out == (GOLDEN / golden).read_text(encoding="utf-8")
    assert all(char.isprintable() or char == "\n" for char in done.out)


def test_json_and_junit_tell_the_same(shell: Shell) -> None:
    told = shell("--format", "json", "test", ".").json
    suites = ET.fromstring(shell("test", ".", "--format", "junit").out)
    cases = suites.findall("./testsuite/testcase")
    assert suites.tag == "testsuites"
    assert [(case.get("file"), case.get("line"), case.find("failure") is None) for case in cases] == [
        (case["file"], str(case["line"]), case["passed"]) for case in told["cases"]
    ]
    assert (suites.get("tests"), suites.get("failures")) == (str(told["passed"] + told["failed"]), str(told["failed"]))
    assert len({(case.get("classname"), case.get("name")) for case in cases}) == len(cases)
    assert all(failure.text and failure.get("message") for failure in suites.iter("failure"))
    assert told["coverage"] is None


def test_what_passes_says_so_and_ends_with_zero(shell: Shell) -> None:
    done = shell("test", ".", "--case", "as it should")
    assert (done.code, done.out, done.err) == (0, "", "1 case: all passed\n")
    assert shell("test", ".", "--case", "as it should", "-q").err == ""


@pytest.mark.parametrize(
    ("args", "code", "told"),
    [
        (("nowhere",), 2, "there is no file or folder 'nowhere'"),
        ((), 2, "Missing argument"),
        ((".", "--min-coverage", "101"), 2, "101"),
        ((".", "--format", "xml"), 2, "xml"),
        (("empty",), 1, "HF131 there is no policy test in this folder"),
        (("pay.policytest.yaml", "--case", "nobody"), 1, "no case has 'nobody' in its name"),
        (("pay.policy.yaml",), 1, "HF131 no policy test is named"),
        (("alone",), 1, "HF133 no policy lies beside this file"),
        (("astray",), 1, "HF133 there is no policy at '../nowhere.policy.yaml'"),
        (("broken",), 1, "HF110 unknown gate `alow`"),
    ],
)
def test_what_cannot_be_tested_is_told(shell: Shell, args: tuple[str, ...], code: int, told: str) -> None:
    head = "apiVersion: hitl-fsm/v1\nkind: PolicyTest\n"
    case = "cases: [{name: a, call: {tool: pay}, expect: deny}]\n"
    for folder in ("empty", "alone", "astray", "broken"):
        (shell.folder / folder).mkdir()
    (shell.folder / "alone/a.policytest.yaml").write_text(head + case)
    (shell.folder / "astray/a.policytest.yaml").write_text(head + "policies: [../nowhere.policy.yaml]\n" + case)
    (shell.folder / "broken/a.policytest.yaml").write_text(head + case)
    policy = (GOLDEN / "pay.policy.yaml").read_text(encoding="utf-8")
    (shell.folder / "broken/a.policy.yaml").write_text(policy.replace("gate: audit", "gate: alow"))
    done = shell("test", *args)
    assert done.code == code
    assert told in done.out + done.err


def test_policies_elsewhere_and_policies_that_nobody_tests(shell: Shell) -> None:
    there = shell.folder / "tests/deep"
    there.mkdir(parents=True)
    test = (GOLDEN / "pay.policytest.yaml").read_text(encoding="utf-8").replace("\nusers", "\npolicies: [../..]\nusers")
    (shell.folder / "pay.policytest.yaml").unlink()
    (there / "pay.policytest.yaml").write_text(test)
    other = (GOLDEN / "pay.policy.yaml").read_text(encoding="utf-8").replace("name: pay", "name: other")
    (shell.folder / "other").mkdir()
    (shell.folder / "other/other.policy.yaml").write_text(other)
    report = shell("test", ".", "--coverage", "--format", "json").json
    assert [case["file"] for case in report["cases"]] == ["tests/deep/pay.policytest.yaml"] * len(report["cases"])
    policies = {policy["policy"]: policy for policy in report["coverage"]["policies"]}
    assert policies["pay"]["file"] == "pay.policy.yaml"
    assert 0 < policies["pay"]["covered"] < policies["pay"]["total"]
    assert policies["other"]["covered"] == 0, "no case tries it, and it counts"
    total = report["coverage"]["total"]
    assert total == policies["pay"]["total"] + policies["other"]["total"]


def test_the_payments_policy_is_covered_in_full(tmp_path: Path) -> None:
    shell = Shell(ROOT)
    done = shell("test", "policies/payments", "--min-coverage", "100", "--format", "json")
    assert (done.code, json.loads(done.out)["coverage"]["percent"]) == (0, 100.0)
