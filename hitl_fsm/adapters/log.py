"""The operational log, through structlog: for operators, never the record.

It costs nothing until somebody wants it: structlog (0.1 s to import) is loaded when `HITL_FSM_LOG` names a level, or
used when the application has configured it. Either way the lines carry the ids of run, requirement and call, no value
that could forge a line or repaint a terminal, and none of people's contents; of free texts, such as an error's, what
the record would hide is hidden. Whatever goes wrong in it, goes wrong in it alone.
"""

from __future__ import annotations

import json
import math
import os
import select
import sys
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any, TextIO

from hitl_fsm.errors import SettingsError
from hitl_fsm.model.visible import visible
from hitl_fsm.ports import Log

LEVELS = ("debug", "info", "warning", "error")
"""Words of `HITL_FSM_LOG`."""
VALUE_CHARS = 300
"""Of one value of a line; the rest is left out."""
ITEMS_MAX = 20
"""Members of a list, or of a line."""
LINE_BYTES = 4_096
"""Of one line: what a pipe takes at once or not at all."""
FREE = frozenset({"error", "finding", "findings", "instead_of", "note", "problem", "reason", "why"})
"""What somebody, or some program, wrote as it came; the rest are ids, names and numbers."""
SHORT_CHARS = 24
"""Of each value, in a line that would be longer than that."""


Redact = Callable[[str], str]
"""A text without secrets and people's data."""


def operational_log(level: str, redact: Redact = str) -> Log:
    """A log of that level as JSON lines on stderr; with "" the application's own structlog, if it configured one."""
    if level and level not in LEVELS:
        msg = f"the log level is {level!r}"
        raise SettingsError(msg, help=f"it is one of {', '.join(LEVELS)}, or nothing")
    return _Own(level, redact) if level else _OfApplication(redact)


class _OfApplication:
    """What the application configured; it may do so at any time."""

    def __init__(self, redact: Redact) -> None:
        self._redact = redact

    def is_heard(self) -> bool:
        structlog = sys.modules.get("structlog")
        return structlog is not None and structlog.is_configured()

    def __call__(self, event: str, /, *, level: str = "info", **fields: Any) -> None:
        if not self.is_heard():
            return
        try:
            sys.modules["structlog"].get_logger("hitl_fsm").log(_number(level), event, **cleaned(fields, self._redact))
        except Exception:  # noqa: BLE001 - a processor of the application may raise anything; only this line is lost
            return


class _Own:
    """Its own logger on stderr, whatever the application does with structlog."""

    def __init__(self, level: str, redact: Redact) -> None:
        import structlog  # noqa: PLC0415 - only for who wants a log

        self._logger = structlog.wrap_logger(
            _Stderr(),
            processors=[
                structlog.contextvars.merge_contextvars,
                structlog.processors.add_log_level,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                _Line(redact),
            ],
            wrapper_class=structlog.make_filtering_bound_logger(_number(level)),
        )

    def is_heard(self) -> bool:
        return True

    def __call__(self, event: str, /, *, level: str = "info", **fields: Any) -> None:
        try:
            self._logger.log(_number(level), event, **fields)
        except Exception:  # noqa: BLE001 - stderr may be closed, a value may refuse to be shown; only this line is lost
            return


class _Stderr:
    """The process's stderr as it is now. A line that would have to wait for its reader is left out, and counted."""

    def __init__(self) -> None:
        self._left_out = 0

    def write(self, line: str) -> None:
        stream = sys.stderr
        if stream is None:
            return
        try:
            place = stream.fileno()
        except (OSError, ValueError):  # a stream of the application's, in memory
            stream.write(line + "\n")
            return
        if not select.select([], [place], [], 0)[1]:
            self._left_out += 1
            return
        if self._left_out:
            line = f'{line[:-1]}, "left_out": {self._left_out}}}'
        _flushed(stream)
        os.write(place, line.encode("ascii") + b"\n")
        self._left_out = 0

    debug = info = warning = error = write


def _flushed(stream: TextIO) -> None:
    """What the program itself has printed comes first, if it can."""
    if not stream.closed:
        stream.flush()


class _Line:
    """One line of JSON in ASCII: no value has a newline in it, nor any other character that a terminal acts on."""

    def __init__(self, redact: Redact) -> None:
        self._redact = redact

    def __call__(self, _logger: object, _method: str, event: MutableMapping[str, Any]) -> str:
        fields = dict(list(cleaned(event, self._redact).items())[:ITEMS_MAX])
        line = json.dumps(fields)
        if len(line) + SHORT_CHARS < LINE_BYTES:
            return line
        short = {name: value[:SHORT_CHARS] if isinstance(value, str) else value for name, value in fields.items()}
        return json.dumps({name: value for name, value in short.items() if not isinstance(value, list)} | {"cut": True})


def cleaned(fields: Mapping[str, Any], redact: Redact) -> dict[str, Any]:
    """Each value as a log may have it: a JSON value of bounded size, in which every character can be seen."""
    return {name: _clean(redact(str(value)) if name in FREE else value) for name, value in fields.items()}


def _clean(value: Any) -> Any:
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, list | tuple | set | frozenset):
        return [_text(one) for one in list(value)[:ITEMS_MAX]]
    return _text(value)


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else str(value)
    return visible(text if len(text) <= VALUE_CHARS else text[: VALUE_CHARS - 1] + "…")


def _number(level: str) -> int:
    import logging  # noqa: PLC0415 - the standard library's numbers, without its machinery on the start path

    return logging.getLevelNamesMapping()[level.upper()]
