"""`help` explains every code that a user can meet, and nothing heavy is loaded for it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Protocol

import pytest

from hitl_fsm.cli import main
from hitl_fsm.cli.pages import as_plain, entries
from hitl_fsm.errors import HitlError
from hitl_fsm.policy.codes import Code
from hitl_fsm.policy.lint.all import RULES

ROOT = Path(__file__).parents[3]
HEAVY = ("alembic", "cel_expr_python", "jsonschema", "litellm", "pydantic", "sqlalchemy")


class Use(Protocol):
    def __call__(self, *args: str) -> tuple[int, str, str]: ...


@pytest.fixture
def use(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Use:
    """`hitl-fsm help …`: exit code, stdout, stderr."""

    def run(*args: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["hitl-fsm", "help", *args])
        code = main.run()
        return (code, *capsys.readouterr())

    return run


def test_every_code_of_a_finding_and_of_an_error_has_an_entry() -> None:
    wanted = {*(code.value for code in Code), *(rule.RULE.code for rule in RULES)}
    found, pending = {"HF000"}, [HitlError]
    while pending:
        one = pending.pop()
        found |= {one.code} if one.__module__.startswith("hitl_fsm") else set()
        pending += one.__subclasses__()
    missing = (wanted | found) - set(entries())
    assert missing == set(), "write docs/rules/HF###.md"


def test_every_page_is_of_a_code_that_there_is() -> None:
    pages = {path.stem for path in (ROOT / "docs/rules").glob("HF*.md")}
    assert pages == {*(code.value for code in Code), *(rule.RULE.code for rule in RULES)}


@pytest.mark.parametrize("code", ["HF217", "hf217", "217", " HF217 "])
def test_a_page_is_shown_as_plain_text(use: Use, code: str) -> None:
    status, text, _ = use(code)
    assert status == 0
    assert text.startswith("HF217: Nobody answers for the policy\n\n`no-owner` · warning\n\nWhat\n")
    assert "    owner: treasury-compliance@example.com\n" in text
    assert "```" not in text
    assert "#" not in text


def test_an_error_is_explained_from_the_reference(use: Use) -> None:
    _, text, _ = use("HF304")
    assert text.startswith("HF304: AlreadyResolved\n")
    assert "exit code 5" in text
    assert "Somebody answered first" in text


def test_without_a_code_all_are_listed_once_under_headings(use: Use) -> None:
    lines = use()[1].splitlines()
    listed = [line.split()[0] for line in lines if line.startswith("  HF")]
    assert sorted(listed) == sorted(entries())
    assert "  HF217  Nobody answers for the policy" in lines
    assert "Tools and models" in lines


@pytest.mark.parametrize(("code", "near"), [("HF2170", "HF217"), ("HF21", "HF"), ("HF999", ""), ("nonsense", "")])
def test_an_unknown_code_is_wrong_usage_with_a_suggestion(use: Use, code: str, near: str) -> None:
    status, out, said = use(code)
    assert (status, out) == (2, "")
    assert f"there is no code {code!r}" in said
    assert ("did you mean" in said) is bool(near)
    assert f"did you mean {near}" in said or not near


def test_it_is_also_json(use: Use) -> None:
    one = json.loads(use("HF217", "--format", "json")[1])
    assert set(one) == {"code", "title", "text"}
    assert one["text"].startswith("# HF217: ")
    assert {"code": "HF217", "title": one["title"]} in json.loads(use("--format", "json")[1])


def test_links_become_words_and_examples_keep_their_shape() -> None:
    assert as_plain("## See\n\n[limits](limits.md)\n\n```yaml\na:\n  b: [c](d)\n```") == (
        "See\n\nlimits\n\n    a:\n      b: [c](d)"
    )


def test_nothing_heavy_is_loaded_for_it() -> None:
    code = f"""
import sys
from hitl_fsm.cli.main import run
code = run()
print("heavy:", [m for m in {HEAVY} if m in sys.modules], file=sys.stderr)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, "help", "HF217"], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.startswith("HF217")
    assert done.stderr.splitlines()[-1] == "heavy: []"
