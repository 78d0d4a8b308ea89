"""Findings as one JSON object."""

from __future__ import annotations

import json
from typing import Any

from hitl_fsm.policy.formats.report import Report, as_objects


def render(report: Report) -> str:
    """The object, indented, in ASCII: a terminal shows what it holds."""
    return json.dumps(as_object(report), indent=2)


def as_object(report: Report) -> dict[str, Any]:
    """`ok` is what the exit code says: no error, and with `strict` no warning."""
    counts = report.counts()
    return {
        "ok": report.ok,
        "policies": report.policies,
        "rules": report.rules,
        "errors": counts["error"],
        "warnings": counts["warning"],
        "infos": counts["info"],
        "findings": as_objects(report.findings),
    }
