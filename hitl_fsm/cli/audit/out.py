"""A file that a command of the record writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def write_out(out: Path, content: bytes) -> None:
    """SettingsError where it cannot be written."""
    from hitl_fsm.errors import SettingsError  # noqa: PLC0415 - as it is used

    try:
        out.write_bytes(content)
    except OSError as error:
        msg = f"{out} cannot be written: {error.strerror}"
        raise SettingsError(msg, help="name a file in a directory that you may write to") from error
