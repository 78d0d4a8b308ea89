"""Findings in one of the formats; each is a file of `formats`."""

from __future__ import annotations

from typing import Literal

from hitl_fsm.policy.formats import concise as _concise
from hitl_fsm.policy.formats import data
from hitl_fsm.policy.formats import text as _text
from hitl_fsm.policy.formats.concise import concise
from hitl_fsm.policy.formats.report import Report
from hitl_fsm.policy.formats.report import as_objects as as_json
from hitl_fsm.policy.formats.text import text

__all__ = ["Format", "as_json", "concise", "render", "text"]

Format = Literal["text", "concise", "json", "sarif", "github", "junit"]


def render(report: Report, as_format: Format, version: str = "") -> str:
    """The report without a newline at its end; empty when a format for people has nothing to say."""
    match as_format:
        case "text":
            return _text.render(report)
        case "concise":
            return _concise.render(report)
        case "json":
            return data.render(report)
        case "sarif":
            from hitl_fsm.policy.formats import sarif  # noqa: PLC0415 - seldom asked for

            return sarif.render(report, version)
        case "github":
            from hitl_fsm.policy.formats import github  # noqa: PLC0415 - seldom asked for

            return github.render(report)
        case "junit":
            from hitl_fsm.policy.formats import junit  # noqa: PLC0415 - seldom asked for

            return junit.render(report)
