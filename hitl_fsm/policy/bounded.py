"""A wrong file may have as many findings as values; so many that nobody reads them, each with its whole line."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import groupby

from hitl_fsm.errors import Diagnostic
from hitl_fsm.policy.codes import Code

MAX_FINDINGS = 500


def bounded(findings: Iterable[Diagnostic]) -> list[Diagnostic]:
    """In order of place; of each file the first `MAX_FINDINGS`, and then one that says how many more there are.

    That one is an error if any that it stands for is.
    """
    ordered = sorted(findings, key=lambda one: (one.place, one.code, one.message))
    kept: list[Diagnostic] = []
    for _, group in groupby(ordered, key=lambda one: one.place.file):
        found = list(group)
        kept += found[:MAX_FINDINGS]
        if rest := found[MAX_FINDINGS:]:
            severity = next(
                (level for level in ("error", "warning") if any(one.severity == level for one in rest)), "info"
            )
            message = f"{len(rest)} more findings in this file are not told"
            told = replace(rest[0], code=Code.TOO_LARGE.value, message=message, severity=severity)
            kept.append(replace(told, help=f"correct those before; {MAX_FINDINGS} of a file are told"))
    return kept
