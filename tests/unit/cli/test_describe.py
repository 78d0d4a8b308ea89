"""`describe` as a command: where the page goes, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from hitl_fsm.cli.main import run
from house import policy_text


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "pay.policy.yaml").write_bytes(policy_text("- {id: all, when: args.amount > 5, gate: confirm}"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *args: str) -> tuple[int, str, str]:
    monkeypatch.setattr("sys.argv", ["hitl-fsm", "describe", *args])
    code = run()
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_the_page_goes_to_stdout_or_into_a_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = told(monkeypatch, capsys, ".")
    assert (code, err) == (0, "")
    assert out.startswith("# Policies: what needs a person, and who decides\n")
    assert "the argument `amount` is greater than `5`" in out
    assert told(monkeypatch, capsys, ".", "--out", "page.md")[:2] == (0, "")
    assert (folder / "page.md").read_text(encoding="utf-8") == out
    assert told(monkeypatch, capsys, ".", "--out", "page.html")[:2] == (0, "")
    code, out, _ = told(monkeypatch, capsys, ".", "--format", "html")
    assert (folder / "page.html").read_text(encoding="utf-8") == out
    assert out.startswith("<!DOCTYPE html>")


def test_what_cannot_be_described_or_written_is_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = told(monkeypatch, capsys, "nowhere")
    assert (code, out) == (2, "")
    assert "nowhere" in err
    code, out, err = told(monkeypatch, capsys, ".", "--out", "no/such/page.md")
    assert (code, out) == (2, "")
    assert "cannot be written" in err
    (folder / "pay.policy.yaml").write_bytes(policy_text("- {id: all, gate: confrim}"))
    code, out, err = told(monkeypatch, capsys, ".", "--out", "page.md")
    assert (code, out) == (1, "")
    assert "pay.policy.yaml:9:21" in err
    assert not (folder / "page.md").exists(), "no page of a set that is not in force anywhere"


ROLES = """\
apiVersion: hitl-fsm/v1
kind: Roles
roles: {finance: {members: [maria, frank]}, nobody-yet: {}}
"""


def test_roles_beside_the_policies_are_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "people.roles.yaml").write_text(ROLES, encoding="utf-8")
    code, out, _ = told(monkeypatch, capsys, ".")
    assert code == 0
    assert "| `finance` | `frank` and `maria` |" in out
    assert "| `nobody-yet` | nobody |" in out


def test_tools_that_cannot_be_read_are_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "tools.json").write_text("[]", encoding="utf-8")
    code, out, err = told(monkeypatch, capsys, ".", "--tools", "tools.json")
    assert (code, out) == (1, "")
    assert "tools.json:1" in err
