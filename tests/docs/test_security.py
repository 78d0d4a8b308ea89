"""docs/security.md names for each threat a test that there is; nothing is promised that nothing holds."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/security.md").read_text(encoding="utf-8")
THREATS = (
    "Changed arguments",
    "Replay",
    "Two racers",
    "Stale policy",
    "Late execution",
    "position instead of an id",
    "Forged confirmation inside a model's output",
    "Self-approval through an alias",
    "One person with two accounts",
    "Approving the own edit",
    "imitates the dialog",
    "bidi",
    "zero-width",
    "ANSI",
    "tag characters",
    "homoglyph payee",
    "100 KB of arguments",
    "Timeout as yes",
    "Flooding",
    "A model as judge",
    "forwarded link",
    "Webhook forgery",
    "Webhook replay",
    "A body that names its approver",
    "Delegation cycles",
    "An expired role",
    "Breaking the glass, unreviewed",
)


def rows() -> list[list[str]]:
    """The tables' rows, without their heads."""
    lines = (line.strip("|").split("|") for line in PAGE.splitlines() if line.startswith("| "))
    return [[cell.strip() for cell in cells] for cells in lines if cells[0].strip() not in {"Threat", "Reading"}]


def test_every_row_names_tests_that_there_are() -> None:
    files = (path for path in (ROOT / "tests").rglob("test_*.py"))
    known = set(re.findall(r"def (test_\w+)\(", "\n".join(path.read_text(encoding="utf-8") for path in files)))
    for threat, defence, tests in rows():
        named = re.findall(r"`(test_\w+)`", tests)
        assert named, threat
        assert defence
        assert set(named) <= known, (threat, set(named) - known)


@pytest.mark.parametrize("threat", THREATS)
def test_a_threat_that_must_be_met_has_its_row(threat: str) -> None:
    assert any(threat in row[0] for row in rows())
