"""`--edit`: JSON in the person's own editor, read back as strictly as a model's; and what was changed, line by line."""

from __future__ import annotations

import difflib
import os
import shlex
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from hitl_fsm.errors import AnswerRefused, SettingsError
from hitl_fsm.model.visible import visible
from hitl_fsm.runtime.presenting.presentation import pretty

MARK = "#"
"""Begins the lines of the header, which are not part of the value."""
UNCHANGED = object()


def edited(value: Any, header: Iterable[str], *, whole_object: bool = True) -> Any:
    """What the person made of a value; `UNCHANGED` where that is the value itself.

    The file is for this user alone, and gone afterwards. SettingsError where there is no editor, or it fails;
    AnswerRefused where what it left is not JSON (with `whole_object`: one object). Nothing has happened then.
    """
    text = "".join(f"{MARK} {visible(line)}\n" for line in header) + pretty(value) + "\n"
    left = _edit(text)
    read = _read(left, whole_object=whole_object)
    return UNCHANGED if pretty(read) == pretty(value) else read


def _edit(text: str) -> str:
    command = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "")
    if not command:
        msg = "there is no editor to edit with"
        raise SettingsError(msg, help="set VISUAL or EDITOR, or give --set or --args")
    with tempfile.TemporaryDirectory(prefix="hitl-fsm-") as folder:  # 0700
        file = Path(folder) / "edit.json"
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
        try:
            code = subprocess.run([*command, str(file)], check=False).returncode  # noqa: S603 - the person's own editor
            left = file.read_text(encoding="utf-8") if code == 0 else ""
        except (OSError, UnicodeDecodeError) as error:
            msg = f"editing with {command[0]} failed: {error}"
            raise SettingsError(msg, help="nothing was recorded") from error
    if code:
        msg = f"{command[0]} ended with {code}"
        raise SettingsError(msg, help="nothing was recorded")
    return left


def _read(text: str, *, whole_object: bool) -> Any:
    from hitl_fsm.cli.values import json_object, json_value  # noqa: PLC0415 - as it is used

    lines = text.split("\n")
    while lines and (lines[0].startswith(MARK) or not lines[0].strip()):
        lines.pop(0)
    body = "\n".join(lines).strip()
    if body.startswith("@"):  # on the command line that would name a file
        msg = "what the editor left is not JSON"
        raise AnswerRefused(msg, help="nothing was recorded")
    try:
        return json_object(body, "what the editor left") if whole_object else json_value(body, "what the editor left")
    except SettingsError as error:
        raise AnswerRefused(error.message, help="nothing was recorded") from error


def change_lines(before: Any, after: Any) -> tuple[str, ...]:
    """Every line of both values: `- ` those that go, `+ ` those that come, and the others unmarked."""
    told = difflib.ndiff(pretty(before).split("\n"), pretty(after).split("\n"))
    return tuple(line for line in told if not line.startswith("? "))
