"""What is taken out of the record, as the setting `record_redact` says: a TOML file beside the built-in patterns.

off = ["phone"]

[[pattern]]
name = "customer number"
pattern = 'C-[0-9]{8}'
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from hitl_fsm.errors import SettingsError

if TYPE_CHECKING:
    from hitl_fsm.audit.redact import Redactor

REDACT_BYTES = 262_144
"""A file of patterns that is larger is not read."""

_HELP = 'it has `off = ["<kind>", …]` and tables [[pattern]] with `name` and `pattern`, nothing else'


def read_redactor(file: str) -> Redactor:
    """The built-in patterns, changed as a file says; "" for no file. Raises SettingsError."""
    from hitl_fsm.audit.redact import Own, redactor  # noqa: PLC0415 - its patterns are compiled when they are needed

    if not file:
        return redactor()
    told = _read(Path(file))
    unknown = sorted(set(told) - {"off", "pattern"})
    if unknown:
        raise _wrong(file, f"{unknown[0]!r} means nothing there")
    off, rows = told.get("off", []), told.get("pattern", [])
    if not isinstance(off, list) or not all(isinstance(name, str) for name in off):
        raise _wrong(file, "`off` is no list of names")
    if not isinstance(rows, list) or not all(_is_pattern(row) for row in rows):
        raise _wrong(file, "a [[pattern]] has a `name` and a `pattern`, both text")
    try:
        return redactor(off, [Own(row["name"], row["pattern"]) for row in rows])
    except SettingsError as error:
        msg = f"{file}: {error.message}"
        raise SettingsError(msg, help=error.help) from error


def _read(file: Path) -> dict[str, Any]:
    import tomllib  # noqa: PLC0415 - 10 ms that nobody pays without such a file

    try:
        with file.open("rb") as stream:
            body = stream.read(REDACT_BYTES + 1)
    except OSError as error:
        msg = f"{file} cannot be read: {error.strerror}"
        raise SettingsError(msg, help="the setting record_redact names it") from error
    if len(body) > REDACT_BYTES:
        raise _wrong(str(file), f"it is larger than {REDACT_BYTES} bytes")
    try:
        return tomllib.loads(body.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _wrong(str(file), f"it is no TOML: {error}") from error


def _is_pattern(row: Any) -> bool:
    return (
        isinstance(row, dict) and set(row) == {"name", "pattern"} and all(isinstance(one, str) for one in row.values())
    )


def _wrong(file: str, why: str) -> SettingsError:
    return SettingsError(f"{file}: {why}", help=_HELP)
