"""Settings are read from the nearest pyproject.toml, as it stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from hitl_fsm.adapters.settings import settings
from hitl_fsm.errors import SettingsError


def test_a_changed_file_counts_at_once_and_nobody_changes_it_for_others(tmp_path: Path) -> None:
    """What is kept of a file that was read before is kept by what stands in it."""
    file = tmp_path / "pyproject.toml"
    file.write_text('[tool.hitl-fsm]\nlog = "info"\n', encoding="utf-8")
    deeper = tmp_path / "a" / "b"
    deeper.mkdir(parents=True)
    assert settings({"HITL_FSM_LOG": "error"}, deeper).log == "error"
    assert settings({}, deeper).log == "info"
    file.write_text('[tool.hitl-fsm]\nlog = "debug"\n', encoding="utf-8")
    assert settings({}, deeper).log == "debug"
    file.write_text('[project]\nname = "hitl-fsm-user"\n', encoding="utf-8")
    assert settings({}, deeper).log == ""


@pytest.mark.parametrize(
    "body", [b"[tool.hitl-fsm", b"# hitl-fsm \xff", b"# hitl-fsm\nx = " + b"[" * 5000 + b"]" * 5000]
)
def test_a_file_that_cannot_be_read_is_said_to_be_so(tmp_path: Path, body: bytes) -> None:
    (tmp_path / "pyproject.toml").write_bytes(body)
    for _ in range(2):
        with pytest.raises(SettingsError, match=r"pyproject\.toml"):
            settings({}, tmp_path)
