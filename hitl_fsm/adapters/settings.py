"""Settings from the environment and from pyproject.toml."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from hitl_fsm.errors import SettingsError

DEFAULT_STORE = "sqlite:///hitl.db"
ENV_PREFIX = "HITL_FSM_"
SETTINGS_BYTES = 1024 * 1024
"""A pyproject.toml larger than this is not read."""
SIZE_MAX = 1024**4
"""The largest size that a setting may name."""

_SIZE = re.compile(r"([0-9]{1,13}) ?((?:[KMG]iB)?)")
_UNITS = {"": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}


@dataclass(frozen=True, slots=True)
class Settings:
    """`app` is `module:engine` (or an agent), `store` a URL, `format` what the command line prints, `log` a level.

    `base_url` is where people find the page of a question: its id follows, after a slash. `record_sinks` are URLs of
    second copies of the record, with spaces between. `record_headroom` is how much of its disk a database keeps for
    outcomes. `telemetry` is where traces go: a collector's address, or `otel`.
    `record_keys` is the file of the record's keys, `record_anchors` are URLs where its checkpoints are kept, with
    spaces between. `record_redact` is a file of patterns, `record_retention` how long nothing is pruned (`7y`).
    """

    app: str | None = None
    store: str = DEFAULT_STORE
    format: str = "text"
    log: str = ""
    base_url: str = ""
    record_sinks: str = ""
    record_headroom: str = "16 MiB"
    telemetry: str = ""
    record_keys: str = ""
    record_anchors: str = ""
    record_redact: str = ""
    record_retention: str = ""


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


def size_of(text: str) -> int:
    """`16 MiB`, `512 KiB`, a number of bytes; 0 for none. SettingsError for anything else, and beyond SIZE_MAX."""
    found = _SIZE.fullmatch(text.strip())
    size = int(found[1]) * _UNITS[found[2] or ""] if found else -1
    if not 0 <= size <= SIZE_MAX:
        msg = f"{text!r} is no size"
        raise SettingsError(msg, help=f"write '16 MiB', '512 KiB' or a number of bytes, at most {SIZE_MAX}; 0 is none")
    return size


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
        return dict(_ours(body))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        msg = f"{file}: {error}"
        raise SettingsError(msg, help="it is not valid TOML") from error


@lru_cache(maxsize=1)
def _ours(body: bytes) -> dict[str, Any]:
    """What stands under `[tool.hitl-fsm]`; each engine asks, and a large file takes milliseconds."""
    import tomllib  # noqa: PLC0415 - as above

    tool = tomllib.loads(body.decode("utf-8")).get("tool", {})
    found = tool.get("hitl-fsm") if isinstance(tool, dict) else None
    return found if isinstance(found, dict) else {}
