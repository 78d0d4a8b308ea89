"""Settings from the environment and from pyproject.toml."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hitl_fsm.errors import SettingsError

DEFAULT_STORE = "sqlite:///hitl.db"
ENV_PREFIX = "HITL_FSM_"
SETTINGS_BYTES = 1024 * 1024
"""A pyproject.toml larger than this is not read."""


@dataclass(frozen=True, slots=True)
class Settings:
    """`app` is `module:engine` (or an agent), `store` a URL, `format` what the command line prints, `log` a level.

    `base_url` is where people find the page of a question: its id follows, after a slash.
    """

    app: str | None = None
    store: str = DEFAULT_STORE
    format: str = "text"
    log: str = ""
    base_url: str = ""


def settings(environ: Mapping[str, str] | None = None, folder: Path | None = None) -> Settings:
    """From `HITL_FSM_APP`, `_STORE`, `_FORMAT`, `_LOG`, `_BASE_URL`, then `[tool.hitl-fsm]` of the nearest
    pyproject.toml.

    Raises SettingsError for a setting that is unknown or not text, and for a file that is not TOML.
    """
    environ = os.environ if environ is None else environ
    found = _from_pyproject(folder or Path.cwd())
    known = set(Settings.__dataclass_fields__)
    unknown = sorted(set(found) - known)
    if unknown:
        msg = f"[tool.hitl-fsm] has unknown settings: {', '.join(unknown)}"
        raise SettingsError(msg, help=f"known are {', '.join(sorted(known))}")
    values: dict[str, Any] = dict(found)
    for name in known:
        value = environ.get(ENV_PREFIX + name.upper())
        if value:
            values[name] = value
    for name, value in values.items():
        if not isinstance(value, str):
            msg = f"the setting {name} must be text, not {type(value).__name__}"
            raise SettingsError(msg, help=f'write it as {name} = "…"')
    return Settings(**values)


def _from_pyproject(folder: Path) -> dict[str, Any]:
    for place in (folder, *folder.parents):
        file = place / "pyproject.toml"
        if file.is_file():
            return _table(file)
    return {}


def _table(file: Path) -> dict[str, Any]:
    try:
        with file.open("rb") as stream:
            body = stream.read(SETTINGS_BYTES + 1)
    except OSError as error:
        msg = f"{file} cannot be read: {error.strerror}"
        raise SettingsError(msg, help="make it readable, or work in another directory") from error
    if len(body) > SETTINGS_BYTES:
        msg = f"{file} is larger than {SETTINGS_BYTES} bytes"
        raise SettingsError(msg, help="give the settings as HITL_FSM_* variables, from a directory without it")
    if b"hitl-fsm" not in body:
        return {}
    import tomllib  # noqa: PLC0415 - 10 ms that a project without these settings need not pay

    try:
        tool = tomllib.loads(body.decode("utf-8")).get("tool", {})
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        msg = f"{file}: {error}"
        raise SettingsError(msg, help="it is not valid TOML") from error
    found = tool.get("hitl-fsm") if isinstance(tool, dict) else None
    return dict(found) if isinstance(found, dict) else {}
