"""The operational log, through structlog: for operators, never the record.

It costs nothing until somebody wants it: structlog (0.1 s to import) is loaded when `HITL_FSM_LOG` names a level, or
used when the application has configured it. Either way the lines carry the ids of run, requirement and call.
"""

from __future__ import annotations

import sys
from typing import Any

from hitl_fsm.errors import SettingsError
from hitl_fsm.ports import Log

LEVELS = ("debug", "info", "warning", "error")
"""Words of `HITL_FSM_LOG`."""


def operational_log(level: str) -> Log:
    """A log of that level as JSON lines on stderr; with "" the application's own structlog, if it configured one."""
    if level and level not in LEVELS:
        msg = f"the log level is {level!r}"
        raise SettingsError(msg, help=f"it is one of {', '.join(LEVELS)}, or nothing")
    return _Own(level) if level else _OfApplication()


class _OfApplication:
    """What the application configured; it may do so at any time."""

    def is_heard(self) -> bool:
        structlog = sys.modules.get("structlog")
        return structlog is not None and structlog.is_configured()

    def __call__(self, event: str, /, *, level: str = "info", **fields: Any) -> None:
        if self.is_heard():
            sys.modules["structlog"].get_logger("hitl_fsm").log(_number(level), event, **fields)


class _Own:
    """Its own logger on stderr, whatever the application does with structlog."""

    def __init__(self, level: str) -> None:
        import structlog  # noqa: PLC0415 - only for who wants a log

        self._logger = structlog.wrap_logger(
            structlog.PrintLogger(sys.stderr),
            processors=[
                structlog.contextvars.merge_contextvars,
                structlog.processors.add_log_level,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                structlog.processors.JSONRenderer(default=str),
            ],
            wrapper_class=structlog.make_filtering_bound_logger(_number(level)),
        )

    def is_heard(self) -> bool:
        return True

    def __call__(self, event: str, /, *, level: str = "info", **fields: Any) -> None:
        self._logger.log(_number(level), event, **fields)


def _number(level: str) -> int:
    import logging  # noqa: PLC0415 - the standard library's numbers, without its machinery on the start path

    return logging.getLevelNamesMapping()[level.upper()]
