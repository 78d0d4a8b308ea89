"""What test files say no action can try: taken off what is missing, and held against what was tried."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

from hitl_fsm.errors import Diagnostic
from hitl_fsm.policy.codes import Code
from hitl_fsm.policy.names import did_you_mean
from hitl_fsm.policy.source import Source
from hitl_fsm.policy.testing.case import PolicyTest
from hitl_fsm.policy.testing.coverage import PolicyCoverage, Tried
from hitl_fsm.policy.testing.document import Unreachable
from hitl_fsm.policy.testing.parts import Part

_BOTH = (True, False)


class Claim(NamedTuple):
    """`values` of a part cannot be; `files` are the policy files of which it speaks, `number` its place in the file."""

    source: Source
    number: int
    entry: Unreachable
    files: Collection[str]

    @property
    def values(self) -> tuple[bool, ...]:
        """The values that are said to be impossible."""
        return _BOTH if self.entry.never is None else (self.entry.never,)

    def means(self, part: Part) -> bool:
        """Whether this is about that part."""
        entry = self.entry
        if part.file not in self.files or entry.rule not in (part.rule, f"{part.policy}/{part.rule}"):
            return False
        if entry.condition is None:
            return part.kind in ("rule", "default")
        return part.kind in ("condition", "unless") and part.text == " ".join(entry.condition.split())


def claims_of(test: PolicyTest, files: Collection[str]) -> list[Claim]:
    """What one test file says of the policies that it tries."""
    entries: Sequence[Unreachable] = () if test.document is None else test.document.unreachable
    return [Claim(test.source, number, entry, files) for number, entry in enumerate(entries)]


def apply(coverage: Iterable[PolicyCoverage], claims: Sequence[Claim]) -> tuple[list[PolicyCoverage], list[Diagnostic]]:
    """The coverage without what is said to be unreachable, and the claims that are wrong or about nothing."""
    coverage = list(coverage)
    tried = [one for policy in coverage for one in policy.tried]
    findings = [finding for claim in claims for finding in _wrong(claim, tried)]
    if not claims:
        return coverage, findings
    known = [
        PolicyCoverage(
            policy.member, tuple(one._replace(unreachable=_unreachable(one, claims)) for one in policy.tried)
        )
        for policy in coverage
    ]
    return known, findings


def _unreachable(tried: Tried, claims: Sequence[Claim]) -> tuple[bool, ...]:
    """Values that a claim excludes and that nobody has tried after all."""
    said = {value for claim in claims if claim.means(tried.part) for value in claim.values}
    return tuple(value for value in _BOTH if value in said and not (tried.true if value else tried.false))


def _wrong(claim: Claim, tried: Sequence[Tried]) -> Iterator[Diagnostic]:
    source, path = claim.source, ("unreachable", claim.number)
    meant = [one for one in tried if claim.means(one.part)]
    if not meant:
        key = "rule" if claim.entry.condition is None else "condition"
        text = claim.entry.rule if claim.entry.condition is None else claim.entry.condition
        here = [one.part for one in tried if one.part.file in claim.files]
        known = {part.rule for part in here} if key == "rule" else {part.text for part in here if part.kind != "rule"}
        message = f"the policies have no {key} `{text}`"
        yield source.diagnostic(Code.TEST_RULE, message, source.node((*path, key)), did_you_mean(text, known))
    for one in meant:
        for value in claim.values:
            if count := one.true if value else one.false:
                message = f"this is said to be unreachable, and was reached {count} times"
                node = source.node((*path, "rule"))
                yield source.diagnostic(Code.TEST_FAILED, message, node, "remove it; the policy can do that")
