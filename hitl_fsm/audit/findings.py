"""What a verification finds: where, what, and how it ends."""

from __future__ import annotations

from typing import Literal

import msgspec

MAX_FINDINGS = 1000
"""More are counted (`Report.total_findings`), not kept: a wholly damaged log must not fill the memory."""

Kind = Literal[
    "row",
    "hash",
    "order",
    "link",
    "shape",
    "run",
    "end",
    "unreadable",
    "root",
    "checkpoint",
    "signature",
    "key",
    "anchor",
    "policies",
    "contents",
    "answer",
    "blanked",
    "uncovered",
    "unsigned",
    "pruned",
    "untrusted",
    "unreached",
]
"""Of a finding; docs/how-to/verify-the-record.md says what each means."""

INCOMPLETE: frozenset[Kind] = frozenset({"uncovered", "unsigned", "pruned", "untrusted", "unreached"})
"""Kinds that say that something is missing; any other one is an alteration."""

Verdict = Literal["intact", "tampered", "incomplete"]


class Head(msgspec.Struct, frozen=True):
    """The end of a chain: the last line's number and leaf (hex). `Head(0, GENESIS)` is that of an empty log."""

    seq: int
    leaf: str


class Finding(msgspec.Struct, frozen=True, omit_defaults=True):
    """Something is wrong, or missing, at line `seq` (0: at none)."""

    seq: int
    what: str
    kind: Kind
    run: str = ""


class Covered(msgspec.Struct, frozen=True):
    """The newest checkpoint that a trusted key signed and the lines agree with; `root` in hex."""

    size: int
    root: str
    note: str


class Report(msgspec.Struct, frozen=True):
    """`count` lines were read, the last one is `head`; `findings` has the first ones of `total_findings`.

    `intact`: nothing was altered, as far as can be told. The verdict says, too, whether something is missing for that.
    `trust` tells whose signatures were believed: keys that were `given`, the log's own first key (`first use`), `none`.
    `opened` is beside how many lines contents were found, and held against them; None where nobody asked for that.
    """

    intact: bool
    count: int
    head: Head
    findings: tuple[Finding, ...]
    total_findings: int
    verdict: Verdict = "intact"
    trust: Literal["given", "first use", "none"] = "none"
    keys: tuple[str, ...] = ()
    checkpoints: int = 0
    covered: Covered | None = None
    anchors: int = 0
    opened: int | None = None


class Tally:
    """Findings, as many as are kept, and how many there were of each sort."""

    def __init__(self) -> None:
        self.kept: list[Finding] = []
        self.total = 0
        self.altered = 0

    def add(self, finding: Finding) -> None:
        self.total += 1
        self.altered += finding.kind not in INCOMPLETE
        if len(self.kept) < MAX_FINDINGS:
            self.kept.append(finding)

    def take(self, kept: list[Finding], total: int, altered: int) -> None:
        """What another one found."""
        self.kept += kept[: MAX_FINDINGS - len(self.kept)]
        self.total += total
        self.altered += altered

    @property
    def verdict(self) -> Verdict:
        return "tampered" if self.altered else "incomplete" if self.total else "intact"
