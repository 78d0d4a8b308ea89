"""Paths on the command line that must be there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hitl_fsm.errors import SettingsError


def refuse_absent(paths: Sequence[str], what: str = "") -> None:
    """SettingsError for the first path that does not exist; `what` names the option or argument that it came by."""
    for path in paths:
        if not Path(path).exists():
            msg = f"{what}: there is no file or folder {path!r}" if what else f"there is no file or folder {path!r}"
            raise SettingsError(msg, help="the path is relative to where you are")
