"""What a test run came to, as every format tells it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby
from typing import NamedTuple

from hitl_fsm.errors import Diagnostic
from hitl_fsm.policy.codes import Code
from hitl_fsm.policy.source import Source
from hitl_fsm.policy.testing.coverage import PolicyCoverage, Share, Tried, share
from hitl_fsm.policy.testing.run import Result

_SAID = {
    ("rule", True): "never matched",
    ("rule", False): "matched whenever it was asked",
    ("default", True): "was never reached",
}
_ERROR = "error"


class Report(NamedTuple):
    """`findings` are what is wrong with policies and test files. `coverage` is None where nobody asked for it.

    `minimum` is the coverage that there must be at least, in percent; None: any.
    """

    findings: tuple[Diagnostic, ...]
    results: tuple[Result, ...]
    coverage: tuple[PolicyCoverage, ...] | None = None
    minimum: float | None = None

    @property
    def failed(self) -> int:
        """How many cases did not come out as expected."""
        return sum(not result.passed for result in self.results)

    @property
    def share(self) -> Share:
        """The coverage of all policies together."""
        return share(tried for policy in self.coverage or () for tried in policy.tried)

    @property
    def is_covered(self) -> bool:
        """Whether the coverage is not below the minimum."""
        return self.minimum is None or self.share.covered * 100 >= self.minimum * self.share.total

    @property
    def ok(self) -> bool:
        """Whether the exit code is 0."""
        wrong = any(found.severity == _ERROR for found in self.findings)
        return not wrong and not self.failed and self.is_covered

    def by_file(self) -> Iterator[tuple[str, list[Result]]]:
        """The results of each test file."""
        for file, results in groupby(self.results, key=lambda result: result.file):
            yield file, list(results)

    def untried(self) -> list[Diagnostic]:
        """What is missing, at its place in the policies."""
        return [
            missing
            for policy in self.coverage or ()
            for tried in policy.tried
            for missing in _untried(policy.member.source, tried)
        ]


def percent(of: Share) -> str:
    """`93.1 %`; `100 %` only if nothing is missing."""
    whole, tenth = divmod(of.tenths, 10)
    return f"{whole}.{tenth} %" if tenth else f"{whole} %"


def _untried(source: Source, tried: Tried) -> Iterator[Diagnostic]:
    if not tried.missing:
        return
    part = tried.part
    name = f"`{part.policy}/{part.rule}`"
    seen = tried.true + tried.false
    if part.kind == "rule" and not seen:
        told = f"{name} was never asked"
    elif part.kind in ("rule", "default"):
        told = f"{name} {_SAID[part.kind, tried.missing[0]]}"
    elif not seen:
        told = f"{name}: `{part.text}` was never asked"
    else:
        told = f"{name}: `{part.text}` was never {str(tried.missing[0]).lower()}"
    if tried.problems:
        told += f"; {tried.problems} times it could not be evaluated"
    found = source.at(Code.TEST_UNTRIED, told, part.line, part.column, width=part.width)
    yield replace(found, severity="info")
