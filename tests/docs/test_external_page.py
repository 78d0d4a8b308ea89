"""The how-to page on external calls: its files load, its program prints what the page says, and its claims hold."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from test_tutorial import ROOT

from hitl_fsm.adapters.policies import load_policy_files
from hitl_fsm.adapters.policy_around import gather_around
from hitl_fsm.errors import PolicyError

PAGE = (ROOT / "docs/how-to/external-calls.md").read_text(encoding="utf-8")


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "policies").mkdir()
    for name, text in re.findall(r"^```yaml file=(\S+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL):
        (tmp_path / name).write_text(text, encoding="utf-8")
    names: dict[str, Any] = {"__name__": "page"}
    for name, text in re.findall(r"^```python file=(\S+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL):
        (tmp_path / name).write_text(text, encoding="utf-8")
    for block in re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL):
        exec(compile(block, "external-calls.md", "exec"), names)
    names["printed"] = capsys.readouterr().out
    return names


def test_the_program_prints_what_the_page_says(page: dict[str, Any]) -> None:
    [expected] = re.findall(r"^```text\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert page["printed"] == expected
    (once_more,) = page["engine"].inbox.list()
    assert (once_more.kind, once_more.question.silent, once_more.question.route) == ("external", True, "bank")
    assert page["event"].event == "RunPaused"


def test_the_routes_print_what_the_page_says(
    page: dict[str, Any], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("hitl.db").unlink(missing_ok=True)
    monkeypatch.setenv("SCREENING_BACK", "whsec_" + "A" * 32)
    monkeypatch.setenv("BANK_TOKEN", "")
    names: dict[str, Any] = {"__name__": "page"}
    for block in re.findall(r"^```python routes\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL):
        exec(compile(block, "external-calls.md", "exec"), names)
    [expected] = re.findall(r"^```text routes\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert capsys.readouterr().out == expected
    assert page["callback"](names["engine"], "screening", {}, b"{}") == 401
    names["engine"].close()


def test_what_the_page_says_of_files_is_so(page: dict[str, Any]) -> None:
    whole = page["engine"].policies
    alone = load_policy_files(["policies/payout.policy.yaml"])
    assert load_policy_files(["policies/payout.policy.yaml", "policies/house.routes.yaml"]).digest == whole.digest
    assert alone.digest != whole.digest
    assert gather_around(["policies"]).findings == ()
    Path("policies/house.routes.yaml").write_text("routes: [")
    with pytest.raises(PolicyError, match=r"house\.routes\.yaml"):
        load_policy_files(["policies"])
